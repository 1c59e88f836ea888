package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// container is what the server's Docker says about one container.
type container struct {
	ID    string `json:"Id"`
	Image string
	Name  string
	Path  string // its program
	Args  []string
	// Created is by the server's clock.
	Created time.Time
	Config  struct {
		Image        string
		Labels       map[string]string
		ExposedPorts portSet
		Healthcheck  *healthcheck
	}
	HostConfig   struct{ RestartPolicy struct{ Name string } }
	Mounts       []mounted
	RestartCount int
	State        struct {
		Status   string
		ExitCode int
		Started  string `json:"StartedAt"`
		Health   *struct{ Status string }
	}
}

// mounted is something of the server's that a container sees.
type mounted struct {
	Type, Name, Destination string
	RW                      bool
}

// healthcheck is when Docker looks after a container: as the compose file says, field by field, and else as its image does.
type healthcheck struct {
	Test                  []string
	Interval, StartPeriod time.Duration
}

// What docker compose writes on the containers that it makes.
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	oneOffLabel  = "com.docker.compose.oneoff"
	folderLabel  = projectLabel + ".working_dir"
	filesLabel   = projectLabel + ".config_files"
	envFileLabel = projectLabel + ".environment_file"
)

func (c container) service() string { return c.Config.Labels[serviceLabel] }

func (c container) oneOff() bool { return c.Config.Labels[oneOffLabel] == "True" }

func (c container) trial() bool { return c.oneOff() && strings.HasPrefix(c.Name, "/"+trialPrefix) }

// released says whether a release of ours has started it, which has its compose file in a folder of its own.
func (c container) released() bool { return c.release() != "" }

// release is the version of that release; empty if there is none.
func (c container) release() string {
	file, _, _ := strings.Cut(c.Config.Labels[filesLabel], ",")
	_, inside, _ := strings.Cut(file, "/"+stateDir+"/releases/")
	version, _, _ := strings.Cut(inside, "/")
	return version
}

// healthy is for containers that have a health check.
func (c container) healthy() bool { return c.State.Health != nil && c.State.Health.Status == "healthy" }

func (c container) running() bool { return c.State.Status == "running" }

func (c container) endedWell() bool { return c.State.Status == "exited" && c.State.ExitCode == 0 }

// up says whether docker ps would list it.
func (c container) up() bool {
	return slices.Contains([]string{"running", "paused", "restarting"}, c.State.Status)
}

// serves says whether anybody could be served by it, now or soon.
func (c container) serves() bool {
	return c.running() && (c.State.Health == nil || c.State.Health.Status != "unhealthy")
}

// writesOutside says whether a container keeps anything where the next one finds it.
func (c container) writesOutside() bool {
	return slices.ContainsFunc(c.Mounts, func(m mounted) bool { return m.RW })
}

// anonymousVolume is where a container keeps data in a volume that only it knows: Docker names those by a hash.
func (c container) anonymousVolume() string {
	for _, m := range c.Mounts {
		if m.Type == "volume" && hashPattern.MatchString(m.Name) {
			return m.Destination
		}
	}
	return ""
}

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}\z`)

// containers are those of the project, the stopped ones too, without the one-off runs.
func (p *project) containers(ctx context.Context) ([]container, error) {
	all, err := p.everything(ctx)
	return slices.DeleteFunc(all, container.oneOff), err
}

// everything are all containers of the project.
func (p *project) everything(ctx context.Context) ([]container, error) {
	return p.conn.labelled(ctx, projectLabel+"="+p.compose.Name)
}

// labelled are all containers with a label.
func (c *Conn) labelled(ctx context.Context, label string) (found []container, err error) {
	for range labelledTries {
		if found, err = c.labelledNow(ctx, label); !gone(err) {
			break
		}
	}
	return found, err
}

// labelledTries are for containers that are removed between the two questions: there are other projects on a server.
const labelledTries = 5

func gone(err error) bool {
	exit := new(exitError)
	return errors.As(err, &exit) && strings.Contains(strings.ToLower(exit.output), "no such container")
}

func (c *Conn) labelledNow(ctx context.Context, label string) ([]container, error) {
	ids, err := c.run(ctx, command{args: []string{"docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=" + label}})
	if err != nil || strings.TrimSpace(ids) == "" {
		return nil, err
	}
	return c.inspect(ctx, strings.Fields(ids)...)
}

func (c *Conn) inspect(ctx context.Context, ids ...string) ([]container, error) {
	text, err := c.run(ctx, command{args: append([]string{"docker", "inspect", "--type", "container"}, ids...)})
	if err != nil {
		return nil, err
	}
	return parseContainers(text)
}

// docker does one thing to containers, after any that a lost connection has left at work.
func (c *Conn) docker(ctx context.Context, containers []container, verb ...string) error {
	if len(containers) == 0 {
		return nil
	}
	args := slices.Concat([]string{"docker"}, verb, idsOf(containers))
	_, err := c.run(ctx, command{args: busy(args...), time: changeTime})
	return err
}

func parseContainers(text string) ([]container, error) {
	var found []container
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("docker inspect on the server has not answered in JSON: %w", err)
	}
	return found, nil
}
