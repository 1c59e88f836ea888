package stages

import (
	"slices"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// versionsOf are the releases among git's tags.
func versionsOf(prefix version.TagPrefix, tags []release.Tag) []version.Version {
	var known []version.Version
	for _, t := range tags {
		if v, ok := prefix.FromTag(t.Name); ok {
			known = append(known, v)
		}
	}
	return known
}

// tagOf finds the tag of a version, the one that Slipway itself would give first.
func tagOf(prefix version.TagPrefix, tags []release.Tag, v version.Version) (release.Tag, bool) {
	if v == (version.Version{}) {
		return release.Tag{}, false
	}
	for _, name := range prefix.Tags(v) {
		if at := slices.IndexFunc(tags, func(t release.Tag) bool { return t.Name == name }); at >= 0 {
			return tags[at], true
		}
	}
	return release.Tag{}, false
}

// folder is one of the repository, taken from it now if it is not among those that were packed.
func (r *Run) folder(name string) *dagger.Directory {
	if known, ok := r.source.folders[name]; ok {
		return known
	}
	const archive = `git archive --format=tar --mtime=1980-01-01T00:00:00Z -o /packed.tar "$1" && tar -xf /packed.tar -C "$2"`
	return r.source.packer.
		WithMountedDirectory(treePath, r.dag.Directory()).
		WithExec([]string{"sh", "-c", gitScript + archive, "sh", r.source.id + ":" + name, treePath}).
		Directory(treePath)
}

// tagName is what this version's tag is called.
func (r *Run) tagName() string { return r.config.tagPrefix.Tag(r.Version) }

// tagged are the releases that have a tag in the repository.
func (r *Run) tagged() []version.Version { return versionsOf(r.config.tagPrefix, r.source.tags) }

// tagOf is the repository's tag of a version.
func (r *Run) tagOf(v version.Version) (release.Tag, bool) {
	return tagOf(r.config.tagPrefix, r.source.tags, v)
}
