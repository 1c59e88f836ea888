package forge

import (
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

// standing is a standing draft of the tag.
func standing(id int64, tag, text string) Release {
	r := AsStanding(Release{ID: id, Tag: tag, Commit: theirs, Title: tag, Body: WithNotes(text, "so far")})
	r.URL = "https://f.example/" + tag
	return r
}

func ofLine(tag string) bool { return strings.HasPrefix(tag, "v") }

func TestStanding(t *testing.T) {
	next := standing(7, "v1.3.0", "")
	published := standing(8, "v1.3.0", "")
	published.Draft = false
	for name, test := range map[string]struct {
		releases []Release
		want     int64
		err      string
	}{
		"none":                     {},
		"a draft of a release":     {releases: []Release{{ID: 1, Tag: "v1.3.0", Draft: true}}},
		"one":                      {releases: []Release{{ID: 1, Tag: "v1.2.9"}, next}, want: 7},
		"published by a person":    {releases: []Release{published}},
		"another product's":        {releases: []Release{standing(9, "shop-v1.3.0", ""), next}, want: 7},
		"two, and nobody can tell": {releases: []Release{next, standing(9, "v1.2.4", "")}, err: "there are 2 standing drafts: 7 (draft, https://f.example/v1.3.0), 9 (draft, https://f.example/v1.2.4); delete all but the right one"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Standing(test.releases, ofLine)
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil || (got == nil) != (test.want == 0) || got != nil && got.ID != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestFindPassesStandingDraftsOver: one of the tag at another commit is not what "belongs to commit" is about.
func TestFindPassesStandingDraftsOver(t *testing.T) {
	byHand := Release{ID: 8, Tag: "v1.3.0", Commit: ours}
	for name, releases := range map[string][]Release{
		"alone":                {standing(7, "v1.3.0", "")},
		"beside a release":     {standing(7, "v1.3.0", ""), byHand},
		"beside another draft": {standing(7, "v1.3.0", ""), {ID: 8, Tag: "v1.3.0", Commit: ours, Draft: true}},
	} {
		got, err := Find(releases, "v1.3.0", ours)
		if err != nil || (got != nil) != (len(releases) > 1) || got != nil && got.ID != 8 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestStandingMark(t *testing.T) {
	for _, text := range []string{"", "mine", "mine\r\n\r\n", "<!-- a -->\n"} {
		plain := Release{Tag: "v1.3.0", Body: WithNotes(text, "so far")}
		marked := AsStanding(plain)
		if !marked.IsStanding() || AsStanding(marked).Body != marked.Body || !HasNotes(marked.Body) {
			t.Errorf("%q: marked %+v", text, marked)
		}
		if got := NotStanding(marked); got.IsStanding() || got.Body != plain.Body {
			t.Errorf("%q: got back %q", text, got.Body)
		}
		marked.Body = strings.ReplaceAll(marked.Body, "\n", "\r\n") // as the forge's page saves it
		if got := NotStanding(marked); got.IsStanding() || strings.HasPrefix(got.Body, "\r") || strings.HasPrefix(got.Body, "\n") {
			t.Errorf("%q: got back %q", text, got.Body)
		}
	}
}

// drafters are the forges with drafts: what they have, by tag, and the faults to make.
var drafters = map[string]func(*testing.T) (Forge, *labtest.Proxy, func() map[string]Release){
	"GitHub": func(t *testing.T) (Forge, *labtest.Proxy, func() map[string]Release) {
		s := newGitHub(t)
		s.tags["v1.2.3"] = ours
		return s.Forge(), s.api, func() map[string]Release { return byTags(t, s.Forge()) }
	},
	"Gitea": func(t *testing.T) (Forge, *labtest.Proxy, func() map[string]Release) {
		s := newGitea(t)
		s.pushed = []string{"v1.2.3"}
		return s.Forge(), s.api, func() map[string]Release { return byTags(t, s.Forge()) }
	},
}

func byTags(t *testing.T, f Forge) map[string]Release {
	t.Helper()
	all, err := f.Releases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Release{}
	for _, r := range all {
		found[r.Tag] = r
	}
	if len(found) != len(all) {
		t.Errorf("%d releases of %d tags", len(all), len(found))
	}
	return found
}

// TestAdoptDraft: whatever gets lost, the release has one draft, with what people wrote and attached.
func TestAdoptDraft(t *testing.T) {
	for kind, start := range drafters {
		for _, tag := range []string{"v1.2.4", "vnext"} {
			for name, fault := range map[string]labtest.Fault{
				"": {Path: "never"}, "made, and the answer is lost": {Method: "POST", Times: 1, Lose: true},
				"changed, and the answer is lost": {Method: "PATCH", Times: 1, Lose: true},
				"removed, and the answer is lost": {Method: "DELETE", Times: 1, Lose: true},
			} {
				t.Run(strings.Join([]string{kind, tag, name}, "/"), func(t *testing.T) {
					f, proxy, now := start(t)
					next := standing(0, tag, "mine")
					draft, err := f.CreateDraft(t.Context(), next)
					if err != nil || !draft.IsStanding() {
						t.Fatalf("got %+v, %v", draft, err)
					}
					if _, err := f.UploadAsset(t.Context(), draft, File{"plan.txt", "text/plain", []byte("by hand")}); err != nil {
						t.Fatal(err)
					}
					draft = now()[tag]
					proxy.Fault(fault)
					as := NotStanding(draft)
					as.Tag, as.Commit, as.Title = "v1.2.3", ours, "the dark one"
					adopted, err := f.AdoptDraft(t.Context(), draft, as)
					if err != nil || !adopted.Draft || adopted.Tag != "v1.2.3" {
						t.Fatalf("got %+v, %v", adopted, err)
					}
					all := now()
					got := all["v1.2.3"]
					if len(all) != 1 || !got.Draft || got.IsStanding() || got.Commit != ours || got.Title != "the dark one" || !strings.HasPrefix(got.Body, "mine") {
						t.Errorf("there is %+v", all)
					}
					assets, err := f.Assets(t.Context(), got)
					if err != nil || len(assets) != 1 || assets[0].Name != "plan.txt" {
						t.Errorf("attached is %+v, %v", assets, err)
					}
				})
			}
		}
	}
}

// TestAdoptDraftGoesOn: where a run was cut off, the next one takes the rest over, and what a person attached is not lost.
func TestAdoptDraftGoesOn(t *testing.T) {
	for name, fault := range map[string]labtest.Fault{
		"before a file was read":           {Method: "GET", Path: "/attachments/", Status: 403},
		"before a file came over":          {Method: "POST", Path: "/assets", Status: 403},
		"before the standing one was gone": {Method: "DELETE", Status: 403},
		"before its mark was taken away":   {Method: "PATCH", Status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			f, proxy, now := drafters["Gitea"](t)
			draft, err := f.CreateDraft(t.Context(), standing(0, "vnext", "mine"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.UploadAsset(t.Context(), draft, File{"plan.txt", "text/plain", []byte("by hand")}); err != nil {
				t.Fatal(err)
			}
			draft = now()["vnext"]
			as := NotStanding(draft)
			as.Tag, as.Commit = "v1.2.3", ours
			fault.Times = 1
			proxy.Fault(fault)
			if _, err := f.AdoptDraft(t.Context(), draft, as); err == nil {
				t.Fatal("it was not cut off")
			}
			all, err := f.Releases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := now()["v1.2.3"]
			if left := Replaced(all, got); left != nil {
				if got, err = f.AdoptDraft(t.Context(), *left, NotStanding(got)); err != nil {
					t.Fatal(err)
				}
			}
			assets, err := f.Assets(t.Context(), got)
			if err != nil || len(now()) != 1 || !got.Draft || len(assets) != 1 || !strings.HasPrefix(NotStanding(got).Body, "mine") {
				t.Errorf("there is %+v with %+v, %v", now(), assets, err)
			}
		})
	}
}

// TestStandingDraftIsMadeOnce: one whose answer is lost is found by its mark.
func TestStandingDraftIsMadeOnce(t *testing.T) {
	for kind, start := range drafters {
		t.Run(kind, func(t *testing.T) {
			f, proxy, now := start(t)
			proxy.Fault(labtest.Fault{Method: "POST", Times: 1, Lose: true})
			made, err := f.CreateDraft(t.Context(), standing(0, "v1.3.0", ""))
			if err != nil || !made.IsStanding() || len(now()) != 1 || len(proxy.Writes()) != 1 {
				t.Errorf("got %+v, %v after %d requests that write; there is %+v", made, err, len(proxy.Writes()), now())
			}
		})
	}
}

// TestUpdateMovesADraft: to the tag and the commit of what comes next, and a published release nowhere.
func TestUpdateMovesADraft(t *testing.T) {
	for kind, start := range drafters {
		t.Run(kind, func(t *testing.T) {
			f, _, now := start(t)
			draft, err := f.CreateDraft(t.Context(), standing(0, "v1.2.4", ""))
			if err != nil {
				t.Fatal(err)
			}
			draft.Tag, draft.Commit = "v1.3.0", ours
			if moved, err := f.UpdateRelease(t.Context(), draft); err != nil || moved.ID != draft.ID || moved.Tag != "v1.3.0" || moved.Commit != ours {
				t.Fatalf("got %+v, %v", moved, err)
			}
			if all := now(); len(all) != 1 || all["v1.3.0"].ID != draft.ID {
				t.Errorf("there is %+v", all)
			}
		})
	}
}

// TestGitHubRefusesTheCommitOfADraft: its workflows differ. The draft must not go on naming the commit of another version.
func TestGitHubRefusesTheCommitOfADraft(t *testing.T) {
	s := newGitHub(t)
	f := s.Forge()
	draft, err := f.CreateDraft(t.Context(), standing(0, "v1.2.4", "mine"))
	if err != nil {
		t.Fatal(err)
	}
	s.workflows = true
	as := NotStanding(draft)
	as.Tag, as.Commit = "v1.2.3", ours
	adopted, err := f.AdoptDraft(t.Context(), draft, as)
	if err != nil || adopted.Tag != "v1.2.3" || adopted.Commit != "main" {
		t.Fatalf("got %+v, %v", adopted, err)
	}
	if found, err := Find([]Release{adopted}, "v1.2.3", ours); err != nil || found == nil {
		t.Errorf("the next run finds %+v, %v", found, err)
	}
}
