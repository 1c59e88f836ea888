package stages

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/version"
)

// source is what git says about the repository, and the files of the commit.
type source struct {
	commit  string
	root    string // the first commit, which clones, forks of a forge and renames share
	time    time.Time
	branch  string // empty when HEAD is detached
	remote  string // without user information
	shallow bool
	tags    []gitTag
	dirty   []string // tracked files that differ from the commit
	folders map[string]*dagger.Directory
	git     *dagger.Container // git with the repository mounted
}

type gitTag struct{ name, commit string }

// readScript prints one fact a line and packs the folders it is given. Files are taken from git, so that untracked
// ones are never part of a build; a tree with changes is read as it lies, and the changes are reported.
// The archives carry one constant time, so that the same content is the same file, whatever commit it is from.
const readScript = `set -eu
git config --global --add safe.directory '*'
if [ -f .git ]; then echo 'linked worktree' >&2; exit 3; fi
git rev-parse -q --verify --end-of-options 'HEAD^{commit}' >/dev/null || { echo 'no commit' >&2; exit 4; }
printf 'commit %s\n' "$(git rev-parse HEAD)"
printf 'root %s\n' "$(git rev-list --max-parents=0 HEAD | sort | head -n 1)"
printf 'time %s\n' "$(git show -s --format=%ct HEAD)"
printf 'shallow %s\n' "$(git rev-parse --is-shallow-repository)"
printf 'branch %s\n' "$(git symbolic-ref -q --short HEAD || true)"
# What an exec prints is shown to everybody, and a checkout may keep a password in its remote.
printf 'remote %s\n' "$(git remote get-url origin 2>/dev/null | sed -e 's#^\(https\{0,1\}://\)[^/]*@#\1#I' -e 's#^\([a-z+]*://[^/:@]*\):[^/]*@#\1@#I')"
git for-each-ref --format='tag %(refname:strip=2) %(objectname) %(*objectname)' refs/tags
export GIT_INDEX_FILE=/tmp/index
git read-tree HEAD
# Of an empty tree git add says that nothing matches.
[ -z "$(git ls-files | head -n 1)" ] || git add -u -- . ':(exclude,glob)**/node_modules/**' ':(exclude,glob)**/.venv/**'
tree=$(git write-tree)
git diff-index --cached --name-status HEAD | sed 's/^/dirty /'
mkdir -p .git/info /out
echo '* -export-ignore -export-subst' >> .git/info/attributes
number=0
for folder; do
	if [ "$(git cat-file -t "$tree:$folder" 2>/dev/null)" = tree ]; then
		git archive --format=tar --mtime=1980-01-01T00:00:00Z -o "/out/$number.tar" "$tree:$folder"
		printf 'folder %s\n' "$number"
	fi
	number=$((number + 1))
done
`

// readSource asks git once for everything that needs no network.
func (r *Run) readSource(ctx context.Context) (source, error) {
	folders := r.config.folders()
	args := []string{"sh", "-c", readScript, "sh"}
	for _, f := range folders {
		if f == "." {
			f = ""
		}
		args = append(args, f)
	}
	git := r.tool("git").WithMountedDirectory("/src", r.config.Source).WithWorkdir("/src")
	read := git.WithExec(args)
	out, err := read.Stdout(ctx)
	if err != nil {
		return source{}, explainGit(err)
	}
	s, present, err := parseSource(out)
	if err != nil {
		return source{}, err
	}
	s.git = git
	s.folders, err = r.unpackAll(ctx, read.Directory("/out"), folders, present)
	return s, err
}

// unpackAll makes the folders at once, so that every stage finds them ready.
func (r *Run) unpackAll(ctx context.Context, packed *dagger.Directory, names []string, present []int) (map[string]*dagger.Directory, error) {
	folders := map[string]*dagger.Directory{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range present {
		group.Go(func() error {
			folder, err := r.unpack(packed.File(fmt.Sprintf("%d.tar", n))).Sync(ctx)
			mu.Lock()
			defer mu.Unlock()
			folders[names[n]] = folder
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, explain(err)
	}
	return folders, nil
}

// unpack makes a folder from an archive. The engine knows a file of a folder by its content, and a folder only by the
// exec that made it: going through a file is what keeps the backend's cache when only the frontend has changed.
func (r *Run) unpack(archive *dagger.File) *dagger.Directory {
	return r.tool("git").
		WithMountedFile("/archive.tar", archive).
		WithExec([]string{"sh", "-c", "mkdir /tree && tar -xf /archive.tar -C /tree"}).
		Directory("/tree")
}

func explainGit(err error) error {
	exec := explain(err)
	next := ""
	switch {
	case strings.Contains(exec.output, "linked worktree"):
		return refuseState("run it in the main worktree, or in a clone", "the source is a linked git worktree, whose repository lies outside of it")
	case strings.Contains(exec.output, "not a git repository"):
		next = "run it in a git repository, or name one with --source"
		return refuseState(next, "the source is not a git repository")
	case strings.Contains(exec.output, "no commit"):
		return refuseState("commit something first", "the repository has no commit")
	}
	return exec
}

// parseSource reads the facts that readScript prints.
func parseSource(out string) (s source, folders []int, err error) {
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "commit":
			s.commit = value
		case "root":
			s.root = value
		case "time":
			seconds, e := strconv.ParseInt(value, 10, 64)
			err = errors.Join(err, e)
			s.time = time.Unix(seconds, 0).UTC()
		case "shallow":
			s.shallow = value == "true"
		case "branch":
			s.branch = value
		case "remote":
			s.remote = withoutUser(value)
		case "tag":
			s.tags = append(s.tags, parseTag(value))
		case "dirty":
			s.dirty = append(s.dirty, strings.Join(strings.Fields(value), " "))
		case "folder":
			number, e := strconv.Atoi(value)
			err = errors.Join(err, e)
			folders = append(folders, number)
		default:
			err = errors.Join(err, fmt.Errorf("git printed a line that is not a fact: %q", line))
		}
	}
	return s, folders, err
}

// parseTag takes the commit that the tag peels to: annotated and lightweight tags of one commit mean the same.
func parseTag(text string) gitTag {
	fields := strings.Split(text, " ")
	tag := gitTag{name: fields[0]}
	for _, id := range fields[1:] {
		if id != "" {
			tag.commit = id
		}
	}
	return tag
}

// withoutUser removes a user and a password, which checkouts like to keep in their remote.
func withoutUser(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.Scheme == "" || u.User == nil {
		return remote
	}
	if u.Scheme == "ssh" {
		u.User = url.User(u.User.Username())
		return u.String()
	}
	u.User = nil
	return u.String()
}

// versions are the releases that git knows: strict versions among its tags.
func (s source) versions() []version.Version {
	var known []version.Version
	for _, t := range s.tags {
		if v, ok := version.FromTag(t.name); ok {
			known = append(known, v)
		}
	}
	return known
}

// tagOf finds the tag of a version, with or without v.
func (s source) tagOf(v version.Version) (gitTag, bool) {
	for _, t := range s.tags {
		if t.name == v.GitTag() || t.name == v.String() {
			return t, true
		}
	}
	return gitTag{}, false
}

// folders are the parts of the repository that some stage sees, each once.
func (c config) folders() []string {
	folders := []string{".", c.backend.path, c.frontend.path}
	for _, i := range c.images {
		folders = append(folders, i.Context)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// history reads the commits that are in `to` and not in the tag `from`.
func (r *Run) history(ctx context.Context, format, from, to string) ([]byte, error) {
	args := []string{"git", "-c", "safe.directory=*", "log", "-z", "--no-show-signature", "--encoding=UTF-8", "--format=" + format, "--end-of-options", to}
	if from != "" {
		args = append(args, "^refs/tags/"+from)
	}
	// Through a file, because a long history does not fit into what the engine keeps of an exec's output.
	log, err := r.source.git.WithExec(args, dagger.ContainerWithExecOpts{RedirectStdout: "/tmp/log"}).File("/tmp/log").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return []byte(log), nil
}
