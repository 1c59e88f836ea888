package stages

import (
	"context"
	"fmt"
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
	tags    []release.Tag
	dirty   []string // tracked files that differ from the commit
	// What the clone has left out: files of Git LFS whose content is not here, and submodules.
	pointers, submodules []string
	id                   string            // of the tree: the commit's, with the changes
	files                map[string][]byte // what Slipway itself reads of the commit, by path
	project              project.Files     // what tells of package managers, locks and runners
	slow                 []string          // Python files that mark tests as slow
	folders              map[string]*dagger.Directory
	tree                 *dagger.File // all of them, as an archive
	// What configures something, of the whole repository: programs change more often, and Trivy finds no misconfiguration in them.
	configuration *dagger.File
	git           *dagger.Container // git with the repository mounted
	packer        *dagger.Container // the same, with the objects of the tree
}

// noRepository are the exit codes of readScript in a folder that it cannot read: a linked worktree, or no commit.
var noRepository = []int{3, 4}

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
	s, present, err := parseSource(facts, files)
	if err != nil {
		return source{}, err
	}
	archives := read.Directory("/out")
	s.packer = read
	s.git, s.folders, s.configuration = git, map[string]*dagger.Directory{}, archives.File("configuration.tar")
	for _, n := range present {
		archive := archives.File(fmt.Sprintf("%d.tar", n))
		s.folders[folders[n]] = r.unpack(archive)
		if folders[n] == wholeTree {
			s.tree = archive
		}
	}
	return s, nil
}

// unpack makes a folder from an archive. The engine knows a file of a folder by its content, and a folder only by the
// exec that made it: going through a file is what keeps the backend's cache when only the frontend has changed. The folder
// is a mount of its own, because the engine may read all of what a folder is part of.
func (r *Run) unpack(archive *dagger.File) *dagger.Directory {
	return r.tool("git").
		WithMountedFile("/archive.tar", archive).
		WithMountedDirectory("/tree", r.dag.Directory()).
		WithExec([]string{"tar", "-xf", "/archive.tar", "-C", "/tree"}).
		Directory("/tree")
}
