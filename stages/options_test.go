package stages

import (
	"testing"
	"time"
)

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
