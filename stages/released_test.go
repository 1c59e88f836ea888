package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

func TestCheckReleasedIn(t *testing.T) {
	for value, ok := range map[string]bool{"": true, "label": true, "comment": true, "Label": false, "both": false, "label, comment": false} {
		err := checkReleasedIn(value, version.DefaultTagPrefix)
		if (err == nil) != ok || err != nil && err.Error() != fmt.Sprintf("expected label or comment, found %q", value) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestCheckReleasedInFits: no forge takes a label that is longer, and each write would be refused after the release.
func TestCheckReleasedInFits(t *testing.T) {
	for prefix, ok := range map[version.TagPrefix]bool{"": true, "shop-v": true, "payments-service-internal/v": true, "payments-service-backend-internal/v": false} {
		err := checkReleasedIn(releasedByLabel, prefix)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "set it to comment") {
			t.Errorf("%q: %v", prefix, err)
		}
		if err := checkReleasedIn(releasedByComment, prefix); err != nil {
			t.Errorf("%q, as a comment: %v", prefix, err)
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
	entry := func(numbers ...int) changelog.Entry { return changelog.Entry{Numbers: numbers} }
	r := &Run{Version: v, config: config{Settings: Settings{ReleasedIn: releasedByLabel}, tagPrefix: version.DefaultTagPrefix}, found: &found{}}
	r.access.writable = true
	r.access.repository = forge.Repository{Kind: forge.GitHub, Path: "acme/shop", Web: "https://forge.example/acme/shop"}
	r.found.notes.Sections = []changelog.Section{
		{Name: changelog.Breaking, Entries: []changelog.Entry{entry(7)}},
		{Entries: []changelog.Entry{entry(7), entry(), entry(8, 9)}},
	}
	r.noteClosed(
		[]changelog.PullRequest{{Number: 7, Body: "Fixes #3, closes #4"}, {Number: 9, Body: "fixes #3"}, {Number: 11, Body: "fixes #5"}},
		[]changelog.Issue{{Number: 3}, {Number: 5}}, r.access.repository.Links())
	return r
}

// TestPlaces: each merged pull request of the notes and each issue that it closes once; what is no issue, not in the notes, or a
// number that a subject happens to end with, never.
func TestPlaces(t *testing.T) {
	pull := func(n int) forge.Place { return forge.Place{Pull: true, Number: n} }
	all := []forge.Place{pull(7), pull(9), {Number: 3}}
	for name, c := range map[string]struct {
		version string
		change  func(*Run)
		want    []forge.Place
	}{
		"a release":                {"1.3.0", func(*Run) {}, all},
		"a candidate":              {"1.3.0-rc.1", func(*Run) {}, nil},
		"it is not set":            {"1.3.0", func(r *Run) { r.config.ReleasedIn = "" }, nil},
		"there is no token":        {"1.3.0", func(r *Run) { r.access.writable = false }, nil},
		"there are no notes":       {"1.3.0", func(r *Run) { r.found.notes.Sections = nil }, nil},
		"no pull request was read": {"1.3.0", func(r *Run) { r.noteClosed(nil, nil, changelog.Links{}) }, nil},
		"no issue was read": {"1.3.0", func(r *Run) {
			r.noteClosed([]changelog.PullRequest{{Number: 7, Body: "Fixes #3"}}, nil, r.access.repository.Links())
		}, []forge.Place{pull(7)}},
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
	for value, want := range map[string]string{"label": "would mark 2 pull requests and 1 issue as released in 1.3.0", "": ""} {
		r := shown(t, "1.3.0")
		r.config.ReleasedIn = value
		would, err := r.wouldAnnounce(context.Background())
		if err != nil || strings.Join(would.Figures, "; ") != want {
			t.Errorf("%q: got %+v, %v", value, would, err)
		}
	}
}

// TestSignReleaseSaysWhatIsMissing: which pull requests were merged is not known, so nothing is marked, and somebody has to know.
func TestSignReleaseSaysWhatIsMissing(t *testing.T) {
	r := shown(t, "1.3.0")
	r.found.act = &release.Act{}
	r.noteClosed(nil, nil, changelog.Links{})
	if said := strings.Join(r.signRelease(t.Context()), ""); !strings.HasPrefix(said, "warning: ") || !strings.Contains(said, "run the same line again") {
		t.Errorf("it says %q", said)
	}
}
