package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// gate waits until three looks in a row are good.
func (c *Conn) gate(ctx context.Context, w *watch) (err error) {
	patience, err := w.patience(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	good, said := 0, waiting{watch: w, reason: "nothing was seen yet"}
	defer func() { said.end(err) }()
	for {
		v, err := c.look(within, w)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("not healthy yet: %s: %w", said.reason, ended(ctx))
		case within.Err() != nil:
			return fmt.Errorf("not healthy after %s: %s", patience, said.reason)
		case err != nil:
			return err
		case len(v.fatal) > 0:
			return fmt.Errorf("not healthy: %s", strings.Join(v.fatal, "; "))
		case v.good():
			good++
			said.reason = "healthy, but not for long enough"
		default:
			good = 0
			said.wait(ctx, strings.Join(v.yet, "; "))
		}
		if good == goodAnswers {
			return nil
		}
		pause(within, w.pace.step())
	}
}

// ended is why a deployment was ended from outside.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("the time of the stage (setting stageTimeout) was over (%w)", cause)
	}
	return cause
}

// dockersInterval is between two looks of Docker's, where nobody says otherwise.
const dockersInterval = 30 * time.Second

// patience is for how long health is waited for: a container that may take its time to start gets that besides, and so does
// one at which Docker seldom looks.
func (w *watch) patience(ctx context.Context) (time.Duration, error) {
	there, err := w.see(ctx)
	var longest time.Duration
	for _, c := range there {
		check := c.Config.Healthcheck
		if _, watched := w.services[c.service()]; watched && check != nil && !slices.Equal(check.Test, []string{"NONE"}) {
			longest = max(longest, check.StartPeriod+cmp.Or(check.Interval, dockersInterval))
		}
	}
	return w.pace.deadline() + longest, err
}

// waiting tells those who watch what is waited for, whenever that is something else.
type waiting struct {
	*watch
	reason string
	done   func(error)
}

func (w *waiting) wait(ctx context.Context, reason string) {
	if reason == w.reason || w.step == nil {
		w.reason = reason
		return
	}
	w.end(nil)
	w.reason = reason
	_, w.done = w.step(ctx, "wait for health on "+w.on+": "+reason)
}

func (w *waiting) end(err error) {
	if w.done != nil {
		w.done(err)
	}
}
