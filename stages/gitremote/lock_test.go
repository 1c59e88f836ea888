package gitremote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"

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

// TestCheckThatIsCutOff: a stage whose time is over has not lost the lock.
func TestCheckThatIsCutOff(t *testing.T) {
	s, clock := newServer(), newClock()
	l := acquired(t, s, clock, "a")
	clock.pass(stale)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Check(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) {
		t.Errorf("cut off: %v", err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Errorf("the next step gets %v", err)
	}
}

// TestLeaseCountsFromBeforeTheWrite: a waiter may have seen the blob long before the answer came.
func TestLeaseCountsFromBeforeTheWrite(t *testing.T) {
	for name, beats := range map[string]int{"the first write": 0, "a beat": 1} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			slow := func(kind string) {
				if kind == "note" {
					clock.pass(40 * time.Second)
				}
			}
			s.before = slow
			l := acquired(t, s, clock, "a")
			for range beats {
				if err := l.Beat(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			clock.pass(fresh - 40*time.Second)
			before := s.count("note")
			if err := l.Check(t.Context()); err != nil || s.count("note") != before+1 {
				t.Errorf("%v after %d writes", err, s.count("note")-before)
			}
		})
	}
}

// TestElapsed: the longer of a clock that stands still while its machine sleeps and of one that can be set.
func TestElapsed(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct{ steady, wall, want time.Duration }{
		"a minute":                       {time.Minute, time.Minute, time.Minute},
		"an hour of sleep":               {time.Second, time.Hour, time.Hour},
		"the clock is set back":          {time.Minute, -time.Hour, time.Minute},
		"a night, and the clock is slow": {time.Hour, time.Minute, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			later := now.Add(c.steady)
			steady := *monotonic(&later)
			later = now.Add(c.wall)
			*monotonic(&later) = steady
			if later.Sub(now) != c.steady || later.Round(0).Sub(now.Round(0)) != c.wall {
				t.Fatal("a time looks different inside")
			}
			if got := elapsed(now, later); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// monotonic is the second word of a time, which nothing sets apart from the first.
func monotonic(t *time.Time) *int64 { return (*int64)(unsafe.Add(unsafe.Pointer(t), 8)) }

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
