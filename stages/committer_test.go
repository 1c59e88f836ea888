package stages

import (
	"slices"
	"testing"
)

func TestParseCommitter(t *testing.T) {
	for setting, want := range map[string]committer{
		"":                                 {"Slipway", "slipway@localhost.invalid"},
		"Ada Brandt <ada@example.com>":     {"Ada Brandt", "ada@example.com"},
		"J. O'Neill-Ünal <j@example.com>":  {"J. O'Neill-Ünal", "j@example.com"},
		"release[bot] <bot@x.example.com>": {"release[bot]", "bot@x.example.com"},
	} {
		t.Run(setting, func(t *testing.T) {
			if got, err := parseCommitter(setting); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for _, wrong := range []string{"Ada", "ada@example.com", "<ada@example.com>", " <a@b>", "Ada <ada>", "Ada <a@b> ", "Ada\n <a@b>", "A <b> <c@d>", "Ada <a b@c>"} {
		if got, err := parseCommitter(wrong); err == nil {
			t.Errorf("%q is taken for %+v", wrong, got)
		}
	}
}

func TestParseBranches(t *testing.T) {
	got, err := parseBranches("release/*, hotfix/*,main")
	if err != nil || !slices.Equal(got, []string{"release/*", "hotfix/*", "main"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := parseBranches("release/["); err == nil {
		t.Errorf("a broken pattern is taken for %q", got)
	}
}
