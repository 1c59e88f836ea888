package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// commandTime is for programs that answer at once, but for a daemon that hangs. Tests have less of it.
var commandTime = time.Minute

const (
	// fileTime is for a file of the release, or all of them, over a slow line.
	fileTime = 10 * time.Minute
	// pullTime is for an image over a slow line.
	pullTime = 20 * time.Minute
	// changeTime is for docker compose to replace containers, which wait for each other's health and have their time to
	// stop; before that, for what an earlier run has left at work. A container may as well take it to drain.
	changeTime = 20 * time.Minute
	// scriptTime is for the migration, the backup and the restore of a large database; stageTimeout mostly ends them earlier.
	scriptTime = 4 * time.Hour
)

// noAnswerError is a program on the server that has not ended in its time. Nobody knows how far it came.
type noAnswerError struct {
	program, host string
	waited        time.Duration
}

func (e *noAnswerError) Error() string {
	look := "see what hangs there (top, df, dmesg)"
	if strings.HasPrefix(e.program, "docker") {
		look = "see there whether Docker works (systemctl status docker)"
	}
	return fmt.Sprintf("%s on %s has not answered for %s: %s", e.program, e.host, e.waited, look)
}

// session works in a session of its own, which the work closes, for as long as the program may take. A silent network lets
// everything hang, even the beginning and the end of a session.
func (c *Conn) session(ctx context.Context, program string, limit time.Duration, work func(*ssh.Session) error) error {
	limit = cmp.Or(limit, commandTime)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		session, err := c.open(within)
		if err != nil {
			ended <- err
			return
		}
		inTime := context.AfterFunc(within, func() { session.Close() })
		err = work(session)
		inTime()
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, within.Err()) || err == nil {
			return err
		}
	case <-within.Done():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &noAnswerError{program, c.target.Host, limit}
}

// open begins a session. A server that refuses one has as many as it allows, ten as a rule: some of them will end. What ends
// the lock is told before the server lets in who asks later, so that nothing begins without it.
func (c *Conn) open(ctx context.Context) (*ssh.Session, error) {
	for {
		session, err := c.client.NewSession()
		full := new(ssh.OpenChannelError)
		switch {
		case err == nil && c.held.lost():
			c.Close()
			return nil, errLost
		case err == nil:
			return session, nil
		case !errors.As(err, &full):
			return nil, errLost
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
