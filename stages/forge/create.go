package forge

import (
	"context"
	"fmt"
	"time"

	"dagger/slipway/stages/retry"
)

// create sends what must not be done twice (P7). After every error it first looks whether the thing is there now, and only
// then tries again, if that can help.
func (c *client) create(ctx context.Context, post func() error, find func() (bool, error)) error {
	deadline := retry.Deadline(ctx, c.clock)
	for failed := 1; ; failed++ {
		err := post()
		if err == nil || !doubtful(ctx, err) {
			return err
		}
		if err := c.pause(ctx, err, failed, deadline); err != nil {
			return err
		}
		found, lookErr := find()
		if found && lookErr == nil {
			return nil
		}
		if lookErr != nil {
			return fmt.Errorf("%w; looking whether it happened all the same failed, too: %w", err, lookErr)
		}
		if conflict(err) || failed == retry.Tries {
			return err
		}
	}
}

// pause waits before the look, so that a request that is still at work on the server is seen by it.
func (c *client) pause(ctx context.Context, err error, failed int, deadline time.Time) error {
	if conflict(err) {
		return nil
	}
	asked, left := askedToWait(err), deadline.Sub(c.clock.Now())
	if asked > left {
		return fmt.Errorf("%w; it asks to wait %s, but only %s are left: run again later", err, asked, left.Round(time.Second))
	}
	if delay := max(retry.Delay(failed-1), asked); delay <= left {
		return c.clock.Sleep(ctx, delay)
	}
	return err
}
