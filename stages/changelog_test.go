package stages

import (
	"strings"
	"testing"
)

// TestChangelogRefusesFirst: what was typed wrong is told before anything is asked, for which there is no engine here.
func TestChangelogRefusesFirst(t *testing.T) {
	for name, c := range map[string]struct{ from, to, format, want string }{
		"the wrong way round": {"1.3.0", "v1.2.0", "markdown", "expected a version before 1.2.0 in --from, found 1.3.0"},
		"the same":            {"1.2.0", "1.2.0", "markdown", "expected a version before 1.2.0 in --from, found 1.2.0"},
		"a later candidate":   {"1.2.0", "1.2.0-rc.1", "json", "expected a version before 1.2.0-rc.1 in --from, found 1.2.0"},
		"no version":          {"1.2.0", "latest", "json", `"latest"`},
		"another format":      {"1.2.0", "1.3.0", "yaml", `expected the format markdown or json, found "yaml"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Pipeline{Settings: Settings{Severity: "HIGH"}}.Changelog(t.Context(), c.from, c.to, c.format)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(err.Error(), "Outcome: refused-input") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	r := prefixed(t, "v", "1.2.3")
	for _, to := range []string{"", "1.3.0"} {
		if err := r.checkBetween("1.2.0", to); err != nil {
			t.Errorf("from 1.2.0 to %q: %v", to, err)
		}
	}
}
