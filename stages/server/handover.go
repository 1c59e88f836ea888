package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/stages/gate"
)

const (
	// drainLabel is what has to happen before an old container of a service gets its signal to stop: a command that is run in
	// it, or a pause.
	drainLabel = "slipway.drain"
	// reloadLabel is a command that makes a proxy ask again who its backends are. It is run when the new ones are healthy and
	// when the old ones are gone.
	reloadLabel = "slipway.reload"
)

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reload runs the command by which a proxy asks again who its backends are. It answers before that has happened. Whether it
// must is said for those without a label.
func (r *rollout) reload(ctx context.Context, must bool, but ...string) error {
	there, err := r.to.containers(ctx)
	if err != nil {
		return err
	}
	told := false
	for _, c := range there {
		line, labelled := r.reloading(c)
		if !c.running() || line == nil || slices.Contains(but, c.ID) {
			continue
		}
		problem, err := r.reloadOne(ctx, c, line)
		switch {
		case err != nil:
			return err
		case problem == "":
			told, r.told = true, true
		case labelled || must && r.stays(c):
			return errors.New(problem)
		case slices.Contains(idsOf(r.there), c.ID):
			r.warnOnce(problem)
		} // what has just started has just asked, and the gate waits for it
	}
	if told {
		pause(ctx, r.env.Pace.step())
	}
	return nil
}

// warnOnce is for what is tried again and again.
func (d *deployment) warnOnce(problem string) {
	if warning := "warning: " + firstLine(problem); !slices.Contains(d.figures, warning) {
		d.figures = append(d.figures, warning)
	}
}

// stays says of a proxy without a label that nobody would be served if it cannot be told: it was there before, and what it
// reads is not that of a release by which it will be replaced. On the way back what ran is better than nothing.
func (r *rollout) stays(c container) bool {
	return r.to != r.previous && slices.Contains(idsOf(r.there), c.ID) &&
		c.Config.Labels[contentLabel] == r.to.compose.Services[c.service()].Labels[contentLabel]
}

// reloading is the command by which a container asks again who its backends are, and whether a label says so; none if it has
// none. One whose label is not that of its release is about to be replaced, and may be another program. nginx is known without
// a label; an empty one says that it is not to be told, and an old container that goes need not be.
func (r *rollout) reloading(c container) (command []string, labelled bool) {
	s, known := r.to.compose.Services[c.service()]
	label, said := s.Labels[reloadLabel]
	line, labelled := c.Config.Labels[reloadLabel]
	switch {
	case line != "" && (line == label || line == strings.ReplaceAll(label, "$$", "$")):
		return []string{"sh", "-c", line}, true
	case !known, labelled, said && label == "", slices.Contains(idsOf(r.old), c.ID):
		return nil, false
	}
	return c.nginx(), false
}

// reloadTries are how often a proxy is told: one that has just started may not be ready to listen.
const reloadTries = 5

// reloadOne says what problem a proxy has with it; an error is the connection's.
func (r *rollout) reloadOne(ctx context.Context, c container, line []string) (problem string, err error) {
	for n := 1; ; n++ {
		_, err := r.conn.run(ctx, command{args: append([]string{"docker", "exec", c.ID}, line...)})
		exit := new(exitError)
		switch {
		case !errors.As(err, &exit):
			return "", err
		case n == reloadTries:
			return fmt.Sprintf("slipway.reload of %s (%q) ended with %s: %s", c.service(), strings.TrimPrefix(strings.Join(line, " "), "sh -c "), gate.ExitText(exit.code), exit.output), nil
		}
		pause(ctx, r.env.Pace.step())
	}
}

// drain gives the old containers the time that they ask for, all at once. One that cannot be told stops all the same.
func (r *rollout) drain(ctx context.Context) {
	var group errgroup.Group
	for _, c := range r.old {
		line := c.Config.Labels[drainLabel]
		if line == "" || !c.running() {
			continue
		}
		group.Go(func() error {
			if wait, err := time.ParseDuration(line); err == nil {
				pause(ctx, wait)
				return nil
			}
			_, err := r.conn.run(ctx, command{args: []string{"docker", "exec", c.ID, "sh", "-c", line}, time: changeTime})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		r.figures = append(r.figures, "warning: "+drainLabel+": "+firstLine(err.Error()))
	}
}
