package gitremote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dagger/slipway/stages/retry"
)

// LockRef is a ref outside of branches and tags that points to a blob which says who has the lock (L1).
const LockRef = "refs/slipway/lock"

const (
	beatEvery = 30 * time.Second
	// So long after a confirmed write nobody can have taken the lock, and a request that begins now ends before anybody can.
	fresh = stale - requestTime
	// For so long a lock is tried to be given back. Its lease ends by itself, so that nobody has to wait for that.
	releaseTime = 2 * time.Minute
)

// ErrLost is a lock that is not this run's any more: a run without one writes nothing (L2).
var ErrLost = errors.New("the release lock is lost")

// Lock is this run's hold on the repository. It is a lease: a run that does not renew it loses it.
type Lock struct {
	server Server
	clock  retry.Clock
	waited time.Duration
	from   Holder

	writing sync.Mutex // held while the blob is written
	holder  Holder
	blob    string // what the ref points to while the lock is ours

	mu        sync.Mutex // guards what follows, and is never held during a request
	confirmed time.Time  // when the last write that arrived was begun
	lost      error
	cancels   []context.CancelCauseFunc
}

// Waited is how long the lock was waited for.
func (l *Lock) Waited() time.Duration { return l.waited }

// TookOver is the dead run whose lock this was, zero if it was free.
func (l *Lock) TookOver() Holder { return l.from }

// Text says who has the lock, for whatever else this run writes down in git.
func (l *Lock) Text() string {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.holder.Text()
}

// Context is one that ends with the lock, so that a request is not repeated by a run that has lost it.
func (l *Lock) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		cancel(l.lost)
	}
	l.cancels = append(l.cancels, cancel)
	return ctx, func() { cancel(context.Canceled) }
}

// Keep renews the lock until it is released or lost. It outlives the stage that has begun it.
func (l *Lock) Keep(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	go func() {
		for l.clock.Sleep(ctx, beatEvery) == nil && !errors.Is(l.Beat(ctx), ErrLost) {
		}
	}()
}

// Check stands before each writing step. It asks nobody while the lease cannot have ended.
func (l *Lock) Check(ctx context.Context) error {
	if lost, sure := l.state(); lost != nil || sure {
		return lost
	}
	return l.Beat(ctx)
}

// Beat renews the lock. It fails with ErrLost when it is somebody else's, and when it could not be renewed for so long that
// it may be.
func (l *Lock) Beat(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if lost, _ := l.state(); lost != nil {
		return lost
	}
	err := l.renew(ctx)
	if err == nil || errors.Is(err, ErrLost) || ctx.Err() != nil {
		return err // a caller whose time is over has learned nothing about the lock
	}
	if _, sure := l.state(); !sure {
		return l.lose(fmt.Errorf("%w: it could not be renewed, so another run may have taken it over: %w", ErrLost, err))
	}
	return err
}

// renew writes the next blob, and looks who has the lock if that fails.
func (l *Lock) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	err := l.write(ctx)
	if err == nil {
		return nil
	}
	at, held, unread := l.look(ctx, begin(ctx, l.server, l.clock))
	switch {
	case unread != nil || at == l.blob:
		return err
	case held.Run == l.holder.Run:
		l.blob = at // a beat that was given up has arrived after all
		return l.write(ctx)
	}
	l.blob = ""
	if at == "" {
		return l.lose(fmt.Errorf("%w: somebody has removed it", ErrLost))
	}
	return l.lose(fmt.Errorf("%w: another run has taken it over, %s", ErrLost, held))
}

// write replaces our blob by the next one.
func (l *Lock) write(ctx context.Context) error {
	began := l.clock.Now()
	l.holder.Beat++
	blob, err := WriteNotes(ctx, l.server, l.clock, l.holder.Text(), map[string]string{LockRef: l.blob})
	if err != nil {
		return err
	}
	l.blob = blob
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed = began
	return nil
}

// look reads who has the lock now.
func (l *Lock) look(ctx context.Context, one step) (at string, held Holder, err error) {
	refs, err := one.refs(ctx)
	at = refs.Of[LockRef]
	if err != nil || at == "" {
		return at, Holder{}, err
	}
	text, err := one.note(ctx, LockRef)
	return at, parseHolder(text), err
}

// state says without a request whether the lock is lost, and whether it is sure to be ours.
func (l *Lock) state() (lost error, sure bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost, elapsed(l.confirmed, l.clock.Now()) < fresh
}

// elapsed is the longer of what the two clocks of a machine say: one stands still while it sleeps, the other can be set.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// lose ends the lock, and everything that was begun under it.
func (l *Lock) lose(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = err
	for _, cancel := range l.cancels {
		cancel(err)
	}
	return err
}

// Release gives the lock back, with a lease, so that no run removes another's (L2). Once is enough, and twice does no harm. A
// caller whose time is over gives it back as well.
func (l *Lock) Release(ctx context.Context) error {
	l.writing.Lock() // a beat that is on its way ends first
	defer l.writing.Unlock()
	blob := l.blob
	if blob == "" {
		return nil
	}
	l.blob = ""
	l.mu.Lock()
	if l.lost == nil {
		l.lost = fmt.Errorf("%w: it was given back", ErrLost)
	}
	l.mu.Unlock()
	if err := l.remove(ctx, blob); err != nil {
		return fmt.Errorf("the release lock stays behind, and the next run takes it over after 3 minutes: %w", err)
	}
	return nil
}

func (l *Lock) remove(ctx context.Context, blob string) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), releaseTime, fmt.Errorf("%s are over", releaseTime))
	defer cancel()
	one := begin(ctx, l.server, l.clock)
	for try := 0; ; try++ {
		err := bounded(func(ctx context.Context) error { return l.server.Remove(ctx, LockRef, blob) })(ctx)
		if err == nil {
			return nil
		}
		at, held, unread := l.look(ctx, one)
		if unread == nil && held.Run != l.holder.Run {
			return nil // it is gone, or somebody else's
		}
		if unread == nil && at != blob && try < retry.Tries {
			blob = at // a beat that was given up has arrived after all
			continue
		}
		if end := one.again(ctx, try, err); end != nil {
			return end
		}
	}
}
