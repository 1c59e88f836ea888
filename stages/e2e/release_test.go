package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"dagger/slipway/stages/report"
)

const services = "--test-services=postgres=postgres:17, redis=redis:8"

// green fails the test unless the call ended with exit code 0 and printed all of this.
func green(t *testing.T, r Result, words ...string) {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("exit code %d\n%s", r.Code, r.Stderr)
	}
	holds(t, r.Stdout, words...)
}

// red fails the test unless the call ended with exit code 1 and said all of this.
func red(t *testing.T, r Result, words ...string) {
	t.Helper()
	if r.Code != 1 {
		t.Fatalf("exit code %d, want 1\n%s", r.Code, r.Output())
	}
	holds(t, r.Stderr, words...)
}

func holds(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the output does not hold %q:\n%s", w, text)
		}
	}
}

// lastReport reads what `report --format json` says about the last run.
func lastReport(t *testing.T, s Shop) report.Report {
	t.Helper()
	r := s.Call(t, "report", "--format=json")
	green(t, r)
	var last report.Report
	if err := json.Unmarshal([]byte(r.Stdout), &last); err != nil {
		t.Fatal(err)
	}
	return last
}

// TestRelease follows one repository through its life: a release, the same line again, a newer one, a backport.
func TestRelease(t *testing.T) {
	t.Parallel()
	s, prefix := NewShop(t), NewPrefix(t)
	// The tests have to wait for both: one of a name that is known, the other by the only port of its image.
	services := "--test-services=postgres=" + SlowStart(t, "postgres", "17", "postgres") + ", redis=" + SlowStart(t, "redis", "8", "queue")
	variables := "--test-variables=REDIS_URL=redis://redis:6379"
	release := func(version string, more ...string) Result {
		return s.Call(t, append([]string{"--registry=" + prefix, services, variables, "release", "--version=" + version}, more...)...)
	}
	commit := s.Git(t, "rev-parse", "HEAD")
	sha := "sha-" + commit[:7]

	t.Run("first", func(t *testing.T) {
		r := release("v1.2.3")
		green(t, r, "Release 1.2.3 of "+commit[:7]+", after 1.2.0", "Outcome: released", "Critical path: ", "31 passed, 91.6% coverage, 2 passed slow")
		WantTags(t, prefix, "1.2.3", sha, "1.2", "1", "latest")
		for _, image := range Images {
			digests := map[string]bool{}
			for _, digest := range Tags(t, prefix, image) {
				digests[digest] = true
			}
			if len(digests) != 1 {
				t.Errorf("%s: the tags point to %d digests, want 1", image, len(digests))
			}
			holds(t, r.Stdout, prefix+"/"+image+"@sha256:")
		}
		for label, want := range map[string]string{"revision": commit, "version": "1.2.3", "title": "backend", "created": "2026-09-19T09:00:00Z"} {
			if got := Label(t, prefix, "backend", "1.2.3", "org.opencontainers.image."+label); got != want {
				t.Errorf("label %s is %q, want %q", label, got, want)
			}
		}
	})
	t.Run("the same images in another registry", func(t *testing.T) {
		other := NewPrefix(t)
		green(t, s.Call(t, "--registry="+other, services, variables, "publish", "--version=1.2.3"))
		for _, image := range Images {
			if a, b := Tags(t, prefix, image)["1.2.3"], Tags(t, other, image)["1.2.3"]; a == "" || a != b {
				t.Errorf("%s is %s in one registry and %s in the other", image, a, b)
			}
		}
	})
	t.Run("images with the same layers start each in their own way", func(t *testing.T) {
		if backend, worker := Layers(t, prefix, "backend", "1.2.3"), Layers(t, prefix, "arq-worker", "1.2.3"); !slices.Equal(backend, worker) {
			t.Errorf("the layers of the backend are %v, of the worker %v", backend, worker)
		}
		for image, want := range map[string]v1.Config{
			"backend":    {Cmd: []string{"uvicorn", "shop.app:app", "--host", "0.0.0.0", "--port", "8000"}, ExposedPorts: map[string]struct{}{"8000/tcp": {}}},
			"arq-worker": {Cmd: []string{"arq", "shop.worker.WorkerSettings"}},
		} {
			got := Configuration(t, prefix, image, "1.2.3")
			if !slices.Equal(got.Cmd, want.Cmd) || !maps.Equal(got.ExposedPorts, want.ExposedPorts) || got.User != "10001:10001" || got.WorkingDir != "/app" || !slices.Contains(got.Env, "VERSION=1.2.3") {
				t.Errorf("%s: the configuration is %+v", image, got)
			}
		}
	})
	t.Run("again", func(t *testing.T) {
		before := Tags(t, prefix, "backend")
		green(t, release("1.2.3"), "Outcome: already-released")
		for tag, digest := range Tags(t, prefix, "backend") {
			if before[tag] != digest {
				t.Errorf("backend:%s was %s and is %s", tag, before[tag], digest)
			}
		}
	})
	t.Run("another commit cannot have the version", func(t *testing.T) {
		s.Commit(t, "fix: something else")
		red(t, release("1.2.3", "--force", "--reason=the old one is broken"), "exists and belongs to commit "+commit, "Outcome: refused-state")
		WantTags(t, prefix, "1.2.3", sha, "1.2", "1", "latest")
		s.Git(t, "reset", "-q", "--hard", commit)
	})
}
