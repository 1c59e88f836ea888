package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kept is a failure before anything was replaced.
func (d *deployment) kept(err error) *Failure {
	if f := new(Failure); errors.As(err, &f) {
		return f
	}
	f := &Failure{Err: err, State: Kept, Found: d.ran() + " was never stopped and still runs"}
	if d.previous == nil {
		f.Found = "nothing ran here before, and nothing was started"
		if len(d.woken) > 0 {
			f.Found = "nothing ran here before, and only " + strings.Join(d.woken, ", ") + " was started, for the backup"
		}
	}
	return f
}

// putBack ends a failed deployment with what ran before (D9): once, and without a second attempt. The caller's own time may be
// over: each program has as long as on the way forward, because new containers drain and stop as the old ones would have.
func (d *deployment) putBack(ctx context.Context, cause error) *Failure {
	ctx = context.WithoutCancel(ctx)
	f := &Failure{Err: cause, State: NotRestored}
	if err := d.reconnect(ctx, cause); err != nil {
		return f.leftAlone(err)
	}
	f.Logs = d.logs(ctx)
	if d.previous == nil {
		return d.stopNew(ctx, f)
	}
	err := d.steps(ctx, []step{{"put " + d.ran() + " back", d.restore}})
	if err != nil {
		f.Found = fmt.Sprintf("putting %s back failed as well: %v", d.ran(), err)
		f.Next = fmt.Sprintf("look at the server (docker compose ps in %s), then run rollback or deploy", d.env.Target.Dir)
		return f
	}
	f.State, f.Found = Restored, d.ran()+" runs again and is healthy"
	return f
}

func (d *deployment) restore(ctx context.Context) error {
	if err := d.putFilesBack(ctx); err != nil {
		return err
	}
	pins := d.pinsBefore()
	r := &rollout{deployment: d, to: d.previous, pins: pins, untried: true}
	health := step{"wait for health", func(ctx context.Context) error {
		return d.conn.gate(ctx, d.watched(d.previous, d.previous.version, pins))
	}}
	return d.steps(ctx, slices.Concat([]step{{"start " + d.ran() + " again", r.start}}, r.finish(), []step{health}))
}

// pinsBefore are the images of ours that ran before, by service. Of what was found there, what the release replaces is ours.
func (d *deployment) pinsBefore() map[string]string {
	if d.ours {
		return d.previous.pinned(d.before.Images)
	}
	pins := map[string]string{}
	for name := range d.pins {
		pins[name] = d.previous.compose.Services[name].Image
	}
	return pins
}

// stopNew is the end of a first deployment: there is nothing to come back to.
func (d *deployment) stopNew(ctx context.Context, f *Failure) *Failure {
	f.State, f.Found = Stopped, "nothing ran here before, so there was nothing to restore, and the new containers are stopped"
	if _, err := d.next.change(ctx, "stop"); err != nil {
		f.State, f.Found = NotRestored, fmt.Sprintf("nothing ran here before, and stopping the new containers failed as well: %v", err)
	}
	return f
}

// logs are the last lines of the containers of ours that are not well.
func (d *deployment) logs(ctx context.Context) string {
	l, err := d.conn.observe(ctx, d.watched(d.next, d.release.Version, d.pins))
	if err != nil {
		return ""
	}
	return d.conn.logs(ctx, l)
}

// logs asks Docker and not compose, which writes codes for a terminal even into a pipe. Where something has failed, what
// is only not ready yet is left out, and what is healthy and only young always.
func (c *Conn) logs(ctx context.Context, l look) string {
	var failed, waiting []container
	for _, one := range l.containers {
		var v verdict
		if _, ours := l.services[one.service()]; ours {
			l.judgeOne(&v, one.service(), one)
		}
		switch {
		case len(v.fatal) > 0:
			failed = append(failed, one)
		case !v.good() && (!one.healthy() || l.services[one.service()].ends):
			waiting = append(waiting, one)
		}
	}
	if len(failed) == 0 {
		failed = waiting
	}
	var logs strings.Builder
	for _, one := range failed {
		text, err := c.run(ctx, command{args: []string{"sh", "-c", `docker logs --tail "$2" "$1" 2>&1`, "sh", one.ID, strconv.Itoa(maxLines)}})
		switch text = strings.TrimRight(text, " \r\n"); {
		case err != nil:
		case text == "":
			fmt.Fprintf(&logs, "%s has printed nothing\n", one.service())
		default:
			fmt.Fprintf(&logs, "%s:\n%s\n", one.service(), text)
		}
	}
	return lastLines(strings.TrimSpace(logs.String()))
}
