package forge

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"dagger/slipway/stages/e2e"
	"dagger/slipway/stages/labtest"
)

// enterprise is a GitHub server of a company, all under one address that the engine's containers reach. What it knows of
// the repository's code is on the lab's Gitea.
type enterprise struct {
	*githubServer
	e2e.Shop
	address string
	remote  string // of the repository on Gitea, with a token
}

func newEnterprise(t *testing.T) enterprise {
	t.Helper()
	at, token := labtest.Gitea(t)
	target, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	name := "github-" + strings.ToLower(rand.Text()[:10])
	g := enterprise{
		githubServer: newGitHub(t), Shop: e2e.NewShop(t),
		remote: strings.Replace(at, "://", "://slipway:"+token+"@", 1) + "/slipway/" + name + ".git",
	}
	g.PushToGitea(t, name)
	code := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		_, rest, _ := strings.Cut(strings.Replace(r.In.URL.Path, "/shop.git/", "/shop/", 1), "/shop/")
		r.Out.URL.Path = "/slipway/" + name + ".git/" + rest
		if _, password, _ := r.In.BasicAuth(); password == canary {
			r.Out.SetBasicAuth("slipway", token)
		}
	}}
	api := &url.URL{Scheme: "http", Host: g.api.Addr()}
	mux := http.NewServeMux()
	mux.Handle("/acme/", code)
	mux.Handle("/api/v3/", http.StripPrefix("/api/v3", httputil.NewSingleHostReverseProxy(api)))
	mux.HandleFunc("/api/v3/repos/acme/shop/git/ref/tags/", func(w http.ResponseWriter, r *http.Request) {
		g.readTags(t)
		http.StripPrefix("/api/v3", httputil.NewSingleHostReverseProxy(api)).ServeHTTP(w, r)
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	g.address = "http://" + labtest.ListenForContainers(t, front.URL).Addr() + "/acme/shop"
	g.uploads = labtest.ListenForContainers(t, "http://"+g.uploads.Addr())
	g.Setenv("GITHUB_TOKEN_CANARY", canary)
	return g
}

// readTags takes over what git has pushed.
func (g enterprise) readTags(t *testing.T) {
	t.Helper()
	g.state.Lock()
	defer g.state.Unlock()
	for line := range strings.Lines(g.Git(t, "ls-remote", g.remote, "refs/tags/*")) {
		commit, ref, _ := strings.Cut(strings.TrimSpace(line), "\t")
		g.tags[strings.TrimSuffix(strings.TrimPrefix(ref, "refs/tags/"), "^{}")] = commit
	}
}

// release is the job line of a repository without images.
func (g enterprise) release(t *testing.T, version string) {
	t.Helper()
	r := g.Call(t, "--images=", "--test-services=postgres=postgres:17, redis=redis:8", "--forge=github", "--repository="+g.address,
		"--forge-token=env://GITHUB_TOKEN_CANARY", "release", "--version="+version)
	if r.Code != 0 || !strings.Contains(r.Stdout, "Outcome: released") {
		t.Fatalf("exit code %d\n%s", r.Code, r.Output())
	}
	if strings.Contains(r.Output(), canary) {
		t.Error("the token is in the output")
	}
}

// wantSent fails the test unless the release was made as a draft and then published with this mark, and no other sent.
func (g enterprise) wantSent(t *testing.T, tag, latest string) {
	t.Helper()
	var sent []string
	for _, r := range g.api.Writes() {
		var body struct {
			Draft  bool
			Latest *string `json:"make_latest"`
			Name   string
		}
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil || body.Latest == nil || body.Name != tag {
			t.Fatalf("%s %s sent %s", r.Method, r.Path, r.Body)
		}
		kind := " release "
		if body.Draft {
			kind = " draft "
		}
		sent = append(sent, r.Method+kind+*body.Latest)
	}
	if got, want := strings.Join(sent, ", "), "POST draft false, PATCH release "+latest; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// TestReleaseOnGitHub releases a lower version and then a higher one than what GitHub shows as the latest (P6).
func TestReleaseOnGitHub(t *testing.T) {
	g := newEnterprise(t)
	g.releases = []*githubRelease{{ID: g.next(), Tag: "v1.2.0", Target: g.Git(t, "rev-parse", "v1.2.0^{}"), Name: "v1.2.0"}}
	g.latest = g.releases[0].ID

	t.Run("a backport is not the latest", func(t *testing.T) {
		g.Git(t, "checkout", "-q", "-b", "release/1.1", "v1.1.8")
		g.Write(t, "backend/shop/note.py", "NOTE = 1\n")
		g.Commit(t, "fix(backend): a note for the old line")
		commit := g.SetVersion(t, "1.1.8", "1.1.9")
		g.Git(t, "push", "-q", g.remote, "release/1.1")
		g.release(t, "1.1.9")
		g.wantSent(t, "v1.1.9", "false")
		if len(g.releases) != 2 || g.latest != g.releases[0].ID {
			t.Fatalf("%d releases, the latest is %d", len(g.releases), g.latest)
		}
		made := g.releases[1]
		if made.Tag != "v1.1.9" || made.Target != commit || made.Draft || made.Prerelease || len(made.Assets) != 2 {
			t.Errorf("the release is %+v", made)
		}
		if !strings.Contains(made.Body, "a note for the old line") || strings.Contains(made.Body, "reorder") {
			t.Errorf("the notes are\n%s", made.Body)
		}
	})
	t.Run("the next version is", func(t *testing.T) {
		g.Git(t, "checkout", "-q", "main")
		g.api.Reset()
		g.release(t, "1.2.3")
		g.wantSent(t, "v1.2.3", "true")
		if len(g.releases) != 3 || g.latest != g.releases[2].ID {
			t.Errorf("%d releases, the latest is %d", len(g.releases), g.latest)
		}
	})
}
