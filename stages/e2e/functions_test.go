package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestFunctions calls each function once, the way the README shows it.
func TestFunctions(t *testing.T) {
	t.Parallel()
	s, prefix := NewShop(t), NewPrefix(t)
	commit := s.Git(t, "rev-parse", "HEAD")[:7]
	call := func(args ...string) Result {
		return s.Call(t, append([]string{"--registry=" + prefix, services}, args...)...)
	}

	t.Run("report before any run", func(t *testing.T) {
		red(t, call("report"), "this engine has no report of a run of this repository", "--dry-run")
	})
	t.Run("plan", func(t *testing.T) {
		green(t, call("plan", "--version=1.2.3"), "Release 1.2.3 of commit "+commit, "Previous release: 1.2.0", "Features", "Bug Fixes",
			"latest  moves: no stable version is higher; now absent", "registry            "+prefix)
	})
	t.Run("validate", func(t *testing.T) {
		green(t, call("validate", "--version=1.2.3"), "Validate Release  passed", "Outcome: passed")
	})
	t.Run("changelog", func(t *testing.T) {
		green(t, call("changelog"), "🚀 Features", "show the version in the footer", "🐛 Bug Fixes", "ask PostgreSQL over TCP")
		r := call("changelog", "--from=1.1.8", "--to=v1.2.0", "--format=json")
		green(t, r)
		var notes struct{ Previous, Current string }
		if err := json.Unmarshal([]byte(r.Stdout), &notes); err != nil || notes.Previous != "v1.1.8" || notes.Current != "v1.2.0" {
			t.Errorf("%+v, %v", notes, err)
		}
	})
	t.Run("scan", func(t *testing.T) { green(t, call("scan"), "Security Scan", "0 critical, 0 high") })
	t.Run("dependencies", func(t *testing.T) { green(t, call("dependencies"), "Dependency Check", "dependencies in step") })
	t.Run("test-backend", func(t *testing.T) { green(t, call("test-backend"), "31 passed, 91.6% coverage, 2 passed slow") })
	t.Run("test-frontend", func(t *testing.T) {
		green(t, call("test-frontend"), "20 passed, 81.1% coverage, 1 passed slow")
	})
	t.Run("reports", func(t *testing.T) {
		for _, side := range []string{"backend", "frontend"} {
			dir := filepath.Join(t.TempDir(), side)
			green(t, call(side+"-reports", "export", "--path="+dir))
			for _, file := range []string{"junit.xml", "coverage.xml", "html/index.html"} {
				if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
					t.Errorf("%s reports: %v", side, err)
				}
			}
		}
	})
	t.Run("image", func(t *testing.T) {
		green(t, call("image", "--name=backend", "label", "--name=org.opencontainers.image.revision"), commit)
		red(t, call("image", "--name=nothing"), "no image is called nothing", "backend, frontend, arq-worker")
	})
	t.Run("publish", func(t *testing.T) {
		green(t, call("publish", "--version=1.2.3"), "Build and Push")
		WantTags(t, prefix, "1.2.3", "sha-"+commit)
		green(t, call("report"), "Release 1.2.3 of "+commit)
	})
}

// testReport says to the microsecond when the backend's tests really ran: a cached exec brings back the old one.
func testReport(t *testing.T, s Shop) string {
	t.Helper()
	r := s.Call(t, "backend-reports", "file", "--path=junit.xml", "contents")
	green(t, r, "timestamp=")
	return r.Stdout
}

// TestFrontendChangeKeepsBackendCache is a promise on speed that can be tested without a clock.
func TestFrontendChangeKeepsBackendCache(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	before := testReport(t, s)
	s.Write(t, "frontend/src/note.ts", "export const note = 1\n")
	s.Commit(t, "feat(frontend): a note")
	if after := testReport(t, s); after != before {
		t.Error("the backend's tests ran again after a change in frontend/")
	}
	s.Write(t, "backend/shop/note.py", "NOTE = 1\n")
	s.Commit(t, "feat(backend): a note")
	if after := testReport(t, s); after == before {
		t.Error("the backend's tests did not run again after a change in backend/")
	}
}

// TestAPIThroughClient reads the module the way other Dagger programs do.
func TestAPIThroughClient(t *testing.T) {
	t.Parallel()
	ctx, client := Connect(t)
	objects, err := client.ModuleSource(Module()).AsModule().Objects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		functions, err := o.AsObject().Functions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(functions) != len(methods(t))-1 {
			t.Errorf("the engine sees %d functions, main.go has %d", len(functions), len(methods(t))-1)
		}
		for _, f := range functions {
			if text, err := f.Description(ctx); err != nil || text == "" {
				name, _ := f.Name(ctx)
				t.Errorf("%s has no description: %v", name, err)
			}
		}
	}
}

// TestChecklist ticks off what can be ticked off, and says what the rest is waiting for.
func TestChecklist(t *testing.T) {
	t.Parallel()
	s := withTinyImages(t)
	s.Write(t, "backend/shop/unused.py", "import os\n")
	s.Commit(t, "chore: nobody reads about it")
	s.Setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x")
	red(t, s.Call(t, tinyImages, "--slack-webhook-url=env://SLACK_WEBHOOK_URL", "checklist", "--version=1.2.4"),
		"1 features and no change of a document", "unused.py:1:8: F401", "Versions Agree failed", "later", "Outcome: gate-fail")
	s.Git(t, "rm", "-q", "backend/shop/unused.py")
	s.Replace(t, "README.md", "\n", "\n\n")
	s.Commit(t, "docs: room to breathe")
	green(t, s.Call(t, tinyImages, "checklist", "--version=1.2.3"), "Checklist for 1.2.3", "documents changed: README.md", "Backend Lint", "has no complaint", "all version files say 1.2.3",
		"since v1.2.0", "not applicable: no staging server", "not applicable: nobody to tell", "Outcome: passed")
}

// TestChecks runs what `dagger check` runs.
func TestChecks(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	r := s.Dagger(t, "-m", Module(), "check", "--list")
	green(t, r, "lint", "scan", "dependencies", "test-backend", "test-frontend")
}
