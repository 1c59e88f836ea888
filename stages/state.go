package stages

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// state is how far this version has got already, read from the registry. What is observed decides; nothing is remembered.
type state struct {
	read    bool
	known   []version.Version         // every version that any image of the set has
	version map[string]registry.Image // by image: what stands under VERSION
	sha     map[string]registry.Image // by image: what stands under the tag of the commit
	shaTag  string
}

// readState reads all tags of all images, and what stands under this version's and this commit's.
func (r *Run) readState(ctx context.Context) (state, error) {
	found := make([]imageState, len(r.config.images))
	group, reading := errgroup.WithContext(ctx)
	for n, image := range r.config.images {
		group.Go(func() (err error) {
			found[n], err = r.readImage(reading, image.Name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return state{}, err
	}
	s := state{read: true, version: map[string]registry.Image{}, sha: map[string]registry.Image{}}
	var taken []string
	for n, image := range r.config.images {
		s.known = append(s.known, found[n].known...)
		taken = append(taken, found[n].taken...)
		if found[n].version != nil {
			s.version[image.Name] = *found[n].version
		}
	}
	var err error
	s.shaTag, err = version.ShaTag(r.source.commit, func(tag string) bool { return slices.Contains(taken, tag) })
	if err != nil {
		return state{}, err
	}
	return s, r.readCommitTags(ctx, s)
}

// imageState is what the registry says about one image.
type imageState struct {
	known   []version.Version
	version *registry.Image // what stands under this version, if anything does
	taken   []string        // tags which look like this commit's and stand for another one
}

func (r *Run) readImage(ctx context.Context, image string) (imageState, error) {
	tags, err := r.registry.Tags(ctx, image)
	if err != nil {
		return imageState{}, err
	}
	s := imageState{known: versionsAmong(tags)}
	at, found, err := r.inspect(ctx, image, tags, r.Version.String())
	if err != nil {
		return imageState{}, err
	}
	if found {
		s.version = &at
	}
	s.taken, err = r.otherRevisions(ctx, image, tags)
	return s, err
}

// readCommitTags reads what stands under the tag of the commit.
func (r *Run) readCommitTags(ctx context.Context, s state) error {
	for _, image := range r.config.images {
		at, found, err := r.registry.Inspect(ctx, image.Name, s.shaTag)
		if err != nil {
			return err
		}
		if found {
			s.sha[image.Name] = at
		}
	}
	return nil
}

// inspect asks only for a tag that is in the list.
func (r *Run) inspect(ctx context.Context, image string, tags []string, tag string) (registry.Image, bool, error) {
	if !slices.Contains(tags, tag) {
		return registry.Image{}, false, nil
	}
	return r.registry.Inspect(ctx, image, tag)
}

// otherRevisions are the tags which look like this commit's and stand for another one.
func (r *Run) otherRevisions(ctx context.Context, image string, tags []string) ([]string, error) {
	var taken []string
	for _, tag := range tags {
		if !isShaOf(tag, r.source.commit) {
			continue
		}
		at, found, err := r.registry.Inspect(ctx, image, tag)
		if err != nil {
			return nil, err
		}
		if found && at.Revision() != r.source.commit {
			taken = append(taken, tag)
		}
	}
	return taken, nil
}

func isShaOf(tag, commit string) bool {
	return len(tag) >= len("sha-")+7 && len(tag) <= len("sha-")+len(commit) && tag == "sha-"+commit[:len(tag)-len("sha-")]
}

// bound checks that whatever the registry has under this version was built from this commit.
func (r *Run) bound() error {
	for _, name := range sortedKeys(r.state.version) {
		image := r.state.version[name]
		where, _ := r.registry.Repository(name)
		switch revision := image.Revision(); revision {
		case r.source.commit:
		case "":
			return r.refuse("release the next patch version: a released version is never overwritten",
				"%s:%s exists and does not say which commit it is from", where, r.Version)
		default:
			return r.refuse(fmt.Sprintf("check out %s to finish that release, or release the next patch version", revision),
				"%s:%s exists and belongs to commit %s, not to %s", where, r.Version, revision, r.source.commit)
		}
	}
	return nil
}

// published finds the image that an earlier run of this commit has pushed: it is used again, because a rebuild seldom
// has the same digest.
func (s state) published(image string) (registry.Image, bool) {
	if at, ok := s.version[image]; ok {
		return at, true
	}
	at, ok := s.sha[image]
	return at, ok
}

// stable are the versions that a floating tag may belong to: known to git, here or on the remote, or to the registry.
func (r *Run) stable() []version.Version {
	return r.notWithdrawn(slices.Concat(r.tagged(), versionsOf(r.config.tagPrefix, r.remote.tags()), r.state.known))
}

// notWithdrawn leaves out what a rollback has taken back.
func (r *Run) notWithdrawn(known []version.Version) []version.Version {
	return slices.DeleteFunc(known, r.isWithdrawn)
}

// versionsAmong leaves out tags of images that are not strict versions.
func versionsAmong(tags []string) []version.Version {
	var known []version.Version
	for _, t := range tags {
		if v, ok := version.FromTag(t); ok {
			known = append(known, v)
		}
	}
	return known
}
