package simulation

import (
	"errors"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// The rules, each by the name under which a violation is listed.
const (
	versionTagMoves   = "a version tag never changes"
	wentBack          = "no floating tag goes back but by a rollback"
	beforeCommitTags  = "VERSION on no image before all have their commit tag"
	beforeAttested    = "VERSION on no image before all have their statements"
	onlyItsOwn        = "a signed release signs and publishes nothing but its own images"
	beforeVersionTags = "floating tags on none before all have VERSION"
	beforeStaging     = "floating tags on none before staging is healthy"
	publishedWhole    = "published means that everything is there"
	withoutLock       = "a run that lost its lock writes nothing more"
	lockedByTheDead   = "what a run has left that is gone locks nobody out"
	sameEnd           = "one undisturbed run of the same line ends as an undisturbed release does"
	trueWord          = "the outcome word is true"
	toldOnce          = "whoever must be told is told exactly once"
	dryWrites         = "a dry run writes nothing"
	rollsBack         = "a rollback leads to a healthy older version, and floating tags follow"
	downgraded        = "no server goes to a lower version but by a rollback"
	erased            = "what people have written stays"
	allOrNone         = "a floating tag moves on all images or on none"
	lies              = "what a tag or release says it is, it is"
	signedOnce        = "a pull request says once in which release it is"
	takenWhole        = "what people wrote ahead goes over into one release, and wholly"
	onePage           = "a tag has one release or draft, and one draft is the standing one"
)

// Rules are all of them, in the order in which they are listed.
var Rules = []string{
	versionTagMoves, wentBack, beforeCommitTags, beforeAttested, onlyItsOwn, beforeVersionTags, beforeStaging, publishedWhole, withoutLock, lockedByTheDead, sameEnd, trueWord,
	toldOnce, dryWrites, rollsBack, downgraded, erased, allOrNone, lies,
	onePage, takenWhole, signedOnce,
}

// afterWrite holds every write against the rules on who may write.
func (w *World) afterWrite(p *process, r request) {
	if p.reads {
		w.violate(dryWrites, "%s: %s", p.name, r.what)
	}
	if p.rollsBack {
		w.writes = append(w.writes, "") // what it withdraws changes where tags belong
	}
	if !r.guarded {
		return
	}
	if !r.signs {
		p.wrote = append(p.wrote, r.what)
	}
	if !p.drafts && !r.signs {
		w.writes = append(w.writes, p.line)
	}
	if w.story.Git && !p.unlocked && !p.holds[w.git.refs[gitremote.LockRef]] {
		w.violate(withoutLock, "%s: %s", p.name, r.what)
	}
}

// tagWritten looks at a tag of the registry that was just written or removed.
func (w *World) tagWritten(p *process, image, tag, old, digest string) {
	key := image + ":" + tag
	if _, seen := p.found[key]; !seen {
		p.found[key] = old
	}
	if _, isVersion := version.FromTag(tag); isVersion {
		w.versionWritten(p, image, tag, old, digest)
	}
	if floating(tag) && digest != p.found[key] {
		w.floatingWritten(p, image, tag, old, digest)
	}
}

func (w *World) versionWritten(p *process, image, tag, old, digest string) {
	if old != "" && old != digest && !w.otherTool.After(p.looked[image+":"+tag]) {
		w.violate(versionTagMoves, "%s: %s:%s from %s to %s", p.name, image, tag, short(old), short(digest))
	}
	is := w.registry.images[digest]
	if is.Version() != tag {
		w.violate(lies, "%s:%s was built as %q", image, tag, is.Version())
	}
	for _, other := range w.story.Images {
		if !w.hasCommitTag(other, is.Revision(), tag) {
			w.violate(beforeCommitTags, "%s: %s:%s, and %s has no commit tag", p.name, image, tag, other)
		}
	}
	w.checkAttached(p, is.Revision(), tag)
	w.checkOwn(p, "tags "+tag, image, digest)
}

// commitTagged are the digests that a release has pushed, with a commit tag that stands for this version of this commit.
func (w *World) commitTagged(image, commit, v string) (digests []string) {
	for tag, digest := range w.registry.tags[image] {
		at := w.registry.images[digest]
		if strings.HasPrefix(tag, "sha-") && w.pushed[digest] && at.Revision() == commit && at.Version() == v {
			digests = append(digests, digest)
		}
	}
	return digests
}

// hasCommitTag says whether a commit tag of the image stands for this version of this commit.
func (w *World) hasCommitTag(image, commit, v string) bool {
	return len(w.commitTagged(image, commit, v)) > 0
}

// floatingWritten looks at a floating tag that was moved, and not put back. One that leaves a version which a rollback has taken
// back finishes what that rollback began.
func (w *World) floatingWritten(p *process, image, tag, old, digest string) {
	v, _ := version.Parse(w.registry.images[digest].Version())
	before, err := version.Parse(w.registry.images[old].Version())
	if err == nil && before.Compare(v) > 0 && !w.isWithdrawn(before) {
		w.movedBack(p, image+":"+tag, before, v)
	}
	all, whole := w.imagesOf(v.String())
	if !whole || !slices.ContainsFunc(all, func(at registry.Image) bool { return at.Digest == digest }) {
		w.violate(beforeVersionTags, "%s: %s:%s to %s", p.name, image, tag, v)
	}
	if v.String() == p.line {
		w.checkOwn(p, "moves "+tag+" to", image, digest)
	}
	if w.story.Staging && !w.ran(v) {
		w.violate(beforeStaging, "%s: %s:%s to %s", p.name, image, tag, v)
	}
}

// movedBack forgives what no registry can prevent: another tool, which knows no lock, came between the look and the write, or
// the process stood still there.
func (w *World) movedBack(p *process, tag string, before, now version.Version) {
	tooClose := p.awake.After(w.otherTool) || w.now.Sub(w.otherTool) < 5*time.Minute
	if w.otherTool.After(p.listed) && tooClose {
		w.overrun = true
	} else if !p.rollsBack {
		w.violate(wentBack, "%s: %s from %s to %s", p.name, tag, before, now)
	}
}

// pageMade looks at a release or draft that was just made, or moved to another tag. What a person makes in between is nobody's
// fault.
func (w *World) pageMade(p *process, r *published) {
	same := w.forge.ofTag(r.Tag)
	byHand := slices.ContainsFunc(same, func(r *published) bool { return r.hand })
	if len(same) > 1 && !byHand || len(w.forge.standing()) > 1 {
		w.violate(onePage, "%s: %d of %s, %d standing drafts", p.name, len(same), r.Tag, len(w.forge.standing()))
	}
}

// checkTexts wants what a person wrote into the standing draft somewhere.
func (w *World) checkTexts(who string) {
	kept := slices.ContainsFunc(w.forge.releases, func(r *published) bool { return handwritten(r.Body) && handwritten(r.Title) })
	if w.story.ByHand && w.forge.can.Drafts && !kept {
		w.violate(erased, "%s: the text of the standing draft is gone", who)
	}
}

// releasePublished looks at a release that a run has just shown to everybody.
func (w *World) releasePublished(p *process, r *published) {
	v, ok := version.DefaultTagPrefix.FromTag(r.Tag)
	if p.human || !ok {
		return
	}
	lacks := func(format string, args ...any) { w.violate(publishedWhole, p.name+": "+r.Tag+" "+format, args...) }
	if _, whole := w.imagesOf(v.String()); !whole {
		lacks("without images")
	}
	if w.git.refs["refs/tags/"+r.Tag] == "" {
		lacks("without a tag")
	}
	if !forge.HasNotes(r.Body) {
		lacks("without notes")
	}
	if r.made() < len(files)+2 {
		lacks("with %d files", r.made())
	}
	if w.story.Staging && !w.ran(v) {
		lacks("before staging is healthy")
	}
	for _, image := range w.story.Images {
		for _, tag := range w.mine(v) {
			if at, _ := w.registry.imageOf(image, tag); at.Version() != v.String() {
				lacks("before %s:%s", image, tag)
			}
		}
	}
}

// mine are the floating tags that belong to a version, by everything that there really is.
func (w *World) mine(v version.Version) (tags []string) {
	for tag, top := range version.Floating(w.known()) {
		if top == v {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// textWritten looks at what becomes of a release's text. What was edited while the run was about to write it is lost on
// every forge: none has a lease on texts.
func (w *World) textWritten(p *process, r *published, title, text string) {
	switch kept := handwritten(text) && handwritten(title); {
	case !r.touched || kept:
	case r.edited.After(p.asked):
		r.touched = false
	default:
		w.violate(erased, "%s: %s", p.name, r.Tag)
	}
}

// deployed looks at a server that was found healthy.
func (w *World) deployed(p *process, h *host, next entry) {
	if e, ok := h.last(); ok && !next.back && e.Version.Compare(next.Version) > 0 {
		w.violate(downgraded, "%s: %s from %s to %s", p.name, h.name, e.Version, next.Version)
	}
	for image, digest := range next.Digests {
		w.checkOwn(p, "deploys", image, digest)
	}
}

// outcomeSaid holds the word of a run against what it did.
func (w *World) outcomeSaid(a *attempt) {
	switch {
	case a.outcome == string(report.AlreadyReleased) && len(a.p.wrote) > 0:
		w.violate(trueWord, "%s says %s, and wrote: %s", a.p.name, a.outcome, strings.Join(a.p.wrote, "; "))
	case a.outcome == string(report.Released) && len(a.p.wrote) == 0, a.outcome == string(report.Resumed) && len(a.p.wrote) == 0 && !a.toldNow:
		w.violate(trueWord, "%s says %s, and wrote nothing", a.p.name, a.outcome)
	}
	if a.outcome == "refused" || a.outcome == string(report.Locked) || a.outcome == "gate-fail" {
		for _, what := range a.p.wrote {
			w.violate(trueWord, "%s is %s, and wrote: %s", a.p.name, a.outcome, what)
		}
	}
	w.checkLocked(a)
	if a.err == nil {
		w.checkRelease(a.line, trueWord)
		for _, image := range w.story.Images {
			w.checkOwn(a.p, "says "+a.outcome+" of", image, w.registry.tags[image][a.line.Version])
		}
	}
}

// longestLease is how long the lock of a run that is gone may be in the way.
const longestLease = 3 * time.Minute

func (w *World) checkLocked(a *attempt) {
	var busy *gitremote.Busy
	if !errors.As(a.err, &busy) {
		return
	}
	if since, gone := w.gone[busy.Holder.Run]; gone && w.now.Sub(since) > longestLease {
		w.violate(lockedByTheDead, "%s: %v, and that has ended %s ago", a.p.name, a.err, w.now.Sub(since))
	}
}

// tell: a second message is right only when a run wrote something, because somebody else had changed what was done. That run may
// have been cut off, so that the next one tells.
func (w *World) tell(v string) {
	w.told[v]++
	at, again := w.toldAt[v]
	others := slices.ContainsFunc(w.writes[at:], func(line string) bool { return line != v })
	if again && (!slices.Contains(w.writes[at:], v) || !others) {
		w.violate(toldOnce, "%s: %d times", v, w.told[v])
	}
	w.toldAt[v] = len(w.writes)
}

// checkPutBack: a run that ends with an error, and says of no tag that it is not put back, has moved each on all images or none.
func (w *World) checkPutBack(a *attempt, err error) {
	if err == nil || word(err) == lockLost || strings.Contains(err.Error(), "not put back") {
		return
	}
	for key, old := range a.p.found {
		image, tag, _ := strings.Cut(key, ":")
		if !floating(tag) || w.registry.tags[image][tag] == old {
			continue
		}
		for _, other := range w.story.Images {
			if at, _ := w.registry.imageOf(other, tag); at.Version() != a.line.Version {
				w.violate(allOrNone, "%s: %s on %s, but not on %s, and %v", a.p.name, tag, image, other, err)
			}
		}
	}
}

// known are the versions that there are, without what was taken back.
func (w *World) known() (known []version.Version) {
	for _, image := range w.story.Images {
		for tag := range w.registry.tags[image] {
			if v, ok := version.FromTag(tag); ok {
				known = append(known, v)
			}
		}
	}
	for ref := range w.git.refs {
		if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			if v, ok := version.DefaultTagPrefix.FromTag(name); ok {
				known = append(known, v)
			}
		}
	}
	return slices.DeleteFunc(known, w.isWithdrawn)
}

// isWithdrawn is what git and the forge say, or where there are none the server that was rolled back.
func (w *World) isWithdrawn(v version.Version) bool {
	if !w.story.Git {
		return slices.Contains(w.production.withdrawn(), v.String())
	}
	tag := version.DefaultTagPrefix.Tag(v)
	return w.git.refs["refs/slipway/withdrawn/"+tag] != "" || slices.ContainsFunc(w.forge.releases, func(r *published) bool {
		return r.Tag == tag && len(forge.Withdrawn([]forge.Release{r.Release})) > 0
	})
}
