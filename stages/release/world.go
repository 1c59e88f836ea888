// Package release decides what a release does, and does it: what the registry, the git remote, the forge and staging say
// goes in, a plan comes out, and each effect looks, writes, reads back, and writes down what it did. It knows no engine, so
// that the same code runs against a simulated world. Rule ids in the comments are those of the release rules.
package release

import (
	"context"
	"errors"
	"slices"
	"sync"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// World is what a release writes to. A part that is not configured is nil, and Why says so in words.
type World struct {
	Clock    retry.Clock
	Registry registry.Store
	Git      gitremote.Server
	Forge    Forge
	Staging  Staging
	// Signatures are needed by a release that signs.
	Signatures Signatures
	// NoGit and NoForge are the reasons why there is none.
	NoGit, NoForge string
	// Together does what does not depend on each other: Parallel, or one after the other where the order has to be known.
	Together func(work ...func())
	// Keep renews the lock from now on, for somebody who has to repeat a run step by step; nil: the lock does it by itself.
	Keep func(*gitremote.Lock)
}

// Parallel is how work is done together that nobody has to repeat step by step.
func Parallel(work ...func()) {
	var group sync.WaitGroup
	for _, w := range work {
		group.Go(w)
	}
	group.Wait()
}

// eachImage does one thing for all images together, and lets the others finish when one fails.
func (w World) eachImage(images []string, do func(n int, image string) error) error {
	failures := make([]error, len(images))
	var work []func()
	for n, image := range images {
		work = append(work, func() { failures[n] = do(n, image) })
	}
	w.Together(work...)
	return errors.Join(failures...)
}

// keep renews the lock until it is given back or lost.
func (w World) keep(ctx context.Context, l *gitremote.Lock) {
	if w.Keep != nil {
		w.Keep(l)
		return
	}
	l.Keep(ctx)
}

// Forge is what a release needs of one.
type Forge interface {
	Capabilities() forge.Capabilities
	Releases(ctx context.Context) ([]forge.Release, error)
	CreateDraft(ctx context.Context, r forge.Release) (forge.Release, error)
	AdoptDraft(ctx context.Context, standing, as forge.Release) (forge.Release, error)
	UpdateRelease(ctx context.Context, r forge.Release) (forge.Release, error)
	Publish(ctx context.Context, r forge.Release) (forge.Release, error)
	forge.Attacher
	forge.Signer
}

// Staging is the server that every release is deployed to.
type Staging interface {
	// Look reads what runs there, and changes nothing.
	Look(ctx context.Context) (Running, error)
	// Deploy brings the images up, by digest, and says whether they ran there and were healthy before. Once it has the server's
	// own lock, it refuses a version that is lower than what it finds there: nothing else keeps two deployments apart.
	Deploy(ctx context.Context, r Rollout) (already bool, err error)
}

// Running is what a server says about itself.
type Running struct {
	Version   string // last found healthy there; empty: nothing of ours
	Withdrawn []string
}

// Rollout is what a server is to run.
type Rollout struct {
	Version version.Version
	Commit  string
	Digests map[string]string // by image
	// Repositories are where they are, for those that another place has written down.
	Repositories map[string]string
}

// Signatures tells whose a signature is.
type Signatures interface {
	// Doubt is why a signed statement that was found is not by the signer of this release; empty: it is. An error: nobody could
	// tell.
	Doubt(ctx context.Context, said attest.Artifact, of Attestation) (string, error)
}

// Maker makes what only the engine can.
type Maker interface {
	// Push pushes an image that was built, under a tag, and returns its digest.
	Push(ctx context.Context, image, tag string) (digest string, err error)
	// Statement is what is said of an image, signed if the request says so; one without data: there is nothing to say.
	Statement(ctx context.Context, of Attestation) (attest.Artifact, error)
	// Notes are the text of the release, from the commits after a tag.
	Notes(ctx context.Context, after Tag) (string, error)
	// Files are what is attached to the release, without their checksums.
	Files(ctx context.Context, digests map[string]string) ([]forge.File, error)
	// Sign signs a file that is attached, where the signature is one of the assets.
	Sign(ctx context.Context, name string, data []byte) (bundle []byte, err error)
}

// Tag is one of git's tags, with the commit that it peels to.
type Tag struct{ Name, Commit string }

// Request is what is asked for, and what is known without asking anybody.
type Request struct {
	Version   version.Version
	Commit    string
	Images    []string
	Platforms []string // of each image, sorted
	Prefix    version.TagPrefix
	Local     []Tag    // the tags of the clone
	Branches  []string // patterns of branches to release from besides the default one
	Assets    []string // names of the files that a finished release has
	Attest    []string // the kinds of statements that each image gets
	Signed    bool     // they are signed, and no image is released or used again without them
	Until     Phase    // what comes after it is not asked for
}

// TagName is what the version's tag is called.
func (q Request) TagName() string { return q.Prefix.Tag(q.Version) }

// FindTag finds the tag of a version, the one that Slipway itself would give first.
func FindTag(prefix version.TagPrefix, tags []Tag, v version.Version) (Tag, bool) {
	for _, name := range prefix.Tags(v) {
		if at := slices.IndexFunc(tags, func(t Tag) bool { return t.Name == name }); at >= 0 && v != (version.Version{}) {
			return tags[at], true
		}
	}
	return Tag{}, false
}

// VersionsOf are the releases among tags.
func VersionsOf(prefix version.TagPrefix, tags []Tag) []version.Version {
	var known []version.Version
	for _, t := range tags {
		if v, ok := prefix.FromTag(t.Name); ok {
			known = append(known, v)
		}
	}
	return known
}
