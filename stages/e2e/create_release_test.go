package e2e

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
	t.Parallel()
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
	t.Run("what people wrote", func(t *testing.T) {
		s.Write(t, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- by hand\n\n## [1.2.0] - 2026-01-31\n")
		s.Write(t, ".changeset/config.json", "{}\n")
		s.Write(t, ".changeset/blue-cats.md", "---\nshop: major\n---\n\nby a fragment\n")
		s.Commit(t, "docs: what is new")
		green(t, s.Call(t, "next-version"), "2.0.0: the commits since 1.2.0 call for a major version (.changeset/blue-cats.md says major).")
		green(t, s.Call(t, "changelog"), "- by hand\n\n### Major Changes\n\n- by a fragment\n\n## ")
		green(t, s.Call(t, "bump", "--kind=patch", "as-patch", "contents"), "+## [1.2.4] - ", "+- by a fragment\n", "--- a/.changeset/blue-cats.md\n", `+version = "1.2.4"`)
	})
}

// TestCreateRelease follows one clone: what is refused pushes nothing, and what is pushed is there together.
func TestCreateRelease(t *testing.T) {
	t.Parallel()
	f := newForgeShop(t)
	before := f.remoteRefs(t)
	head := before["refs/heads/main"]

	t.Run("without arguments it proposes", func(t *testing.T) {
		green(t, f.create(t), "1.3.0: the commits since 1.2.0", "dagger call create-release --kind=patch", "Nothing was written")
	})
	t.Run("commits that are not pushed", func(t *testing.T) {
		f.Commit(t, "fix: only here")
		red(t, f.create(t, "--kind=patch"), "the branch main is at "+head[:7]+" on the remote")
		red(t, f.validate(t, "1.2.3"), "no release branch of the remote contains commit "+f.Git(t, "rev-parse", "--short=7", "HEAD")+"; they are main")
		f.Git(t, "reset", "-q", "--hard", head)
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
	t.Parallel()
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

type giteaPull struct {
	Number     int
	Title      string
	Mergeable  bool
	Head, Base struct{ Ref string }
}

func (f forgeShop) openPulls(t *testing.T) (open []giteaPull) {
	t.Helper()
	f.get(t, "/pulls?state=open", &open)
	return open
}

// merge waits until Gitea has looked at the pull request, and merges it as a person would.
func (f forgeShop) merge(t *testing.T, number int) {
	t.Helper()
	path := "/pulls/" + strconv.Itoa(number)
	var pull giteaPull
	for end := time.Now().Add(time.Minute); !pull.Mergeable; time.Sleep(200 * time.Millisecond) {
		f.get(t, path, &pull)
		if time.Now().After(end) {
			t.Fatalf("the pull request %d cannot be merged", number)
		}
	}
	f.post(t, path+"/merge", map[string]string{"Do": "merge"})
}

// TestCreateReleaseOfProtectedBranch goes by a pull request: nothing is tagged before the bump is on the branch (G7).
func TestCreateReleaseOfProtectedBranch(t *testing.T) {
	t.Parallel()
	f := newForgeShop(t)
	f.post(t, "/branch_protections", map[string]any{"rule_name": "main", "enable_push": false})
	const branch = "refs/heads/slipway/bump-v1.2.4"
	refs := f.remoteRefs(t)
	head := refs["refs/heads/main"]
	refs[branch] = ""
	for _, name := range []string{"first", "again"} {
		t.Run(name, func(t *testing.T) {
			r := f.create(t, "--kind=patch")
			red(t, r, "the branch main is protected, so the bump waits in the pull request "+f.url+"/slipway/"+f.name+"/pulls/",
				"nothing was released, and no tag was pushed", "dagger call create-release --version=1.2.4", "Outcome: refused-state")
			holdsNot(t, r.Output(), f.token)
			if refs[branch] == "" {
				refs[branch] = f.remoteRefs(t)[branch]
			}
			wantRefs(t, f.remoteRefs(t), refs)
		})
	}
	open := f.openPulls(t)
	if len(open) != 1 || open[0].Title != "chore: bump version to 1.2.4" || open[0].Head.Ref != "slipway/bump-v1.2.4" || open[0].Base.Ref != "main" {
		t.Fatalf("the open pull requests are %+v", open)
	}
	f.Git(t, "fetch", "-q", f.address(""), branch)
	if got := f.Git(t, "log", "--format=%P %s", head+"..FETCH_HEAD"); got != head+" chore: bump version to 1.2.4" {
		t.Errorf("the branch holds %q", got)
	}
	if got := f.Git(t, "diff", "--shortstat", head, "FETCH_HEAD"); got != "3 files changed, 4 insertions(+), 4 deletions(-)" {
		t.Errorf("the bump is %q", got)
	}

	t.Run("merged", func(t *testing.T) {
		f.merge(t, open[0].Number)
		f.Git(t, "pull", "-q", "--ff-only", f.address(""), "main")
		commit := f.Git(t, "rev-parse", "HEAD")
		green(t, f.create(t, "--version=1.2.4"), "The version files said 1.2.4 already", "Pushed tag v1.2.4 on "+commit[:7])
		refs["refs/heads/main"], refs["refs/tags/v1.2.4"] = commit, commit
		wantRefs(t, f.remoteRefs(t), refs)
		// The bump itself is none of the news.
		green(t, f.Call(t, append(f.settings(NewPrefix(t)), "plan", "--version=1.2.4")...), "Features           1", "Bug Fixes          1", "2 entries in the notes")
	})
}

// TestCreateReleaseAfterRedGates leaves the remote alone.
func TestCreateReleaseAfterRedGates(t *testing.T) {
	t.Parallel()
	f := newForgeShop(t)
	f.Write(t, "backend/tests/test_red.py", "def test_red():\n    assert False\n")
	f.Commit(t, "test: red")
	f.Git(t, "push", "-q", f.address(f.token), "HEAD:main")
	before := f.remoteRefs(t)
	red(t, f.create(t, "--kind=patch"), "Backend Tests     failed", "Nothing was pushed.")
	wantRefs(t, f.remoteRefs(t), before)
}
