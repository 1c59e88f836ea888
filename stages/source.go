package stages

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
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

type gitTag struct{ name, commit string }

// readScript writes one fact a line, the last of them the content of the files it is given, and packs the folders it is
// given, whose number comes first. All is taken from git, so that untracked files are never part of a build; a tree with
// changes is read as it lies, and the changes are reported.
// The archives carry one constant time, so that the same content is the same file, whatever commit it is from.
var readScript = `set -eu
# Whatever the checkout was made with: text is compared with the line ends that it is recorded with, and files of Git LFS are
# taken as they lie. Filters of the clone's own configuration would need their programs here.
git() {
	command git -c core.autocrlf=input -c core.safecrlf=false -c core.quotePath=false \
		-c filter.lfs.clean= -c filter.lfs.smudge= -c filter.lfs.process= -c filter.lfs.required=false "$@"
}
git config --global --add safe.directory '*'
if [ -f .git ]; then echo 'linked worktree' >&2; exit 3; fi
git rev-parse -q --verify --end-of-options 'HEAD^{commit}' >/dev/null || { echo 'no commit' >&2; exit 4; }
mkdir -p .git/info /out
exec > /out/facts
printf 'commit %s\n' "$(git rev-parse HEAD)"
printf 'root %s\n' "$(git rev-list --max-parents=0 HEAD | sort | head -n 1)"
printf 'time %s\n' "$(git show -s --format=%ct HEAD)"
printf 'shallow %s\n' "$(git rev-parse --is-shallow-repository)"
printf 'branch %s\n' "$(git symbolic-ref -q --short HEAD || true)"
# The engine keeps what an exec leaves behind, and a checkout may have a password in its remote.
printf 'remote %s\n' "$(git remote get-url origin 2>/dev/null | sed -e 's#^\(https\{0,1\}://\)[^/]*@#\1#I' -e 's#^\([a-z+]*://[^/:@]*\):[^/]*@#\1@#I')"
git for-each-ref --format='tag %(refname:strip=2) %(objectname) %(*objectname)' refs/tags
export GIT_INDEX_FILE=/tmp/index
git read-tree HEAD
# What is recorded of a file of Git LFS is a pointer with the checksum of its content, which tells content from a change.
git grep -z --cached -F -e 'oid sha256:' -- ':(attr:filter=lfs)' | tr '\0' ' ' | sed 's/^/pointer /'
git grep -z -l --cached -F -e 'oid sha256:' -- ':(attr:filter=lfs)' | xargs -0 -r sha256sum 2>/dev/null | sed 's/^/content /' || true
# Of an empty tree git add says that nothing matches. What is left out is not uploaded: by our +ignore, and Dagger's locks by Dagger.
[ -z "$(git ls-files | head -n 1)" ] || git add -u -- . ':(exclude,glob)**/node_modules/**' ':(exclude,glob)**/.venv/**' \
	':(exclude,glob)**/__pycache__/**' ':(exclude,glob)**/dagger.lock' ':(exclude,glob)**/.dagger/lock'
git diff-index --cached --name-status HEAD | sed 's/^/dirty /'
# Git leaves the folder of a submodule empty in an archive. One that is checked out is taken into the tree, and then those in it.
submodules() { git ls-files -s | sed -n 's/^160000 \([0-9a-f]*\) 0	/\1 /p'; }
mkdir -p .git/objects/info
found=yes
while [ -n "$found" ]; do
	found=
	while read -r commit folder; do
		if [ -n "$folder" ] && [ -e "$folder/.git" ] && objects=$(git -C "$folder" rev-parse --path-format=absolute --git-path objects) && git -C "$folder" cat-file -e "$commit^{tree}"; then
			printf '%s\n' "$objects" >> .git/objects/info/alternates
			git update-index --force-remove -- "$folder"
			git read-tree --prefix="$folder/" "$commit"
			found=yes
		fi
	done <<-END
		$(submodules)
	END
done
submodules | sed 's/^[0-9a-f]* /submodule /'
tree=$(git write-tree)
printf 'tree %s\n' "$tree"
# Names with quotes or control characters in them are printed in quotes, and are none that a tool looks for.
tracked() { git ls-files -- "$@" ':(exclude,glob)**/node_modules/**' | sed '/^"/d'; }
tracked ` + pathspecs(project.Read) + ` > /tmp/read
sed 's/^/read /' /tmp/read
tracked ` + pathspecs(project.Look) + ` | sed 's/^/look /'
git grep -l -F 'mark.slow' "$tree" -- ':(glob)**/*.py' | sed 's/^[^:]*:/slow /'
printf 'contents '
sed "s#^#$tree:#" /tmp/read | git cat-file --batch --follow-symlinks | base64 | tr -d '\n'
printf '\n'
echo '* -export-ignore -export-subst' >> .git/info/attributes
count=$1 number=0
shift
while [ "$number" -lt "$count" ]; do
	folder=$1
	shift
	if [ "$(git cat-file -t "$tree:$folder" 2>/dev/null)" = tree ]; then
		git archive --format=tar --mtime=1980-01-01T00:00:00Z -o "/out/$number.tar" "$tree:$folder"
		printf 'folder %s\n' "$number"
	fi
	number=$((number + 1))
done
git rm -r -f -q --cached --ignore-unmatch -- ':(glob)**/*.py' ':(glob)**/*.[cm][jt]s' ':(glob)**/*.[jt]s' ':(glob)**/*.[jt]sx' ':(glob)**/*.vue' ':(glob)**/*.svelte' ':(glob)**/*.css' \
	':(exclude,glob)**/Dockerfile.*' ':(exclude,glob)**/Containerfile.*'
git archive --format=tar --mtime=1980-01-01T00:00:00Z -o /out/configuration.tar "$(git write-tree)"
printf 'files '
for file; do printf '%s:%s\n' "$tree" "$file"; done | git cat-file --batch --follow-symlinks | base64 | tr -d '\n'
printf '\n'
`

// pathspecs are patterns of ours as words of the shell.
func pathspecs(patterns []string) string {
	return "':(glob)" + strings.Join(patterns, "' ':(glob)") + "'"
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

func explainGit(err error) error {
	exec := explainExec(err)
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

// parseSource reads the facts that readScript writes.
func parseSource(facts string, files []string) (s source, folders []int, err error) {
	var read []string
	s.project = project.Files{}
	pointers, contents := map[string]string{}, map[string]string{}
	for line := range strings.Lines(facts) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "commit":
			s.commit = value
		case "tree":
			s.id = value
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
		case "read":
			read = append(read, value)
		case "look":
			s.project[value] = nil
		case "slow":
			s.slow = append(s.slow, value)
		case "contents":
			contents, e := parseBatch(value, read)
			err = errors.Join(err, e)
			maps.Copy(s.project, contents)
		case "pointer":
			path, oid, _ := strings.Cut(value, " oid sha256:")
			pointers[path] = oid
		case "content":
			sum, path, _ := strings.Cut(value, "  ")
			contents[path] = sum
		case "submodule":
			s.submodules = append(s.submodules, value)
		case "folder":
			number, e := strconv.Atoi(value)
			err = errors.Join(err, e)
			folders = append(folders, number)
		case "files":
			var e error
			s.files, e = parseBatch(value, files)
			err = errors.Join(err, e)
		default:
			err = errors.Join(err, fmt.Errorf("git printed a line that is not a fact: %q", line))
		}
	}
	s.settleLFS(pointers, contents)
	return s, folders, err
}

// parseBatch reads the files that git cat-file --batch has found of some paths.
func parseBatch(text string, paths []string) (map[string][]byte, error) {
	batch, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return parseFiles(bufio.NewReader(bytes.NewReader(batch)), paths)
}

// settleLFS tells content that Git LFS has fetched, which is no change, from pointers that still stand for it.
func (s *source) settleLFS(pointers, contents map[string]string) {
	for _, path := range sortedKeys(pointers) {
		change := slices.Index(s.dirty, "M "+path)
		switch {
		case contents[path] == "": // deleted
		case change < 0:
			s.pointers = append(s.pointers, path)
		case contents[path] == pointers[path]:
			s.dirty = slices.Delete(s.dirty, change, change+1)
		}
	}
}

// parseFiles reads what git cat-file --batch has found. A link counts as the file that it leads to inside the repository.
func parseFiles(batch *bufio.Reader, paths []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, path := range paths {
		kind, content, err := parseObject(batch)
		if err != nil {
			return nil, fmt.Errorf("git's answer about the file %s is cut off: %w", path, err)
		}
		if kind == "blob" {
			files[path] = content
		}
	}
	return files, nil
}

// parseObject reads a line that ends with a size and then as many bytes, or a line that says there is no such thing.
func parseObject(batch *bufio.Reader) (kind string, content []byte, err error) {
	line, err := batch.ReadString('\n')
	if err != nil || strings.HasSuffix(line, " missing\n") {
		return "missing", nil, err
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return "", nil, io.ErrUnexpectedEOF
	}
	size, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	if err != nil {
		return "", nil, err
	}
	content = make([]byte, size+uint64(len("\n")))
	if _, err := io.ReadFull(batch, content); err != nil {
		return "", nil, err
	}
	return words[len(words)-2], content[:size], nil
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

// versionsOf are the releases among git's tags.
func versionsOf(prefix version.TagPrefix, tags []gitTag) []version.Version {
	var known []version.Version
	for _, t := range tags {
		if v, ok := prefix.FromTag(t.name); ok {
			known = append(known, v)
		}
	}
	return known
}

// tagOf finds the tag of a version, the one that Slipway itself would give first.
func tagOf(prefix version.TagPrefix, tags []gitTag, v version.Version) (gitTag, bool) {
	if v == (version.Version{}) {
		return gitTag{}, false
	}
	for _, name := range prefix.Tags(v) {
		if at := slices.IndexFunc(tags, func(t gitTag) bool { return t.name == name }); at >= 0 {
			return tags[at], true
		}
	}
	return gitTag{}, false
}

// folder is one of the repository, packed now if it was not with the others; nil if there is no such folder.
func (r *Run) folder(name string) *dagger.Directory {
	if known, ok := r.source.folders[name]; ok {
		return known
	}
	const packed = "/packed.tar"
	archive := r.source.packer.
		WithExec([]string{"git", "archive", "--format=tar", "--mtime=1980-01-01T00:00:00Z", "-o", packed, r.source.id + ":" + name}).
		File(packed)
	return r.unpack(archive)
}

// tagName is what this version's tag is called.
func (r *Run) tagName() string { return r.config.tagPrefix.Tag(r.Version) }

// tagged are the releases that have a tag in the repository.
func (r *Run) tagged() []version.Version { return versionsOf(r.config.tagPrefix, r.source.tags) }

// tagOf is the repository's tag of a version.
func (r *Run) tagOf(v version.Version) (gitTag, bool) {
	return tagOf(r.config.tagPrefix, r.source.tags, v)
}

// folders are the parts of the repository that some stage sees, each once.
func (c config) folders() []string {
	folders := []string{wholeTree}
	for _, side := range []folder{c.backend, c.frontend} {
		if !side.off {
			folders = append(folders, side.path)
		}
	}
	for _, i := range c.allImages() {
		folders = append(folders, i.Context)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// allImages are those of the release and those that tests run in.
func (c config) allImages() []Image {
	return slices.Concat(c.images, slices.Collect(maps.Values(c.testImages)))
}

// files are those that Slipway itself reads or looks for, each once.
func (c config) files() []string {
	files := []string{c.IgnoreFile, handwrittenChangelog, moduleFile}
	for _, name := range c.versionFiles {
		files = append(files, carrierNames(name)...)
	}
	for at := c.frontend.path; !c.frontend.off; at = path.Dir(at) {
		files = append(files, path.Join(at, npmLock))
		if at == "." {
			break
		}
	}
	for _, i := range c.allImages() {
		files = append(append(files, i.path()), i.ignoreFiles()...)
	}
	for _, v := range c.testVariables {
		if v.file != "" {
			files = append(files, v.file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
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
