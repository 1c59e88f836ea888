package e2e

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"dagger/slipway/stages/labtest"
)

var (
	publishing sync.Once
	published  string
)

// slipwayAddress is where people find Slipway: a repository on a forge, here the lab's, with a version. Dagger drops the
// port of a plain http address, so that a proxy on port 80 stands before the forge.
func slipwayAddress(t *testing.T) string {
	t.Helper()
	needEngine(t)
	publishing.Do(func() {
		f := inGitea(t, Shop{Dir: t.TempDir()})
		copyModule(t, f.Dir)
		f.Git(t, "init", "-q", "-b", "main")
		f.Commit(t, "feat: release anything")
		f.Git(t, "tag", "v1.0.0")
		f.PushToGitea(t, f.name)
		host := onPort80(t)
		published = "http://" + host + "/slipway/" + f.name + ".git@v1.0.0"
	})
	if published == "" {
		t.Fatal("Slipway was not published on the lab's forge")
	}
	return published
}

// onPort80 serves the lab's forge without a port in its address, for as long as the tests run.
func onPort80(t *testing.T) (host string) {
	t.Helper()
	at, _ := labtest.Gitea(t)
	forge, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(forge.Hostname(), "80"))
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(listener, httputil.NewSingleHostReverseProxy(forge)) //nolint:errcheck // it ends with the tests
	return forge.Hostname()
}

// copyModule copies what the module is made of.
func copyModule(t *testing.T, to string) {
	t.Helper()
	for _, name := range []string{"stages", "internal"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(Module(), name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"dagger.json", "dagger.gen.go", "main.go", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(Module(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// adopt makes Slipway the repository's own module in a folder of it, with settings in a .env.
func adopt(t *testing.T, s Shop, folder, prefix string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(s.Dir, folder), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := s.DaggerIn(t, folder, "init", "--name=shop", "--blueprint="+slipwayAddress(t)); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	s.Write(t, filepath.Join(folder, ".env"), "registry="+prefix+"\nregistryToken=env://REGISTRY_TOKEN\ntestServices=\"postgres=postgres:17, redis=redis:8\"\nimages=\"backend=tiny, frontend=tiny\"\n")
	s.Write(t, ".gitignore", ".env\n")
	s.Commit(t, "ci: release with Slipway")
}

// TestAdoptionBesideUnreadableEnv: a root .env that is not Dagger's fails every call from there, so the module lives in ci/.
func TestAdoptionBesideUnreadableEnv(t *testing.T) {
	t.Parallel()
	s, prefix := newSmallShop(t), NewPrefix(t)
	adopt(t, s, "ci", prefix)
	s.Write(t, ".env", "PASSWORD=pa$word\nexport X='\n")
	green(t, s.DaggerIn(t, "ci", "call", "release", "--version=1.2.3"), "Outcome: released")
	if Tags(t, prefix, "backend")["1.2.3"] == "" {
		t.Error("the image is not in the registry that ci/.env names")
	}
}

func TestModuleWithoutSourceIsRefused(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	red(t, s.Dagger(t, "call", "-m", Module(), "release", "--version=1.2.3", "--dry-run"),
		"the source is Slipway's own repository", "--source=.")
}
