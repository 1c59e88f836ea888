package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// adopt makes the repository's own module from Slipway in a folder of it, with settings in a .env.
func adopt(t *testing.T, s Shop, folder, prefix string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(s.Dir, folder), 0o755); err != nil {
		t.Fatal(err)
	}
	copyModule(t, s)
	blueprint, err := filepath.Rel(folder, "slipway")
	if err != nil {
		t.Fatal(err)
	}
	if r := s.DaggerIn(t, folder, "init", "--name=shop", "--blueprint="+blueprint); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	s.Write(t, filepath.Join(folder, ".env"), "registry="+prefix+"\nregistryToken=env://REGISTRY_TOKEN\ntestServices=\"postgres=postgres:17, redis=redis:8\"\n")
	s.Write(t, ".gitignore", ".env\n")
	s.Commit(t, "ci: release with Slipway")
}

// copyModule puts Slipway into the repository: a local blueprint has to lie there, users name its address in git instead.
func copyModule(t *testing.T, s Shop) {
	t.Helper()
	for _, name := range []string{"stages", "internal"} {
		if err := os.CopyFS(filepath.Join(s.Dir, "slipway", name), os.DirFS(filepath.Join(Module(), name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"dagger.json", "dagger.gen.go", "main.go", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(Module(), name))
		if err != nil {
			t.Fatal(err)
		}
		s.Write(t, filepath.Join("slipway", name), string(text))
	}
}

func TestAdoptionByBlueprint(t *testing.T) {
	s, prefix := NewShop(t), NewPrefix(t)
	adopt(t, s, ".", prefix)
	green(t, s.Dagger(t, "call", "release", "--version=1.2.3"), "Outcome: released")
	if Tags(t, prefix, "backend")["1.2.3"] == "" {
		t.Error("the image is not in the registry that the .env names")
	}
}

// TestAdoptionBesideUnreadableEnv: a root .env that is not Dagger's fails every call from there, so the module lives in ci/.
func TestAdoptionBesideUnreadableEnv(t *testing.T) {
	s, prefix := NewShop(t), NewPrefix(t)
	adopt(t, s, "ci", prefix)
	s.Write(t, ".env", "PASSWORD=pa$word\nexport X='\n")
	green(t, s.DaggerIn(t, "ci", "call", "release", "--version=1.2.3"), "Outcome: released")
	if Tags(t, prefix, "backend")["1.2.3"] == "" {
		t.Error("the image is not in the registry that ci/.env names")
	}
}

func TestModuleWithoutSourceIsRefused(t *testing.T) {
	s := NewShop(t)
	red(t, s.Dagger(t, "call", "-m", Module(), "release", "--version=1.2.3", "--dry-run"),
		"the source is Slipway's own repository", "--source=.")
}
