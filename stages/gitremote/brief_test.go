package gitremote

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestBriefRuns: who needs the lock for seconds only is waited for, and waits for no release that is at work.
func TestBriefRuns(t *testing.T) {
	brief := func(run, version string) Holder {
		h := holder(run, version)
		h.Brief = true
		return h
	}
	for name, c := range map[string]struct {
		own, held Holder
		gone      time.Duration // when its holder gives it back
		beats     bool          // the holder, which lives
		waited    [2]time.Duration
		busy      bool
	}{
		"a release waits for it":              {own: holder("a", "1.2.3"), held: brief("b", "1.3.0"), gone: 10 * time.Second, waited: [2]time.Duration{10 * time.Second, 10*time.Second + pollEvery}},
		"a release takes it over":             {own: holder("a", "1.2.3"), held: brief("b", "1.3.0"), gone: time.Hour, waited: [2]time.Duration{stale, stale + pollEvery}},
		"it waits for its like":               {own: brief("a", "1.3.0"), held: brief("b", "1.3.0"), gone: 10 * time.Second, waited: [2]time.Duration{10 * time.Second, 10*time.Second + pollEvery}},
		"it waits for no release":             {own: brief("a", "1.3.0"), held: holder("b", "1.2.3"), gone: time.Hour, beats: true, busy: true},
		"not even for that of the same thing": {own: brief("a", "1.3.0"), held: holder("b", "1.3.0"), gone: time.Hour, beats: true, busy: true},
		"it takes over that of a dead one":    {own: brief("a", "1.3.0"), held: holder("b", "1.2.3"), gone: time.Hour, waited: [2]time.Duration{stale, stale + pollEvery}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newServer(), newClock()
			began := clock.Now()
			s.refs[LockRef], s.texts["x"] = "x", c.held.Text()
			clock.passes = func(now time.Time) {
				switch at := now.Sub(began); {
				case at >= c.gone && s.refs[LockRef] == "x":
					delete(s.refs, LockRef)
				case c.beats && at >= beatEvery:
					s.refs[LockRef], s.texts["y"] = "y", c.held.Text()
				}
			}
			l, err := Acquire(t.Context(), s, clock, c.own, 0)
			var busy *Busy
			if c.busy {
				if !errors.As(err, &busy) || clock.Now().Sub(began) >= beatEvery+pollEvery {
					t.Errorf("got %v after %s", err, clock.Now().Sub(began))
				}
				return
			}
			if err != nil || l.Waited() < c.waited[0] || l.Waited() >= c.waited[1] {
				t.Fatalf("got %v after %s", err, clock.Now().Sub(began))
			}
		})
	}
	if text := brief("b", "1.3.0").String(); !strings.HasPrefix(text, "the standing draft of 1.3.0 (commit 0123456) by Ada") {
		t.Errorf("it is called %s", text)
	}
}
