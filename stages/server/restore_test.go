package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTheWayBackHasItsTime: a new worker may have a job when its release fails, and ends it as an old one would.
func TestTheWayBackHasItsTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		web   behaviour
		state State
		found string
	}{
		{"it is taken away", behaviour{unhealthyAfter: 20 * time.Millisecond}, Kept, "1.0.0 was never stopped and still runs"},
		{"it is replaced", good, Restored, "1.0.0 runs again and is healthy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := frontShop(t, front, good)
			before := len(s.all())
			s.image("web", "1.1.1", c.web)
			s.image("worker", "1.1.1", behaviour{stopsAfter: 300 * time.Millisecond})
			s.on("docker stop", then(func() { s.sicken("web:1.1.1") }))
			env, back, short := s.environment(), false, []string(nil)
			env.Step = func(ctx context.Context, name string) (context.Context, func(error)) {
				back = back || strings.HasPrefix(name, "take away") || strings.HasPrefix(name, "put 1.0.0 back")
				if deadline, ends := ctx.Deadline(); ends && time.Until(deadline) < changeTime {
					short = append(short, name)
				}
				return ctx, func(error) {}
			}
			_, err := Deploy(t.Context(), env, s.release("1.1.1", front))
			if f := failure(t, err); f.State != c.state || f.Found != c.found || f.Next != "" {
				t.Errorf("got %s: %v, %s", f.State, err, f.Next)
			}
			if !back || len(short) > 0 {
				t.Errorf("on the way back (%t) these have less time than a container may take to stop: %q", back, short)
			}
			wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
			if len(s.all()) != before {
				t.Errorf("there are %v", s.all())
			}
			if ledger := s.sh("cat " + ledgerFile); !strings.Contains(ledger, `"result":"failed","version":"1.1.1"`) {
				t.Errorf("the ledger says:\n%s", ledger)
			}
			if left, err := s.try("test ! -e " + replacedFile); err != nil {
				t.Errorf("the files of 1.1.1 are still there: %s", left)
			}
		})
	}
}

// TestTheWayBackFails: what ran before does not come up again either, and nothing is said of a version that was never stopped.
func TestTheWayBackFails(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.public("postgres:17", behaviour{database: true, healthyAfter: 10 * time.Millisecond})
	first := s.image("backend", "1.0.0", good)
	first.service("migrate", migration("one"))
	s.deploy(t, "1.0.0", shopCompose)
	s.image("backend", "1.1.0", good).service("migrate", migration("one"))
	s.on("docker stop", then(func() { s.set(func() { first.does = behaviour{unhealthyAfter: 20 * time.Millisecond} }) }))
	env := s.environment()
	env.VersionURL, env.Pace.Deadline = "http://127.0.0.1:1/", time.Second
	_, err := Deploy(t.Context(), env, s.release("1.1.0", shopCompose))
	f := failure(t, err)
	wantText(t, f.Found, "putting 1.0.0 back failed as well: the containers of 1.0.0, started beside the running ones: not healthy: backend is unhealthy")
	if f.State != NotRestored || strings.Contains(f.Error(), "never stopped") {
		t.Errorf("%s: %v", f.State, f)
	}
}

// TestWhoEndsADeployment: what the caller has ended it for is said, with what is not healthy yet and its logs.
func TestWhoEndsADeployment(t *testing.T) {
	t.Parallel()
	s := frontShop(t, front, good)
	s.image("web", "1.1.1", behaviour{healthyAfter: never, log: "warming up\n"})
	s.image("worker", "1.1.1", good)
	taken := errors.New("another release has taken the lock over")
	ctx, end := context.WithCancelCause(t.Context())
	env := s.environment()
	env.Step = func(ctx context.Context, name string) (context.Context, func(error)) {
		if strings.HasPrefix(name, "wait for health on staging: web is starting") {
			end(taken)
		}
		return ctx, func(error) {}
	}
	_, err := Deploy(ctx, env, s.release("1.1.1", front))
	f := failure(t, err)
	const before = "the containers of 1.1.1, started beside the running ones: not healthy yet: web is starting"
	const after = ": another release has taken the lock over; 1.0.0 was never stopped and still runs"
	if text := err.Error(); !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) {
		t.Errorf("got %s, want %s…%s", text, before, after)
	}
	if f.State != Kept || !errors.Is(err, taken) || !strings.Contains(f.Logs, "warming up") {
		t.Errorf("got %s with the logs %q", f.State, f.Logs)
	}
	wantRunning(t, s, map[string]string{"proxy": "nginx:1", "web": "web:1.0.0 web:1.0.0", "worker": "worker:1.0.0", "db": "postgres:17"})
}
