package stages

import (
	"context"
	"strconv"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/release"
)

// source is what git says about the repository, a field for each kind of fact, and the files of the commit.
type source struct {
	commit  string
	root    string // the first commit, which clones, forks of a forge and renames share
	time    time.Time
	branch  string // empty when HEAD is detached
	remote  string // without user information
	shallow bool
	partial bool // contents of earlier commits may not be here
	tags    []release.Tag
	merged  []string // names of the tags in the history of the commit, or on a commit of their own beside it
	dirty   []string // tracked files that differ from the commit
	// What the clone has left out: files of Git LFS whose content is not here, and submodules.
	pointers, submodules []string
	id                   string            // of the tree: the commit's, with the changes
	files                map[string][]byte // what Slipway itself reads of the commit, by path
	project              project.Files     // what tells of package managers, locks and runners
	slow                 []string          // Python files that mark tests as slow
	trees                map[string]string // of the folders that are there, by their names
	configuration        string            // tree of what configures something: programs change more often, and Trivy finds no misconfiguration in them
	folders              map[string]*dagger.Directory
	git                  *dagger.Container // git with the repository mounted
	packer               *dagger.Container // the same, with the objects of the tree
}

// wholeTree is the folder of everything.
const wholeTree = "."

// readSource asks git once for everything that needs no network.
func (r *Run) readSource(ctx context.Context) (source, error) {
	folders, files := r.config.folders(), r.config.files()
	args := []string{"sh", "-c", readScript, "sh", strconv.Itoa(len(folders))}
	for _, f := range folders {
		if f == wholeTree {
			f = ""
		}
		args = append(args, f)
	}
	git := r.tool("git").WithMountedDirectory("/src", r.config.Source).WithWorkdir("/src")
	read := git.WithExec(append(args, files...))
	facts, err := read.File("/out/facts").Contents(ctx)
	if err != nil {
		return source{}, explainGit(err)
	}
	s, err := parseSource(facts, files)
	if err != nil {
		return source{}, err
	}
	s.git, s.packer = git, read
	s.folders = map[string]*dagger.Directory{}
	for name, tree := range s.trees {
		s.folders[name] = r.unpack(tree)
	}
	return s, r.packTrees(ctx, s)
}
