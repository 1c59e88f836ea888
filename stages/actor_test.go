package stages

import (
	"strings"
	"testing"
)

func TestParseActor(t *testing.T) {
	for _, c := range []struct{ name, text, want, err string }{
		{"unset", "", "", ""},
		{"a login", "ann", "ann", ""},
		{"a bot", "dependabot[bot]", "dependabot[bot]", ""},
		{"a full name", " Ада Лавлейс ", "Ада Лавлейс", ""},
		{"what a shell could take for more", "$(touch x) `y` ; \"z\"", "$(touch x) `y` ; \"z\"", ""},
		{"as long as it may be", strings.Repeat("ä", 100), strings.Repeat("ä", 100), ""},
		{"too long", strings.Repeat("a", 101), "", "expected a name on one line, of at most 100 printable characters"},
		{"two lines", "ann\n::error::bob", "", `found "ann\n::error::bob"`},
		{"colours", "\x1b[31mann", "", "printable"},
		{"turned around", "ann\u202ebob", "", "printable"},
		{"no text", "\xff\xfe", "", "printable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseActor(c.text)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.err)
			}
		})
	}
}

// TestWhoActed: a person where the CI names one, else the committer.
func TestWhoActed(t *testing.T) {
	r := prefixed(t, "v", "1.2.3")
	if got := r.report(nil).By; got != "Slipway" {
		t.Errorf("without an actor: %q", got)
	}
	r.actor = "ann"
	if got := r.report(nil).By; got != "ann" {
		t.Errorf("with one: %q", got)
	}
}
