package stages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// The environments of the process. A release goes to staging; production takes what staging ran healthy.
const (
	staging    = "staging"
	production = "production"
)

const (
	defaultComposeFile   = "docker-compose.prod.ip.yml"
	defaultBackupScript  = "scripts/backup_db.sh"
	defaultRestoreScript = "scripts/restore_db.sh"
)

// environment is what the settings say about one server.
type environment struct {
	name        string
	target      server.Target
	composeFile string
	healthURL   string
	versionURL  string
	// healthTimeout is how long a deployment waits for health.
	healthTimeout time.Duration
	bastion       server.Target // through which it is reached; empty: directly
}

// readEnvironments reads what is set for each server; set takes what is wrong.
func (s Settings) readEnvironments(set func(string, error), timeouts map[string]time.Duration) (servers map[string]environment, compose map[string]string) {
	compose, err := perEnvironment(s.ComposeFile, defaultComposeFile)
	set("composeFile", err)
	health, err := perEnvironment(s.HealthURL, "")
	set("healthUrl", err)
	versions, err := perEnvironment(s.VersionURL, "")
	set("versionUrl", err)
	bastions, err := perEnvironment(s.Bastion, "")
	set("bastion", err)
	servers = map[string]environment{}
	for name, text := range map[string]string{staging: s.Staging, production: s.Production} {
		e := environment{name: name, composeFile: path.Clean(compose[name]), healthURL: health[name], versionURL: versions[name], healthTimeout: timeouts[name]}
		set("composeFile", checkPath(compose[name]))
		set("healthUrl", checkURL(health[name]))
		set("versionUrl", checkURL(versions[name]))
		if bastions[name] != "" {
			e.bastion, err = server.ParseBastion(bastions[name])
			set("bastion", err)
		}
		if text != "" {
			e.target, err = server.ParseTarget(text)
			set(name, err)
			servers[name] = e
		}
	}
	return servers, compose
}

func orDefault(setting, standard string) string {
	if setting == "" {
		return standard
	}
	return setting
}

// perEnvironment reads one value for both servers, or staging=value, production=value. A server without one has the standard.
func perEnvironment(setting, standard string) (map[string]string, error) {
	both := func(value string) map[string]string { return map[string]string{staging: value, production: value} }
	pairs, err := parsePairs(setting, "staging=value, production=value")
	if err != nil || len(pairs) == 0 {
		return both(orDefault(setting, standard)), nil // one value, which may have any form
	}
	values := both(standard)
	for _, p := range pairs {
		if p.name != staging && p.name != production {
			return both(standard), fmt.Errorf("expected one value, or staging=value, production=value, found the name %q", p.name)
		}
		values[p.name] = p.value
	}
	return values, nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return fmt.Errorf("expected an address such as https://staging.example.com/health, found %q", text)
	}
	return nil
}

// environment is a server that was asked for by name.
func (r *Run) environment(name string) (environment, error) {
	e, ok := r.config.environments[name]
	if ok {
		return e, nil
	}
	if name != staging && name != production {
		return environment{}, refuseInput(fmt.Errorf("expected the environment %s or %s, found %q", staging, production, name))
	}
	return environment{}, refuseInput(fmt.Errorf("the setting %s is not set: expected user@host[:port][/directory]", name))
}

// server is the environment with what it takes to log in.
func (r *Run) server(ctx context.Context, e environment) (server.Environment, error) {
	login, err := r.login(ctx)
	return r.serverEnvironment(e, login), err
}

func (r *Run) serverEnvironment(e environment, login server.Login) server.Environment {
	login.Bastion = e.bastion
	return server.Environment{
		Name: e.name, Target: e.target, Login: login, ComposeFile: e.composeFile, HealthURL: e.healthURL, VersionURL: e.versionURL,
		Migrate:  r.migration(),
		Postgres: r.config.tools["postgres"],
		Pace:     server.Pace{Deadline: e.healthTimeout},
		Step:     step,
	}
}

// migration is the service that migrates the database; empty if there is none.
func (r *Run) migration() string {
	if r.config.MigrateService == project.Off {
		return ""
	}
	return orDefault(r.config.MigrateService, server.DefaultMigration)
}

func (r *Run) login(ctx context.Context) (server.Login, error) {
	key, err := secretText(ctx, r.config.SSHKey, "sshKey")
	if err != nil {
		return server.Login{}, refuseInput(err)
	}
	login := server.Login{Keys: key, KnownHosts: r.config.KnownHosts}
	if key == "" && r.config.SSHAgent == nil {
		return login, refuseInput(errors.New("a server is set, and no way to log in: set sshKey or sshAgent"))
	}
	if key == "" {
		login.Agent = r.dialAgent // by the time of whoever connects: what is put back outlives the stage
	}
	return login, nil
}

const agentPort = 2222

// dialAgent reaches the caller's SSH agent. A function cannot open a socket itself, only a container can.
func (r *Run) dialAgent(ctx context.Context) (net.Conn, error) {
	relay := r.tool("socat").
		WithUnixSocket("/agent.sock", r.config.SSHAgent).
		WithExposedPort(agentPort).
		AsService(dagger.ContainerAsServiceOpts{Args: []string{"socat", fmt.Sprintf("TCP-LISTEN:%d,reuseaddr,fork", agentPort), "UNIX-CONNECT:/agent.sock"}})
	address, err := relay.Endpoint(ctx, dagger.ServiceEndpointOpts{Port: agentPort})
	if err != nil {
		return nil, explain(err)
	}
	if _, err := relay.Start(ctx); err != nil {
		return nil, explain(err)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func asFailure(err error) (*server.Failure, bool) {
	var f *server.Failure
	ok := errors.As(err, &f)
	return f, ok
}

// serverFailure says what a failed deployment means for the run.
func serverFailure(err error, restored, lost report.Outcome) error {
	found, ok := asFailure(err)
	if !ok {
		return err
	}
	f := &failure{err: found, outcome: lost, ending: report.Failed, output: found.Logs, next: found.Next}
	locked := new(server.LockedError)
	lockLost := errors.Is(err, gitremote.ErrLost)
	if lockLost {
		f.next = orDefault(found.Next, continues)
	}
	switch {
	case errors.As(err, &locked):
		f.outcome, f.next = report.Locked, "wait until it has ended, and run the same line again"
	case found.State == server.Untouched && lockLost:
		f.outcome = report.Locked
	case found.State == server.Untouched:
		f.outcome = report.RefusedState
	case slices.Contains([]server.State{server.Kept, server.Restored}, found.State):
		f.outcome = restored
	}
	return f
}
