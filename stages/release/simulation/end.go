package simulation

import (
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// lastOnes is the number of the first process that meets no faults.
const lastOnes = 1000

// calm begins one process that meets no fault, and waits for its end.
func (w *World) calm(p *process, do func(*process)) {
	p.faultless = true
	w.start(0, p, do)
	w.run()
}

// finish runs every line once more with nothing in its way, and looks at what has become of the world.
func (w *World) finish() {
	lines := w.story.lines()
	dice := w.faults.dice(at{}, 8)
	dice.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	for _, l := range lines {
		w.again(l)
	}
	w.checkFloating()
	w.checkTexts("the world")
	w.rollBack()
}

// again is the same line twice: the first run finishes it, and the second finds nothing to do.
func (w *World) again(l Line) {
	a := w.calmly(l, "last "+l.Version)
	if a.err != nil {
		if !w.mayStop(l) {
			w.violate(sameEnd, "%s is stopped: %v", l.Version, a.err)
		}
		return
	}
	w.done[l.Version] = true
	w.checkRelease(l, sameEnd)
	w.checkTold(l)
	w.checkSigned(l)
	if w.git.refs[gitremote.LockRef] != "" {
		w.violate(sameEnd, "%s: the lock stays behind", l.Version)
	}
	told := w.told[l.Version]
	b := w.calmly(l, "once more "+l.Version)
	if b.outcome != string(report.AlreadyReleased) || len(b.p.wrote) > 0 {
		w.violate(sameEnd, "%s once more is %s (%v), and wrote: %s", l.Version, b.outcome, b.err, strings.Join(b.p.wrote, "; "))
	}
	if w.told[l.Version] != told {
		w.violate(toldOnce, "%s was told again", l.Version)
	}
}

func (w *World) calmly(l Line, name string) *attempt {
	w.undisturbed++
	p := newProcess(name, lastOnes+1+w.undisturbed)
	p.line = l.Version
	a := &attempt{p: p, line: l}
	w.calm(p, a.release)
	return a
}

// mayStop says whether there is something that rightly stops the version for ever.
func (w *World) mayStop(l Line) bool {
	v, _ := version.Parse(l.Version)
	if w.isWithdrawn(v) || slices.Contains(w.staging.withdrawn(), l.Version) {
		return true
	}
	tagged := false
	for _, name := range version.DefaultTagPrefix.Tags(v) {
		at := w.git.refs["refs/tags/"+name]
		if tagged = tagged || at != ""; at != "" && at != l.Commit {
			return true
		}
	}
	if w.git.moved || w.story.Protected && !tagged {
		return true
	}
	bare := w.git.refs["refs/tags/"+l.Version] != "" && w.git.refs["refs/tags/v"+l.Version] == ""
	if bare && w.story.Forge != "" {
		return true
	}
	for _, image := range w.story.Images {
		at, ok := w.registry.imageOf(image, l.Version)
		foreign := w.story.Attests == attestsSigned && !w.isOwn(image, at.Digest)
		if ok && (foreign || at.Revision() != l.Commit || at.Version() != l.Version) {
			return true
		}
	}
	made := w.forge.ofTag("v" + l.Version)
	return slices.ContainsFunc(made, func(r *published) bool { return r.hand && (r.Immutable || len(made) > 1) })
}

// checkRelease wants everything where an undisturbed release leaves it.
func (w *World) checkRelease(l Line, rule string) {
	bad := func(format string, args ...any) { w.violate(rule, l.Version+": "+format, args...) }
	digests := map[string]string{}
	for _, image := range w.story.Images {
		at, ok := w.registry.imageOf(image, l.Version)
		if !ok || at.Revision() != l.Commit || at.Version() != l.Version {
			bad("%s:%s is %+v", image, l.Version, at)
		}
		if !w.hasCommitTag(image, l.Commit, l.Version) {
			bad("%s has no commit tag", image)
		}
		if wrong := w.attached(at.Digest); wrong != "" {
			bad("%s: %s", image, wrong)
		}
		digests[image] = at.Digest
	}
	v, _ := version.Parse(l.Version)
	if w.story.Git {
		w.checkGit(l, v, bad)
	}
	if w.story.Git && w.story.Forge != "" {
		w.checkPage(l, v, bad)
	}
	if w.story.Staging {
		w.checkStaging(v, digests, rule == sameEnd, bad)
	}
}

func (w *World) checkGit(l Line, v version.Version, bad func(string, ...any)) {
	tagged := ""
	for _, name := range version.DefaultTagPrefix.Tags(v) {
		tagged += w.git.refs["refs/tags/"+name]
	}
	if !strings.Contains(tagged, l.Commit) {
		bad("the git tag names %q", tagged)
	}
	if w.git.refs["refs/slipway/begun/v"+l.Version] != "" {
		bad("git says that it has only begun")
	}
}

func (w *World) checkPage(l Line, v version.Version, bad func(string, ...any)) {
	made := w.forge.ofTag("v" + l.Version)
	if len(made) != 1 {
		bad("%d releases on the forge", len(made))
		return
	}
	r := made[0]
	if r.Draft || !forge.HasNotes(r.Body) || r.made() != len(files)+2 {
		bad("the release on the forge: draft %t, %d files, %q", r.Draft, len(r.Assets), r.Body)
	}
	if _, signs, _ := strings.Cut(r.data[forge.SignatureFile], ": "); signs != r.data[forge.ChecksumsFile] {
		bad("the signature is of %q, and the checksums are %q", signs, r.data[forge.ChecksumsFile])
	}
	if forge.NotStanding(r.Release).Body != r.Body && !r.hand {
		bad("the release on the forge says that it is the standing draft")
	}
	w.checkTaken(r, v)
	if w.forge.can.Prerelease && r.Prerelease != v.IsPrerelease() {
		bad("the release on the forge is a prerelease: %t", r.Prerelease)
	}
	if r.Title != "v"+l.Version && !handwritten(r.Title) {
		bad("the title is %q", r.Title)
	}
	if r.touched && (!handwritten(r.Body) || !handwritten(r.Title)) {
		w.violate(erased, "%s: %q, %q", l.Version, r.Title, r.Body)
	}
}

// checkTaken: what people wrote for the next version stands on one release, with what they attached, and on no backport. What a
// person has published is finished by nobody.
func (w *World) checkTaken(r *published, v version.Version) {
	if !r.isAhead() || r.hand {
		return
	}
	left := slices.ContainsFunc(w.forge.standing(), (*published).isAhead)
	before, _ := version.Parse("1.2.2")
	backport := v.Compare(before) < 0 && !w.isWithdrawn(before) && !w.story.Untagged // else the draft is for it
	if left || backport || r.data[aheadFile] == "" {
		w.violate(takenWhole, "%s: on the standing draft as well %t, backport %t, with %q", r.Tag, left, backport, r.data[aheadFile])
	}
}

func (w *World) checkStaging(v version.Version, digests map[string]string, quiet bool, bad func(string, ...any)) {
	e, ok := w.staging.last()
	if !ok || e.Version.Compare(v) < 0 || quiet && w.staging.runs != e.Version.String() && e.Version == v {
		bad("staging runs %s, last healthy %s", w.staging.runs, e.Version)
	}
	if e.Version == v && fmt.Sprint(e.Digests) != fmt.Sprint(digests) {
		bad("staging runs other digests")
	}
}

// checkTold: once, and never only if a run was killed at it or its message was lost.
func (w *World) checkTold(l Line) {
	told := w.told[l.Version]
	if told == 0 && !w.untold[l.Version] && w.story.Git {
		w.violate(toldOnce, "%s: never", l.Version)
	}
}

// checkFloating wants every floating tag at the highest whole version of its scope, on all images, and the forge's mark with it.
func (w *World) checkFloating() {
	if w.overrun {
		return
	}
	for tag, top := range version.Floating(w.known()) {
		all, whole := w.imagesOf(top.String())
		stopped := slices.ContainsFunc(w.story.lines(), func(l Line) bool { return l.Version == top.String() && w.mayStop(l) })
		if !whole || stopped {
			continue // half released, and nothing will finish it
		}
		for n, image := range w.had(top.String()) {
			at, _ := w.registry.imageOf(image, tag)
			if v, ok := version.FromTag(at.Version()); ok && w.isWithdrawn(v) {
				continue // a rollback was killed, and is completed below
			}
			if at.Digest != all[n].Digest {
				w.violate(sameEnd, "%s:%s is %q, and belongs to %s", image, tag, at.Version(), top)
			}
		}
		if tag == "latest" && len(w.production.withdrawn()) == 0 {
			w.checkLatest(sameEnd, top)
		}
	}
}

func (w *World) checkLatest(rule string, top version.Version) {
	made := w.forge.ofTag(version.DefaultTagPrefix.Tag(top))
	if !w.forge.can.Latest || !w.story.Git || len(made) != 1 || made[0].Draft {
		return
	}
	if !made[0].Latest {
		w.violate(rule, "%s is the latest version, and not marked as the latest release", top)
	}
}

// checkBack wants no floating tag at a version that was taken back, as long as its scope has another up to the one that runs now,
// and the forge's mark with it.
func (w *World) checkBack() {
	var left []version.Version
	now, _ := w.production.last()
	for text := range w.done {
		if v, _ := version.Parse(text); !w.isWithdrawn(v) && v.Compare(now.Version) <= 0 {
			left = append(left, v)
		}
	}
	for tag, top := range version.Floating(left) {
		for _, image := range w.had(top.String()) { // any other has nothing to go back to
			at, _ := w.registry.imageOf(image, tag)
			v, _ := version.Parse(at.Version())
			if v != top && (w.isWithdrawn(v) || v.Compare(top) < 0) {
				w.violate(rollsBack, "%s:%s is %s, and belongs to %s", image, tag, v, top)
			}
			if tag == "latest" && v == top {
				w.checkLatest(rollsBack, top)
			}
		}
	}
}

// rollBack brings the highest version to production that may run there, takes it back, and looks at where everything is.
func (w *World) rollBack() {
	if e, ok := w.staging.last(); ok && !e.Version.IsPrerelease() {
		p := newProcess("last deployment", lastOnes)
		p.unlocked = true
		w.calm(p, deploy(Line{Version: e.Version.String(), Commit: e.Commit}, true))
	}
	before, _ := w.production.last()
	p := newProcess("last rollback", lastOnes+1)
	p.rollsBack = true
	b := &back{p: p}
	w.calm(p, b.run)
	now, _ := w.production.last()
	switch {
	case b.err != nil && !strings.Contains(b.err.Error(), "no version before"):
		w.violate(rollsBack, "%v", b.err)
	case b.err != nil:
	case now.Version.Compare(before.Version) > 0 || w.production.runs != now.Version.String() || slices.Contains(w.production.withdrawn(), now.Version.String()):
		w.violate(rollsBack, "production runs %s, last healthy %s, before %s", w.production.runs, now.Version, before.Version)
	default:
		w.checkBack()
	}
}
