package simulation

import (
	"context"
	"slices"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/retry"
)

// forgeClient is the forge as one process reaches it, with the care that the real client takes.
type forgeClient struct{ p *process }

var _ release.Forge = forgeClient{}

func (c forgeClient) server() *forgeServer { return c.p.world.forge }

// Capabilities implements release.Forge.
func (c forgeClient) Capabilities() forge.Capabilities { return c.server().can }

// Releases implements release.Forge.
func (c forgeClient) Releases(ctx context.Context) (all []forge.Release, err error) {
	err = c.p.repeated(ctx, request{what: "forge: list the releases"}, func(Kind) error {
		c.server().settle(c.p.world.now)
		c.p.asked = c.p.world.now
		all = nil
		for _, r := range c.server().releases {
			one := r.Release
			one.Assets = slices.Clone(r.Assets)
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

// CreateDraft implements release.Forge. A POST is never repeated before somebody has looked (P7).
func (c forgeClient) CreateDraft(ctx context.Context, r forge.Release) (forge.Release, error) {
	defer c.p.hurry()()
	r.Draft, r.Latest = true, false
	if c.server().can.Drafts {
		return c.create(ctx, r)
	}
	found, err := c.look(ctx, r)
	if err != nil || found != nil {
		return value(found), err
	}
	return r, nil
}

// Hide implements forge.Hider, as far as this sort of forge needs it.
func (c forgeClient) Hide(ctx context.Context, r forge.Release) (forge.Release, error) {
	if len(c.server().clearing) == 0 {
		return r, nil
	}
	now := r
	err := c.p.repeated(ctx, request{what: "forge: read the draft " + r.Tag, quick: true}, func(Kind) error {
		c.server().settle(c.p.world.now)
		if at := c.server().find(r); at != nil {
			now = at.Release
			now.Assets = slices.Clone(at.Assets)
		}
		return nil
	})
	if err != nil || now.Draft {
		return now, err
	}
	now.Draft = true
	return c.UpdateRelease(ctx, now)
}

func (c forgeClient) create(ctx context.Context, r forge.Release) (forge.Release, error) {
	found, err := c.look(ctx, r)
	if err != nil || found != nil {
		return value(found), err
	}
	var made forge.Release
	err = c.once(ctx, func() error {
		return c.p.send(ctx, request{what: "forge: create the release " + r.Tag, writes: true, guarded: true}, func(Kind) error {
			s := c.server()
			if there := s.ofTag(r.Tag); len(there) > 0 && (!s.can.Latest || !r.Draft) {
				return &fault{"409: there is a release of this tag", false}
			}
			at := s.add(r)
			if waiting := s.packages[r.Tag]; waiting != nil {
				at.data, at.Assets = waiting.data, waiting.Assets
			}
			if !r.Draft {
				c.p.world.releasePublished(c.p, at)
			}
			c.p.world.pageMade(c.p, at)
			made = at.Release
			return nil
		})
	}, func() (bool, error) {
		found, err = c.look(ctx, r)
		return found != nil, err
	})
	if found != nil {
		made = *found
	}
	return made, err
}

func (c forgeClient) look(ctx context.Context, r forge.Release) (*forge.Release, error) {
	all, err := c.Releases(ctx)
	if err != nil {
		return nil, err
	}
	return forge.FindLike(all, r)
}

func value(r *forge.Release) forge.Release {
	if r == nil {
		return forge.Release{}
	}
	return *r
}

// once sends what must not be done twice, and looks before it does so again.
func (c forgeClient) once(ctx context.Context, post func() error, there func() (bool, error)) error {
	for try := 0; ; try++ {
		err := post()
		if err == nil || !temporary(err) {
			return err
		}
		if e := c.p.Sleep(ctx, retry.Delay(try)); e != nil {
			return e
		}
		found, e := there()
		if e != nil || found {
			return e
		}
		if try+1 == retry.Tries {
			return err
		}
	}
}

// AdoptDraft implements release.Forge. Where no draft moves to a tag that was pushed, a new one takes its place.
func (c forgeClient) AdoptDraft(ctx context.Context, standing, as forge.Release) (forge.Release, error) {
	defer c.p.hurry()()
	if !c.server().can.Eager {
		as.ID = standing.ID
		return c.UpdateRelease(ctx, as)
	}
	made, err := c.CreateDraft(ctx, forge.Replacing(as, standing))
	if err != nil {
		return made, err
	}
	for _, a := range standing.Assets {
		data, err := c.DownloadAsset(ctx, a)
		if err == nil {
			_, err = c.UploadAsset(ctx, made, forge.File{Name: a.Name, Data: data})
		}
		if err != nil {
			return made, err
		}
	}
	err = c.p.repeated(ctx, request{what: "forge: delete the draft " + standing.Tag, writes: true, guarded: true}, func(Kind) error {
		s := c.server()
		s.releases = slices.DeleteFunc(s.releases, func(r *published) bool { return r.ID == standing.ID })
		c.p.world.checkTexts(c.p.name)
		return nil
	})
	if err != nil {
		return made, err
	}
	as.ID, as.Draft = made.ID, made.Draft
	return c.UpdateRelease(ctx, as)
}

// UpdateRelease implements release.Forge.
func (c forgeClient) UpdateRelease(ctx context.Context, r forge.Release) (now forge.Release, err error) {
	what := "forge: update the release " + r.Tag
	if !r.Draft {
		what = "forge: update the published release " + r.Tag
	}
	err = c.p.repeated(ctx, request{what: what, writes: true, guarded: true}, func(Kind) error {
		now, err = c.patch(r)
		return err
	})
	return now, err
}

func (c forgeClient) patch(r forge.Release) (forge.Release, error) {
	s := c.server()
	at := s.find(r)
	if at == nil || at.Tag == "" {
		return forge.Release{}, &fault{"404: there is no such release", false}
	}
	if r.Draft && r.Tag != at.Tag && s.can.Eager && c.p.world.git.refs["refs/tags/"+r.Tag] != "" {
		return forge.Release{}, &fault{"500: there is a row of this tag", true}
	}
	c.p.world.textWritten(c.p, at, r.Title, r.Body)
	if r.Draft {
		at.Tag, at.Commit = r.Tag, r.Commit
		c.p.world.pageMade(c.p, at)
	}
	at.Title, at.Body = r.Title, r.Body
	if s.can.Prerelease {
		at.Prerelease = r.Prerelease
	}
	if at.Draft && !r.Draft {
		at.Immutable = s.immutable
		c.p.world.releasePublished(c.p, at)
	}
	at.Draft = r.Draft
	if s.can.Latest && !r.Draft && r.Latest {
		s.markLatest(at)
	}
	if s.can.Latest && !r.Draft && !r.Latest {
		at.Latest = false
	}
	return at.Release, nil
}

// Publish implements release.Forge. Without drafts it makes the release, or completes the one that is there.
func (c forgeClient) Publish(ctx context.Context, r forge.Release) (forge.Release, error) {
	defer c.p.hurry()()
	if err := c.needTag(ctx, r.Tag); err != nil {
		return forge.Release{}, err
	}
	r.Draft = false
	if c.server().can.Drafts {
		return c.UpdateRelease(ctx, r)
	}
	made, err := c.create(ctx, r)
	if err != nil {
		return made, err
	}
	if made.Body == r.Body && made.Title == r.Title {
		return made, nil
	}
	r.ID = made.ID
	return c.UpdateRelease(ctx, r)
}

// needTag is the look for the tag, without which the forge would make one from a branch (P1).
func (c forgeClient) needTag(ctx context.Context, tag string) error {
	return c.p.repeated(ctx, request{what: "forge: look for the tag " + tag}, func(Kind) error {
		if c.p.world.git.refs["refs/tags/"+tag] == "" {
			return &fault{"404: the tag " + tag + " is not there", false}
		}
		return nil
	})
}

// byHand marks what people have written, which nobody may erase (P3).
const byHand = "written by hand"

func handwritten(text string) bool { return strings.Contains(text, byHand) }

// ahead is what people have written into the standing draft, and attached to it.
const (
	ahead     = byHand + " for what comes next"
	aheadFile = "plan.txt"
)

func (r *published) isAhead() bool { return strings.Contains(r.Body, ahead) }

// made are the files without the one that people have attached.
func (r *published) made() int {
	if r.data[aheadFile] != "" {
		return len(r.Assets) - 1
	}
	return len(r.Assets)
}
