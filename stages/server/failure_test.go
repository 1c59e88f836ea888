package server

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestWhatAFailureHasLeft: a version is said to run only if one of its containers does.
func TestWhatAFailureHasLeft(t *testing.T) {
	one := func(service, status string) container {
		var c container
		c.Config.Labels = map[string]string{"com.docker.compose.service": service}
		c.State.Status = status
		return c
	}
	serving, stopped := []container{one("postgres", "running"), one("backend", "running")}, []container{one("postgres", "running"), one("backend", "exited")}
	for _, c := range []struct {
		name       string
		state      State
		before     string
		containers []container
		want       State
		runs       string
	}{
		{"left alone", Kept, "1.2.0", serving, Kept, "1.2.0"},
		{"left alone, and down before", Kept, "1.2.0", stopped, Stopped, ""},
		{"left alone, and crashing before", Kept, "1.2.0", []container{one("backend", "restarting")}, Kept, "1.2.0"},
		{"left alone, no containers", Kept, "1.2.0", nil, Stopped, ""},
		{"left alone, not ours", Kept, "", serving, Kept, ""},
		{"put back", Restored, "1.2.0", serving, Restored, "1.2.0"},
		{"put back, not ours", Restored, "", serving, Restored, ""},
		{"not put back", NotRestored, "1.2.0", serving, NotRestored, ""},
		{"first deployment, stopped", Stopped, "", nil, Stopped, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &Failure{State: c.state}
			f.look(c.before, c.containers, map[string]string{"backend": "r/backend@sha256:1"})
			if f.State != c.want || f.Runs != c.runs {
				t.Errorf("got %s running %q, want %s running %q", f.State, f.Runs, c.want, c.runs)
			}
		})
	}
}

// TestFailureAfterWhatWasDown: somebody wants the application to run, so that what was down is brought up again.
func TestFailureAfterWhatWasDown(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.2.0")
	s.image("backend", "1.3.0", behaviour{unhealthyAfter: 10 * time.Millisecond})
	s.sh("docker stop $(docker ps --quiet)")
	_, err := Deploy(t.Context(), s.environment(), s.release("1.3.0", oneService))
	if f := new(Failure); !errors.As(err, &f) || f.State != Restored || f.Runs != "1.2.0" {
		t.Errorf("got %+v, %v", f, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.2.0"})
}

func TestFailureOfTheFirstDeployment(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.3.0", behaviour{healthyAfter: 10 * time.Millisecond})
	s.on("up", fail(1, "the port is taken"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.3.0", oneService))
	if f := new(Failure); !errors.As(err, &f) || f.State != Stopped || f.Runs != "" {
		t.Errorf("got %+v, %v", f, err)
	}
	wantRunning(t, s, map[string]string{})
}

// TestCauseStandsFirst: how far docker compose had got buries what stopped it.
func TestCauseStandsFirst(t *testing.T) {
	t.Parallel()
	const bound = `Error response from daemon: failed to set up container networking: Bind for 0.0.0.0:80 failed: port is already allocated`
	const progress = " Network shop_default  Creating\n Network shop_default  Created\n Volume \"shop_data\"  Creating\n Container shop-postgres-1  Creating\n" +
		" Container shop-postgres-1  Created\r\n Container shop-proxy-1  Starting\n"
	for _, test := range []struct{ name, output, want string }{
		{"compose", progress + bound + "\n", bound},
		{"what it says of a container that failed", " Container shop-backend-1  Waiting\n Container shop-backend-1  Error\ndependency failed to start: container shop-backend-1 is unhealthy\n",
			" Container shop-backend-1  Error\ndependency failed to start: container shop-backend-1 is unhealthy"},
		{"nothing else", " Container shop-backend-1  Starting\n", "Container shop-backend-1  Starting"},
		{"another program", "Container handling is broken: Created\n", "Container handling is broken: Created"},
		{"nothing", "\n", ""},
	} {
		if got := cause(test.output); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	s := deployed(t, "1.2.0")
	s.image("backend", "1.3.0", behaviour{})
	s.on("up", fail(1, progress+bound))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.3.0", oneService))
	if text := message(err); !strings.Contains(text, "ended with exit code 1: Error response from daemon") || strings.Contains(text, "Creating") {
		t.Errorf("got %s", text)
	}
}

// TestWhatHasNoVersionIsNoVersion: the name under which it is kept would read like one.
func TestWhatHasNoVersionIsNoVersion(t *testing.T) {
	for _, d := range []*deployment{
		{previous: &project{}, before: Entry{Version: foundRelease}},
		{previous: &project{}, before: Entry{Version: foundRelease}, ours: true},
	} {
		if got := d.kept(errors.New("x")).Error(); got != "x; what ran there before was never stopped and still runs" {
			t.Errorf("got %q", got)
		}
	}
	if got := called("1.2.3"); got != "1.2.3" {
		t.Errorf("got %q", got)
	}
}

// TestLogsOfWhatFailed: what is healthy has nothing to say about a failure, and a heading without lines neither.
func TestLogsOfWhatFailed(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.3.0", behaviour{healthyAfter: time.Millisecond, log: "I am well\n"})
	s.image("worker", "1.3.0", behaviour{healthyAfter: never})
	e := s.environment()
	e.Pace.Steady = time.Hour // so that the healthy one counts as young, too
	_, err := Deploy(t.Context(), e, s.release("1.3.0", "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n  worker:\n    image: ${REGISTRY}/worker:${VERSION}\n"))
	f := new(Failure)
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	if strings.Contains(f.Logs, "I am well") || !strings.Contains(f.Logs, "worker has printed nothing") {
		t.Errorf("logs: %q", f.Logs)
	}
}
