package server

import (
	"strings"
	"testing"
)

func TestTakenBack(t *testing.T) {
	for _, c := range []struct{ name, known, target, left, taken, above string }{
		{"ran here", "1.2.0 1.4.0", "1.2.0", "1.4.0", "1.4.0", ""},
		{"in between, whether it ran here or not", "1.2.0 1.3.0 1.4.0", "1.2.0", "1.4.0", "1.3.0 1.4.0", ""},
		{"prereleases in between", "1.2.0 1.3.0-rc.1 1.3.0-rc.10 1.3.0-rc.9 1.3.0", "1.2.0", "1.3.0", "1.3.0-rc.1 1.3.0-rc.9 1.3.0-rc.10 1.3.0", ""},
		{"prerelease of the target", "1.2.0-rc.1 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"below the target", "1.0.0 1.1.9 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"above what was left", "1.2.0 1.4.0 1.5.0-rc.1 1.5.0", "1.2.0", "1.4.0", "1.4.0", "1.5.0-rc.1 1.5.0"},
		{"by number and not by letter", "1.9.0 1.10.0 1.11.0", "1.9.0", "1.11.0", "1.10.0 1.11.0", ""},
		{"patches of an older line", "1.2.0 1.2.1 1.3.0", "1.2.0", "1.3.0", "1.2.1 1.3.0", ""},
		{"known twice, unordered", "1.3.0 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"no versions", "found 1.2 latest 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"nothing known but the two", "", "1.2.0", "1.3.0", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			taken, above := takenBack(strings.Fields(c.known), c.target, c.left)
			if got := strings.Join(taken, " "); got != c.taken {
				t.Errorf("taken back: got %q, want %q", got, c.taken)
			}
			if got := strings.Join(above, " "); got != c.above {
				t.Errorf("above: got %q, want %q", got, c.above)
			}
		})
	}
}
