package gitremote

import (
	"context"
	"errors"
	"time"

	"dagger/slipway/stages/retry"
)

const (
	pollEvery = 5 * time.Second
	// A holder that did not rewrite its blob for so long is gone: six beats have failed.
	stale = 3 * time.Minute
	// Until it was seen to rewrite it within so long, it may be.
	quiet = 2 * beatEvery
)

// move is what a run does about a lock that it sees.
type move string

const (
	moveTake move = "take" // free, or its holder is gone
	moveWait move = "wait"
	moveFail move = "fail"
)

// view is what a waiter has observed itself. It trusts no clock but its own.
type view struct {
	blob      string        // empty: free
	unchanged time.Duration // for how long it has seen this very blob
	waited    time.Duration
	own       bool // an attempt of ours has arrived after all
	lives     bool // its holder was at work just now; one that nobody has seen there may have been killed
	same      bool // the holder releases the same version of the same commit, or needs the lock for seconds only
	unread    bool // who holds it could not be read: it may be free or renewed by now
	allowed   time.Duration
}

// move decides by L3.
func (v view) move() move {
	switch {
	case v.blob == "" || v.own || v.unchanged >= stale:
		return moveTake
	case v.same || v.waited < v.allowed || !v.lives || v.unread && v.waited < stale:
		return moveWait
	}
	return moveFail
}

// Patience is the longest that a run of another version is waited for: for as long as is allowed if it lives, and until it is
// sure to be gone if it does not.
func Patience(allowed time.Duration) time.Duration { return allowed + stale }

// waiter is what a run remembers while it waits.
type waiter struct {
	server  Server
	clock   retry.Clock
	own     Holder
	allowed time.Duration
	began   time.Time
	blob    string
	looked  time.Time // when its last look began
	since   time.Time // it has seen this blob
	before  time.Time // it saw another, or none: what it sees now was written after that; zero: nobody knows when
	held    Holder
	unread  bool
}

// Acquire takes the repository's lock, waits for it, or fails with *Busy. A run of the same version and commit, or one that
// is brief, is waited for as long as it lives, any other for as long as is allowed; nothing but ctx cuts that off. Whether it
// lives is seen by its heartbeat, for which everybody waits. Since and Beat of the holder are the lock's to say.
func Acquire(ctx context.Context, s Server, clock retry.Clock, own Holder, allowed time.Duration) (*Lock, error) {
	if own.Run == "" {
		return nil, errors.New("a run without an id cannot tell its lock from another's")
	}
	w := &waiter{server: s, clock: clock, own: own, allowed: allowed, began: clock.Now()}
	for {
		if err := w.look(ctx); err != nil {
			return nil, err
		}
		switch w.view().move() {
		case moveTake:
			if l, err := w.take(ctx); l != nil || err != nil {
				return l, err
			}
		case moveFail:
			return nil, w.busy()
		case moveWait:
			if clock.Sleep(ctx, pollEvery) != nil {
				return nil, w.busy()
			}
		}
	}
}

func (w *waiter) look(ctx context.Context) error {
	began, last := w.clock.Now(), w.looked
	one := begin(ctx, w.server, w.clock)
	refs, err := one.refs(ctx)
	if err != nil {
		return err
	}
	w.looked = began
	blob := refs.Of[LockRef]
	if blob == w.blob && !w.since.IsZero() && !w.unread {
		return nil
	}
	if blob != w.blob || w.since.IsZero() {
		w.blob, w.since, w.before = blob, w.clock.Now(), last
	}
	w.held, w.unread = Holder{}, false
	if blob != "" {
		text, err := one.note(ctx, LockRef)
		w.held, w.unread = parseHolder(text), err != nil
	}
	return nil
}

func (w *waiter) view() view {
	now := w.clock.Now()
	twin := !w.own.Brief && w.held.Version == w.own.Version && w.held.Commit == w.own.Commit
	return view{
		blob: w.blob, unchanged: now.Sub(w.since), waited: now.Sub(w.began), allowed: w.allowed, own: w.held.Run == w.own.Run,
		lives: !w.before.IsZero() && now.Sub(w.before) < quiet, same: twin || w.held.Brief, unread: w.unread,
	}
}

// take writes the first blob in place of what was seen. There is no lock when somebody else was faster.
func (w *waiter) take(ctx context.Context) (*Lock, error) {
	began := w.clock.Now()
	w.own.Since = began.UTC()
	w.own.Beat++
	one := begin(ctx, w.server, w.clock)
	blob, err := one.writeNotes(ctx, w.own.Text(), map[string]string{LockRef: w.blob})
	if err == nil {
		l := &Lock{server: w.server, clock: w.clock, waited: began.Sub(w.began), holder: w.own, blob: blob, confirmed: began}
		if w.held.Run != w.own.Run {
			l.from = w.held
		}
		return l, nil
	}
	now, unread := one.refs(ctx)
	if unread == nil && now.Of[LockRef] != w.blob {
		return nil, nil
	}
	return nil, err
}

func (w *waiter) busy() error {
	busy := &Busy{Holder: w.held}
	if !w.held.Since.IsZero() {
		busy.Age = w.clock.Now().Sub(w.held.Since)
	}
	return busy
}
