package gitremote

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/retry"
)

// TestKeep: the real heartbeat holds a lock against a waiter for hours, and ends with it.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		stage, cancel := context.WithCancel(t.Context())
		l, err := Acquire(stage, s, retry.Real, holder("a", "1.2.3"), 0)
		if err != nil {
			t.Fatal(err)
		}
		l.Keep(stage)
		cancel() // the stage ends, and the lock does not
		var busy *Busy
		if _, err := Acquire(t.Context(), s, retry.Real, holder("b", "1.2.4"), 2*time.Hour); !errors.As(err, &busy) || busy.Age < 2*time.Hour {
			t.Errorf("a waiter gets %v", err)
		}
		before := s.count("note")
		if err := l.Check(t.Context()); err != nil || s.count("note") != before {
			t.Errorf("after two hours: %v", err)
		}
		if err := l.Release(t.Context()); err != nil || s.refs[LockRef] != "" {
			t.Errorf("given back: %v", err)
		}
		before = s.count("note")
		time.Sleep(time.Hour)
		if s.count("note") != before {
			t.Error("the heartbeat outlives the lock")
		}
	})
}

// TestKeepOfALostLock: the heartbeat finds it, stops, and ends what is going on.
func TestKeepOfALostLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		l := acquired(t, s, retry.Real, "a")
		l.Keep(t.Context())
		ctx, cancel := l.Context(t.Context())
		defer cancel()
		s.mu.Lock()
		s.texts["x"], s.refs[LockRef] = holder("b", "1.2.4").Text(), "x"
		s.mu.Unlock()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrLost) {
			t.Errorf("ended with %v", context.Cause(ctx))
		}
		if err := l.Release(t.Context()); err != nil || s.refs[LockRef] != "x" {
			t.Errorf("given back: %v, the lock is at %q", err, s.refs[LockRef])
		}
	})
}

// TestPartition: a holder that cannot reach the remote stops before anybody may take the lock over.
func TestPartition(t *testing.T) {
	for name, hang := range map[string]bool{"refused at once": false, "every request hangs": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				l := acquired(t, s, retry.Real, "a")
				l.server = away{s, hang}
				l.Keep(t.Context())
				ctx, cancel := l.Context(t.Context())
				defer cancel()
				began := time.Now()
				<-ctx.Done()
				if took := time.Since(began); took < fresh || took > stale || !errors.Is(context.Cause(ctx), ErrLost) {
					t.Errorf("ended after %s with %v", took, context.Cause(ctx))
				}
			})
		})
	}
}

// away is a remote that this run cannot reach.
type away struct {
	*fakeServer
	hang bool
}

func (a away) fail(ctx context.Context) error {
	if !a.hang {
		return errAway
	}
	<-ctx.Done()
	return ctx.Err()
}

func (a away) Refs(ctx context.Context) (Refs, error) { return Refs{}, a.fail(ctx) }

func (a away) Note(ctx context.Context, _ string, _ map[string]string) (string, error) {
	return "", a.fail(ctx)
}
