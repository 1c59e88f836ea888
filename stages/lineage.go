package stages

import (
	"slices"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
)

// lineage is what the next version of a commit is counted from.
type lineage struct {
	files  version.Version   // what the version files say; none without them
	last   version.Version   // the last release; none before the first
	known  []version.Version // of all tags
	merged []version.Version // of the tags in the history of the commit
}

func (r *Run) lineage(files []versionfile.Source) (lineage, error) {
	merged := slices.DeleteFunc(slices.Clone(r.source.tags), func(t release.Tag) bool { return !slices.Contains(r.source.merged, t.Name) })
	l := lineage{known: r.tagged(), merged: release.VersionsOf(r.config.tagPrefix, merged)}
	var err error
	if len(files) > 0 {
		l.files, err = versionIn(files[0])
	}
	l.last = l.lastRelease()
	return l, err
}

// unversioned is what files say that nobody has given a version: kinds raise it, and nothing is released with it.
var unversioned, _ = version.Parse("0.0.0")

// versionIn is the version in a file.
func versionIn(source versionfile.Source) (version.Version, error) {
	file, err := versionfile.Read(source.Path, source.Content, source.Members...)
	if err != nil {
		return version.Version{}, err
	}
	if file.IsPlaceholder() {
		return unversioned, nil
	}
	v, ok := file.Current()
	if !ok {
		return version.Version{}, refuseState("give the next version itself, with --version", "%s says %q, which is no version that can be released", file.Path, file.Version)
	}
	return v, nil
}

// lastRelease is the highest stable version in the history, so that a branch for 5.4 does not go on with 8.2. Some teams tag
// commits that never come back to the branch: then it is what the files say, if that is released, or the highest of all.
func (l lineage) lastRelease() version.Version {
	last, ok := highest(l.merged, stable)
	if !ok {
		last, ok = highest(l.known, stable)
	}
	if !ok {
		last, _ = highest(l.known, version.Version.InSeries)
	}
	if v := leadsTo(l.files); l.released(v) && v.Compare(last) > 0 {
		return v
	}
	return last
}

func stable(v version.Version) bool { return !v.IsPrerelease() }

func highest(known []version.Version, wanted func(version.Version) bool) (top version.Version, ok bool) {
	for _, v := range known {
		if wanted(v) && (!ok || v.Compare(top) > 0) {
			top, ok = v, true
		}
	}
	return top, ok
}

// leadsTo is the stable version that a prerelease comes before; a stable one is that itself.
func leadsTo(v version.Version) version.Version {
	if !v.IsPrerelease() {
		return v
	}
	finished, _ := version.Bump(v, version.Patch, "") // finishing is always possible
	return finished
}

func (l lineage) released(v version.Version) bool { return slices.Contains(l.known, v) }

// behind says whether the files say less than what is released: nobody raises them.
func (l lineage) behind() bool {
	none := version.Version{}
	return l.files != none && l.last != none && l.files.Compare(l.last) < 0
}

// planned is the version that the files are on the way to; none if it is released, or they say none.
func (l lineage) planned() version.Version {
	v := l.files
	if l.released(v) {
		v = leadsTo(v) // a prerelease wants to be finished
	}
	if l.behind() || l.released(v) || v == unversioned {
		return version.Version{}
	}
	return v
}

// from is what a kind raises. Prereleases count for those who make the next one.
func (l lineage) from(kind version.Kind) version.Version {
	start := l.files
	if start == (version.Version{}) || l.behind() {
		start = l.last
	}
	if series, ok := highest(l.merged, version.Version.InSeries); ok && kind == version.Prerelease && series.Compare(start) > 0 {
		return series
	}
	return start
}

// raised is the next version of a kind. Where the kind leaves room, what another branch has released is passed over.
func (l lineage) raised(kind version.Kind, preid string) (version.Version, error) {
	v, err := version.Bump(l.from(kind), kind, preid)
	for err == nil && l.released(v) && (kind == version.Patch || kind == version.Prerelease) {
		v, err = version.Bump(v, kind, preid)
	}
	return v, err
}

// room is the kind, or the highest below it that does not lead into another branch's versions: after 5.4.1 there is no minor
// version where 5.5.0 is released, and no major one where 6.0.0 is.
func (l lineage) room(kind version.Kind) version.Kind {
	if kind == version.Major && l.overtaken(func(v version.Version) bool { return v.Major() > l.last.Major() }) {
		kind = version.Minor
	}
	if kind == version.Minor && l.overtaken(func(v version.Version) bool { return v.Major() == l.last.Major() && v.Minor() > l.last.Minor() }) {
		kind = version.Patch
	}
	return kind
}

func (l lineage) overtaken(in func(version.Version) bool) bool {
	return slices.ContainsFunc(l.known, func(v version.Version) bool { return stable(v) && in(v) })
}

// suggested is the lowest version that changes of a kind allow: the planned one if it is high enough, else the last release
// raised.
func (l lineage) suggested(kind version.Kind) (version.Version, error) {
	planned := l.planned()
	if l.last == (version.Version{}) {
		return planned, nil
	}
	needed, err := lineage{last: l.last, known: l.known}.raised(l.room(kind), "")
	if err == nil && planned != (version.Version{}) && leadsTo(planned).Compare(needed) >= 0 {
		return planned, nil
	}
	return needed, err
}
