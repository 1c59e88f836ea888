package stages

import (
	"context"
	"maps"
	"path"
	"slices"

	"dagger/slipway/internal/dagger"
)

const (
	archivesPath = "/archives"
	treePath     = "/tree"
)

// archiveOf is where a tree lies packed, under git's own name of its content.
func archiveOf(tree string) string { return path.Join(archivesPath, tree+".tar") }

// withArchives shows a container the packed trees of all runs of the engine. What is made of one depends on the tree's name
// alone, and so on no run's checkout: the engine shares what is equal between runs, and a checkout is gone when its run ends.
func (r *Run) withArchives(c *dagger.Container) *dagger.Container {
	return c.WithMountedCache(archivesPath, r.dag.CacheVolume("slipway-archives"))
}

// unpack makes a folder of a packed tree. The folder is a mount of its own, because the engine may read all of what a folder
// is part of.
func (r *Run) unpack(tree string) *dagger.Directory {
	return r.withArchives(r.tool("git")).
		WithMountedDirectory(treePath, r.dag.Directory()).
		WithExec([]string{"tar", "-xf", archiveOf(tree), "-C", treePath}).
		Directory(treePath)
}

// packTrees packs what the run may unpack.
func (r *Run) packTrees(ctx context.Context, s source) error {
	trees := slices.Sorted(maps.Values(s.trees))
	_, err := r.lately(r.withArchives(s.packer)).
		WithExec(append([]string{"sh", "-c", packScript, "sh", s.configuration}, slices.Compact(trees)...)).
		Sync(ctx)
	return err
}

// packScript packs the trees it is given, beside other runs that may do the same, and removes what nobody has needed for a
// day. The archives carry one constant time, so that a tree is the same files whoever packs it.
const packScript = gitScript + `
for tree; do
	archive=/archives/$tree.tar
	touch -c "$archive"
	if [ ! -e "$archive" ]; then
		part=$(mktemp /archives/part.XXXXXX)
		git archive --format=tar --mtime=1980-01-01T00:00:00Z -o "$part" "$tree"
		chmod 644 "$part"
		mv "$part" "$archive"
	fi
done
# Another run may take away what this one has just seen.
find /archives -type f -mtime +0 -exec rm -f {} + 2>/dev/null || true
`
