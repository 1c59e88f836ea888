package release

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// commitTags pushes every image under the tag of its commit, before any of them is seen under the version (T7).
type commitTags struct {
	tag  string
	done bool
}

func (e commitTags) do(ctx context.Context, a *Act) ([]Deed, error) {
	var mu sync.Mutex
	var deeds []Deed
	err := a.world.eachImage(a.Plan.Images, func(_ int, image string) error {
		digest, pushed, err := a.push(ctx, image, e.tag)
		if err != nil {
			return err
		}
		moved, err := registry.Tag(ctx, a.world.Registry, a.world.Clock, registry.Move{Image: image, Tag: e.tag, Digest: digest})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			a.digests[image] = digest
		}
		if pushed {
			deeds = append(deeds, Deed{What: "image", On: image + ":" + e.tag, New: digest, Wrote: true})
		} else {
			deeds = append(deeds, Deed{What: "image", On: image + ":" + e.tag, Old: moved.Old, New: digest, Wrote: moved.Old != moved.Final, Earlier: true})
		}
		return err
	})
	return deeds, err
}

// push pushes an image, unless an earlier run has done it.
func (a *Act) push(ctx context.Context, image, tag string) (digest string, pushed bool, err error) {
	if at, ok := a.Plan.Reused[image]; ok {
		return at.Digest, false, nil
	}
	digest, err = through(ctx, a.pass, func(ctx context.Context) (string, error) { return a.maker.Push(ctx, image, tag) })
	return digest, err == nil, err
}

// versionTags puts the version on all images, by digest. It is never put anywhere else again (T5).
type versionTags struct {
	tag  string
	done bool
}

func (e versionTags) do(ctx context.Context, a *Act) ([]Deed, error) {
	moved, err := registry.TagOnce(ctx, a.world.Registry, a.world.Clock, a.moves(e.tag)...)
	return deedsOf("version tag", moved), err
}

// moves puts one tag on all images.
func (a *Act) moves(tag string) (moves []registry.Move) {
	for _, image := range a.Plan.Images {
		moves = append(moves, registry.Move{Image: image, Tag: tag, Digest: a.digests[image]})
	}
	return moves
}

// deedsOf are moves of tags that are this release's alone.
func deedsOf(what string, moved []registry.Moved) (deeds []Deed) {
	for _, m := range moved {
		deeds = append(deeds, Deed{
			What: what, On: m.Image + ":" + m.Tag, Old: m.Old, New: m.Final,
			Wrote: m.Old != m.Final, Earlier: m.Old == m.New,
		})
	}
	return deeds
}

// floatingTags moves the tags that people follow, all or none.
type floatingTags struct{ tags []string }

func (e floatingTags) do(ctx context.Context, a *Act) ([]Deed, error) {
	tags, err := a.stillMoving(ctx, e.tags)
	if err != nil {
		return nil, err
	}
	var moves []registry.Move
	for _, tag := range tags {
		moves = append(moves, a.moves(tag)...)
	}
	moved, err := registry.Promote(ctx, a.world.Registry, a.world.Clock, moves)
	a.Record.Moved = moved
	return deedsOf("floating tag", moved), err
}

// stillMoving asks again which tags belong to this version: people and other tools take no lock, and staging may have taken
// an hour.
func (a *Act) stillMoving(ctx context.Context, tags []string) ([]string, error) {
	w := a.world
	w.Forge, w.Staging = nil, nil
	q := a.Plan.Request
	q.Signed = false // whose images they are was judged before the first write
	now := Observe(ctx, w, q)
	for _, err := range []error{now.Registry.Err, now.Remote.Err} {
		if err != nil {
			return nil, fmt.Errorf("which floating tags belong to this version: %w", err)
		}
	}
	now.Forge = a.seen.Forge
	a.Plan.Floating = version.FloatingTags(a.Plan.Version, now.Known(a.Plan.Request))
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return !slices.Contains(a.Plan.moving(), tag) }), nil
}
