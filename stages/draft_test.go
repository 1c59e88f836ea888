package stages

import (
	"errors"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// TestComes: the draft is of the version that candidates lead to.
func TestComes(t *testing.T) {
	parse := func(text string) version.Version {
		v, _ := version.Parse(text)
		return v
	}
	for name, c := range map[string]struct{ last, files, next, want string }{
		"a proposal":  {last: "1.2.3", files: "1.2.3", next: "1.3.0", want: "1.3.0"},
		"a candidate": {last: "1.2.3", files: "1.3.0-rc.1", next: "1.3.0-rc.1", want: "1.3.0"},
		"the first":   {want: "0.1.0"},
		"the files":   {files: "1.0.0", next: "1.0.0", want: "1.0.0"},
	} {
		p := proposal{lineage: lineage{last: parse(c.last), files: parse(c.files)}, next: parse(c.next)}
		if got := p.comes().String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestEmpty(t *testing.T) {
	for name, c := range map[string]struct {
		notes changelog.Notes
		want  bool
	}{
		"nothing":           {changelog.Notes{Previous: "v1.2.3"}, true},
		"a change":          {changelog.Notes{Sections: []changelog.Section{{}}}, false},
		"taken back":        {changelog.Notes{Cancelled: []changelog.Cancelled{{}}}, false},
		"nothing to reader": {changelog.Notes{Ignored: []changelog.Ignored{{}}}, false},
	} {
		if got := empty(c.notes); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestDraftText(t *testing.T) {
	page := &forge.Release{Tag: "v1.3.0", URL: "https://forge.example/7"}
	for want, done := range map[string]release.Drafted{
		"Made the standing draft for v1.3.0.\nhttps://forge.example/7\n":                          {Page: page, Wrote: true},
		"Wrote the standing draft for v1.3.0.\nhttps://forge.example/7\n":                         {Page: page, Wrote: true, Old: "v1.3.0"},
		"Wrote the standing draft for v1.3.0, which was for v1.2.4.\nhttps://forge.example/7\n":   {Page: page, Wrote: true, Old: "v1.2.4"},
		"The standing draft says so already.\nhttps://forge.example/7\n":                          {Page: page, Old: "v1.3.0"},
		"The standing draft was left as it is: a release is under way.\n":                         {Left: "a release is under way"},
		"Made the standing draft for v1.3.0.\nhttps://forge.example/7\nwarning: the lock stays\n": {Page: page, Wrote: true, Kept: errors.New("the lock stays")},
	} {
		r := shown(t, "1.3.0")
		if got := r.draftText(done); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r := shown(t, "1.3.0")
	r.found.notChecked = []string{"issues for the notes: 503", "issues for the notes: 503"}
	if got := r.draftText(release.Drafted{Page: page}); strings.Count(got, "Not checked: issues for the notes: 503\n") != 1 {
		t.Errorf("got %q", got)
	}
}
