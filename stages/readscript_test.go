package stages

import (
	"archive/tar"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dagger/slipway/internal/dagger"
)

// clone is a repository on this machine, for which readScript needs no engine.
type clone struct {
	t         *testing.T
	dir, home string
}

func newClone(t *testing.T) clone {
	t.Helper()
	for _, program := range []string{"git", "sh", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	c := clone{t, t.TempDir(), t.TempDir()}
	c.git("init", "-q", "-b", "main")
	return c
}

func (c clone) run(program string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.home, "XDG_CONFIG_HOME=", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %v: %v: %s", program, args, err, out)
	}
	return string(out)
}

func (c clone) git(args ...string) string { c.t.Helper(); return c.run("git", args...) }

func (c clone) write(name, text string) {
	c.t.Helper()
	file := filepath.Join(c.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		c.t.Fatal(err)
	}
}

func (c clone) commit() {
	c.t.Helper()
	c.git("add", "-A")
	c.git("commit", "-q", "-m", "all")
}

// here puts what the scripts write into a folder of this machine, whose git may be too old for --mtime, which nothing here
// depends on.
func here(out string) *strings.Replacer {
	return strings.NewReplacer("/out", out, "/tmp/index", filepath.Join(out, "index"), archivesPath, out, " --mtime=1980-01-01T00:00:00Z", "")
}

// read runs the scripts as readSource does, and returns the packed folders as well.
func (c clone) read(folders ...string) (source, []map[string]string) {
	c.t.Helper()
	out := c.t.TempDir()
	here := here(out)
	defer os.Remove(filepath.Join(c.dir, ".git/info/attributes")) // in the engine each run has a copy of its own
	c.run("sh", append([]string{"-c", here.Replace(readScript), "sh", strconv.Itoa(len(folders))}, folders...)...)
	facts, err := os.ReadFile(filepath.Join(out, "facts"))
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := parseSource(string(facts), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var archives []map[string]string
	for _, folder := range folders {
		tree := s.trees[cmp.Or(folder, wholeTree)]
		c.run("sh", "-c", here.Replace(packScript), "sh", tree)
		archives = append(archives, c.unpack(filepath.Join(out, tree+".tar")))
	}
	return s, archives
}

func (c clone) unpack(archive string) map[string]string {
	c.t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	files := map[string]string{}
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		text, e := io.ReadAll(reader)
		if err = errors.Join(err, e); err != nil {
			c.t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			files[header.Name] = string(text)
		}
	}
}

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s are %q, want %q", what, got, want)
	}
}

func pointerTo(content string) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", sha256.Sum256([]byte(content)), len(content))
}

// TestReadLFS has no git-lfs, as the tool's image may have none: the pointers are committed as what they are.
func TestReadLFS(t *testing.T) {
	c := newClone(t)
	for _, name := range []string{"fetched.bin", "pointer.bin", "changed.bin", "gone.bin", "späte Datei.bin"} {
		c.write("ui/"+name, pointerTo(name))
	}
	c.write("ui/notes.txt", pointerTo("quoted in a document"))
	c.commit()
	c.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	c.commit()
	// What git lfs install writes into a clone, whose program is not there.
	for key, value := range map[string]string{"clean": "git-lfs clean -- %f", "smudge": "git-lfs smudge -- %f", "process": "git-lfs filter-process", "required": "true"} {
		c.git("config", "filter.lfs."+key, value)
	}
	c.write("ui/fetched.bin", "fetched.bin")
	c.write("ui/späte Datei.bin", "späte Datei.bin")
	c.write("ui/changed.bin", "something else")
	if err := os.Remove(filepath.Join(c.dir, "ui/gone.bin")); err != nil {
		t.Fatal(err)
	}
	s, archives := c.read("ui")
	want(t, "pointers", s.pointers, []string{"ui/pointer.bin"})
	want(t, "changes", s.dirty, []string{"M ui/changed.bin", "D ui/gone.bin"})
	if got := archives[0]["fetched.bin"]; got != "fetched.bin" {
		t.Errorf("the build gets %q", got)
	}
}

// TestReadMerged has tags of both kinds in the history of HEAD and on another branch, and one of what is no commit.
func TestReadMerged(t *testing.T) {
	c := newClone(t)
	c.write("a", "1\n")
	c.commit()
	c.git("tag", "v1.0.0")
	c.git("tag", "-a", "-m", "all", "v1.1.0")
	c.git("tag", "blob", "HEAD:a")
	c.git("checkout", "-q", "-b", "2.x")
	c.write("a", "2\n")
	c.commit()
	c.write("a", "3\n")
	c.commit()
	c.git("tag", "v2.0.0")
	c.git("tag", "-a", "-m", "all", "v2.1.0")
	c.write("a", "4\n")
	c.commit()
	c.git("tag", "v2.2.0")
	c.git("checkout", "-q", "main")
	c.write("b", "1\n")
	c.commit()
	c.git("checkout", "-q", "--detach")
	c.write("version", "1.2.0\n")
	c.commit()
	c.git("tag", "-a", "-m", "never pushed to the branch", "v1.2.0")
	c.git("checkout", "-q", "--orphan", "docs")
	c.commit()
	c.git("tag", "v9.0.0")
	c.git("checkout", "-q", "main")
	c.write("b", "2\n")
	c.commit()
	s, _ := c.read()
	want(t, "tags in the history", s.merged, []string{"v1.0.0", "v1.1.0", "v1.2.0"})
	if len(s.tags) != 8 {
		t.Errorf("tags are %v", s.tags)
	}
}

// partial is a clone without the contents of earlier commits, of a repository that is not there any more.
func (c clone) partial() clone {
	c.t.Helper()
	c.git("config", "uploadpack.allowFilter", "true")
	p := clone{c.t, filepath.Join(c.t.TempDir(), "partial"), c.home}
	c.git("clone", "-q", "--filter=blob:none", "file://"+c.dir, p.dir)
	p.git("remote", "set-url", "origin", "file:///is/gone")
	return p
}

// TestReadPartialClone: what is read needs no contents of earlier commits, and where they are needed it is said.
func TestReadPartialClone(t *testing.T) {
	c := newClone(t)
	c.write("a", "1\n")
	c.write("b", "1\n")
	c.commit()
	c.git("tag", "v1.0.0")
	c.write("a", "2\n")
	c.git("rm", "-q", "b")
	c.write("c", "much like b, as far as git knows\n")
	c.commit()
	p := c.partial()
	s, archives := p.read("")
	if whole, _ := c.read(); whole.partial || !s.partial {
		t.Errorf("a whole clone is partial: %t, and the other one: %t", whole.partial, s.partial)
	}
	if len(s.commit) != 40 || s.time.IsZero() || len(s.dirty) != 0 || archives[0]["a"] != "2\n" {
		t.Errorf("read %+v, %v", s, archives)
	}
	want(t, "tags in the history", s.merged, []string{"v1.0.0"})
	cmd := exec.Command("git", "show", "v1.0.0:b")
	cmd.Dir = p.dir
	said, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("the clone is not partial")
	}
	f := explain(fmt.Errorf("%w", &dagger.ExecError{Cmd: []string{"git", "show"}, ExitCode: 128, Stderr: string(said)}))
	if !strings.HasPrefix(f.Error(), "the clone is partial") || !strings.Contains(f.next, "git fetch --refetch --no-filter") {
		t.Errorf("got %q, next %q", f.Error(), f.next)
	}
}

// TestReadKnown: what the clone's index knows of the files hides no change, and says which of them are left out on purpose.
func TestReadKnown(t *testing.T) {
	c := newClone(t)
	for _, name := range []string{"in/same", "in/size", "in/gone", "out/of", "staged"} {
		c.write(name, "1\n")
	}
	c.commit()
	c.write("in/same", "2\n") // within the same second, and as long as before
	c.write("in/size", "long\n")
	c.write("new", "1\n")
	c.write("staged", "2\n")
	c.git("rm", "-q", "in/gone")
	c.git("add", "new", "staged")
	s, archives := c.read("")
	want(t, "changes", s.dirty, []string{"D in/gone", "M in/same", "M in/size", "M staged"})
	if got := archives[0]; got["in/same"] != "2\n" || got["staged"] != "2\n" || len(got) != 4 {
		t.Errorf("the build gets %q", got)
	}
	c.git("reset", "-q", "--hard")
	c.git("update-index", "--assume-unchanged", "in/same")
	c.git("update-index", "--skip-worktree", "in/size")
	c.write("in/same", "changed\n")
	c.write("in/size", "changed\n")
	s, _ = c.read()
	want(t, "changes that git was told not to see", s.dirty, []string{"M in/same", "M in/size"})
	c.git("update-index", "--no-assume-unchanged", "in/same")
	c.git("update-index", "--no-skip-worktree", "in/size")
	c.git("reset", "-q", "--hard")
	c.git("sparse-checkout", "set", "in")
	s, archives = c.read("")
	want(t, "changes of a sparse checkout", s.dirty, nil)
	if len(archives[0]) != 5 {
		t.Errorf("the build gets %q", archives[0])
	}
	c.write(".git/index", "of a git that is yet to come")
	again, _ := c.read()
	want(t, "changes without an index that can be read", again.dirty, nil)
	if again.id != s.id {
		t.Errorf("the tree is %s without it, and %s with it", again.id, s.id)
	}
}

// TestReadFails: a question to git that is not answered is an error, and no empty fact.
func TestReadFails(t *testing.T) {
	c := newClone(t)
	c.write("a", "1\n")
	c.commit()
	c.write("a", "2\n")
	for _, command := range []string{"log -1", "rev-list --max-parents", "rev-list --topo-order", "ls-files", "diff-index", "grep -l", "grep -z --cached", "write-tree"} {
		script := strings.Replace(here(t.TempDir()).Replace(readScript), "\tcommand git ", "\tcase \"$*\" in \""+command+"\"*) return 128 ;; esac\n\tcommand git ", 1)
		cmd := exec.Command("sh", "-c", script, "sh", "0")
		cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "HOME="+c.home)
		if err := cmd.Run(); err == nil {
			t.Errorf("git %s fails, and nobody sees it", command)
		}
	}
}

// TestReadLineEnds reads a checkout of Windows, whose configuration lies outside of the clone or in it.
func TestReadLineEnds(t *testing.T) {
	for _, config := range []string{"", "true", "false"} {
		t.Run("autocrlf="+config, func(t *testing.T) {
			c := newClone(t)
			c.write("run.sh", "echo 1\necho 2\n")
			c.write("dos.txt", "one\r\ntwo\r\n")
			c.write("photo.bin", "\x00\r\n")
			c.commit()
			if config != "" {
				c.git("config", "core.autocrlf", config)
				c.git("config", "core.safecrlf", "true")
			}
			c.write("run.sh", "echo 1\r\necho 2\r\n")
			s, archives := c.read("")
			want(t, "changes", s.dirty, nil)
			for name, text := range map[string]string{"run.sh": "echo 1\necho 2\n", "dos.txt": "one\r\ntwo\r\n", "photo.bin": "\x00\r\n"} {
				if got := archives[0][name]; got != text {
					t.Errorf("the build gets %s as %q, want %q", name, got, text)
				}
			}
			c.write("run.sh", "echo 1\r\necho 3\r\n")
			s, _ = c.read("")
			want(t, "changes", s.dirty, []string{"M run.sh"})
		})
	}
}

// TestReadSubmodules has a submodule in a submodule.
func TestReadSubmodules(t *testing.T) {
	inner, outer, c := newClone(t), newClone(t), newClone(t)
	inner.write("deep", "deep\n")
	inner.commit()
	add := func(to clone, from clone, folder string) {
		to.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from.dir, folder)
		to.commit()
	}
	outer.write("theme.css", "a {}\n")
	add(outer, inner, "vendor/inner")
	c.write("ui/Dockerfile", "FROM scratch\n")
	add(c, outer, "ui/a theme")
	s, _ := c.read("ui")
	want(t, "submodules that are not here", s.submodules, []string{"ui/a theme/vendor/inner"})

	c.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
	s, archives := c.read("ui", "ui/a theme")
	want(t, "submodules that are not here", s.submodules, nil)
	want(t, "changes", s.dirty, nil)
	if got := archives[0]["a theme/theme.css"] + archives[1]["vendor/inner/deep"]; got != "a {}\ndeep\n" {
		t.Errorf("the build gets %q", got)
	}

	c.git("submodule", "--quiet", "deinit", "--all")
	s, archives = c.read("ui")
	want(t, "submodules that are not here", s.submodules, []string{"ui/a theme"})
	want(t, "changes", s.dirty, nil)
	want(t, "files", sortedKeys(archives[0]), []string{"Dockerfile"})
}

// TestPackedAlike: a tree is packed once for all clones, so what a clone is set to takes no part in it.
func TestPackedAlike(t *testing.T) {
	c := newClone(t)
	c.write(".gitattributes", "*.txt filter=upper\n")
	c.write("notes.txt", "one\n")
	c.commit()
	c.git("config", "filter.upper.smudge", "tr a-z A-Z")
	c.git("config", "core.autocrlf", "true")
	c.git("config", "tar.umask", "0077")
	c.write(".git/info/attributes", "notes.txt text eol=crlf\n")
	s, archives := c.read("")
	if got := archives[0]["notes.txt"]; got != "one\n" {
		t.Errorf("packed is %q", got)
	}
	out := c.t.TempDir()
	c.run("sh", "-c", here(out).Replace(packScript), "sh", s.id)
	if list := c.run("tar", "-tvf", filepath.Join(out, s.id+".tar"), "notes.txt"); !strings.HasPrefix(list, "-rw-rw-r--") {
		t.Errorf("packed as %s", list)
	}
}

// TestPack packs what is missing only, and removes what has not been needed for a day.
func TestPack(t *testing.T) {
	c, out := newClone(t), t.TempDir()
	c.write("ui/index.html", "<p>\n")
	c.commit()
	tree := strings.TrimSpace(c.git("rev-parse", "HEAD:ui"))
	twoDaysAgo := time.Now().Add(-48 * time.Hour)
	for name, text := range map[string]string{"kept": "as it was", "old": "of yesterday", "part.x": "of a run that was killed"} {
		file := filepath.Join(out, name+".tar")
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o644), os.Chtimes(file, twoDaysAgo, twoDaysAgo)); err != nil {
			t.Fatal(err)
		}
	}
	c.run("sh", "-c", here(out).Replace(packScript), "sh", tree, "kept")
	left, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "archives", left, []string{filepath.Join(out, tree+".tar"), filepath.Join(out, "kept.tar")})
	want(t, "files", sortedKeys(c.unpack(left[0])), []string{"index.html"})
	if is, err := os.Stat(left[0]); err != nil || is.Mode() != 0o644 {
		t.Errorf("a scanner that is not root cannot read it: %v, %v", is.Mode(), err)
	}
}
