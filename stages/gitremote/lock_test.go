package gitremote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/retry"
)

func holder(run, version string) Holder {
	return Holder{Run: run, Who: "Ada", Version: version, Commit: "0123456789"}
}

func acquired(t *testing.T, s Server, clock retry.Clock, run string) *Lock {
	t.Helper()
	l, err := Acquire(t.Context(), s, clock, holder(run, "1.2.3"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLease(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration
		faults []fault
		taken  bool
		asks   bool
		want   string // of the error, "" for none
		lost   bool
	}{
		"within the lease":                      {after: fresh - time.Second},
		"within the lease, and the remote away": {after: fresh - time.Second, faults: []fault{{err: errNo}}},
		"after it":                              {after: fresh, asks: true},
		"after an hour of sleep":                {after: time.Hour, asks: true},
		"after it, away for a moment":           {after: fresh, faults: []fault{{err: errAway}, {err: errAway}}, asks: true},
		"after it, the answer is lost":          {after: fresh, faults: []fault{{errAway, true}}, asks: true},
		"after it, refused":                     {after: fresh, faults: []fault{{err: errNo}}, asks: true, lost: true, want: "the release lock is lost: it could not be renewed, so another run may have taken it over: the server has said no"},
		"taken over":                            {after: stale, taken: true, asks: true, lost: true, want: "the release lock is lost: another run has taken it over, the release of 1.2.4 (commit 0123456) by Ada, since 2026-01-02 03:07:05 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			l := acquired(t, s, clock, "a")
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			clock.pass(c.after)
			if c.taken {
				h := holder("b", "1.2.4")
				h.Since = clock.Now()
				if _, err := s.Note(t.Context(), h.Text(), map[string]string{LockRef: s.refs[LockRef]}); err != nil {
					t.Fatal(err)
				}
			}
			before := len(s.asked)
			s.faults["note"] = c.faults
			err := l.Check(t.Context())
			if asks := len(s.asked) > before; asks != c.asks {
				t.Errorf("asks the remote: %t", asks)
			}
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want || errors.Is(err, ErrLost) != c.lost {
				t.Errorf("got %v", err)
			}
			if (ctx.Err() != nil) != c.lost || c.lost && !errors.Is(context.Cause(ctx), ErrLost) {
				t.Errorf("what was begun under it ends with %v", context.Cause(ctx))
			}
			if again := l.Check(t.Context()); (again == nil) != (err == nil) {
				t.Errorf("the next step gets %v", again)
			}
			late, stop := l.Context(t.Context())
			defer stop()
			if (late.Err() != nil) != c.lost {
				t.Errorf("what begins afterwards ends with %v", context.Cause(late))
			}
		})
	}
}

// TestLeaseCountsFromBeforeTheWrite: a waiter may have seen the blob long before the answer came.
func TestLeaseCountsFromBeforeTheWrite(t *testing.T) {
	s, clock := newServer(), newClock()
	l := acquired(t, s, clock, "a")
	s.before = func(string) { clock.pass(40 * time.Second); s.before = nil }
	if err := l.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.pass(fresh - 40*time.Second)
	before := s.count("note")
	if err := l.Check(t.Context()); err != nil || s.count("note") != before+1 {
		t.Errorf("%v after %d writes", err, s.count("note")-before)
	}
}

// TestElapsed: the longer of a clock that sleeps with its machine and of one that can be set.
func TestElapsed(t *testing.T) {
	now := time.Now()
	slept := now.Round(0).Add(time.Hour) // no monotonic part: only the wall has moved
	if got := elapsed(now, slept); got != time.Hour {
		t.Errorf("after an hour of sleep: %s", got)
	}
	later := now.Add(time.Minute)
	if got := elapsed(now, later); got != time.Minute {
		t.Errorf("after a minute: %s", got)
	}
}

// TestBeatThatArrivesLate: what was given up may be carried out by the server after we have looked.
func TestBeatThatArrivesLate(t *testing.T) {
	for name, next := range map[string]func(*Lock) error{
		"the next beat":   func(l *Lock) error { return l.Beat(t.Context()) },
		"giving it back":  func(l *Lock) error { return l.Release(t.Context()) },
		"after the lease": func(l *Lock) error { l.clock.(*fakeClock).pass(stale); return l.Check(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			l := acquired(t, s, clock, "a")
			s.faults["note"] = []fault{{err: errNo}}
			if err := l.Beat(t.Context()); err == nil || errors.Is(err, ErrLost) {
				t.Fatalf("a beat that was refused gives %v", err)
			}
			late := l.holder.Text()
			if _, err := s.Note(t.Context(), late, map[string]string{LockRef: s.refs[LockRef]}); err != nil {
				t.Fatal(err)
			}
			if err := next(l); err != nil {
				t.Error(err)
			}
			if released := name == "giving it back"; (s.refs[LockRef] == "") != released || !released && s.refs[LockRef] == blobOf(late) {
				t.Errorf("the lock is at %q", s.texts[s.refs[LockRef]])
			}
		})
	}
}

func TestRelease(t *testing.T) {
	lost, away := fault{errAway, true}, fault{err: errAway}
	for name, c := range map[string]struct {
		faults  []fault
		other   string // what the lock points to meanwhile
		after   string
		wantErr string
		asks    int
	}{
		"ours":               {asks: 1},
		"the answer is lost": {faults: []fault{lost}, asks: 1},
		"away for a moment":  {faults: []fault{away, away}, asks: 3},
		"somebody else's":    {other: "x", after: "x", asks: 1},
		"refused": {faults: []fault{{err: errNo}}, after: "ours", asks: 1,
			wantErr: "the release lock stays behind, and the next run takes it over after 3 minutes: the server has said no"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			l := acquired(t, s, newClock(), "a")
			ours := s.refs[LockRef]
			s.texts["x"] = holder("b", "1.2.3").Text()
			if c.other != "" {
				s.refs[LockRef] = c.other
			}
			s.faults["remove"] = c.faults
			if err := l.Release(t.Context()); (err == nil) != (c.wantErr == "") || err != nil && err.Error() != c.wantErr {
				t.Errorf("got %v", err)
			}
			if err := l.Release(t.Context()); err != nil {
				t.Errorf("once more: %v", err)
			}
			if at := s.refs[LockRef]; at != c.after && !(c.after == "ours" && at == ours) || s.count("remove") != c.asks {
				t.Errorf("the lock is at %q after %d requests", at, s.count("remove"))
			}
			if err := l.Check(t.Context()); !errors.Is(err, ErrLost) {
				t.Errorf("a step without the lock gets %v", err)
			}
			if err := l.Beat(t.Context()); !errors.Is(err, ErrLost) || s.refs[LockRef] != c.after && c.after != "ours" {
				t.Errorf("a beat without the lock gets %v", err)
			}
		})
	}
}

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
				l.Keep(t.Context())
				ctx, cancel := l.Context(t.Context())
				defer cancel()
				began := time.Now()
				s.before = nil
				l.server = away{s, hang}
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

// TestRepeatedRequestsStop: what repeats a request under the lock's context does not outlive the lock.
func TestRepeatedRequestsStop(t *testing.T) {
	s, clock := newServer(), newClock()
	l := acquired(t, s, clock, "a")
	ctx, cancel := l.Context(t.Context())
	defer cancel()
	s.faults["tag"] = []fault{{err: errAway}, {err: errAway}, {err: errAway}}
	clock.passes = func(time.Time) {
		clock.passes = nil
		s.texts["x"], s.refs[LockRef] = holder("b", "1.2.4").Text(), "x"
		_ = l.Beat(t.Context())
	}
	if _, err := PushTag(ctx, s, clock, "v1.2.3", "c1"); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), errAway.What) || s.count("tag") != 1 {
		t.Errorf("got %v after %d tries", err, s.count("tag"))
	}
}
