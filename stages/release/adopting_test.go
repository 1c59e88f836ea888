package release

import (
	"context"
	"slices"
	"testing"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// notes is a maker of notes.
type notes struct{ Maker }

func (notes) Notes(context.Context, Tag) (string, error) { return "what is new", nil }

// highest is the release of the highest stable version on a forge.
func highest(t *testing.T, at *pages) *Act {
	q := wanted(t)
	plan := Plan{Request: q, Floating: version.FloatingTags(q.Version, nil)}
	return &Act{Plan: plan, world: World{Clock: retry.Real, Forge: at}, forge: at, maker: notes{}}
}

// TestStableIsPublishedAsStable: whatever somebody has ticked on the draft, before it is taken over or afterwards.
func TestStableIsPublishedAsStable(t *testing.T) {
	ticked := standing("v1.2.3", "")
	ticked.Prerelease = true
	a := highest(t, &pages{can: forge.Capabilities{Drafts: true}, all: []forge.Release{ticked}})
	if _, err := (draft{}).do(t.Context(), a); err != nil || a.page.Prerelease {
		t.Errorf("taken over: %+v, %v", a.page, err)
	}
	at := &pages{can: forge.Capabilities{Drafts: true}, all: []forge.Release{{ID: 9, Tag: "v1.2.3", Commit: here, Draft: true, Prerelease: true}}}
	a = highest(t, at)
	if _, err := (publication{}).do(t.Context(), a); err != nil || at.all[0].Draft || at.all[0].Prerelease || !at.all[0].Latest {
		t.Errorf("published: %+v, %v", at.all[0], err)
	}
}

// TestAdoptingIsFinished: a run was cut off when the new draft was made, and the standing one was still there.
func TestAdoptingIsFinished(t *testing.T) {
	left := standing("vnext", "mine")
	begun := forge.Replacing(forge.NotStanding(left), left)
	begun.ID, begun.Tag, begun.Commit = 10, "v1.2.3", here
	shown := begun
	shown.Draft = false
	later := standing("vnext", "of the next one")
	later.ID = 11
	for name, c := range map[string]struct {
		all    []forge.Release
		adopts bool
	}{
		"the standing draft is there":     {[]forge.Release{begun, left}, true},
		"the forge has published the new": {[]forge.Release{shown, left}, true},
		"only the mark was left":          {[]forge.Release{begun}, false},
		"and there is another one":        {[]forge.Release{begun, later}, false},
	} {
		t.Run(name, func(t *testing.T) {
			at := &pages{can: forge.Capabilities{Drafts: true, Eager: true}, all: slices.Clone(c.all)}
			a := highest(t, at)
			deeds, err := (draft{}).do(t.Context(), a)
			if err != nil || slices.Equal(at.adopted, []int64{9}) != c.adopts || !a.page.IsStanding() && forge.NotStanding(*a.page).Body != a.page.Body {
				t.Errorf("took %v over, has %q, %v", at.adopted, a.page.Body, err)
			}
			if !(Record{Deeds: deeds}).Wrote() || Outcome(Record{Deeds: deeds}) != "resumed" {
				t.Errorf("did %+v", deeds)
			}
		})
	}
}

// commented is a forge on which one can comment.
type commented struct {
	pages
	places []forge.Place
}

func (c *commented) AddComment(_ context.Context, at forge.Place, _ forge.Sign) (bool, error) {
	c.places = append(c.places, at)
	return true, nil
}

// TestAnnounceIsCompletedByTheSameLine: what an earlier run could not say is said, and nobody is told of the release again.
func TestAnnounceIsCompletedByTheSameLine(t *testing.T) {
	at := &commented{}
	a := highest(t, &at.pages)
	a.forge, a.world.Forge, a.page = at, at, &forge.Release{Tag: "v1.2.3"}
	done, err := a.Announce(t.Context(), []forge.Place{{Pull: true, Number: 7}}, forge.Sign{Comment: "x"})
	if err != nil || done.Pulls != 1 || len(at.places) != 1 || a.Due() {
		t.Errorf("got %+v, %v; due: %t", done, err, a.Due())
	}
}
