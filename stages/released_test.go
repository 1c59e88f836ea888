package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

func TestCheckReleasedIn(t *testing.T) {
	for value, ok := range map[string]bool{"": true, "label": true, "comment": true, "Label": false, "both": false, "label, comment": false} {
		err := checkReleasedIn(value)
		if (err == nil) != ok || err != nil && err.Error() != fmt.Sprintf("expected label or comment, found %q", value) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// shown is a run of a version whose notes have two pull requests on one line, a commit of its own and a breaking one.
func shown(t *testing.T, text string) *Run {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(refs ...string) changelog.Entry {
		e := changelog.Entry{Ref: changelog.Link{Text: refs[0]}}
		for _, ref := range refs[1:] {
			e.More = append(e.More, changelog.Link{Text: ref})
		}
		return e
	}
	r := &Run{Version: v, config: config{Settings: Settings{ReleasedIn: releasedByLabel}, tagPrefix: version.DefaultTagPrefix}, found: &found{}}
	r.access.writable = true
	r.access.repository = forge.Repository{Kind: forge.GitHub, Path: "acme/shop", Web: "https://forge.example/acme/shop"}
	r.found.notes.Sections = []changelog.Section{
		{Name: changelog.Breaking, Entries: []changelog.Entry{entry("#7")}},
		{Entries: []changelog.Entry{entry("#7"), entry("1234567"), entry("#8", "#9")}},
	}
	r.noteClosed(
		[]changelog.PullRequest{{Number: 7, Body: "Fixes #3, closes #4"}, {Number: 9, Body: "fixes #3"}, {Number: 11, Body: "fixes #5"}},
		[]changelog.Issue{{Number: 3}, {Number: 5}}, r.access.repository.Links())
	return r
}

// TestPlaces: each pull request of the notes and each issue that it closes once; what is no issue, or not in the notes, never.
func TestPlaces(t *testing.T) {
	pull := func(n int) forge.Place { return forge.Place{Pull: true, Number: n} }
	all := []forge.Place{pull(7), pull(8), pull(9), {Number: 3}}
	for name, c := range map[string]struct {
		version string
		change  func(*Run)
		want    []forge.Place
	}{
		"a release":          {"1.3.0", func(*Run) {}, all},
		"a candidate":        {"1.3.0-rc.1", func(*Run) {}, nil},
		"it is not set":      {"1.3.0", func(r *Run) { r.config.ReleasedIn = "" }, nil},
		"there is no token":  {"1.3.0", func(r *Run) { r.access.writable = false }, nil},
		"there are no notes": {"1.3.0", func(r *Run) { r.found.notes.Sections = nil }, nil},
		"another mark": {"1.3.0", func(r *Run) {
			r.access.repository.Kind = forge.GitLab
			r.found.notes.Sections[0].Entries[0].Ref.Text = "!7"
		}, []forge.Place{pull(7), {Number: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := shown(t, c.version)
			c.change(r)
			if got := r.places(); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSign(t *testing.T) {
	for prefix, want := range map[version.TagPrefix]string{"v": "released in 1.3.0", "": "released in 1.3.0", "shop-v": "released in shop-v1.3.0"} {
		r := shown(t, "1.3.0")
		r.config.tagPrefix = prefix
		if s := r.sign(); s.Label != want || s.Comment != "" {
			t.Errorf("%q: label %+v", prefix, s)
		}
		r.config.ReleasedIn = releasedByComment
		s := r.sign()
		if s.Label != "" || !strings.HasPrefix(s.Comment, "Released in ["+strings.TrimPrefix(want, releasedWords)+"](") || !strings.HasSuffix(s.Comment, s.Mark) {
			t.Errorf("%q: comment %+v", prefix, s)
		}
	}
	one, other := shown(t, "1.3.0"), shown(t, "1.3.0")
	one.config.ReleasedIn, other.config.ReleasedIn, other.config.tagPrefix = releasedByComment, releasedByComment, "shop-v"
	if strings.Contains(one.sign().Comment, other.sign().Mark) || strings.Contains(other.sign().Comment, one.sign().Mark) {
		t.Error("the marks of two products cannot be told apart")
	}
}

func TestWouldAnnounce(t *testing.T) {
	for value, want := range map[string]string{"label": "would mark 3 pull requests and 1 issue as released in 1.3.0", "": ""} {
		r := shown(t, "1.3.0")
		r.config.ReleasedIn = value
		would, err := r.wouldAnnounce(context.Background())
		if err != nil || strings.Join(would.Figures, "; ") != want {
			t.Errorf("%q: got %+v, %v", value, would, err)
		}
	}
}
