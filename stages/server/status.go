package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/redact"
)

// Look finds out, changing nothing, whether a release could be deployed to a server, and what its ledger says.
func Look(ctx context.Context, env Environment) (Ledger, error) {
	conn, ledger, err := visit(ctx, env)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return ledger, nil
}

// visit connects to a server, and finds out what it can do and what its ledger says.
func visit(ctx context.Context, env Environment) (conn *Conn, ledger Ledger, err error) {
	if conn, err = Connect(ctx, env.Target, env.Login); err != nil {
		return nil, nil, err
	}
	if err = conn.check(ctx, Release{}); err == nil {
		ledger, err = conn.readLedger(ctx)
	}
	if err != nil {
		conn.Close()
	}
	return conn, ledger, err
}

// Service is one service as it runs.
type Service struct {
	Name  string
	Image string // repository@digest
	State string // running, healthy, exited ...
	Since time.Time
	Drift string // how it differs from what was deployed; empty: it does not
}

// Status is what runs on a server.
type Status struct {
	Current  Entry // what the ledger says
	Deployed bool  // the ledger says anything
	Services []Service
	Problems []string // why it is not healthy
	Ledger   Ledger
}

// Read asks a server what runs there, and compares it with what was deployed.
func Read(ctx context.Context, env Environment) (Status, error) {
	conn, ledger, err := visit(ctx, env)
	if err != nil {
		return Status{}, err
	}
	defer conn.Close()
	s := Status{Ledger: ledger}
	if s.Current, s.Deployed = ledger.Current(); !s.Deployed {
		return s, nil
	}
	p := conn.project(s.Current.Version, s.Current.Images, s.Current.Compose)
	if err := p.loadPinned(ctx); err != nil {
		return Status{}, err
	}
	err = s.fill(ctx, p, env)
	return s, err
}

func (s *Status) fill(ctx context.Context, p *project, env Environment) error {
	w := p.watched(env, s.Current.Version, p.pinned(s.Current.Images))
	l, err := p.conn.observe(ctx, w)
	if err != nil {
		return err
	}
	for _, c := range l.containers {
		s.Services = append(s.Services, l.describe(c))
	}
	slices.SortFunc(s.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	s.Problems = append(l.judge().bad(), env.answers(ctx, s.Current.Version)...)
	return nil
}

// pinned are the services of a deployed project that run these images.
func (p *project) pinned(images map[string]string) map[string]string {
	pins := map[string]string{}
	for name, one := range p.compose.Services {
		if amongImages(slices.Collect(maps.Values(images)), one.Image) {
			pins[name] = one.Image
		}
	}
	return pins
}

func (l look) describe(c container) Service {
	s := Service{Name: c.service(), Image: c.Config.Image, State: c.State.Status}
	if c.State.Health != nil {
		s.State = c.State.Health.Status
	}
	s.Since, _ = time.Parse(time.RFC3339Nano, c.State.Started)
	if pulled := l.digests[c.Image]; len(pulled) > 0 {
		s.Image = pulled[0]
	}
	_, known := l.services[s.Name]
	switch pin := l.pins[s.Name]; {
	case !known && c.State.Status == "running":
		s.Drift = "is no service of the release"
	case pin != "" && amongImages(l.digests[c.Image], pin):
		s.Image = pin
	case pin != "":
		s.Drift = "was deployed as " + pin
	}
	return s
}

// Text is the status for people.
func (s Status) Text(env Environment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", env.Name, env.Target)
	if !s.Deployed {
		b.WriteString("  nothing was deployed here by Slipway\n")
		return b.String()
	}
	health := "healthy"
	if len(s.Problems) > 0 {
		health = "NOT HEALTHY: " + strings.Join(s.Problems, "; ")
	}
	fmt.Fprintf(&b, "  version  %s, %s at %s by %s\n", s.Current.Version, s.Current.Kind, s.Current.Time.Format("2006-01-02 15:04:05 UTC"), redact.OneLine(s.Current.By))
	fmt.Fprintf(&b, "  health   %s\n", health)
	fmt.Fprintf(&b, "  rollback %s\n", s.Ledger.wayBack())
	if len(s.Services) > 0 {
		b.WriteString("\n  services\n")
	}
	for _, one := range s.Services {
		since := "never started"
		if !one.Since.IsZero() {
			since = "since " + one.Since.UTC().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(&b, "    %-14s %-10s %s  %s\n", one.Name, one.State, since, one.Image)
		if one.Drift != "" {
			fmt.Fprintf(&b, "    %-14s DRIFT: %s\n", "", one.Drift)
		}
	}
	if len(s.Ledger) > 0 {
		b.WriteString("\n  ledger, the latest first\n")
	}
	for n, e := range slices.Backward(s.Ledger) {
		if len(s.Ledger)-n > 10 {
			break
		}
		fmt.Fprintf(&b, "    %s  %-8s %-12s %-8s %s %s\n", e.Time.Format("2006-01-02 15:04:05"), e.Kind, e.Version, e.Ending, redact.OneLine(e.By), redact.OneLine(e.Reason))
	}
	return redact.Shown(b.String())
}
