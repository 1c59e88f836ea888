package gitremote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMove(t *testing.T) {
	for name, c := range map[string]struct {
		view view
		want move
	}{
		"free":                                      {view{}, moveTake},
		"free, after a wait":                        {view{waited: time.Hour}, moveTake},
		"another version, at work":                  {view{blob: "a", lives: true}, moveFail},
		"another version, which may be dead":        {view{blob: "a"}, moveWait},
		"just not known to be":                      {view{blob: "a", waited: 3*time.Minute - 1, unchanged: 3*time.Minute - 1}, moveWait},
		"known to be":                               {view{blob: "a", waited: 3 * time.Minute, unchanged: 3 * time.Minute}, moveTake},
		"another version, allowed to wait":          {view{blob: "a", lives: true, waited: time.Minute, allowed: 2 * time.Minute}, moveWait},
		"another version, waited long enough":       {view{blob: "a", lives: true, waited: 2 * time.Minute, allowed: 2 * time.Minute}, moveFail},
		"waited long enough, and it has gone quiet": {view{blob: "a", waited: time.Hour, allowed: time.Hour, unchanged: time.Minute}, moveWait},
		"nobody can read whose it is":               {view{blob: "a", lives: true, unread: true, waited: time.Minute}, moveWait},
		"nobody could for long":                     {view{blob: "a", lives: true, unread: true, waited: 3 * time.Minute}, moveFail},
		"the same release":                          {view{blob: "a", same: true}, moveWait},
		"the same release, for as long as it takes": {view{blob: "a", same: true, waited: time.Hour}, moveWait},
		"just not stale":                            {view{blob: "a", same: true, unchanged: 3*time.Minute - 1}, moveWait},
		"stale":                                     {view{blob: "a", same: true, unchanged: 3 * time.Minute}, moveTake},
		"stale, of another version":                 {view{blob: "a", waited: 4 * time.Minute, allowed: 4 * time.Minute, unchanged: 3 * time.Minute}, moveTake},
		"alive for hours is not stale":              {view{blob: "a", lives: true, waited: time.Hour, unchanged: 29 * time.Second}, moveFail},
		"ours":                                      {view{blob: "a", own: true}, moveTake},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.view.move(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if stale < 5*beatEvery || quiet <= beatEvery {
		t.Errorf("a holder that misses %d beats loses its lock, and one that misses %d is not known to live", stale/beatEvery, quiet/beatEvery)
	}
}

func TestBusy(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, busy := range map[string]*Busy{
		"the repository is locked by the release of 1.2.3 (commit 0123456) by Ada, since 2026-01-02 03:04:05 UTC (1m30s ago)": {
			Holder{Run: "r", Who: "Ada", Version: "1.2.3", Commit: "0123456789", Since: since}, 90*time.Second + time.Millisecond},
		"the repository is locked by an unknown run": {},
	} {
		if busy.Error() != want || !strings.Contains(busy.Next(), "--lock-wait") {
			t.Errorf("got %q, next %q", busy.Error(), busy.Next())
		}
	}
}

// TestAcquire: what a run does about a lock that is there, by a clock that nobody waits for.
func TestAcquire(t *testing.T) {
	for name, c := range map[string]struct {
		held    string                                // what the blob says, "" for none
		while   func(s *fakeServer, at time.Duration) // what its holder does
		asleep  time.Duration                         // after its first look
		allowed time.Duration
		faults  map[string][]fault
		waited  [2]time.Duration // at least, less than; of an error, if it says so
		from    string           // the run that it was taken over from
		wantErr string
	}{
		"free":                           {waited: [2]time.Duration{0, 1}},
		"free, the answer is lost":       {faults: map[string][]fault{"note": {{errAway, true}}}, waited: [2]time.Duration{0, 1}},
		"free, the server is away":       {faults: map[string][]fault{"refs": {{err: errAway}}, "note": {{err: errAway}}}, waited: [2]time.Duration{0, 5 * time.Second}},
		"free, and refused":              {faults: map[string][]fault{"note": {{err: errNo}}}, wantErr: errNo.What},
		"not to be read":                 {faults: map[string][]fault{"refs": {{err: errNo}}}, wantErr: errNo.What},
		"another version's that is dead": {held: holder("b", "1.2.4").Text(), waited: [2]time.Duration{stale, stale + pollEvery}, from: "b"},
		"another version's that is dead, allowed to wait": {held: holder("b", "1.2.4").Text(), allowed: 10 * time.Minute, waited: [2]time.Duration{stale, stale + pollEvery}, from: "b"},
		"another version's that lives":                    {held: holder("b", "1.2.4").Text(), while: beats("1.2.4"), waited: [2]time.Duration{beatEvery, beatEvery + pollEvery}, wantErr: "the repository is locked by the release of 1.2.4"},
		"another version's that lives, allowed to wait":   {held: holder("b", "1.2.4").Text(), allowed: 10 * time.Minute, while: beats("1.2.4"), waited: [2]time.Duration{10 * time.Minute, 10*time.Minute + pollEvery}, wantErr: "the repository is locked by the release of 1.2.4"},
		"another version's that dies while it is waited for": {held: holder("b", "1.2.4").Text(), allowed: 10 * time.Minute, waited: [2]time.Duration{9*time.Minute + stale, 9*time.Minute + stale + pollEvery}, from: "b", while: func(s *fakeServer, at time.Duration) {
			if at <= 9*time.Minute {
				beats("1.2.4")(s, at)
			}
		}},
		"another version's that dies while the waiter's machine sleeps": {held: holder("b", "1.2.4").Text(), waited: [2]time.Duration{time.Hour + stale, time.Hour + stale + 2*pollEvery}, from: "b", asleep: time.Hour, while: func(s *fakeServer, at time.Duration) {
			beats("1.2.4")(s, min(at, 30*time.Minute))
		}},
		"another version's that ends before it is known to live": {held: holder("b", "1.2.4").Text(), waited: [2]time.Duration{10 * time.Second, 10*time.Second + pollEvery}, while: func(s *fakeServer, at time.Duration) {
			if at >= 10*time.Second {
				delete(s.refs, LockRef)
			}
		}},
		"the same release, dead": {held: holder("b", "1.2.3").Text(), waited: [2]time.Duration{stale, stale + pollEvery}, from: "b"},
		"the same release, which ends after an hour": {held: holder("b", "1.2.3").Text(), waited: [2]time.Duration{time.Hour, time.Hour + pollEvery}, while: func(s *fakeServer, at time.Duration) {
			if beats("1.2.3")(s, at); at >= time.Hour {
				delete(s.refs, LockRef)
			}
		}},
		"a blob that says nothing, dead":              {held: "{", waited: [2]time.Duration{stale, stale + pollEvery}},
		"whose holder cannot be read for a moment":    {held: holder("b", "1.2.3").Text(), faults: map[string][]fault{"read": {{err: errAway}}}, waited: [2]time.Duration{stale, stale + 2*pollEvery}, from: "b"},
		"our own, which arrived when we had given up": {held: holder("a", "1.2.3").Text(), waited: [2]time.Duration{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			began := clock.Now()
			if blob := blobOf(c.held); c.held != "" {
				s.refs[LockRef], s.texts[blob] = blob, c.held
			}
			clock.passes = func(now time.Time) {
				if now.Sub(began) < c.asleep {
					clock.pass(c.asleep)
				}
				if c.while != nil {
					c.while(s, clock.Now().Sub(began))
				}
			}
			for kind, faults := range c.faults {
				s.faults[kind] = faults
			}
			l, err := Acquire(t.Context(), s, clock, holder("a", "1.2.3"), c.allowed)
			if c.wantErr != "" {
				took := clock.Now().Sub(began)
				if err == nil || !strings.HasPrefix(err.Error(), c.wantErr) || c.waited[1] > 0 && (took < c.waited[0] || took >= c.waited[1]) {
					t.Errorf("got %v after %s", err, took)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Waited() < c.waited[0] || l.Waited() >= c.waited[1] || l.TookOver().Run != c.from {
				t.Errorf("waited %s, and taken over from %+v", l.Waited(), l.TookOver())
			}
			if now := parseHolder(s.texts[s.refs[LockRef]]); now.Run != "a" || !now.Since.Equal(began.Add(l.Waited())) {
				t.Errorf("the lock says %+v", now)
			}
		})
	}
}

// beats is a holder that rewrites its blob every 30 seconds.
func beats(version string) func(*fakeServer, time.Duration) {
	return func(s *fakeServer, at time.Duration) {
		h := holder("b", version)
		h.Beat = int(at / beatEvery)
		s.refs[LockRef] = blobOf(h.Text())
		s.texts[s.refs[LockRef]] = h.Text()
	}
}

// TestAcquireRace: one that was faster is seen, and judged like any other.
func TestAcquireRace(t *testing.T) {
	s := newServer()
	s.before = func(kind string) {
		if kind == "note" {
			s.refs[LockRef], s.texts["x"] = "x", holder("b", "1.2.4").Text()
		}
	}
	var busy *Busy
	if _, err := Acquire(t.Context(), s, newClock(), holder("a", "1.2.3"), 0); !errors.As(err, &busy) || busy.Holder.Run != "b" || s.refs[LockRef] != "x" {
		t.Errorf("got %v, and the lock is at %q", err, s.refs[LockRef])
	}
}

// TestAcquireEndsWithItsContext, and with nothing else: a run may wait longer than any stage takes.
func TestAcquireEndsWithItsContext(t *testing.T) {
	s, clock := newServer(), newClock()
	ctx, cancel := context.WithCancel(t.Context())
	began := clock.Now()
	clock.passes = func(now time.Time) {
		if beats("1.2.3")(s, now.Sub(began)); now.Sub(began) > 24*time.Hour {
			cancel()
		}
	}
	s.refs[LockRef], s.texts["x"] = "x", holder("b", "1.2.3").Text()
	if _, err := Acquire(ctx, s, clock, holder("a", "1.2.3"), 0); err == nil || clock.Now().Sub(began) < 24*time.Hour {
		t.Errorf("got %v after %s", err, clock.Now().Sub(began))
	}
	if _, err := Acquire(t.Context(), s, clock, Holder{}, 0); err == nil {
		t.Error("a run without an id has the lock")
	}
}

// TestUnreadLock: a lock that was given back or renewed between two looks is nobody's to fail for.
func TestUnreadLock(t *testing.T) {
	for name, c := range map[string]struct {
		unread int // so many reads fail
		gone   time.Duration
		waited time.Duration
		busy   string
	}{
		"given back meanwhile":    {unread: 1, gone: 0, waited: pollEvery},
		"read at the second try":  {unread: 1, gone: -1, busy: "locked by the release of 1.3.0"},
		"its holder is dead":      {unread: 1, gone: time.Hour, waited: stale},
		"nobody ever can read it": {unread: 1000, gone: time.Hour, waited: stale},
		"nor that of one at work": {unread: 1000, gone: -1, busy: "locked by an unknown run"},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			began, beat := clock.Now(), 0
			s.refs[LockRef], s.texts["x"] = "x", holder("b", "1.3.0").Text()
			s.faults["read"] = slices.Repeat([]fault{{err: errNo}}, c.unread)
			clock.passes = func(now time.Time) {
				switch {
				case c.gone < 0:
					beat++
					s.refs[LockRef] = fmt.Sprint("x", beat)
					s.texts[s.refs[LockRef]] = s.texts["x"]
				case now.Sub(began) > c.gone:
					delete(s.refs, LockRef)
				}
			}
			_, err := Acquire(t.Context(), s, clock, holder("a", "1.2.3"), 0)
			if c.busy != "" {
				if err == nil || !strings.Contains(err.Error(), c.busy) {
					t.Errorf("got %v, want %s", err, c.busy)
				}
				return
			}
			if waited := clock.Now().Sub(began); err != nil || waited < c.waited || waited > c.waited+time.Minute {
				t.Errorf("got %v after %s, want the lock after %s", err, waited, c.waited)
			}
		})
	}
}
