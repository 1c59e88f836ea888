package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/version"
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
func (a *Act) taggedAs() (Tag, bool) {
	return FindTag(a.Plan.Prefix, a.seen.Remote.Is.tags(), a.Plan.Version)
}

// draft makes the release, of the standing draft if there is one, or writes the notes into the one that is there. What people
// have written is kept (P3, P4).
type draft struct{ found, standing *forge.Release }

func (e draft) do(ctx context.Context, a *Act) ([]Deed, error) {
	found, releases, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	var deeds []Deed
	if found != nil {
		if deeds, err = a.finishAdopting(ctx, found, releases); err != nil {
			return nil, err
		}
	}
	if found != nil && !found.Draft && forge.HasNotes(found.Body) {
		return append(deeds, Deed{What: "notes", On: found.Tag, Earlier: true}), nil // what everybody has read stays
	}
	if a.Notes, err = a.maker.Notes(ctx, a.Plan.NotesAfter); err != nil {
		return deeds, err
	}
	if found != nil {
		written, err := a.writeNotes(ctx, *found)
		return append(deeds, written...), err
	}
	standing, err := adoptable(releases, a.Plan)
	if err != nil {
		return nil, err
	}
	if standing != nil {
		return a.adopt(ctx, *standing)
	}
	made, err := a.world.Forge.CreateDraft(ctx, a.newPage())
	if err != nil {
		return nil, err
	}
	a.page = &made
	return []Deed{{What: "release", On: made.Tag, New: "draft", Wrote: a.world.Forge.Capabilities().Drafts}}, nil
}

// writeNotes puts the notes into a release that is there.
func (a *Act) writeNotes(ctx context.Context, found forge.Release) ([]Deed, error) {
	next := found
	next.Title, next.Prerelease = forge.WithTitle(found, a.Plan.TagName()), a.Plan.Version.IsPrerelease()
	next.Body = forge.WithNotes(forge.NotStanding(found).Body, a.Notes)
	deed := Deed{What: "notes", On: found.Tag, Earlier: forge.HasNotes(found.Body)}
	if next.Body == found.Body && next.Title == found.Title && next.Prerelease == found.Prerelease {
		return []Deed{deed}, nil
	}
	updated, err := a.world.Forge.UpdateRelease(ctx, next)
	if err != nil {
		return nil, err
	}
	a.page, deed.Wrote = &updated, true
	return []Deed{deed}, nil
}

// look finds the release as it is now: people may have written it meanwhile, and a forge may have published it by itself.
func (a *Act) look(ctx context.Context) (found *forge.Release, all []forge.Release, err error) {
	if all, err = a.world.Forge.Releases(ctx); err != nil {
		return nil, nil, err
	}
	a.page, err = forge.Find(all, a.Plan.TagName(), a.Plan.Commit)
	return a.page, all, err
}

// newPage is the release as it is made.
func (a *Act) newPage() forge.Release {
	return forge.Release{
		Tag: a.Plan.TagName(), Commit: a.Plan.Commit, Title: a.Plan.TagName(), Body: forge.WithNotes("", a.Notes), Draft: true,
		Prerelease: a.Plan.Version.IsPrerelease(),
	}
}

// files attaches what the release is made of, while nobody sees it.
type files struct{ done bool }

func (e files) do(ctx context.Context, a *Act) ([]Deed, error) {
	deeds, err := a.attach(ctx)
	if err != nil {
		return deeds, err
	}
	hidden, err := forge.KeepHidden(ctx, a.world.Forge, *a.page)
	a.page = &hidden
	return deeds, err
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
	var sign forge.Signing
	if slices.Contains(a.Plan.Assets, forge.SignatureFile) {
		sign = a.maker.Sign
	}
	attached, kept, err := forge.Attach(ctx, a.world.Forge, *a.page, made, sign)
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
	found, _, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if found != nil && !found.Draft {
		return a.complete(ctx, *found)
	}
	if found == nil && a.world.Forge.Capabilities().Drafts {
		return nil, errors.New("the draft of the release is gone: somebody has removed it; run the same line again")
	}
	next := a.newPage()
	if found != nil {
		next = *found
	}
	next.Latest, next.Draft, next.Prerelease = a.Plan.Latest(), false, a.Plan.Version.IsPrerelease()
	published, err := a.world.Forge.Publish(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("publishing the release: %w", err)
	}
	a.page = &published
	return []Deed{{What: "release", On: published.Tag, Old: "draft", New: "published", Wrote: true}}, nil
}

// complete gives a release that somebody else has published meanwhile what it lacks.
func (a *Act) complete(ctx context.Context, found forge.Release) (deeds []Deed, err error) {
	if !forge.HasNotes(found.Body) {
		if deeds, err = a.writeNotes(ctx, found); err != nil {
			return nil, err
		}
	}
	attached, err := a.attach(ctx)
	deeds = append(deeds, attached...)
	if err != nil {
		return deeds, err
	}
	marked, err := a.markLatest(ctx, *a.page)
	return append(deeds, marked...), err
}

// markLatest gives a release that somebody else has published the mark that goes with the tag latest, where a forge has one.
func (a *Act) markLatest(ctx context.Context, found forge.Release) ([]Deed, error) {
	deed := Deed{What: "release", On: found.Tag, Old: "published", New: "published"}
	if found.Latest || !a.Plan.Latest() || !a.world.Forge.Capabilities().Latest {
		return []Deed{deed}, nil
	}
	found.Latest, deed.Wrote = true, true
	if _, err := a.world.Forge.UpdateRelease(ctx, found); err != nil {
		return nil, fmt.Errorf("marking the release as the latest: %w", err)
	}
	return []Deed{deed}, nil
}

// rollout brings the images to staging. What runs there already and is healthy is left as it is.
type rollout struct{ runs string }

func (e rollout) do(ctx context.Context, a *Act) ([]Deed, error) {
	now, err := a.world.Staging.Look(ctx)
	if err != nil {
		return nil, err
	}
	// Somebody may have deployed a higher version since the plan was made: a deployment takes no lock of the repository.
	if running, err := version.Parse(now.Version); err == nil && running.Compare(a.Plan.Version) > 0 {
		a.Plan.Newer = running
		return []Deed{{What: "server", On: "staging", Old: now.Version, New: now.Version}}, nil
	}
	if now.Version != a.Plan.Version.String() {
		if err := a.markBegun(ctx); err != nil {
			return nil, err
		}
	}
	already, err := a.deploy(ctx)
	if err != nil {
		return nil, err
	}
	return []Deed{{What: "server", On: "staging", Old: now.Version, New: a.Plan.Version.String(), Wrote: !already, Earlier: already}}, nil
}

// deploy ends with the lock, as every write does. Its error says what it has left on the server, so that it stands beside the
// loss of the lock.
func (a *Act) deploy(ctx context.Context) (already bool, err error) {
	held, done, err := passOf(a.lock)(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	already, err = a.world.Staging.Deploy(held, Rollout{Version: a.Plan.Version, Commit: a.Plan.Commit, Digests: a.digests})
	if lost := lockLost(held); err != nil && lost != nil && !errors.Is(err, gitremote.ErrLost) {
		err = fmt.Errorf("%w; %w", lost, err)
	}
	return already, err
}
