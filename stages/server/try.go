package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// try starts a second container of each new image beside the running ones, reached by nobody, and waits for its health.
// An image that does not come up is found here, while the old version still answers.
func (d *deployment) try(ctx context.Context) error {
	if d.previous == nil {
		return nil // nobody is served yet
	}
	services := d.triable()
	if len(services) == 0 {
		return nil
	}
	d.removeTrials(ctx) // of a killed run
	defer d.removeTrials(context.WithoutCancel(ctx))
	var names []string
	for _, name := range services {
		args := []string{"run", "--detach", "--no-deps", "--name", d.trial(name), name}
		if _, err := d.next.change(ctx, args...); err != nil {
			return err
		}
		names = append(names, d.trial(name))
	}
	w := &watch{pins: d.pins, services: map[string]service{}, brief: true, pace: d.env.Pace, see: func(ctx context.Context) ([]container, error) { return d.conn.inspect(ctx, names...) }}
	for _, name := range services {
		w.services[name] = d.next.compose.Services[name]
	}
	if err := d.conn.gate(ctx, w); err != nil {
		if errors.Is(err, errLost) {
			return err
		}
		f := d.kept(fmt.Errorf("the new images, tried beside the running ones: %w", err))
		if l, err := d.conn.observe(ctx, w); err == nil {
			f.Logs = d.conn.logs(ctx, l)
		}
		return f
	}
	return nil
}

// triable are the services with a new image that keep running; one on the host's network would fight for its ports.
func (d *deployment) triable() []string {
	var names []string
	for name := range d.pins {
		s := d.next.compose.Services[name]
		if name != d.env.Migrate && !s.inactive && s.NetworkMode != "host" && !s.oneShot() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d *deployment) trial(service string) string {
	return "slipway-trial-" + d.next.compose.Name + "-" + service
}

func (d *deployment) removeTrials(ctx context.Context) {
	for _, name := range d.triable() {
		_, _ = d.conn.run(ctx, command{args: []string{"docker", "rm", "--force", "--volumes", d.trial(name)}}) // there is none, as a rule
	}
}
