package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

// proxied is a place of the test's own in the lab's registry, seen through a proxy that records and makes faults.
type proxied struct {
	*labtest.Proxy
	prefix string // past the proxy
}

func newProxied(t *testing.T) proxied {
	t.Helper()
	return proxied{listenTo(t, labtest.Registry(t)), NewPrefix(t)}
}

// listenTo starts a proxy where the engine's containers reach it.
func listenTo(t *testing.T, target string) *labtest.Proxy {
	t.Helper()
	needEngine(t)
	return labtest.ListenForContainers(t, target)
}

// listen starts a proxy in front of a server of the test's own.
func listen(t *testing.T, handler http.Handler) *labtest.Proxy {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return listenTo(t, server.URL)
}

func (p proxied) through() string { return path.Join(p.Addr(), path.Base(p.prefix)) }

func (p proxied) setting() string { return "--registry=" + p.through() }

// wantUntouched fails the test if anything was written, by what the proxy saw and by what the registry holds.
func (p proxied) wantUntouched(t *testing.T) {
	t.Helper()
	wantNone(t, p.Writes())
	p.wantTags(t)
}

// wantUnasked fails the test if the registry got any request.
func (p proxied) wantUnasked(t *testing.T) {
	t.Helper()
	wantNone(t, p.Requests())
}

func wantNone(t *testing.T, requests []labtest.Request) {
	t.Helper()
	if len(requests) > 0 {
		t.Errorf("%d requests were sent, the first is %s %s", len(requests), requests[0].Method, requests[0].Path)
	}
}

func (p proxied) wantTags(t *testing.T, want ...string) {
	t.Helper()
	WantTags(t, p.prefix, want...)
}

func (p proxied) tags(t *testing.T, image string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(Tags(t, p.prefix, image)))
}

// count is how many requests were made with this method to paths that end so.
func (p proxied) count(method, end string) int {
	n := 0
	for _, r := range p.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, end) {
			n++
		}
	}
	return n
}

// TestTagListIsNotRead answers the first question badly: that is not the same as "no tags".
func TestTagListIsNotRead(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	reg.Fault(labtest.Fault{Path: "/frontend/tags/list$", Status: 404, Body: "<html>not here</html>"})
	refused(t, s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3"), "Validate Release error: the registry: reading the tags of ",
		"the registry answered 404 Not Found", "Outcome: refused-state", "Security Scan     not run")
	reg.wantUntouched(t)
}

// TestOneImageCannotBePushed breaks the release in its middle, and lets the next run complete it.
func TestOneImageCannotBePushed(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	sha := "sha-" + s.Git(t, "rev-parse", "HEAD")[:7]
	release := func() Result {
		return s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3")
	}
	t.Run("two are denied", func(t *testing.T) {
		reg.Fault(labtest.Fault{Method: http.MethodPut, Path: "/(frontend|arq-worker)/manifests/", Status: 403})
		refused(t, release(), "pushing "+reg.through()+"/frontend: ", "pushing "+reg.through()+"/arq-worker: ", "403 Forbidden",
			"in the registry now: backend "+sha+"; no floating tag was moved", "Outcome: publish-incomplete")
		for image, want := range map[string][]string{"backend": {sha}, "frontend": nil, "arq-worker": nil} {
			if got := reg.tags(t, image); !slices.Equal(got, want) {
				t.Errorf("%s has the tags %v, want %v", image, got, want)
			}
			if n := reg.count(http.MethodPut, "/"+image+"/manifests/"+sha); n != 1 {
				t.Errorf("the manifest of %s was sent %d times, want once: 403 is no passing fault", image, n)
			}
		}
	})
	t.Run("the same line completes it", func(t *testing.T) {
		reg.Heal()
		before := Tags(t, reg.prefix, "backend")[sha]
		green(t, release(), "Outcome: resumed", "/backend@"+before+" (already published)", "frontend built in ")
		reg.wantTags(t, "1.2.3", sha, "1.2", "1", "latest")
		if after := Tags(t, reg.prefix, "backend")["1.2.3"]; after != before {
			t.Errorf("backend was built again: %s, and before %s", after, before)
		}
	})
}

// retryAfter is how many seconds a busy registry asks for: more than the first delays of everyone who does not listen.
const retryAfter = 2

// TestPassingFaults makes the faults of a busy registry at the places where the engine and Slipway write.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	s := newSmallShop(t)
	start := func(image string, f labtest.Fault) labtest.Fault {
		f.Method, f.Path, f.Skip = http.MethodPost, "/"+image+"/blobs/uploads/$", 1 // the first one asks for the right to
		return f
	}
	blob := func(image string, f labtest.Fault) labtest.Fault {
		f.Method, f.Path = http.MethodPut, "/"+image+"/blobs/uploads/.+"
		return f
	}
	manifest := func(image, tag string, f labtest.Fault) labtest.Fault {
		f.Method, f.Path = http.MethodPut, "/"+image+"/manifests/"+tag
		return f
	}
	busy := labtest.Fault{Status: 429, Header: http.Header{"Retry-After": {strconv.Itoa(retryAfter)}}, Times: 2}
	twice := func(f labtest.Fault) labtest.Fault { f.Times = 2; return f }
	status := func(code int) labtest.Fault { return twice(labtest.Fault{Status: code}) }
	broken := twice(labtest.Fault{Reset: true})
	tests := map[string][]labtest.Fault{
		"here": {
			manifest("backend", "sha-", busy), start("frontend", status(503)), blob("arq-worker", broken),
			manifest("arq-worker", "1.2.3", busy), manifest("backend", "1$", status(504)), manifest("frontend", "latest", broken),
		},
		"elsewhere": {
			blob("backend", busy), manifest("frontend", "sha-", broken), start("arq-worker", status(504)),
			manifest("frontend", "1.2.3", status(502)), manifest("arq-worker", "latest", busy), manifest("arq-worker", "sha-", status(500)),
		},
	}
	for name, faults := range tests {
		t.Run(name, func(t *testing.T) {
			reg := newProxied(t)
			reg.Fault(faults...)
			commit := s.Commit(t, "fix: "+name)
			green(t, s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3"), "Outcome: released")
			reg.wantTags(t, "1.2.3", "sha-"+commit[:7], "1.2", "1", "latest")
			for _, f := range faults {
				wantRepeats(t, reg, f)
			}
		})
	}
}

// wantRepeats fails the test unless the fault was met as often as it was set. Slipway, which writes all tags but the first,
// must also have waited as long as it was asked to; the engine, which pushes layers, comes back at once.
func wantRepeats(t *testing.T, reg proxied, f labtest.Fault) {
	t.Helper()
	path := regexp.MustCompile(f.Path)
	var hits []time.Time
	for _, r := range reg.Requests() {
		if r.Method == f.Method && path.MatchString(r.Path) {
			hits = append(hits, r.Time)
		}
	}
	if len(hits) <= f.Skip+f.Times {
		t.Fatalf("%s %s: %d requests, want more than %d", f.Method, f.Path, len(hits), f.Times)
	}
	if f.Header == nil || strings.Contains(f.Path, "/blobs/") || strings.HasSuffix(f.Path, "sha-") {
		return
	}
	for i := range f.Times {
		if waited := hits[i+1].Sub(hits[i]); waited < retryAfter*time.Second {
			t.Errorf("%s %s: came back after %s, asked for %d s", f.Method, f.Path, waited, retryAfter)
		}
	}
}

// TestRegistryStaysAway gives up on a registry that never recovers, long before a CI job does.
func TestRegistryStaysAway(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	reg.Fault(labtest.Fault{Method: http.MethodPut, Path: "/frontend/manifests/sha-", Status: 503})
	start := time.Now()
	refused(t, s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3"), "pushing "+reg.through()+"/frontend: ", "503 Service Unavailable",
		"in the registry now: backend sha-", "run the same line again", "Outcome: publish-incomplete")
	if took := time.Since(start); took > 3*time.Minute {
		t.Errorf("it took %s", took)
	}
	if n := reg.count(http.MethodPut, "/frontend/manifests/sha-"+s.Git(t, "rev-parse", "HEAD")[:7]); n < 5 {
		t.Errorf("the manifest was sent %d times, want at least 5", n)
	}
}

// withToken is the lab's registry, asking everyone for a user and a token.
func withToken(t *testing.T, user, token string) http.Handler {
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: labtest.Registry(t)})
		r.Out.Host = r.In.Host // addresses in the answers lead back here
		r.Out.Header.Del("Authorization")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(w, r)
	})
}

// TestTokenIsNeverShown uses a registry that needs a token and sends back what it was given.
func TestTokenIsNeverShown(t *testing.T) {
	t.Parallel()
	const user = "ci"
	token := `ca/na+ry&"` + rand.Text()
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + token))
	forms := []string{
		token, pair, base64.StdEncoding.EncodeToString([]byte(token)), base64.RawURLEncoding.EncodeToString([]byte(token)),
		url.QueryEscape(token), url.PathEscape(token), strings.ReplaceAll(token, `"`, `\"`), strings.ReplaceAll(token, "&", `\u0026`),
	}
	s, reg := newSmallShop(t), proxied{listen(t, withToken(t, user, token)), NewPrefix(t)}
	s.Setenv("CANARY_TOKEN", token)
	echo, err := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": "DENIED", "message": "no push for " + token + " or Basic " + pair}}})
	if err != nil {
		t.Fatal(err)
	}
	release := func() Result {
		return s.Call(t, reg.setting(), "--registry-user="+user, "--registry-token=env://CANARY_TOKEN", tinyImages, "release", "--version=1.2.3")
	}
	t.Run("red", func(t *testing.T) {
		reg.Fault(labtest.Fault{Method: http.MethodPut, Path: "/manifests/1.2.3$", Status: 403, Header: http.Header{"Content-Type": {"application/json"}}, Body: string(echo)})
		r := release()
		refused(t, r, "403 Forbidden", "DENIED", "Outcome: publish-incomplete")
		hides(t, r.Output(), forms...)
	})
	t.Run("red in the engine's own push", func(t *testing.T) {
		reg.Heal()
		s.Commit(t, "fix: another commit")
		reg.Fault(labtest.Fault{Method: http.MethodPut, Path: "/manifests/sha-", Status: 403, Header: http.Header{"Content-Type": {"application/json"}}, Body: string(echo)})
		// Only what Slipway says: the engine's progress above it is the engine's.
		hides(t, refused(t, release(), "403 Forbidden"), forms...)
		stored := s.Call(t, "report", "--format=json")
		hides(t, stored.Stdout, forms...)
		s.Git(t, "reset", "-q", "--hard", "HEAD~1")
	})
	t.Run("green", func(t *testing.T) {
		reg.Heal()
		r := release()
		green(t, r, "Outcome: resumed")
		reg.wantTags(t, "1.2.3", "sha-"+s.Git(t, "rev-parse", "HEAD")[:7], "1.2", "1", "latest")
		stored := s.Call(t, "report", "--format=json")
		green(t, stored, `"resumed"`)
		hides(t, r.Output()+stored.Output()+imageConfig(t, reg.prefix, "backend", "1.2.3"), forms...)
	})
	t.Run("wrong token", func(t *testing.T) {
		reg.Reset()
		wrong := "wr/ong+" + rand.Text()
		s.Setenv("CANARY_TOKEN", wrong)
		r := release()
		refused(t, r, "the registry answered 401 Unauthorized", "correct the credentials", "Outcome: refused-state")
		hides(t, r.Output(), wrong, base64.StdEncoding.EncodeToString([]byte(user+":"+wrong)), url.QueryEscape(wrong))
		wantNone(t, reg.Writes())
	})
}

// TestDryRun writes nothing, whatever is wrong with the place it is run in.
func TestDryRun(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	s.Replace(t, "backend/shop/stock.py", "only {available} left", "just {available} left")
	s.Replace(t, "backend/pyproject.toml", `"1.2.3"`, `"1.2.2"`)
	s.Write(t, "notes.txt", "not tracked\n")
	t.Run("dirty tree", func(t *testing.T) {
		r := s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3", "--dry-run")
		green(t, r, "(dry run: nothing is written)", "A real run would refuse", "backend/shop/stock.py", `backend/pyproject.toml says "1.2.2", expected "1.2.3"`,
			"Backend Tests     passed", "Build and Push    dry run", "Outcome: dry-run-ok")
		hides(t, r.Stdout, "notes.txt")
		if len(reg.Requests()) == 0 {
			t.Error("the registry was not read")
		}
		for _, asked := range reg.Requests() {
			if asked.Method != http.MethodGet {
				t.Errorf("a dry run sends %s %s", asked.Method, asked.Path)
			}
		}
		reg.wantUntouched(t)
	})
	t.Run("no registry, no remote, no secret", func(t *testing.T) {
		reg.Reset()
		r := s.Call(t, tinyImages, "release", "--version=1.2.3", "--dry-run")
		green(t, r, "images are to be released and no registry is set", "Not checked", "the repository has no remote", "Outcome: dry-run-ok")
		reg.wantUnasked(t)
	})
	t.Run("red gates stay red", func(t *testing.T) {
		s.Replace(t, "backend/shop/stock.py", "return available - wanted", "return available")
		refused(t, s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3", "--dry-run"), "Backend Tests failed", "Outcome: gate-fail")
		reg.wantUntouched(t)
	})
}

// TestBadInputs are refused before anything is asked of anyone, and nothing in them is run.
func TestBadInputs(t *testing.T) {
	t.Parallel()
	s, reg := NewShop(t), newProxied(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a line break":               {[]string{"--version=1.2.3\n"}, "is refused: expected only ASCII letters, digits, dots and hyphens, found a line break"},
		"a substitution, forced":     {[]string{"--version=$(touch pwned)", "--force", "--reason=the payment page is down"}, "is refused: expected only ASCII letters, digits, dots and hyphens, found U+0024 '$'"},
		"a reason of blanks, forced": {[]string{"--version=1.2.3", "--force", "--reason=now\t now     \u200b\n"}, "--force needs --reason with at least 10 visible characters, found 6"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, s.Call(t, append([]string{reg.setting(), services, "release"}, test.args...)...), test.want, "Outcome: refused-input")
		})
	}
	reg.wantUnasked(t)
	noFile(t, s, "pwned")
}

// imageConfig is what an image tells about itself and its making, as the registry has it.
func imageConfig(t *testing.T, prefix, image, tag string) string {
	t.Helper()
	ref, err := name.NewTag(path.Join(prefix, image) + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}
