package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sidecarShop is a server on which 1.0.0 runs, with a service of others beside it, and the images of 1.1.0 in reach.
func sidecarShop(t *testing.T, file string, side, next behaviour) *server {
	t.Helper()
	s := standIn(t)
	s.public("tika:1", side)
	s.public("tika:2", behaviour{healthyAfter: 5 * time.Millisecond})
	s.image("backend", "1.0.0", behaviour{healthyAfter: 20 * time.Millisecond})
	s.image("backend", "1.1.0", next)
	s.deploy(t, "1.0.0", file)
	return s
}

const sidecar = oneService + "  tika:\n    image: tika:1\n"

// TestIllBefore: what is somebody else's and was ill before is named, and is no reason against a release.
func TestIllBefore(t *testing.T) {
	t.Parallel()
	const left = "warning: ill before anything was changed, and so not judged: tika "
	fine := behaviour{healthyAfter: 5 * time.Millisecond}
	always := sidecar + "    restart: always\n"
	fixed := strings.Replace(always, "    restart: unless-stopped\n", "    restart: unless-stopped\n    ports: [\"80:80\"]\n", 1)
	health := "    healthcheck: {test: [CMD, \"true\"], retries: 5}\n"
	awaited := strings.Replace(fixed, "    ports", "    depends_on: {tika: {condition: service_healthy}}\n    ports", 1)
	sicken := func(s *server) { s.sicken("tika:1") }
	for _, c := range []struct {
		name         string
		file, then   string
		side, next   behaviour
		before       func(*server)
		figure, fail string
		state        State
	}{
		{"unhealthy", always, always, fine, good, sicken, left + "is unhealthy", "", ""},
		{"unhealthy, beside what cannot run twice", fixed, fixed, fine, good, sicken, left + "is unhealthy", "", ""},
		{"ended", sidecar, sidecar, behaviour{}, good, func(s *server) {
			s.set(func() { s.container("app-tika-1").does = behaviour{endsAfter: time.Millisecond, endCode: 1} })
		}, left + "has ended with exit code 1", "", ""},
		{"ends again and again", always, always, behaviour{}, good, func(s *server) {
			s.set(func() { s.container("app-tika-1").does = behaviour{endsAfter: time.Millisecond, endCode: 1} })
		}, left, "", ""},
		{"replaced by the release, and well", always, strings.Replace(always, "tika:1", "tika:2", 1), fine, good, sicken, "", "", ""},
		{"ill only since", always, always, fine, good, func(s *server) { s.onNth(2, "compose up", then(func() { s.sicken("tika:1") })) }, "", "not healthy: tika is unhealthy", NotRestored},
		{"replaced, and ill as well", always, strings.Replace(always, "tika:1", "tika:3", 1), fine, good, func(s *server) {
			sicken(s)
			s.set(func() { s.local("tika:1").does.unhealthyAfter = 1 })
		}, "", "not healthy: tika is unhealthy", Restored},
		{"the release is bad itself", always, always, fine, behaviour{unhealthyAfter: time.Millisecond}, sicken, "", "not healthy: backend is unhealthy", Kept},
		{"the release goes bad", fixed, fixed, fine, behaviour{endsAfter: 5 * time.Millisecond, endCode: 3}, sicken, "", "backend has ended with exit code 3", Kept},
		{"ours waits for it", awaited, awaited, fine, good, sicken, "", "tika is unhealthy, and compose starts backend only when it is healthy (depends_on)", Untouched},
		{"ours waits for it, and the release changes its image", awaited, strings.Replace(awaited, "tika:1", "tika:2", 1), fine, good, sicken, "", "", ""},
		{"ours waits for it, and the release changes its check", awaited + health, awaited + strings.Replace(health, "5", "6", 1), fine, good, sicken, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := sidecarShop(t, c.file, c.side, c.next)
			s.public("tika:3", behaviour{unhealthyAfter: time.Millisecond})
			c.before(s)
			time.Sleep(10 * time.Millisecond)
			result, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", c.then))
			if c.fail != "" {
				if f := failure(t, err); f.State != c.state || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("got %s: %v; want %s: %s", f.State, err, c.state, c.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			warnings := slices.DeleteFunc(result.Figures, func(f string) bool { return !strings.HasPrefix(f, "warning: ") })
			if len(warnings) > 1 || (c.figure == "") != (len(warnings) == 0) || !strings.HasPrefix(strings.Join(warnings, ""), c.figure) {
				t.Errorf("warnings: %q, want %s", warnings, c.figure)
			}
		})
	}
}

// container is one by its name.
func (d *dockerd) container(name string) *fakeContainer {
	one, err := d.find(name)
	if err != nil {
		panic(err)
	}
	return one
}

// TestIllBeforeIsNoReasonForMore: the same line again, the way back and a rollback leave it out as well, and its log tells nothing.
func TestIllBeforeIsNoReasonForMore(t *testing.T) {
	t.Parallel()
	file := sidecar + "    restart: always\n"
	s := sidecarShop(t, file, behaviour{healthyAfter: 5 * time.Millisecond, log: "tika's own trouble\n"}, good)
	s.sicken("tika:1")
	if result := s.deploy(t, "1.0.0", file); !result.Already || len(result.Figures) != 1 {
		t.Errorf("again: got %+v", result)
	}
	s.deploy(t, "1.1.0", file)
	back := s.back("1.0.0")
	if result, err := Rollback(t.Context(), s.environment(), back); err != nil || len(result.Figures) != 1 {
		t.Errorf("back: got %+v, %v", result, err)
	}
	if result, err := Rollback(t.Context(), s.environment(), back); err != nil || !result.Already {
		t.Errorf("back again: got %+v, %v", result, err)
	}
	env := s.environment()
	env.VersionURL, env.Pace.Deadline = "http://127.0.0.1:1/", 2*time.Second
	s.image("backend", "1.2.0", good)
	_, err := Deploy(t.Context(), env, s.release("1.2.0", file))
	if f := failure(t, err); f.State != NotRestored || strings.Contains(f.Error()+f.Logs, "tika") { // nothing answers for 1.0.0 either
		t.Errorf("got %s: %v, %s", f.State, err, f.Logs)
	}
}

// TestFinishedOfOthers: what is somebody else's, has no restart policy and has ended well has done its work.
func TestFinishedOfOthers(t *testing.T) {
	t.Parallel()
	once := behaviour{endsAfter: time.Millisecond}
	checked := behaviour{healthyAfter: time.Millisecond, endsAfter: 2 * time.Millisecond}
	for _, c := range []struct {
		name, file string
		side       behaviour
		fail       string
	}{
		{"without a policy", sidecar, once, ""},
		{"by its policy", sidecar + "    restart: \"no\"\n", once, ""},
		{"with an error", sidecar, behaviour{endsAfter: time.Millisecond, endCode: 1}, "tika has ended with exit code 1"},
		{"on failure", sidecar + "    restart: on-failure\n", once, "tika has ended with exit code 0"},
		{"with a health check", sidecar, checked, "tika has ended with exit code 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := standIn(t)
			s.public("tika:1", c.side)
			s.image("backend", "1.0.0", good)
			s.image("backend", "1.1.0", good)
			_, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", c.file))
			if (err == nil) != (c.fail == "") || !strings.Contains(message(err), c.fail) {
				t.Fatalf("got %v, want %q", err, c.fail)
			}
			if err != nil {
				return
			}
			if result := s.deploy(t, "1.1.0", c.file); slices.ContainsFunc(result.Figures, func(f string) bool { return strings.HasPrefix(f, "warning") }) {
				t.Errorf("figures: %q", result.Figures)
			}
			if status, err := Read(t.Context(), s.environment()); err != nil || len(status.Problems) > 0 {
				t.Errorf("status: got %q, %v", status.Problems, err)
			}
		})
	}
}

// TestIllByAReleaseOfOurs: what a release that was never healthy has made is no excuse for its next attempt.
func TestIllByAReleaseOfOurs(t *testing.T) {
	t.Parallel()
	const always = sidecar + "    restart: always\n"
	t.Run("the first deployment", func(t *testing.T) {
		t.Parallel()
		s := standIn(t)
		s.public("tika:1", behaviour{endsAfter: time.Millisecond, endCode: 78})
		s.image("backend", "1.0.0", good)
		for range 2 {
			_, err := Deploy(t.Context(), s.environment(), s.release("1.0.0", sidecar))
			if f := failure(t, err); f.State != Stopped || !strings.Contains(err.Error(), "tika has ended with exit code 78") {
				t.Errorf("got %s: %v", f.State, err)
			}
		}
	})
	t.Run("one that was not taken back", func(t *testing.T) {
		t.Parallel()
		s := sidecarShop(t, always, good, good)
		s.public("tika:3", behaviour{unhealthyAfter: time.Millisecond})
		s.onNth(3, "compose up", fail(1, "no space left"))
		for range 2 {
			_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", strings.Replace(always, "tika:1", "tika:3", 1)))
			if f := failure(t, err); !strings.Contains(err.Error(), "tika is unhealthy") {
				t.Errorf("got %s: %v", f.State, err)
			}
		}
	})
	t.Run("no reason against what was put back", func(t *testing.T) {
		t.Parallel()
		s := sidecarShop(t, always, good, good)
		s.public("tika:3", behaviour{unhealthyAfter: time.Millisecond})
		_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", strings.Replace(always, "tika:1", "tika:3", 1)))
		if f := failure(t, err); f.State != Restored {
			t.Fatalf("got %s: %v", f.State, err)
		}
		s.sicken("tika:1")
		if result := s.deploy(t, "1.1.0", always); !strings.HasPrefix(result.Figures[len(result.Figures)-1], "warning: ill before anything was changed") {
			t.Errorf("figures: %q", result.Figures)
		}
	})
	t.Run("no reason against what was well by a clock that is ahead", func(t *testing.T) {
		t.Parallel()
		s := sidecarShop(t, always, good, good)
		s.set(func() { s.container("app-tika-1").created = time.Now().Add(time.Minute) })
		s.deploy(t, "1.1.0", always)
		s.sicken("tika:1")
		s.image("backend", "1.2.0", good)
		s.deploy(t, "1.2.0", always)
	})
	t.Run("no reason against what somebody has made anew since", func(t *testing.T) {
		t.Parallel()
		s := sidecarShop(t, always, good, good)
		s.set(func() { s.container("app-tika-1").created = time.Now().Add(time.Second) })
		s.sicken("tika:1")
		s.deploy(t, "1.1.0", always)
	})
	t.Run("one that was healthy once, and was gone back from", func(t *testing.T) {
		t.Parallel()
		next := strings.Replace(always, "tika:1", "tika:3", 1)
		s := sidecarShop(t, always, good, good)
		s.public("tika:3", good)
		s.deploy(t, "1.1.0", next)
		if _, err := Rollback(t.Context(), s.environment(), s.back("1.0.0")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // the ledger knows no less
		s.set(func() { s.local("tika:3").does = behaviour{unhealthyAfter: time.Millisecond} })
		s.onNth(3, "compose up", fail(1, "no space left"))
		for range 2 {
			_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", next))
			if err == nil || !strings.Contains(err.Error(), "tika is unhealthy") {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestEndedBefore: what had ended and is started again by compose is judged, unless it ends again.
func TestEndedBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, fail string
		then       behaviour
	}{
		{"and is well", "", behaviour{}},
		{"and is not", "not healthy: tika is unhealthy", behaviour{unhealthyAfter: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := sidecarShop(t, sidecar+"    restart: always\n", behaviour{}, good)
			s.sh("docker stop app-tika-1")
			s.set(func() { s.container("app-tika-1").does, s.container("app-tika-1").code = c.then, 137 })
			result, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", sidecar+"    restart: always\n"))
			if (err == nil) != (c.fail == "") || !strings.Contains(message(err), c.fail) {
				t.Errorf("got %v, want %q", err, c.fail)
			}
			if slices.ContainsFunc(result.Figures, func(f string) bool { return strings.HasPrefix(f, "warning") }) {
				t.Errorf("figures: %q", result.Figures)
			}
		})
	}
}

// TestIllBeforeAndGoes: what the release lacks, or makes ours, was ill on the way back as well.
func TestIllBeforeAndGoes(t *testing.T) {
	t.Parallel()
	always := sidecar + "    restart: always\n"
	for name, then := range map[string]string{"removed": oneService, "made ours": strings.Replace(always, "tika:1", "${REGISTRY}/tika:${VERSION}", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sidecarShop(t, always, good, good)
			s.image("tika", "1.1.0", good)
			s.sicken("tika:1")
			s.set(func() { s.local("tika:1").does.unhealthyAfter = 1 })
			s.onNth(2, "compose up", fail(1, "no space left"))
			_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", then))
			if f := failure(t, err); f.State != Restored {
				t.Errorf("got %s: %v", f.State, err)
			}
		})
	}
	t.Run("a restore that fails", func(t *testing.T) {
		t.Parallel()
		s := shop(t, true)
		s.public("tika:1", good)
		s.image("backend", "1.1.0", good).service("migrate", migration("two"))
		s.deploy(t, "1.1.0", strings.Replace(shopCompose, "services:\n", "services:\n  tika:\n    image: tika:1\n    restart: always\n", 1))
		s.sicken("tika:1")
		s.on("exec db psql", fail(1, "no space left"))
		_, err := Rollback(t.Context(), s.environment(), restoring(s))
		if f := failure(t, err); f.State != Restored {
			t.Errorf("got %s: %v", f.State, err)
		}
	})
}
