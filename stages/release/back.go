package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// BackRequest is a production rollback that takes versions back, once the server runs the older one.
type BackRequest struct {
	Request                     // Version is the one gone back to
	Withdrawn []version.Version // above it, up to the one that was left (B4)
	Reason    string            // in Markdown
	Note      string            // what the blobs in git say
}

// BackPlan is what a rollback writes.
type BackPlan struct {
	Mark   []forge.Release   // releases that do not say yet that they were taken back
	Silent []version.Version // versions that no release speaks for, and git does not either
	Tags   []Floating
	Stay   []string // floating tags that no version is left for
	Latest *forge.Release
}

// Floating is a floating tag and the version that it belongs to.
type Floating struct {
	Tag     string
	Version version.Version
}

// Kept is a floating tag that one image keeps at what was taken back, because it has no version to go to: it is younger than
// that.
type Kept struct {
	Image string
	At    string // what stands there
	Floating
}

func (k Kept) String() string {
	return fmt.Sprintf("%s:%s stays at %s: there is no %s:%s for it to go back to", k.Image, k.Tag, k.At, k.Image, k.Version)
}

// DecideBack says which marks are missing, and where floating tags belong without what was taken back.
func DecideBack(o Observed, q BackRequest) BackPlan {
	var p BackPlan
	told := map[version.Version]bool{}
	for _, r := range o.Forge.Is {
		v, ok := q.Prefix.FromTag(r.Tag)
		if !ok || r.IsStanding() || !slices.Contains(q.Withdrawn, v) {
			continue
		}
		told[v] = true
		if next := forge.Withdraw(r, q.Reason); next.Body != r.Body || r.Latest {
			p.Mark = append(p.Mark, next)
		}
	}
	for _, v := range q.Withdrawn {
		if !told[v] && o.Remote.Is.Of[WithdrawnRef(q.Prefix, v)] == "" {
			p.Silent = append(p.Silent, v)
		}
	}
	left := version.Floating(o.eligible(q))
	for _, tag := range slices.Sorted(maps.Keys(version.Floating(slices.Concat(q.Withdrawn, o.takenBack(q))))) {
		if v, ok := left[tag]; ok {
			p.Tags = append(p.Tags, Floating{tag, v})
		} else {
			p.Stay = append(p.Stay, tag)
		}
	}
	p.Latest = latestRelease(o.Forge.Is, q, left["latest"])
	return p
}

// isTaken says whether the version was taken back, by this rollback or by one before.
func (q BackRequest) isTaken(o Observed, v version.Version) bool {
	return slices.Contains(q.Withdrawn, v) || o.IsWithdrawn(q.Prefix, v)
}

// takenBack are the versions of images that rollbacks have taken back before.
func (o Observed) takenBack(q BackRequest) []version.Version {
	withdrawn := o.withdrawals(q.Prefix)
	return slices.DeleteFunc(o.Registry.Is.all(), func(v version.Version) bool { return !withdrawn(v) })
}

// eligible are the versions that floating tags may go to: none above the one that runs now. What is higher is perhaps half
// released, or was never healthy, and gets its tags from its own release.
func (o Observed) eligible(q BackRequest) []version.Version {
	withdrawn := o.withdrawals(q.Prefix)
	return slices.DeleteFunc(o.Registry.Is.all(), func(v version.Version) bool {
		return slices.Contains(q.Withdrawn, v) || withdrawn(v) || v.Compare(q.Version) > 0
	})
}

// latestRelease is the published release that gets the forge's mark of the latest one: none, if a release that was not taken
// back has it.
func latestRelease(releases []forge.Release, q BackRequest, latest version.Version) *forge.Release {
	var next *forge.Release
	for _, r := range releases {
		v, is := q.Prefix.FromTag(r.Tag)
		if is && r.Latest && !slices.Contains(q.Withdrawn, v) {
			return nil
		}
		if is && v == latest && !r.Draft && !r.Prerelease {
			next = &r
		}
	}
	return next
}

// Back is a rollback that writes: it holds the lock, and carries out the plan that was made under it.
type Back struct {
	Plan   BackPlan
	Record Record
	Kept   []Kept // once floating tags were moved

	world World
	q     BackRequest
	seen  Observed // under the lock
	lock  *gitremote.Lock
}

// BeginBack takes the lock and decides from what is there. The server has been rolled back already, which could not wait.
func BeginBack(ctx context.Context, w World, q BackRequest, holder gitremote.Holder, wait time.Duration) (*Back, error) {
	b := &Back{q: q}
	var err error
	if w.Git != nil {
		if b.lock, err = gitremote.Acquire(ctx, w.Git, w.Clock, holder, wait); err != nil {
			return nil, err
		}
		w.keep(ctx, b.lock)
		b.Record.Waited, b.Record.TookOver = b.lock.Waited(), b.lock.TookOver()
	}
	w.Staging = nil
	b.world = w.under(passOf(b.lock))
	o := Observe(ctx, w, q.Request)
	if err := errors.Join(o.Registry.Err, o.Remote.Err, o.Forge.Err); err != nil {
		return nil, errors.Join(err, b.End(ctx))
	}
	b.seen, b.Plan = o, DecideBack(o, q)
	return b, nil
}

// Mark says on the forge which versions were taken back. Their tags and releases stay (G8).
func (b *Back) Mark(ctx context.Context) error {
	for _, next := range b.Plan.Mark {
		if _, err := b.world.Forge.UpdateRelease(ctx, next); err != nil {
			return err
		}
		b.did(Deed{What: "withdrawal", On: next.Tag, Wrote: true})
	}
	return nil
}

// Write notes in git what no release speaks for.
func (b *Back) Write(ctx context.Context) error {
	if len(b.Plan.Silent) == 0 || b.world.Git == nil {
		return nil
	}
	refs := map[string]string{}
	for _, v := range b.Plan.Silent {
		refs[WithdrawnRef(b.q.Prefix, v)] = ""
	}
	if _, err := gitremote.WriteNotes(ctx, b.world.Git, b.world.Clock, b.q.Note, refs); err != nil {
		return err
	}
	b.did(Deed{What: "withdrawal", On: "git", Wrote: true})
	return nil
}

// Move brings the floating tags that stand at what was taken back to the versions that are left, all or none. An image that has
// no such version keeps its tag, and the others do not wait for it.
func (b *Back) Move(ctx context.Context) error {
	if b.world.Registry == nil {
		return nil
	}
	var moves []registry.Move
	for _, f := range b.Plan.Tags {
		for _, image := range b.q.Images {
			move, err := b.move(ctx, image, f)
			if err != nil {
				return err
			}
			moves = append(moves, move...)
		}
	}
	moved, err := registry.Promote(ctx, b.world.Registry, b.world.Clock, moves)
	b.Record.Moved = moved
	b.did(deedsOf("floating tag", moved)...)
	return err
}

// move is nothing for a tag that stands at a version which was not taken back, and for one that has nothing to go to.
func (b *Back) move(ctx context.Context, image string, f Floating) ([]registry.Move, error) {
	now, found, err := b.world.Registry.Inspect(ctx, image, f.Tag)
	if err != nil {
		return nil, err
	}
	v, ok := version.FromTag(now.Version())
	if found && ok && !b.q.isTaken(b.seen, v) {
		return nil, nil
	}
	digest, err := b.world.Registry.Resolve(ctx, image, f.Version.String())
	switch {
	case err != nil:
		return nil, err
	case digest != "":
		return []registry.Move{{Image: image, Tag: f.Tag, Digest: digest}}, nil
	case found:
		kept := Kept{Image: image, At: now.Digest, Floating: f}
		if ok {
			kept.At = "the withdrawn " + v.String()
		}
		b.Kept = append(b.Kept, kept)
	}
	return nil, nil
}

// MarkLatest lets the forge's mark follow the tag latest, where a forge has such a mark.
func (b *Back) MarkLatest(ctx context.Context) error {
	if b.Plan.Latest == nil || !b.world.Forge.Capabilities().Latest {
		return nil
	}
	next := *b.Plan.Latest
	next.Latest = true
	if _, err := b.world.Forge.UpdateRelease(ctx, next); err != nil {
		return err
	}
	b.did(Deed{What: "latest mark", On: next.Tag, Wrote: true})
	return nil
}

func (b *Back) did(deeds ...Deed) { b.Record.Deeds = append(b.Record.Deeds, deeds...) }

// End gives the lock back.
func (b *Back) End(ctx context.Context) error {
	if b == nil || b.lock == nil {
		return nil
	}
	return b.lock.Release(ctx)
}
