package stages

import (
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/report"
)

func TestLockMove(t *testing.T) {
	for name, c := range map[string]struct {
		view lockView
		want lockMove
	}{
		"free":                                      {lockView{}, moveTake},
		"free, after a wait":                        {lockView{waited: time.Hour}, moveTake},
		"another version":                           {lockView{blob: "a"}, moveFail},
		"another version, allowed to wait":          {lockView{blob: "a", waited: time.Minute, allowed: 2 * time.Minute}, moveWait},
		"another version, waited long enough":       {lockView{blob: "a", waited: 2 * time.Minute, allowed: 2 * time.Minute}, moveFail},
		"the same release":                          {lockView{blob: "a", same: true}, moveWait},
		"the same release, for as long as it takes": {lockView{blob: "a", same: true, waited: time.Hour}, moveWait},
		"just not stale":                            {lockView{blob: "a", same: true, unchanged: 3*time.Minute - 1}, moveWait},
		"stale":                                     {lockView{blob: "a", same: true, unchanged: 3 * time.Minute}, moveTake},
		"stale, of another version":                 {lockView{blob: "a", waited: 4 * time.Minute, allowed: 4 * time.Minute, unchanged: 3 * time.Minute}, moveTake},
		"alive for hours is not stale":              {lockView{blob: "a", waited: time.Hour, unchanged: 29 * time.Second}, moveFail},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.view.move(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestLockTimes(t *testing.T) {
	if lockStale < 5*lockBeat {
		t.Errorf("a holder that misses %d beats loses its lock", lockStale/lockBeat)
	}
}

func TestParseLockWait(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Minute, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "24h": 24 * time.Hour,
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := parseLockWait(text); err != nil || got != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
	for _, wrong := range []string{"-1", "-5s", "soon", "5 minutes", "25h", "NaN", "Inf", "1e300", "0.5", "99999"} {
		if got, err := parseLockWait(wrong); err == nil {
			t.Errorf("%q is taken for %s", wrong, got)
		}
	}
}

func TestLockedBy(t *testing.T) {
	held := holder{Run: "r", Who: "Ada", Version: "1.2.3", Commit: "0123456789", Since: time.Now().Add(-90 * time.Second)}
	f := explain(lockedBy(held))
	for _, word := range []string{"the release of 1.2.3 (commit 0123456) by Ada, since ", "(1m30s ago)"} {
		if !strings.Contains(f.Error(), word) {
			t.Errorf("%q does not say %q", f.Error(), word)
		}
	}
	if f.outcome != report.Locked || report.Locked.Green() || !strings.Contains(f.next, "--lock-wait") {
		t.Errorf("outcome %q, next %q", f.outcome, f.next)
	}
	if f := explain(lockedBy(holder{})); !strings.HasSuffix(f.Error(), "locked by an unknown run") {
		t.Errorf("got %q", f.Error())
	}
}
