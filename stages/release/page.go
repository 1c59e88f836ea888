package release

import (
	"context"
	"errors"
	"fmt"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
)

// gitTag names what was pushed, so that nobody finds a version without images.
type gitTag struct{ done bool }

func (e gitTag) do(ctx context.Context, a *Act) ([]Deed, error) {
	name := a.Plan.TagName()
	if tag, there := a.taggedAs(); there {
		return []Deed{{What: "git tag", On: tag.Name, Old: a.Plan.Commit, New: a.Plan.Commit}}, nil
	}
	pushed, err := gitremote.PushTag(ctx, a.world.Git, a.world.Clock, name, a.Plan.Commit)
	if err != nil {
		return nil, err
	}
	return []Deed{{What: "git tag", On: name, New: a.Plan.Commit, Wrote: pushed}}, nil
}

// taggedAs is the tag by which the remote knew the version when the plan was made: with a forge it is the one that its
// release is of.
func (a *Act) taggedAs() (Tag, bool) { return a.Plan.find(a.seen.Remote.Is.tags(), a.Plan.Version) }

// draft makes the release, or writes the notes into the one that is there and keeps what people have written (P3, P4).
type draft struct{ found *forge.Release }

func (e draft) do(ctx context.Context, a *Act) ([]Deed, error) {
	found, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if found != nil && !found.Draft && forge.HasNotes(found.Body) {
		return []Deed{{What: "notes", On: found.Tag, Earlier: true}}, nil // what everybody has read stays
	}
	if a.Notes, err = a.maker.Notes(ctx, a.Plan.NotesAfter); err != nil {
		return nil, err
	}
	if found != nil {
		return a.writeNotes(ctx, *found)
	}
	if !a.world.Forge.Capabilities().Drafts {
		return nil, nil // made when it is published, because there it cannot be hidden
	}
	made, err := a.world.Forge.CreateDraft(ctx, a.newPage())
	if err != nil {
		return nil, err
	}
	a.page = &made
	return []Deed{{What: "release", On: made.Tag, New: "draft", Wrote: true}}, nil
}

// writeNotes puts the notes into a release that is there.
func (a *Act) writeNotes(ctx context.Context, found forge.Release) ([]Deed, error) {
	next := found
	next.Title, next.Prerelease = forge.WithTitle(found, a.Plan.TagName()), a.Plan.Version.IsPrerelease()
	next.Body = forge.WithNotes(found.Body, a.Notes)
	deed := Deed{What: "notes", On: found.Tag, Earlier: forge.HasNotes(found.Body)}
	if next.Body == found.Body && next.Title == found.Title && next.Prerelease == found.Prerelease {
		return []Deed{deed}, nil
	}
	if !found.Draft {
		next.Latest = a.Plan.Latest()
	}
	updated, err := a.world.Forge.UpdateRelease(ctx, next)
	if err != nil {
		return nil, err
	}
	a.page, deed.Wrote = &updated, true
	return []Deed{deed}, nil
}

// look finds the release as it is now: people may have written it meanwhile, and a forge may have published it by itself.
func (a *Act) look(ctx context.Context) (*forge.Release, error) {
	releases, err := a.world.Forge.Releases(ctx)
	if err != nil {
		return nil, err
	}
	a.page, err = forge.Find(releases, a.Plan.TagName(), a.Plan.Commit)
	return a.page, err
}

// newPage is the release as it is made.
func (a *Act) newPage() forge.Release {
	return forge.Release{
		Tag: a.Plan.TagName(), Commit: a.Plan.Commit, Title: a.Plan.TagName(), Body: forge.WithNotes("", a.Notes), Draft: true,
		Prerelease: a.Plan.Version.IsPrerelease(),
	}
}

// files attaches what the release is made of. Where nothing can be hidden, it waits for the publication.
type files struct{ done bool }

func (e files) do(ctx context.Context, a *Act) ([]Deed, error) {
	if a.page == nil {
		return nil, nil
	}
	return a.attach(ctx)
}

func (a *Act) attach(ctx context.Context) ([]Deed, error) {
	if p := (Plan{Request: a.Plan.Request, Page: a.page}); !a.page.Draft && len(p.missing()) == 0 {
		return nil, nil
	}
	made, err := a.maker.Files(ctx, a.digests)
	if err != nil {
		return nil, err
	}
	if forge.CutsNotes(a.page.Body, a.Notes) {
		made = append(made, forge.File{Name: changelog.NotesFile, ContentType: "text/markdown", Data: []byte(a.Notes)})
	}
	attached, kept, err := forge.Attach(ctx, a.world.Forge, *a.page, made)
	var deeds []Deed
	for _, name := range attached {
		deeds = append(deeds, Deed{What: "file", On: name, Wrote: true})
	}
	for _, name := range kept {
		deeds = append(deeds, Deed{What: "file", On: name, Earlier: true})
	}
	return deeds, err
}

// publication shows the release to everybody. It is the last step, because nobody can take it back.
type publication struct{ done bool }

func (e publication) do(ctx context.Context, a *Act) ([]Deed, error) {
	found, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if found != nil && !found.Draft {
		return []Deed{{What: "release", On: found.Tag, Old: "published", New: "published"}}, nil
	}
	hidden := a.world.Forge.Capabilities().Drafts
	if found == nil && hidden {
		return nil, errors.New("the draft of the release is gone: somebody has removed it; run the same line again")
	}
	next := a.newPage()
	if found != nil {
		next = *found
	}
	next.Latest, next.Draft = a.Plan.Latest(), false
	published, err := a.world.Forge.Publish(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("publishing the release: %w", err)
	}
	a.page = &published
	deeds := []Deed{{What: "release", On: published.Tag, Old: "draft", New: "published", Wrote: true}}
	if hidden {
		return deeds, nil
	}
	attached, err := a.attach(ctx)
	return append(deeds, attached...), err
}

// rollout brings the images to staging. What runs there already and is healthy is left as it is.
type rollout struct{ runs string }

func (e rollout) do(ctx context.Context, a *Act) ([]Deed, error) {
	already, err := a.world.Staging.Deploy(ctx, Rollout{Version: a.Plan.Version, Commit: a.Plan.Commit, Digests: a.digests})
	if err != nil {
		return nil, err
	}
	return []Deed{{What: "server", On: "staging", Old: e.runs, New: a.Plan.Version.String(), Wrote: !already, Earlier: already}}, nil
}
