package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
)

// Upcoming is what the standing draft is to be about: the version that the commits of a branch call for.
type Upcoming struct {
	Request
	Branch  string
	Commits []string // that it is about
	Notes   string
}

// Drafted is what became of the standing draft.
type Drafted struct {
	Page *forge.Release // nil: nothing was looked at
	Old  string         // the tag that it had before; empty: it was made now
	// Wrote says that it was made or changed; if not, Left says why unless it was up to date.
	Wrote bool
	Left  string
	// Kept is why the lock could not be given back.
	Kept error
}

// KeepDraft makes the one standing draft say what the next release brings. It takes the lock as every writer does, and leaves
// everything to a release that is at work, or to the run of a later commit.
func KeepDraft(ctx context.Context, w World, u Upcoming, holder gitremote.Holder) (Drafted, error) {
	holder.Brief = true
	lock, err := gitremote.Acquire(ctx, w.Git, w.Clock, holder, 0)
	var busy *gitremote.Busy
	if errors.As(err, &busy) {
		return Drafted{Left: "a release is under way and takes the draft over: " + busy.Error()}, nil
	}
	if err != nil {
		return Drafted{}, err
	}
	w.keep(ctx, lock)
	done, err := keepDraft(ctx, w.under(passOf(lock)), u)
	done.Kept = lock.Release(ctx)
	return done, err
}

func keepDraft(ctx context.Context, w World, u Upcoming) (Drafted, error) {
	refs, err := gitremote.ReadRefs(ctx, w.Git, w.Clock)
	if err != nil {
		return Drafted{}, err
	}
	if at := refs.Branch(u.Branch); at != u.Commit {
		return Drafted{Left: fmt.Sprintf("%s is at %s on the remote: left to the run of that commit", u.Branch, short(at))}, nil
	}
	if tag, begun := FindTag(u.Prefix, TagsOf(refs), u.Version); begun {
		return Drafted{Left: fmt.Sprintf("the tag %s is on the remote: its release takes the draft over", tag.Name)}, nil
	}
	if tag, released := u.overtaken(TagsOf(refs)); released {
		return Drafted{Left: fmt.Sprintf("%s was released as %s since this clone was made: left to a run that knows it", short(tag.Commit), tag.Name)}, nil
	}
	releases, err := w.Forge.Releases(ctx)
	if err != nil {
		return Drafted{}, err
	}
	standing, err := StandingOf(releases, u.Request)
	if err != nil {
		return Drafted{}, err
	}
	next := u.draft(w.Forge.Capabilities(), standing)
	if taken := slices.IndexFunc(releases, func(r forge.Release) bool { return (r.Tag == next.Tag || r.Tag == u.TagName()) && !r.IsStanding() }); taken >= 0 {
		return Drafted{Page: &releases[taken], Left: "somebody has made a release or draft of " + releases[taken].Tag + ", which is left as it is"}, nil
	}
	return w.writeDraft(ctx, standing, next)
}

// overtaken finds a stable version that some of the commits were released as, and that the clone does not know of.
func (u Upcoming) overtaken(tags []Tag) (Tag, bool) {
	at := slices.IndexFunc(tags, func(t Tag) bool {
		v, ours := u.Prefix.FromTag(t.Name)
		return ours && !v.IsPrerelease() && slices.Contains(u.Commits, t.Commit) && !slices.Contains(u.Local, t)
	})
	if at < 0 {
		return Tag{}, false
	}
	return tags[at], true
}

// draft is the standing draft as it has to be. What people wrote into it stays.
func (u Upcoming) draft(can forge.Capabilities, standing *forge.Release) forge.Release {
	next := forge.Release{Title: u.TagName()}
	if standing != nil {
		next = *standing
		next.Title = u.titleOf(*standing)
	}
	next.Tag, next.Commit = u.standingTag(can), u.Commit
	next = forge.AsStanding(next)
	next.Body = forge.WithNotes(next.Body, u.Notes)
	return next
}

func (w World) writeDraft(ctx context.Context, standing *forge.Release, next forge.Release) (Drafted, error) {
	if standing == nil {
		made, err := w.Forge.CreateDraft(ctx, next)
		return Drafted{Page: &made, Wrote: true}, err
	}
	done := Drafted{Page: standing, Old: standing.Tag}
	if next.Tag == standing.Tag && standing.MayBeOf(next.Commit) && next.Title == standing.Title && next.Body == standing.Body {
		return done, nil
	}
	updated, err := w.Forge.UpdateRelease(ctx, next)
	done.Page, done.Wrote = &updated, true
	return done, err
}

// afterPrefix is where a forge that publishes a draft whose tag is pushed keeps the standing one: under a tag that nobody
// pushes.
const afterPrefix = "next"

func (q Request) standingTag(can forge.Capabilities) string {
	if can.Eager {
		return string(q.Prefix) + afterPrefix
	}
	return q.TagName()
}

// StandingOf returns the standing draft of the product, whatever version it is for; nil if there is none.
func StandingOf(releases []forge.Release, q Request) (*forge.Release, error) {
	return forge.Standing(releases, func(tag string) bool {
		_, ours := q.Prefix.FromTag(tag)
		return ours || tag == string(q.Prefix)+afterPrefix
	})
}

// adoptable is the standing draft that the release takes over: the highest stable version does, and the one that the draft is
// for. A prerelease leaves it to the version that it leads to, a backport to the next one of the main branch, and everybody to
// a release that was cut off when it took it over.
func adoptable(releases []forge.Release, p Plan) (*forge.Release, error) {
	standing, err := StandingOf(releases, p.Request)
	if standing != nil && slices.ContainsFunc(releases, func(r forge.Release) bool { return forge.Replaces(r, *standing) }) {
		return nil, nil
	}
	if p.Latest() || standing != nil && standing.Tag == p.TagName() && !p.Version.IsPrerelease() {
		return standing, err
	}
	return nil, nil
}

// titleOf is the title of a release that was a standing draft: a person's is kept, one that only names a version is not.
func (q Request) titleOf(standing forge.Release) string {
	if _, generated := q.Prefix.FromTag(standing.Title); generated {
		return q.TagName()
	}
	return forge.WithTitle(standing, q.TagName())
}

// adopt makes the standing draft the one of this release.
func (a *Act) adopt(ctx context.Context, standing forge.Release) ([]Deed, error) {
	next := forge.NotStanding(standing)
	next.Tag, next.Commit, next.Title = a.Plan.TagName(), a.Plan.Commit, a.Plan.titleOf(standing)
	next.Prerelease = a.Plan.Version.IsPrerelease()
	next.Body = forge.WithNotes(next.Body, a.Notes)
	adopted, err := a.world.Forge.AdoptDraft(ctx, standing, next)
	if err != nil {
		return nil, err
	}
	a.page = &adopted
	return []Deed{{What: "release", On: adopted.Tag, Old: "standing draft", New: "draft", Wrote: true}}, nil
}

// finishAdopting takes over what an earlier run was cut off at, be it the last mark in the text.
func (a *Act) finishAdopting(ctx context.Context, found *forge.Release, releases []forge.Release) ([]Deed, error) {
	next := forge.NotStanding(*found)
	if next.Body == found.Body {
		return nil, nil
	}
	var err error
	if standing := forge.Replaced(releases, *found); standing != nil {
		next, err = a.world.Forge.AdoptDraft(ctx, *standing, next)
	} else {
		next, err = a.world.Forge.UpdateRelease(ctx, next)
	}
	if err != nil {
		return nil, err
	}
	*found = next
	return []Deed{{What: "release", On: found.Tag, Old: "standing draft", New: "release", Wrote: true, Earlier: true}}, nil
}
