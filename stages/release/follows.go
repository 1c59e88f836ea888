package release

import (
	"maps"
	"slices"
	"strings"

	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// What follows from what was observed, and stands in nobody's way.

// tagsOfImages: which digests are used again, and which floating tags this version is entitled to.
func (d *decision) tagsOfImages() {
	d.plan.CommitTag, d.plan.Reused = d.o.Registry.Is.CommitTag, map[string]registry.Image{}
	for _, name := range d.q.Images {
		if at, ok := d.o.Registry.Is.Reusable(name); ok && d.isOwn(name, at) {
			d.plan.Reused[name] = at
		}
	}
	d.plan.Floating = version.FloatingTags(d.q.Version, d.o.Known(d.q))
}

// doubted names what says that it is of this release, and is not used again (T6).
func (d *decision) doubted() {
	for _, where := range slices.Sorted(maps.Keys(d.o.Registry.Is.Doubts)) {
		if _, tag, _ := strings.Cut(where, ":"); isCommitTag(tag, d.q.Commit) {
			d.note("who has built %s, which names this commit and version: expected a provenance by the signer of this release, found %s; it is not used again, and the images go under %s",
				where, d.o.Registry.Is.Doubts[where], d.plan.CommitTag)
		}
	}
}

// previous: the release before this one, and the tag that its notes start after. One that only the registry knows, because
// its run died or nobody tagged it, counts; its commits are among this one's.
func (d *decision) previous() {
	d.plan.Previous, _ = version.Previous(d.q.Version, d.o.Known(d.q))
	tags := d.o.tags(d.q)
	before, _ := version.Previous(d.q.Version, d.o.notWithdrawn(d.q.Prefix, VersionsOf(d.q.Prefix, tags)))
	d.plan.NotesAfter, _ = FindTag(d.q.Prefix, tags, before)
	if d.plan.Previous == (version.Version{}) || d.plan.Previous == before {
		return
	}
	start := "at the beginning"
	if d.plan.NotesAfter.Name != "" {
		start = "after " + d.plan.NotesAfter.Name
	}
	d.note("which commit %s is from: it is in the registry and git has no tag for it, so these notes start %s", d.plan.Previous, start)
}

// staging: a server that runs a higher version is left alone (D3, O2).
func (d *decision) staging() {
	running, err := version.Parse(d.o.Staging.Is.Version)
	if err == nil && running.Compare(d.q.Version) > 0 {
		d.plan.Newer = running
	}
}

// worthKnowing names what does not decide, and surprises those who do not know it (T8).
func (d *decision) worthKnowing() {
	if d.o.Remote.Read() {
		var stray []string
		for _, tag := range d.q.Local {
			v, ok := d.q.Prefix.FromTag(tag.Name)
			if ok && v != d.q.Version && !d.onRemote(tag) {
				stray = append(stray, tag.Name)
			}
		}
		if len(stray) > 0 {
			d.note("tags that are only in this clone and do not count: %s; push them, or remove them with git tag -d", report.Few(stray))
		}
	}
	if half := d.halfReleased(); len(half) > 0 {
		d.note("versions that count and are only half released: %s; finish each by releasing its commit again, or take it back with rollback", report.Few(half))
	}
}

// halfReleased are higher versions that not every image has, or that git has no tag for.
func (d *decision) halfReleased() (half []string) {
	tagged := VersionsOf(d.q.Prefix, d.o.tags(d.q))
	for _, v := range distinct(d.o.notWithdrawn(d.q.Prefix, d.o.Registry.Is.all())) {
		missing := slices.ContainsFunc(d.q.Images, func(name string) bool { return !slices.Contains(d.o.Registry.Is.Known[name], v) })
		if v.Compare(d.q.Version) > 0 && (missing || !slices.Contains(tagged, v)) {
			half = append(half, v.String())
		}
	}
	return half
}

// distinct are the versions, each once, the lowest first.
func distinct(versions []version.Version) []version.Version {
	sorted := slices.SortedFunc(slices.Values(versions), version.Version.Compare)
	return slices.Compact(sorted)
}
