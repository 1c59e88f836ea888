package stages

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
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

// branches is a remote with nothing but branches and a lock.
type branches struct {
	gitremote.Server
	refs gitremote.Refs
	with []string // have the commit
}

func (b branches) Refs(context.Context) (gitremote.Refs, error) { return b.refs, nil }

func (b branches) Note(_ context.Context, text string, refs map[string]string) (string, error) {
	for ref := range refs {
		b.refs.Of[ref] = text
	}
	return text, nil
}

func (b branches) Remove(_ context.Context, ref, _ string) error {
	delete(b.refs.Of, ref)
	return nil
}

func (b branches) Containing(_ context.Context, of []string, _ string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(of), func(name string) bool { return !slices.Contains(b.with, name) }), nil
}

// TestMainBranch: a job of a release branch must not write the draft of the main branch.
func TestMainBranch(t *testing.T) {
	const here, other = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	for name, c := range map[string]struct {
		main string // its commit
		with []string
		want bool
	}{
		"its head":             {main: here, want: true},
		"a commit of it":       {main: other, with: []string{"main", "release/1.2"}, want: true},
		"of a release branch":  {main: other, with: []string{"release/1.2"}},
		"of no branch at all":  {main: other},
		"the head of a branch": {main: other, with: []string{"release/1.3"}},
	} {
		refs := gitremote.Refs{Default: "main", Of: map[string]string{"refs/heads/main": c.main, "refs/heads/release/1.3": here}}
		r := &Run{config: config{branches: []string{"release/*"}}, access: access{git: branches{refs: refs, with: c.with}}}
		r.source.commit = here
		if branch, has, err := r.mainBranch(t.Context()); branch != "main" || has != c.want || err != nil {
			t.Errorf("%s: got %s, %t, %v", name, branch, has, err)
		}
	}
	r := &Run{access: access{git: branches{}}}
	r.source.commit = here
	if _, _, err := r.mainBranch(t.Context()); err == nil || !strings.Contains(err.Error(), "no default branch") {
		t.Errorf("without a default branch: %v", err)
	}
}

// drafts is a forge with drafts that nobody asks about commits: they were read for the proposal.
type drafts struct {
	forge.Forge
	made []forge.Release
}

func (d *drafts) Capabilities() forge.Capabilities { return forge.Capabilities{Drafts: true} }

func (d *drafts) Releases(context.Context) ([]forge.Release, error) { return d.made, nil }

func (d *drafts) CreateDraft(_ context.Context, r forge.Release) (forge.Release, error) {
	d.made = append(d.made, r)
	return r, nil
}

// TestDraftReadsOnce: the notes of the draft are made of what the proposal has read.
func TestDraftReadsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		previous string
		commits  []changelog.Commit
		left     string
	}{
		"a change":             {previous: "v1.2.3", commits: []changelog.Commit{{Hash: strings.Repeat("1", 40), Subject: "feat: more light"}}},
		"none":                 {previous: "v1.2.3", left: "there are no commits since v1.2.3"},
		"none, and no release": {left: "there are no commits since the beginning"},
	} {
		r := shown(t, "1.3.0")
		r.nonce, r.source.commit = "1", strings.Repeat("1", 40)
		at := &drafts{}
		r.access.forge, r.access.git = at, branches{refs: gitremote.Refs{Default: "main", Of: map[string]string{"refs/heads/main": r.source.commit}}}
		done, err := r.keepDraft(t.Context(), "main", proposal{in: changelog.Input{Commits: c.commits, Previous: c.previous, PullRequests: []changelog.PullRequest{}}})
		if err != nil || done.Left != c.left {
			t.Errorf("%s: got %+v, %v", name, done, err)
		}
		if c.left == "" && (len(at.made) != 1 || !strings.Contains(at.made[0].Body, "more light")) {
			t.Errorf("%s: made %+v", name, at.made)
		}
	}
}
