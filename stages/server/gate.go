package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// gate waits until three looks in a row are good.
func (c *Conn) gate(ctx context.Context, w *watch) (err error) {
	within, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	good, said := 0, waiting{watch: w, reason: "nothing was seen yet"}
	defer func() { said.end(err) }()
	for {
		v, err := c.look(within, w)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("not healthy yet: %s: %w", said.reason, ended(ctx))
		case within.Err() != nil:
			return fmt.Errorf("not healthy after %s: %s", w.patience(), said.reason)
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

// patience is for how long health is waited for: a container that may take its time to start gets that besides.
func (w *watch) patience() time.Duration {
	var longest time.Duration
	for _, s := range w.services {
		if s.Healthcheck == nil {
			continue
		}
		if period, err := time.ParseDuration(s.Healthcheck.StartPeriod); err == nil {
			longest = max(longest, period)
		}
	}
	return w.pace.deadline() + longest
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
