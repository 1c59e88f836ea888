package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dagger/slipway/stages/labtest"
)

// create calls create-release; it has no registry, as on a laptop.
func (f forgeShop) create(t *testing.T, args ...string) Result {
	t.Helper()
	return f.Call(t, append([]string{services, "--images=", "--forge=gitea", "--forge-token=env://FORGE_TOKEN", "create-release"}, args...)...)
}

func (f forgeShop) validate(t *testing.T, version string) Result {
	t.Helper()
	return f.Call(t, "--images=", "--forge=gitea", "--forge-token=env://FORGE_TOKEN", "validate", "--version="+version)
}

// remoteRefs reads the branches and tags of the forge, past Slipway; a tag stands for its commit.
func (f forgeShop) remoteRefs(t *testing.T) map[string]string {
	t.Helper()
	refs := map[string]string{}
	for line := range strings.Lines(f.Git(t, "ls-remote", f.address(""), "refs/heads/*", "refs/tags/*", "refs/slipway/*")) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		refs[strings.TrimSuffix(name, "^{}")] = id
	}
	return refs
}

// address is the repository's, with the token if one is given.
func (f forgeShop) address(token string) string {
	if token != "" {
		token = "x:" + token + "@"
	}
	return strings.Replace(f.url, "://", "://"+token, 1) + "/slipway/" + f.name + ".git"
}

func wantRefs(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, id := range want {
		if got[name] != id {
			t.Errorf("%s is at %q, want %q", name, got[name], id)
		}
	}
	for name, id := range got {
		if want[name] == "" {
			t.Errorf("%s is on the remote, at %s", name, id)
		}
	}
}

func TestBump(t *testing.T) {
	s := NewShop(t)
	t.Run("next-version", func(t *testing.T) {
		green(t, s.Call(t, "next-version"), "1.3.0: the commits since 1.2.0 call for a minor version (Features: show the version in the footer",
			"The version files say 1.2.3, which is not released yet.")
	})
	t.Run("patch", func(t *testing.T) {
		r := s.Call(t, "bump", "--kind=patch", "as-patch", "contents")
		green(t, r, "+++ b/backend/pyproject.toml", "+++ b/frontend/package.json", "+++ b/frontend/package-lock.json")
		var changed []string
		for line := range strings.Lines(r.Stdout) {
			if strings.HasPrefix(line, "+") && !strings.HasPrefix(line, "+++") {
				changed = append(changed, strings.TrimSpace(line[1:]))
			}
		}
		if got, want := strings.Join(changed, " "), `version = "1.2.4" "version": "1.2.4", "version": "1.2.4", "version": "1.2.4",`; got != want {
			t.Errorf("the lines that change are %s", got)
		}
	})
	t.Run("a prerelease is spelt as each file wants it", func(t *testing.T) {
		green(t, s.Call(t, "bump", "--version=1.3.0-rc.1", "as-patch", "contents"), `+version = "1.3.0rc1"`, `+  "version": "1.3.0-rc.1",`)
	})
	t.Run("files that disagree", func(t *testing.T) {
		s.Replace(t, "frontend/package.json", `"1.2.3"`, `"1.2.2"`)
		red(t, s.Call(t, "bump", "--kind=patch", "as-patch", "contents"), "expected one version in all files", `"1.2.2" in frontend/package.json`)
	})
}

// TestCreateRelease follows one clone: what is refused pushes nothing, and what is pushed is there together.
func TestCreateRelease(t *testing.T) {
	f := newForgeShop(t)
	before := f.remoteRefs(t)
	head := before["refs/heads/main"]

	t.Run("without arguments it proposes", func(t *testing.T) {
		green(t, f.create(t), "1.3.0: the commits since 1.2.0", "dagger call create-release --kind=patch", "Nothing was written")
	})
	t.Run("an existing tag", func(t *testing.T) {
		red(t, f.create(t, "--version=1.2.0"), "the tag v1.2.0 exists")
	})
	t.Run("a dirty tree", func(t *testing.T) {
		f.Write(t, "README.md", "changed\n")
		red(t, f.create(t, "--kind=patch"), "the working tree has changes: M README.md")
		f.Git(t, "checkout", "-q", "README.md")
	})
	t.Run("commits that are not pushed", func(t *testing.T) {
		f.Commit(t, "fix: only here")
		red(t, f.create(t, "--kind=patch"), "the branch main is at "+head[:7]+" on the remote")
		red(t, f.validate(t, "1.2.3"), "no release branch of the remote contains commit "+f.Git(t, "rev-parse", "--short=7", "HEAD")+"; they are main")
		f.Git(t, "reset", "-q", "--hard", head)
	})
	t.Run("a branch that is not released from", func(t *testing.T) {
		f.Git(t, "checkout", "-q", "-b", "feature/x")
		red(t, f.create(t, "--kind=patch"), "the branch feature/x is not released from")
		f.Git(t, "checkout", "-q", "main")
	})
	wantRefs(t, f.remoteRefs(t), before)

	t.Run("patch", func(t *testing.T) {
		r := f.create(t, "--kind=patch")
		green(t, r, "Backend Tests     passed", "Outcome: passed", "(chore: bump version to 1.2.4) to main", "Pushed tag v1.2.4", "git pull --ff-only")
		holdsNot(t, r.Output(), f.token)
		f.Git(t, "pull", "-q", "--ff-only", f.address(""), "main")
		commit := f.Git(t, "rev-parse", "HEAD")
		before["refs/heads/main"], before["refs/tags/v1.2.4"] = commit, commit
		wantRefs(t, f.remoteRefs(t), before)
		f.Git(t, "fetch", "-q", "--tags", f.address(""))
		if got := f.Git(t, "for-each-ref", "--format=%(objecttype) %(contents:subject) %(taggername)", "refs/tags/v1.2.4"); got != "tag Release v1.2.4 Slipway" {
			t.Errorf("the tag is %q", got)
		}
		if got := f.Git(t, "log", "-1", "--format=%P %s %an", "HEAD"); got != head+" chore: bump version to 1.2.4 Slipway" {
			t.Errorf("the commit is %q", got)
		}
		if got := f.Git(t, "diff", "--name-only", head, "HEAD"); got != "backend/pyproject.toml\nfrontend/package-lock.json\nfrontend/package.json" {
			t.Errorf("the commit changes %q", got)
		}
	})
	t.Run("a commit behind the head of main can be released", func(t *testing.T) {
		f.Git(t, "checkout", "-q", "--detach", head)
		green(t, f.validate(t, "1.2.3"), "Validate Release  passed")
		f.Git(t, "checkout", "-q", "main")
	})
	t.Run("again", func(t *testing.T) {
		red(t, f.create(t, "--version=1.2.4"), "the tag v1.2.4 exists")
		wantRefs(t, f.remoteRefs(t), before)
	})
}

func holdsNot(t *testing.T, text, word string) {
	t.Helper()
	if strings.Contains(text, word) {
		t.Errorf("the output holds %q", word)
	}
}

// TestCreateReleaseBurnsNoVersion pushes when the server already has the request for the push in its hands.
func TestCreateReleaseBurnsNoVersion(t *testing.T) {
	f := newForgeShop(t)
	other := filepath.Join(t.TempDir(), "other")
	f.Git(t, "clone", "-q", f.address(f.token), other)
	colleague := Shop{Dir: other}
	var once sync.Once
	target, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			once.Do(func() {
				colleague.Commit(t, "fix: faster than the release")
				colleague.Git(t, "push", "-q", "origin", "HEAD:main")
			})
		}
		forward.ServeHTTP(w, r)
	}))
	f.Git(t, "remote", "set-url", "origin", "http://"+proxy.Addr()+"/slipway/"+f.name+".git")
	before := f.remoteRefs(t)

	red(t, f.create(t, "--kind=patch"), "the branch has moved on the remote", "nothing was pushed", "git pull --ff-only")
	before["refs/heads/main"] = colleague.Git(t, "rev-parse", "HEAD")
	wantRefs(t, f.remoteRefs(t), before)

	t.Run("after a pull, with an answer that is lost on the way", func(t *testing.T) {
		f.Git(t, "pull", "-q", "--ff-only", f.address(""), "main")
		proxy.Fault(labtest.Fault{Method: http.MethodPost, Path: "/git-receive-pack$", Times: 1, Lose: true})
		green(t, f.create(t, "--kind=patch"), "Pushed tag v1.2.4")
		f.Git(t, "fetch", "-q", f.address(""), "main")
		commit := f.Git(t, "rev-parse", "FETCH_HEAD")
		before["refs/heads/main"], before["refs/tags/v1.2.4"] = commit, commit
		wantRefs(t, f.remoteRefs(t), before)
	})
}

// TestCreateReleaseAfterRedGates leaves the remote alone.
func TestCreateReleaseAfterRedGates(t *testing.T) {
	f := newForgeShop(t)
	f.Write(t, "backend/tests/test_red.py", "def test_red():\n    assert False\n")
	f.Commit(t, "test: red")
	f.Git(t, "push", "-q", f.address(f.token), "HEAD:main")
	before := f.remoteRefs(t)
	red(t, f.create(t, "--kind=patch"), "Backend Tests     failed", "Nothing was pushed.")
	wantRefs(t, f.remoteRefs(t), before)
}

// TestLocked meets a lock of another version, and one that nobody can read.
func TestLocked(t *testing.T) {
	f, prefix := newForgeShop(t), NewPrefix(t)
	for name, c := range map[string]struct{ blob, holder string }{
		"another version": {lockBlob(t, "9.9.9"), "is locked by the release of 9.9.9 (commit 0123456) by Ada, since 2026-01-02 03:04:05 UTC ("},
		"unreadable":      {"something else", "is locked by an unknown run"},
	} {
		t.Run(name, func(t *testing.T) {
			f.Write(t, "../lock", c.blob)
			blob := f.Git(t, "hash-object", "-w", "../lock")
			f.Git(t, "push", "-q", "--force", f.address(f.token), blob+":refs/slipway/lock")
			before := f.remoteRefs(t)
			red(t, f.release(t, prefix, "1.2.3"), c.holder, "--lock-wait", "Outcome: locked")
			wantRefs(t, f.remoteRefs(t), before)
			WantTags(t, prefix)
		})
	}
}

func lockBlob(t *testing.T, version string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"run": "x", "who": "Ada", "version": version, "commit": "0123456789abcdef", "since": "2026-01-02T03:04:05Z"})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
