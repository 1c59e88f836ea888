package stages

import (
	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

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
func (r *Run) tagged() []version.Version {
	return release.VersionsOf(r.config.tagPrefix, r.source.tags)
}

// tagOf is the repository's tag of a version.
func (r *Run) tagOf(v version.Version) (release.Tag, bool) {
	return release.FindTag(r.config.tagPrefix, r.source.tags, v)
}
