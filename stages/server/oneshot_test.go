package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// jobShop is a server on which 1.0.0 runs, with a one-shot called seed, and the images of 1.1.0 are in reach.
func jobShop(t *testing.T, file string, next behaviour) (*server, Environment) {
	t.Helper()
	s := standIn(t)
	s.public("nginx:1", behaviour{})
	s.public("postgres:17", behaviour{})
	s.program("drain", "exit 0")
	s.program("reload", "exit 0")
	for version, seed := range map[string]behaviour{"1.0.0": {endsAfter: time.Millisecond}, "1.1.0": next} {
		s.image("web", version, behaviour{})
		s.image("worker", version, behaviour{}).service("seed", seed)
	}
	env := s.environment()
	env.Migrate = "" // none of them is that
	if _, err := Deploy(t.Context(), env, s.release("1.0.0", file)); err != nil {
		t.Fatal(err)
	}
	return s, env
}

// turns are the times since then that compose was asked to start seed.
func (s *server) turns(since int) []line {
	return slices.DeleteFunc(s.since(since), func(l line) bool {
		return !l.has("compose up") || !slices.Contains(l.args, "seed") && !l.has("--scale")
	})
}

// TestOneShotsOfARelease: a one-shot for which nobody waits ends before the old containers stop, and has one turn.
func TestOneShotsOfARelease(t *testing.T) {
	t.Parallel()
	const job = "  seed:\n    image: ${REGISTRY}/worker:${VERSION}\n    command: [seed]\n    labels: {slipway.one-shot: \"true\"}\n"
	file := strings.Replace(front, "  db:\n", job+"  db:\n", 1)
	slow := behaviour{endsAfter: 700 * time.Millisecond}
	for _, c := range []struct {
		name       string
		seed       behaviour
		fail, runs string
	}{
		{"it ends", slow, "", "1.1.0"},
		{"it fails", behaviour{endsAfter: 700 * time.Millisecond, endCode: 3}, "seed has ended with exit code 3", "1.0.0"},
		{"it never ends", behaviour{}, "not healthy after 1.5s: seed has not ended yet", "1.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, env := jobShop(t, file, c.seed)
			env.Pace.Deadline = 1500 * time.Millisecond
			mark := s.mark()
			_, err := Deploy(t.Context(), env, s.release("1.1.0", file))
			if (err == nil) != (c.fail == "") || !strings.Contains(message(err), c.fail) {
				t.Fatalf("got %v, want %q", err, c.fail)
			}
			if c.fail != "" && failure(t, err).State != Kept {
				t.Errorf("got %s", failure(t, err).State)
			}
			wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:" + c.runs + " web:" + c.runs, "worker": "worker:" + c.runs, "db": "postgres:17"})
			if turns := s.turns(mark); len(turns) != 1 {
				t.Errorf("the one-shot had more than one turn: %q", turns)
			}
		})
	}
}

// TestOneShotsOfWhatRanBefore: what is gone back to, or asked about, serves while its one-shots are at work.
func TestOneShotsOfWhatRanBefore(t *testing.T) {
	t.Parallel()
	file := strings.Replace(oneService, "    restart: unless-stopped\n", "    restart: unless-stopped\n    ports: [\"80:80\"]\n", 1) +
		"  seed:\n    image: seed:1\n    labels: {slipway.one-shot: \"true\"}\n"
	s := standIn(t)
	s.public("seed:1", behaviour{endsAfter: time.Millisecond})
	s.image("backend", "1.0.0", good)
	s.image("backend", "1.1.0", good)
	env := s.environment()
	env.Migrate, env.Pace.Deadline = "", time.Second
	if _, err := Deploy(t.Context(), env, s.release("1.0.0", file)); err != nil {
		t.Fatal(err)
	}
	willEnd := func(d time.Duration) { s.set(func() { s.local("seed:1").does = behaviour{endsAfter: d} }) }
	s.set(func() { s.container("app-seed-1").does = behaviour{} })
	s.sh("docker start app-seed-1") // as a clock would
	if status, err := Read(t.Context(), env); err != nil || len(status.Problems) > 0 {
		t.Errorf("status: got %q, %v", status.Problems, err)
	}
	if again, err := Deploy(t.Context(), env, s.release("1.0.0", file)); err != nil || !again.Already {
		t.Errorf("again: got %+v, %v", again, err)
	}
	next := strings.Replace(file, "    labels: {slipway", "    environment: {NEXT: \"1\"}\n    labels: {slipway", 1)
	willEnd(time.Hour)
	_, err := Deploy(t.Context(), env, s.release("1.1.0", next))
	if f := failure(t, err); f.State != Restored || !strings.Contains(err.Error(), "seed has not ended yet") {
		t.Errorf("got %s: %v", f.State, err)
	}
	willEnd(time.Millisecond)
	if _, err := Deploy(t.Context(), env, s.release("1.1.0", next)); err != nil {
		t.Fatal(err)
	}
	willEnd(time.Hour)
	if _, err := Rollback(t.Context(), env, s.back("1.0.0")); err != nil {
		t.Errorf("rollback: %v", err)
	}
}

// TestOneShotThatNeedsWhatIsReplacedLater: it has another turn, in which it meets the release.
func TestOneShotThatNeedsWhatIsReplacedLater(t *testing.T) {
	t.Parallel()
	for needs, want := range map[string]int{"web": 1, "worker": 2, "cache": 2, "db": 1} {
		t.Run(needs, func(t *testing.T) {
			t.Parallel()
			file := strings.NewReplacer("  worker:\n", "  worker:\n    ports: [\"9:9\"]\n", "  db:\n", "  cache:\n    image: nginx:1\n    environment: {A: \"1\"}\n"+
				"  seed:\n    image: ${REGISTRY}/worker:${VERSION}\n    command: [seed]\n    depends_on: ["+needs+"]\n    labels: {slipway.one-shot: \"true\"}\n  db:\n").Replace(front)
			s, env := jobShop(t, file, behaviour{endsAfter: time.Millisecond})
			mark := s.mark()
			if _, err := Deploy(t.Context(), env, s.release("1.1.0", strings.Replace(file, "{A: \"1\"}", "{A: \"2\"}", 1))); err != nil {
				t.Fatal(err)
			}
			if turns := s.turns(mark); len(turns) != want {
				t.Errorf("%d turns, want %d: %q", len(turns), want, turns)
			}
		})
	}
}

// TestOneShotOfOthersThatHasFailed: once it is corrected, it is made anew and not started again as it was.
func TestOneShotOfOthersThatHasFailed(t *testing.T) {
	t.Parallel()
	s := shop(t, true)
	s.public("init:1", behaviour{endsAfter: time.Millisecond, endCode: 1})
	for _, v := range []string{"1.0.1", "1.0.2"} {
		s.image("backend", v, behaviour{healthyAfter: 20 * time.Millisecond}).service("migrate", migration("one"))
	}
	file := strings.NewReplacer("depends_on: [db]\n", "depends_on: {init: {condition: service_completed_successfully}}\n", "  db:\n", "  init:\n    image: init:1\n  db:\n").Replace(shopCompose)
	_, err := Deploy(t.Context(), s.environment(), s.release("1.0.1", file))
	if f := failure(t, err); f.State != Kept || !strings.Contains(err.Error(), "init has ended with exit code 1") {
		t.Errorf("got %s: %v", f.State, err)
	}
	s.set(func() { s.local("init:1").does = behaviour{endsAfter: time.Millisecond} })
	s.deploy(t, "1.0.2", file)
}
