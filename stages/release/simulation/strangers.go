package simulation

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

// plant adds strangers who push images that say they are of a release: before its first run, between its runs and beside them.
func (s *Story) plant(dice *rand.Rand) {
	lines := s.lines()
	if len(lines) == 0 {
		return
	}
	for range 1 + dice.IntN(4) {
		at := time.Duration(dice.IntN(3)*dice.IntN(600)) * time.Second // one in three before everything
		s.Cast = append(s.Cast, role{What: plantsImages, Line: lines[dice.IntN(len(lines))], At: at})
	}
}

// plant puts an image that is not the release's own under a tag that a release may find. Its labels say what they should.
func (w *World) plant(p *process, l Line) {
	dice := w.faults.dice(at{p.number, 0}, 12)
	image, s := w.story.Images[dice.IntN(len(w.story.Images))], w.registry
	tag := "sha-" + l.Commit[:7+dice.IntN(3)]
	if dice.IntN(4) == 0 {
		tag = l.Version
	}
	_, isVersion := version.FromTag(tag)
	if s.tags[image][tag] != "" && (isVersion || s.immutable || w.git.refs[gitremote.LockRef] != "") {
		return // it would be seen by everybody, or is refused, or no release could have its tags
	}
	digest, what := w.foreign(dice, image, l)
	s.tags[image][tag] = digest
	w.otherTool, w.writes = w.now, append(w.writes, "") // who is told again is told of a change
	p.say("puts %s under %s:%s, which is %s", short(digest), image, tag, what)
}

// foreign is an image that no run of the line has pushed as this image, with statements that speak for another, or by nobody who
// counts.
func (w *World) foreign(dice *rand.Rand, image string, l Line) (digest, what string) {
	own := w.ownOf(l)
	if n := dice.IntN(4); n == 0 && len(own) > 0 && own[0].Name != image {
		w.registry.copied[[2]string{image, own[0].Digest}] = true
		return own[0].Digest, "the release's own " + own[0].Name
	}
	digest = w.registry.add(image, l.Commit, l.Version, 97)
	var said []attest.Artifact
	switch dice.IntN(3) {
	case 0:
		return digest, "a stranger's"
	case 1:
		for _, kind := range kinds {
			of := []string{digest, manifest(digest)}
			said = append(said, signedWith(strangersKey, attest.About(fullName(image), of, kind, w.predicate(kind, image, l))))
		}
		what = "a stranger's, with statements of his own"
	case 2:
		for _, at := range own {
			said = append(said, w.registry.listOf(at.Digest).all...)
		}
		what = "a stranger's, with statements about the release's own"
	}
	w.registry.listOf(digest).all = said
	return digest, what
}

// ownOf are the images that runs of the line have pushed.
func (w *World) ownOf(l Line) (own []registry.Image) {
	for _, digest := range slices.Sorted(maps.Keys(w.pushed)) {
		if at := w.registry.images[digest]; at.Revision() == l.Commit && at.Version() == l.Version {
			own = append(own, at)
		}
	}
	return own
}

// isOwn says whether a release has pushed the digest as this image, or the index that holds it.
func (w *World) isOwn(image, digest string) bool {
	for index, at := range w.registry.images {
		if at.Name == image && w.pushed[index] && (index == digest || manifest(index) == digest) {
			return true
		}
	}
	return false
}

// checkOwn: what a signed release signs, or shows to anybody, is its own.
func (w *World) checkOwn(p *process, does, image, digest string) {
	if w.story.Attests == attestsSigned && p.line != "" && !w.isOwn(image, digest) {
		w.violate(onlyItsOwn, "%s %s %s%s", p.name, does, image, short(digest))
	}
}
