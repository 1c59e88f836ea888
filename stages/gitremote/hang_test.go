package gitremote

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/retry"
)

// hanging is a remote that takes every request and answers none.
type hanging struct{ *fakeServer }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (hanging) Refs(ctx context.Context) (Refs, error) { return Refs{}, hang(ctx) }
func (hanging) Note(ctx context.Context, _ string, _ map[string]string) (string, error) {
	return "", hang(ctx)
}
func (hanging) ReadNote(ctx context.Context, _ string) (string, error) { return "", hang(ctx) }
func (hanging) Remove(ctx context.Context, _, _ string) error          { return hang(ctx) }

// TestHangingRemote: a step begins no try after its 10 minutes (L5), and giving the lock back has less.
func TestHangingRemote(t *testing.T) {
	const lastTryAndLook = 2 * requestTime
	for name, c := range map[string]struct {
		do   func(context.Context, Server, *Lock) error
		most time.Duration
	}{
		"reading refs": {most: 10 * time.Minute, do: func(ctx context.Context, s Server, _ *Lock) error {
			_, err := ReadRefs(ctx, s, retry.Real)
			return err
		}},
		"writing a note": {most: 10*time.Minute + lastTryAndLook, do: func(ctx context.Context, s Server, _ *Lock) error {
			_, err := WriteNotes(ctx, s, retry.Real, "why", map[string]string{"refs/x": ""})
			return err
		}},
		"removing a note": {most: 10*time.Minute + lastTryAndLook, do: func(ctx context.Context, s Server, _ *Lock) error {
			return RemoveNote(ctx, s, retry.Real, "refs/x", "b")
		}},
		"giving the lock back": {most: 2 * time.Minute, do: func(ctx context.Context, s Server, l *Lock) error {
			l.server = s
			return l.Release(ctx)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				l := acquired(t, s, retry.Real, "a")
				began := time.Now()
				err := c.do(t.Context(), hanging{s}, l)
				if err == nil || !strings.Contains(err.Error(), "the git remote did not answer within 1m0s") {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took > c.most {
					t.Errorf("it took %s, expected at most %s", took, c.most)
				}
			})
		})
	}
}

// TestReleaseAfterTheCallersTime: whatever has ended the work, the lock is given back.
func TestReleaseAfterTheCallersTime(t *testing.T) {
	s := newServer()
	l := acquired(t, s, newClock(), "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Release(ctx); err != nil || s.refs[LockRef] != "" {
		t.Errorf("given back: %v, the lock is at %q", err, s.refs[LockRef])
	}
}
