package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/version"
)

// Seen is what was found on one of several servers.
type Seen struct {
	Env    Environment
	Status Status
	Err    error // why it was not read
}

// ReadAll reads several servers at once. One that does not answer keeps none of the others from being read.
func ReadAll(ctx context.Context, envs ...Environment) []Seen {
	seen := make([]Seen, len(envs))
	var group sync.WaitGroup
	for n, env := range envs {
		group.Go(func() {
			seen[n].Env = env
			seen[n].Status, seen[n].Err = Read(ctx, env)
		})
	}
	group.Wait()
	return seen
}

// Ready are the versions that production may run now: stable ones, healthy on staging, higher than its own, not withdrawn.
func Ready(staging, production Ledger) []string {
	runs, _ := production.Current()
	withdrawn := append(production.WithdrawnVersions(), staging.WithdrawnVersions()...)
	var ready []version.Version
	for _, text := range staging.healthy() {
		v, err := version.Parse(text)
		current, none := version.Parse(runs.Version)
		if err == nil && !v.IsPrerelease() && (none != nil || v.Compare(current) > 0) && !slices.Contains(withdrawn, text) {
			ready = append(ready, v)
		}
	}
	slices.SortFunc(ready, version.Version.Compare)
	var names []string
	for _, v := range ready {
		names = append(names, v.String())
	}
	return names
}

// Overview is a line for each server with what is wrong there below it, and what is ready to be promoted.
func Overview(seen []Seen) string {
	var b strings.Builder
	wide := 0
	for _, s := range seen {
		wide = max(wide, len(s.Status.Current.Version))
	}
	for _, s := range seen {
		line, more := s.brief(wide)
		fmt.Fprintf(&b, "%-10s  %-*s  %s\n", s.Env.Name, wide+len("  NOT HEALTHY  since 2006-01-02 15:04:05 UTC"), line, s.Env.Target)
		for _, m := range more {
			fmt.Fprintf(&b, "%-10s  %s\n", "", m)
		}
	}
	if len(seen) == 2 {
		fmt.Fprintf(&b, "\nready for %s: %s\n", seen[1].Env.Name, promotable(seen[0], seen[1]))
	}
	return redact.Shown(b.String())
}

// brief is a server in a line, and what is wrong there.
func (s Seen) brief(wide int) (line string, more []string) {
	switch {
	case s.Err != nil:
		return "NOT READ", strings.Split(s.Err.Error(), "\n")
	case !s.Status.Deployed:
		return "nothing was deployed here by Slipway", nil
	}
	health := "healthy"
	if len(s.Status.Problems) > 0 {
		health = "NOT HEALTHY"
	}
	more = slices.Clone(s.Status.Problems)
	for _, one := range s.Status.Services {
		if one.Drift != "" {
			more = append(more, "DRIFT: "+one.Name+" "+one.Drift)
		}
	}
	return fmt.Sprintf("%-*s  %-11s  since %s", wide, s.Status.Current.Version, health, s.Status.Current.Time.UTC().Format("2006-01-02 15:04:05 UTC")), more
}

func promotable(from, to Seen) string {
	for _, s := range []Seen{from, to} {
		if s.Err != nil {
			return "not known, because " + s.Env.Name + " was not read"
		}
	}
	if ready := Ready(from.Status.Ledger, to.Status.Ledger); len(ready) > 0 {
		return strings.Join(ready, ", ")
	}
	return "nothing"
}
