package gitremote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// quick are the settings of a bare repository without what takes time: flushing to the disk, and tidying up.
const quick = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsync = none\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n"

// run is a program of the machine in a folder, without the settings of who runs the tests.
func run(ctx context.Context, dir string, env map[string]string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", printed(fmt.Sprintf("%s%s%s: %v", stdout.String(), stderr.String(), args, err))
	}
	return stdout.String(), nil
}

// realGit runs git as the engine does: each call in a new repository that borrows the source's objects.
type realGit struct {
	t      *testing.T
	source string
	mu     sync.Mutex
	calls  int
	// answered may turn the answer to a call that really ran into another one.
	answered func(commands [][]string, err error) error
}

func (g *realGit) Run(ctx context.Context, files, env map[string]string, commands ...[]string) (out string, err error) {
	g.mu.Lock()
	g.calls++
	g.mu.Unlock()
	dir := g.t.TempDir()
	// What git init --bare makes.
	all := map[string]string{
		"HEAD": "ref: refs/heads/main\n", "config": quick, "objects/info/alternates": filepath.Join(g.source, ".git/objects") + "\n",
	}
	maps.Copy(all, files)
	for _, folder := range []string{"objects/info", "refs"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(dir, folder), 0o755))
	}
	for path, text := range all {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600))
	}
	if err != nil {
		return "", err
	}
	for _, c := range commands {
		if out, err = run(ctx, dir, env, c...); err != nil {
			break
		}
	}
	if g.answered != nil {
		err = g.answered(commands, err)
	}
	return out, err
}

// place is a remote and a clone of it with three commits on main.
type place struct {
	t              *testing.T
	remote, source string
	git            *realGit
	commits        []string // the oldest first
}

var ada = Signature{"Ada", "ada@example.com", time.Unix(1000, 0)}

func newPlace(t *testing.T) *place {
	t.Helper()
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	p := &place{t: t, remote: filepath.Join(root, "remote.git"), source: filepath.Join(root, "source")}
	p.git = &realGit{t: t, source: p.source}
	p.in(root, "init", "--quiet", "-b", "main", p.source)
	for range 3 {
		p.commits = append(p.commits, p.commit("main"))
	}
	p.in(root, "clone", "--quiet", "--bare", p.source, p.remote)
	if err := os.WriteFile(filepath.Join(p.remote, "config"), []byte(quick), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) in(dir string, args ...string) string {
	p.t.Helper()
	out, err := run(p.t.Context(), dir, ada.Env(), append([]string{"git"}, args...)...)
	if err != nil {
		var failed Printed
		errors.As(err, &failed)
		p.t.Fatal(failed.Output())
	}
	return strings.TrimSpace(out)
}

// commit adds one to the branch that is checked out in the source.
func (p *place) commit(branch string) string {
	p.t.Helper()
	p.in(p.source, "commit", "--quiet", "--allow-empty", "--message", fmt.Sprintf("on %s, after %d", branch, len(p.commits)))
	return p.in(p.source, "rev-parse", "HEAD")
}

// at is what a ref of the remote points to, empty if it is not there.
func (p *place) at(ref string) string {
	p.t.Helper()
	return p.in(p.remote, "for-each-ref", "--format=%(objectname)", ref)
}

func (p *place) reached() *Remote {
	r := New(p.git, p.remote, ada)
	r.clock = newClock()
	return r
}
