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
	if _, err = run(ctx, dir, nil, "git", "init", "--quiet", "--bare", "."); err != nil {
		return "", err
	}
	files = maps.Clone(files)
	if files == nil {
		files = map[string]string{}
	}
	files["objects/info/alternates"] = filepath.Join(g.source, ".git/objects") + "\n"
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			return "", err
		}
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
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	p := &place{t: t, remote: filepath.Join(root, "remote.git"), source: filepath.Join(root, "source")}
	p.git = &realGit{t: t, source: p.source}
	p.in(root, "init", "--quiet", "--bare", "-b", "main", p.remote)
	p.in(root, "init", "--quiet", "-b", "main", p.source)
	for range 3 {
		p.commits = append(p.commits, p.commit("main"))
	}
	p.in(p.source, "push", "--quiet", p.remote, "main")
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

func TestRealTag(t *testing.T) {
	p := newPlace(t)
	r := p.reached()
	head := p.commits[2]
	for i, wantPushed := range []bool{true, false} {
		if pushed, err := PushTag(t.Context(), r, r.clock, "v1.2.3", head); err != nil || pushed != wantPushed {
			t.Fatalf("call %d: pushed %t, %v", i, pushed, err)
		}
	}
	tag := p.in(p.remote, "cat-file", "-p", "refs/tags/v1.2.3")
	if want := "object " + head + "\ntype commit\ntag v1.2.3\ntagger Ada <ada@example.com> 1000 +0000\n\nRelease v1.2.3"; tag != want {
		t.Errorf("the tag says %q, want %q", tag, want)
	}
	refs, err := ReadRefs(t.Context(), r, r.clock)
	if err != nil || refs.Default != "main" || refs.Branch("main") != head || !maps.Equal(refs.Tags(), map[string]string{"v1.2.3": head}) {
		t.Errorf("the remote says %+v, %v", refs, err)
	}
	var taken *Taken
	if _, err := PushTag(t.Context(), r, r.clock, "v1.2.3", p.commits[1]); !errors.As(err, &taken) || *taken != (Taken{"v1.2.3", head}) {
		t.Errorf("on another commit: %v", err)
	}
	// A tag that came after our look is refused by git, and stays.
	var e *Error
	if err := r.Tag(t.Context(), "v1.2.3", p.commits[1]); !errors.As(err, &e) || !strings.HasSuffix(e.What, "the tag is there already") || e.Temporary {
		t.Errorf("without a look: %v", err)
	}
	if got := p.in(p.remote, "for-each-ref", "--format=%(refname)"); got != "refs/heads/main\nrefs/tags/v1.2.3" {
		t.Errorf("the remote has %q", got)
	}
}
