package forge

import (
	"strings"
	"testing"
	"time"
)

// TestGiteaAdoptsADraft: on a real one, where the tag of the release was pushed before, and somebody has attached a file.
func TestGiteaAdoptsADraft(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	before := l.commit("feat: first")
	l.push()
	f := l.forge("", l.token)
	draft, err := f.CreateDraft(t.Context(), AsStanding(Release{Tag: "vnext", Commit: before, Title: "v1.2.0", Body: WithNotes("mine", "so far")}))
	if err != nil || !draft.IsStanding() {
		t.Fatalf("got %+v, %v", draft, err)
	}
	if _, err := f.UploadAsset(t.Context(), draft, File{"plan.txt", "text/plain", []byte("by hand")}); err != nil {
		t.Fatal(err)
	}
	commit := l.commit("feat: second")
	l.push()
	l.git("tag", "--annotate", "--message", "Release", "v1.2.0")
	l.git("push", "--quiet", "origin", "v1.2.0")

	draft = byTags(t, f)["vnext"]
	as := NotStanding(draft)
	as.Tag, as.Commit = "v1.2.0", commit
	if _, err := f.AdoptDraft(t.Context(), draft, as); err != nil {
		t.Fatal(err)
	}
	all := byTags(t, f)
	got := all["v1.2.0"]
	if len(all) != 1 || got.IsStanding() || got.Commit != commit || !strings.HasPrefix(got.Body, "mine") || len(got.Assets) != 1 {
		t.Errorf("there is %+v", all)
	}
	// The place is free for the next one, although Gitea remembers that it was taken.
	if again, err := f.CreateDraft(t.Context(), AsStanding(Release{Tag: "vnext", Commit: commit, Title: "v1.3.0", Body: "new"})); err != nil || !again.IsStanding() {
		t.Errorf("the next one: %+v, %v", again, err)
	}
}

func TestGiteaSigns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.commit("feat: first")
	l.push()
	var issue struct{ Number int }
	l.api("POST", l.repo("/issues"), map[string]any{"title": "x"}, &issue)
	f, at := l.forge("", l.token), []Place{{Number: issue.Number}}
	sign := byComment
	sign.Since = time.Now().Add(-time.Hour)
	for range 2 {
		for _, s := range []Sign{byLabel, sign} {
			if done, err := SignAll(t.Context(), f, &bench{}, at, s); err != nil || done.Issues != 1 {
				t.Fatalf("got %+v, %v", done, err)
			}
		}
	}
	var seen struct {
		Labels   []label
		Comments int
	}
	if l.api("GET", l.repo("/issues/"+number(issue.Number)), nil, &seen); len(seen.Labels) != 1 || string(seen.Labels[0]) != byLabel.Label || seen.Comments != 1 {
		t.Errorf("the issue has %+v", seen)
	}
}
