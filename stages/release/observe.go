package release

import (
	"context"
	"maps"
	"slices"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// Observed is what the four worlds say about a version. It is read in stage 1, to refuse early, and again under the lock:
// nothing that is older than the lock decides anything.
type Observed struct {
	Registry Part[Images]
	Remote   Part[Remote]
	Forge    Part[[]forge.Release]
	Staging  Part[Running]
}

// Part is what one of the worlds has said, and when, or why it was not asked.
type Part[T any] struct {
	Is  T
	At  time.Time // zero: it was not read
	Why string    // it was not asked
	Err error     // it was asked, and did not answer
}

// Read says whether it was asked and has answered.
func (p Part[T]) Read() bool { return !p.At.IsZero() }

// Images is what the registry says.
type Images struct {
	Known     map[string][]version.Version // every version, by image
	Version   map[string]registry.Image    // what stands under this version
	CommitTag string                       // the tag that names commit and version
	Commit    map[string]registry.Image    // what stands under it
	Doubts    map[string]string            // why a signed release does not take what stands under image:tag for its own
}

// all are the versions that any image has.
func (i Images) all() []version.Version {
	return slices.Concat(slices.Collect(maps.Values(i.Known))...)
}

// Reusable is what an earlier run of this commit and version has pushed. It is used again, because a rebuild seldom has the
// same digest (T6).
func (i Images) Reusable(image string) (registry.Image, bool) {
	if at, ok := i.Version[image]; ok {
		return at, true
	}
	at, ok := i.Commit[image]
	return at, ok
}

// Remote is what the git server says.
type Remote struct {
	gitremote.Refs
	From []string // the branches to release from, sorted
	Has  bool     // one of them contains the commit
}

// tags are those of the remote.
func (r Remote) tags() []Tag { return TagsOf(r.Refs) }

// TagsOf are the remote's tags, by name.
func TagsOf(refs gitremote.Refs) []Tag {
	names := refs.Tags()
	var tags []Tag
	for _, name := range slices.Sorted(maps.Keys(names)) {
		tags = append(tags, Tag{name, names[name]})
	}
	return tags
}

// Observe asks everybody at once, and writes nothing. Who does not answer is part of what it returns.
func Observe(ctx context.Context, w World, q Request) Observed {
	var o Observed
	w.Together(
		func() {
			o.Registry = readPart(w, w.Registry == nil, "no registry is set", func() (Images, error) { return readImages(ctx, w, q) })
		},
		func() {
			o.Remote = readPart(w, w.Git == nil, w.NoGit, func() (Remote, error) { return readRemote(ctx, w, q) })
		},
		func() {
			o.Forge = readPart(w, w.Forge == nil, w.NoForge, func() ([]forge.Release, error) { return w.Forge.Releases(ctx) })
		},
		func() {
			o.Staging = readPart(w, w.Staging == nil, "no staging server is set", func() (Running, error) { return w.Staging.Look(ctx) })
		},
	)
	return o
}

func readPart[T any](w World, absent bool, why string, read func() (T, error)) Part[T] {
	if absent {
		return Part[T]{Why: why}
	}
	// From before the question: what happens meanwhile may or may not be in the answer.
	at := w.Clock.Now()
	is, err := read()
	if err != nil {
		return Part[T]{Err: err}
	}
	return Part[T]{Is: is, At: at}
}

func readRemote(ctx context.Context, w World, q Request) (Remote, error) {
	refs, err := gitremote.ReadRefs(ctx, w.Git, w.Clock)
	if err != nil {
		return Remote{}, err
	}
	r := Remote{Refs: refs, From: refs.Releases(q.Branches)}
	r.Has = slices.ContainsFunc(r.From, func(name string) bool { return refs.Branch(name) == q.Commit })
	if !r.Has && len(r.From) > 0 {
		with, err := gitremote.BranchesWith(ctx, w.Git, w.Clock, r.From, q.Commit)
		if err != nil {
			return Remote{}, err
		}
		r.Has = len(with) > 0
	}
	return r, nil
}

// readImages reads all tags of all images, and what stands under this version's and this commit's.
func readImages(ctx context.Context, w World, q Request) (Images, error) {
	found := make([]imageTags, len(q.Images))
	if err := w.eachImage(q.Images, func(n int, image string) (err error) {
		found[n], err = readImage(ctx, w, q, image)
		return err
	}); err != nil {
		return Images{}, err
	}
	i := Images{
		Known: map[string][]version.Version{}, Version: map[string]registry.Image{}, Commit: map[string]registry.Image{}, Doubts: map[string]string{},
	}
	var err error
	i.CommitTag, err = version.ShaTag(q.Commit, func(tag string) bool {
		return slices.ContainsFunc(found, func(f imageTags) bool { return slices.Contains(f.taken, tag) })
	})
	if err != nil {
		return Images{}, err
	}
	for n, image := range q.Images {
		i.Known[image] = found[n].known
		if at, ok := found[n].tags[q.Version.String()]; ok {
			i.Version[image] = at
		}
		if at, ok := found[n].tags[i.CommitTag]; ok {
			i.Commit[image] = at
		}
		for tag, at := range found[n].tags {
			if doubt := found[n].doubts[at.Digest]; doubt != "" {
				i.Doubts[image+":"+tag] = doubt
			}
		}
	}
	return i, nil
}

// imageTags is what the registry says about one image.
type imageTags struct {
	known  []version.Version
	tags   map[string]registry.Image // under this version, and under tags that look like this commit's
	doubts map[string]string         // why a signed release does not take it for its own, by digest
	taken  []string                  // those of the commit that are another release's, or in doubt
}

func readImage(ctx context.Context, w World, q Request, image string) (imageTags, error) {
	names, err := w.Registry.Tags(ctx, image)
	if err != nil {
		return imageTags{}, err
	}
	found := imageTags{known: VersionsAmong(names), tags: map[string]registry.Image{}, doubts: map[string]string{}}
	for _, tag := range names {
		if tag != q.Version.String() && !isCommitTag(tag, q.Commit) {
			continue
		}
		at, there, err := w.Registry.Inspect(ctx, image, tag)
		if there && err == nil {
			err = found.add(ctx, w, q, tag, at)
		}
		if err != nil {
			return imageTags{}, err
		}
	}
	return found, nil
}

// add judges what stands under a tag.
func (f *imageTags) add(ctx context.Context, w World, q Request, tag string, at registry.Image) (err error) {
	own := sameRelease(at, q)
	if _, judged := f.doubts[at.Digest]; own && q.Signed && !judged {
		f.doubts[at.Digest], err = w.doubt(ctx, q, at)
	}
	f.tags[tag] = at
	if isCommitTag(tag, q.Commit) && (!own || f.doubts[at.Digest] != "") {
		f.taken = append(f.taken, tag)
	}
	return err
}

// sameRelease says whether the image was built from this commit as this version: a candidate and its final release may share
// a commit, and their images differ by their label and what the version was built into.
func sameRelease(at registry.Image, q Request) bool {
	return at.Revision() == q.Commit && at.Version() == q.Version.String()
}

func isCommitTag(tag, commit string) bool {
	const prefix, shortest = "sha-", 7
	digits := len(tag) - len(prefix)
	return digits >= shortest && digits <= len(commit) && tag == prefix+commit[:digits]
}

// VersionsAmong are the strict versions among the tags of an image (T9).
func VersionsAmong(tags []string) []version.Version {
	var known []version.Version
	for _, t := range tags {
		if v, ok := version.FromTag(t); ok {
			known = append(known, v)
		}
	}
	return known
}
