package server

import (
	"errors"
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
	s := standIn(t)
	s.image("backend", "1.3.0", behaviour{healthyAfter: 10 * time.Millisecond})
	s.on("up", fail(1, "the port is taken"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.3.0", oneService))
	if f := new(Failure); !errors.As(err, &f) || f.State != Stopped || f.Runs != "" {
		t.Errorf("got %+v, %v", f, err)
	}
	wantRunning(t, s, map[string]string{})
}
