package gitremote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// racer is one of those that all look before any of them writes.
type racer struct {
	*Remote
	looked func()
}

func (r racer) Note(ctx context.Context, text string, refs map[string]string) (string, error) {
	r.looked()
	return r.Remote.Note(ctx, text, refs)
}

// TestRealRace: of six runs that see a free lock at the same moment, one gets it.
func TestRealRace(t *testing.T) {
	p := newPlace(t)
	var all, looking sync.WaitGroup
	errs := make([]error, 6)
	looking.Add(len(errs))
	for i := range errs {
		all.Go(func() {
			r := racer{p.reached(), sync.OnceFunc(func() { looking.Done(); looking.Wait() })}
			_, errs[i] = Acquire(t.Context(), r, r.clock, holder(fmt.Sprint(i), "1.2."+fmt.Sprint(i)), 0)
		})
	}
	all.Wait()
	winner := parseHolder(p.in(p.remote, "cat-file", "blob", LockRef)).Run
	for i, err := range errs {
		var busy *Busy
		if won := winner == fmt.Sprint(i); won != (err == nil) || !won && !errors.As(err, &busy) {
			t.Errorf("run %d: %v, and the lock is that of %s", i, err, winner)
		}
	}
}

// TestRealTakeOver: a dead run's lock is taken over after 3 minutes, and the dead run, back again, leaves it alone.
func TestRealTakeOver(t *testing.T) {
	p := newPlace(t)
	dead := acquired(t, p.reached(), newClock(), "dead")
	r := p.reached()
	l, err := Acquire(t.Context(), r, r.clock, holder("b", "1.2.4"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.TookOver().Run != "dead" || l.TookOver().Who != "Ada" || l.Waited() < stale {
		t.Errorf("taken over from %+v after %s", l.TookOver(), l.Waited())
	}
	ours := p.at(LockRef)
	if err := dead.Beat(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("the dead run's heartbeat: %v", err)
	}
	if err := dead.Release(t.Context()); err != nil || p.at(LockRef) != ours {
		t.Errorf("the dead run gives back %s: %v", p.at(LockRef), err)
	}
	if err := l.Beat(t.Context()); err != nil || p.at(LockRef) == ours {
		t.Errorf("the heartbeat: %v", err)
	}
	if err := l.Release(t.Context()); err != nil || p.at(LockRef) != "" {
		t.Errorf("given back: %v", err)
	}
}

// TestRealLateRelease: the same, when the dead run has noticed nothing.
func TestRealLateRelease(t *testing.T) {
	p := newPlace(t)
	dead := acquired(t, p.reached(), newClock(), "dead")
	r := p.reached()
	if _, err := Acquire(t.Context(), r, r.clock, holder("b", "1.2.3"), 0); err != nil {
		t.Fatal(err)
	}
	ours := p.at(LockRef)
	if err := dead.Release(t.Context()); err != nil || p.at(LockRef) != ours {
		t.Errorf("the dead run gives back %s: %v", p.at(LockRef), err)
	}
}

// TestRealCheck: git is asked after the lease and not within it.
func TestRealCheck(t *testing.T) {
	p := newPlace(t)
	r, clock := p.reached(), newClock()
	l := acquired(t, r, clock, "a")
	for after, asks := range map[time.Duration]bool{fresh - time.Second: false, fresh: true} {
		clock.pass(after)
		calls, at := p.git.calls, p.at(LockRef)
		if err := l.Check(t.Context()); err != nil || p.git.calls > calls != asks || p.at(LockRef) != at != asks {
			t.Errorf("after %s: %v, %d calls", after, err, p.git.calls-calls)
		}
		if err := l.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
