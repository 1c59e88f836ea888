package release

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// standing is a standing draft of the tag at another commit.
func standing(tag, text string) forge.Release {
	return forge.AsStanding(forge.Release{ID: 9, Tag: tag, Commit: other, Title: tag, Body: forge.WithNotes(text, "so far")})
}

// TestStandingDraftIsTakenOver: whatever version and commit it is for, it stands in nobody's way.
func TestStandingDraftIsTakenOver(t *testing.T) {
	const takesOver = "write the notes into the standing draft, which becomes the release's"
	ready := func(o *Observed) { page(o, func(*forge.Release) {}) }
	for name, c := range map[string]struct {
		version string
		drafts  []forge.Release
		found   func(*Observed)
		takes   bool
		refused string
	}{
		"of the same tag, at another commit": {version: "1.2.3", drafts: []forge.Release{standing("v1.2.3", "")}, takes: true},
		"of another version":                 {version: "1.2.3", drafts: []forge.Release{standing("v1.3.0", "")}, takes: true},
		"under a tag that nobody pushes":     {version: "1.2.3", drafts: []forge.Release{standing("vnext", "")}, takes: true},
		"of another product":                 {version: "1.2.3", drafts: []forge.Release{standing("shop-v1.2.3", "")}},
		"of another product, by its place":   {version: "1.2.3", drafts: []forge.Release{standing("shop-vnext", "")}},
		"none":                               {version: "1.2.3"},
		"the release has its own":            {version: "1.2.3", drafts: []forge.Release{standing("v1.3.0", "")}, found: ready},
		"a candidate leaves it":              {version: "1.2.3-rc.1", drafts: []forge.Release{standing("v1.2.3", "")}},
		"a backport leaves it":               {version: "1.1.1", drafts: []forge.Release{standing("v1.3.0", "")}},
		"a backport that it is for":          {version: "1.1.1", drafts: []forge.Release{standing("v1.1.1", "")}, takes: true},
		"a backport, and two":                {version: "1.1.1", drafts: []forge.Release{standing("v1.2.3", ""), standing("v1.3.0", "")}},
		"another release was cut off at it":  {version: "1.2.3", drafts: []forge.Release{standing("vnext", ""), forge.Replacing(forge.Release{ID: 8, Tag: "v1.2.2"}, standing("vnext", ""))}},
		"two": {
			version: "1.2.3", drafts: []forge.Release{standing("v1.2.3", ""), standing("v1.3.0", "")},
			refused: "there are 2 standing drafts",
		},
		"two, and a candidate": {version: "1.2.3-rc.1", drafts: []forge.Release{standing("v1.2.3", ""), standing("v1.3.0", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			o, q := nothing(t), wanted(t)
			q.Version = parse(t, c.version)
			if c.found != nil {
				c.found(&o)
			}
			o.Forge.Is = append(slices.Clone(o.Forge.Is), c.drafts...)
			plan, err := Decide(o, q)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || strings.Contains(lines(plan), takesOver) != c.takes {
				t.Errorf("got %v, %s", err, lines(plan))
			}
		})
	}
}

// TestRollbackLeavesTheStandingDraft: it is no release that could be taken back.
func TestRollbackLeavesTheStandingDraft(t *testing.T) {
	o := nothing(t)
	o.Forge.Is = []forge.Release{standing("v1.2.3", "")}
	q := BackRequest{Request: wanted(t), Withdrawn: []version.Version{parse(t, "1.2.3")}, Reason: "slow"}
	if p := DecideBack(o, q); len(p.Mark) != 0 || len(p.Silent) != 1 {
		t.Errorf("marked %+v, and in git %v", p.Mark, p.Silent)
	}
}

// refServer is a git server with nothing but refs and notes.
type refServer struct {
	gitremote.Server
	refs, notes map[string]string
	beats       bool // whoever has the lock renews it each time that somebody looks
}

func (s *refServer) Refs(context.Context) (gitremote.Refs, error) {
	if s.beats {
		s.refs[gitremote.LockRef] += "'"
	}
	return gitremote.Refs{Default: "main", Of: maps.Clone(s.refs)}, nil
}

func (s *refServer) Note(_ context.Context, text string, refs map[string]string) (string, error) {
	for ref := range refs {
		s.refs[ref], s.notes[ref] = text, text
	}
	return text, nil
}

func (s *refServer) ReadNote(_ context.Context, ref string) (string, error) { return s.notes[ref], nil }

func (s *refServer) Remove(_ context.Context, ref, _ string) error {
	delete(s.refs, ref)
	return nil
}

// pages is a forge with drafts.
type pages struct {
	Forge
	can    forge.Capabilities
	all    []forge.Release
	writes int
	fails  error

	adopted []int64 // standing drafts
}

func (p *pages) Capabilities() forge.Capabilities { return p.can }

func (p *pages) Releases(context.Context) ([]forge.Release, error) { return p.all, p.fails }

func (p *pages) CreateDraft(_ context.Context, r forge.Release) (forge.Release, error) {
	r.ID, p.writes = 10, p.writes+1
	p.all = append(p.all, r)
	return r, nil
}

func (p *pages) AdoptDraft(_ context.Context, standing, as forge.Release) (forge.Release, error) {
	p.adopted = append(p.adopted, standing.ID)
	return as, nil
}

func (p *pages) Publish(ctx context.Context, r forge.Release) (forge.Release, error) {
	return p.UpdateRelease(ctx, r)
}

func (p *pages) UpdateRelease(_ context.Context, r forge.Release) (forge.Release, error) {
	p.writes++
	i := slices.IndexFunc(p.all, func(one forge.Release) bool { return one.ID == r.ID })
	p.all[i] = r
	return r, nil
}

func TestKeepDraft(t *testing.T) {
	gitHub, gitea := forge.Capabilities{Drafts: true, Latest: true}, forge.Capabilities{Drafts: true, Eager: true}
	titled := standing("v1.2.4", "mine\n\n")
	titled.Title = "the dark one"
	upToDate := forge.AsStanding(forge.Release{ID: 9, Tag: "v1.3.0", Commit: here, Title: "v1.3.0"})
	upToDate.Body = forge.WithNotes(upToDate.Body, "what is new")
	unbound := upToDate
	unbound.Commit = "main"
	for name, c := range map[string]struct {
		can     forge.Capabilities
		found   []forge.Release
		refs    map[string]string
		held    bool          // another run has the lock
		beats   bool          // and is at work
		want    forge.Release // of which these are looked at: ID, Tag, Title, and how its text begins
		writes  int
		old     string
		left    string
		refused string
	}{
		"the first":                               {can: gitHub, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"the first on an eager forge":             {can: gitea, want: forge.Release{ID: 10, Tag: "vnext", Title: "v1.3.0"}, writes: 1},
		"of the same version":                     {can: gitHub, found: []forge.Release{standing("v1.3.0", "")}, want: forge.Release{ID: 9, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1, old: "v1.3.0"},
		"of another version":                      {can: gitHub, found: []forge.Release{standing("v1.2.4", "")}, want: forge.Release{ID: 9, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1, old: "v1.2.4"},
		"a person wrote into it":                  {can: gitHub, found: []forge.Release{titled}, want: forge.Release{ID: 9, Tag: "v1.3.0", Title: "the dark one", Body: "mine\n\n"}, writes: 1, old: "v1.2.4"},
		"nothing is new":                          {can: gitHub, found: []forge.Release{upToDate}, want: forge.Release{ID: 9, Tag: "v1.3.0", Title: "v1.3.0"}, old: "v1.3.0"},
		"another product's beside it":             {can: gitHub, found: []forge.Release{standing("shop-v1.2.4", "")}, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"two":                                     {can: gitHub, found: []forge.Release{standing("v1.2.4", ""), standing("v1.3.0", "")}, refused: "there are 2 standing drafts"},
		"of a commit that the forge did not take": {can: gitHub, found: []forge.Release{unbound}, want: forge.Release{ID: 9, Tag: "v1.3.0", Title: "v1.3.0", Commit: "main"}, old: "v1.3.0"},
		"its commit was released":                 {can: gitHub, refs: map[string]string{"refs/tags/v2.0.0": here}, left: "1111111 was released as v2.0.0 since this clone was made"},
		"its commit is a candidate":               {can: gitHub, refs: map[string]string{"refs/tags/v2.0.0-rc.1": here}, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"the clone knows the release":             {can: gitHub, refs: map[string]string{"refs/tags/v1.2.0": here}, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"another product's release":               {can: gitHub, refs: map[string]string{"refs/tags/shop-v2.0.0": here}, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"another branch's release":                {can: gitHub, refs: map[string]string{"refs/tags/v2.0.0": other}, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"a person's draft, eager":                 {can: gitea, found: []forge.Release{{ID: 3, Tag: "v1.3.0", Draft: true}}, left: "somebody has made a release or draft of v1.3.0, which is left as it is"},
		"a person's draft of the tag":             {can: gitHub, found: []forge.Release{{ID: 3, Tag: "v1.3.0", Draft: true}}, left: "somebody has made a release or draft of v1.3.0, which is left as it is"},
		"published under a place":                 {can: gitea, found: []forge.Release{{ID: 3, Tag: "vnext"}}, left: "somebody has made a release or draft of vnext"},
		"a later commit":                          {can: gitHub, refs: map[string]string{"refs/heads/main": other}, left: "main is at 2222222 on the remote: left to the run of that commit"},
		"its release has begun":                   {can: gitHub, refs: map[string]string{"refs/tags/v1.3.0": other}, left: "the tag v1.3.0 is on the remote: its release takes the draft over"},
		"its release, by a bare tag":              {can: gitHub, refs: map[string]string{"refs/tags/1.3.0": other}, left: "the tag 1.3.0 is on the remote"},
		"a run that is gone has left the lock":    {can: gitHub, held: true, want: forge.Release{ID: 10, Tag: "v1.3.0", Title: "v1.3.0"}, writes: 1},
		"a release has the lock":                  {can: gitHub, held: true, beats: true, left: "a release is under way and takes the draft over: the repository is locked by the release of 1.3.0 (commit 1111111) by Ada"},
	} {
		t.Run(name, func(t *testing.T) {
			git := &refServer{refs: map[string]string{"refs/heads/main": here}, notes: map[string]string{}, beats: c.beats}
			maps.Copy(git.refs, c.refs)
			if c.held {
				git.refs[gitremote.LockRef], git.notes[gitremote.LockRef] = "x", gitremote.Holder{Run: "2", Who: "Ada", Version: "1.3.0", Commit: here}.Text()
			}
			at := &pages{can: c.can, all: slices.Clone(c.found)}
			u := Upcoming{Request: wanted(t), Branch: "main", Commits: []string{here}, Notes: "what is new"}
			u.Local = []Tag{{"v1.2.0", here}}
			u.Version = parse(t, "1.3.0")
			h := gitremote.Holder{Run: "1", Who: "CI", Version: "1.3.0", Commit: here}
			var done Drafted
			var err error
			synctest.Test(t, func(t *testing.T) { // minutes pass
				done, err = KeepDraft(t.Context(), World{Clock: retry.Real, Git: git, Forge: at, Together: Parallel}, u, h)
				time.Sleep(time.Minute) // its heartbeat ends
			})
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) || at.writes != 0 {
					t.Errorf("got %v after %d writes", err, at.writes)
				}
				return
			}
			if err != nil || at.writes != c.writes || done.Wrote != (c.writes > 0) || done.Old != c.old || !strings.HasPrefix(done.Left, c.left) || (done.Left == "") != (c.left == "") {
				t.Fatalf("got %+v, %v after %d writes", done, err, at.writes)
			}
			if held := git.refs[gitremote.LockRef]; (held != "") != c.beats {
				t.Errorf("the lock is at %q", held)
			}
			if c.left != "" {
				return
			}
			got := forge.NotStanding(*done.Page)
			if !done.Page.IsStanding() || got.ID != c.want.ID || got.Tag != c.want.Tag || got.Title != c.want.Title || got.Commit != cmp.Or(c.want.Commit, here) ||
				!strings.HasPrefix(got.Body, c.want.Body) || !strings.Contains(got.Body, "what is new") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestKeepDraftGivesTheLockBack: after an error, too.
func TestKeepDraftGivesTheLockBack(t *testing.T) {
	git := &refServer{refs: map[string]string{"refs/heads/main": here}, notes: map[string]string{}}
	at := &pages{can: forge.Capabilities{Drafts: true}, fails: errors.New("503")}
	u := Upcoming{Request: wanted(t), Branch: "main"}
	_, err := KeepDraft(t.Context(), World{Clock: retry.Real, Git: git, Forge: at, Together: Parallel}, u, holder)
	if err == nil || git.refs[gitremote.LockRef] != "" {
		t.Errorf("got %v, and the lock is at %q", err, git.refs[gitremote.LockRef])
	}
}
