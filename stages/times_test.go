package stages

import (
	"context"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/server"
)

func TestHealthTimeout(t *testing.T) {
	for _, c := range []struct {
		set                 string
		staging, production time.Duration
		want                string
	}{
		{"", time.Minute, time.Minute, ""},
		{"3m", 3 * time.Minute, 3 * time.Minute, ""},
		{"staging=90s, production=30m", 90 * time.Second, 30 * time.Minute, ""},
		{"staging=90s, production=45m", 0, 0, "setting healthTimeout: expected less than stageTimeout, in which health is waited for (45m0s), found 45m0s"},
		{"production=5m", time.Minute, 5 * time.Minute, ""},
		{"60", 0, 0, `setting healthTimeout: expected a duration of at least 15s such as 60s or 3m, found "60"`},
		{"5s", 0, 0, `setting healthTimeout: expected a duration of at least 15s such as 60s or 3m, found "5s"`},
		{"-3m", 0, 0, `setting healthTimeout: expected a duration of at least 15s such as 60s or 3m, found "-3m"`},
		{"staging=60s, live=3m", 0, 0, `setting healthTimeout: expected one value, or staging=value, production=value, found the name "live"`},
	} {
		t.Run(c.set, func(t *testing.T) {
			got, err := Settings{Severity: "HIGH", Staging: "a@one", Production: "a@two", HealthTimeout: c.set}.read()
			if saidOf(err) != c.want {
				t.Errorf("got %q, want %q", saidOf(err), c.want)
			}
			if err == nil && (got.environments[staging].healthTimeout != c.staging || got.environments[production].healthTimeout != c.production) {
				t.Errorf("got %+v", got.environments)
			}
		})
	}
}

func TestHealthTimeoutIsTheDeploymentsDeadline(t *testing.T) {
	r := &Run{}
	if env := r.serverEnvironment(environment{healthTimeout: 3 * time.Minute}, server.Login{}); env.Pace.Deadline != 3*time.Minute {
		t.Errorf("got %+v", env.Pace)
	}
}

func TestStageTimeout(t *testing.T) {
	for set, want := range map[string]time.Duration{"": 45 * time.Minute, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute} {
		if got, err := (Settings{Severity: "HIGH", StageTimeout: set}).read(); err != nil || got.stageTimeout != want {
			t.Errorf("%q: got %s, %v", set, got.stageTimeout, err)
		}
	}
	for _, set := range []string{"90", "30s", "long"} {
		_, err := Settings{Severity: "HIGH", StageTimeout: set}.read()
		if want := "setting stageTimeout: expected a duration of at least 1m0s such as 45m or 2h, found \"" + set + `"`; saidOf(err) != want {
			t.Errorf("got %q, want %q", saidOf(err), want)
		}
	}
}

func TestAStageEndsInItsTime(t *testing.T) {
	r := &Run{}
	r.config.stageTimeout = 20 * time.Millisecond
	parts := r.graph([]stage{{name: "slow", run: func(_ *Run, ctx context.Context) (Outcome, error) {
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-time.After(5 * time.Second):
			return passed(), nil
		}
	}}})
	runAll(t.Context(), parts)
	if o := parts[0].outcome; !o.Ending.Red() || !strings.Contains(o.Reason, "did not finish in its time") {
		t.Errorf("got %+v", o)
	}
}

func TestBastion(t *testing.T) {
	for _, c := range []struct{ set, staging, production, want string }{
		{"", "", "", ""},
		{"jump@gate.example.com", "jump@gate.example.com:22", "jump@gate.example.com:22", ""},
		{"production=jump@gate.example.com:2222", "", "jump@gate.example.com:2222", ""},
		{"staging=a@one, production=b@two", "a@one:22", "b@two:22", ""},
		{"gate.example.com", "", "", `setting bastion: expected user@host[:port] such as jump@bastion.example.com, found "gate.example.com": the user is missing or no login name`},
		{"jump@gate.example.com/opt/app", "", "", `setting bastion: expected user@host[:port] such as jump@bastion.example.com, found "jump@gate.example.com/opt/app": a directory has no place here`},
		{"jump:secret@gate.example.com", "", "", `setting bastion: expected user@host[:port] such as jump@bastion.example.com, found "jump:***@gate.example.com": a password has no place here, use a key`},
	} {
		t.Run(c.set, func(t *testing.T) {
			got, err := Settings{Severity: "HIGH", Staging: "a@one", Production: "a@two", Bastion: c.set}.read()
			if saidOf(err) != c.want {
				t.Errorf("got %q, want %q", saidOf(err), c.want)
			}
			if err != nil {
				return
			}
			for name, want := range map[string]string{staging: c.staging, production: c.production} {
				by := (&Run{}).serverEnvironment(got.environments[name], server.Login{}).Login.Bastion
				if found := strings.TrimSuffix(strings.TrimSuffix(by.String(), by.Dir), "@:0"); found != want {
					t.Errorf("%s is reached by %q, want %q", name, found, want)
				}
			}
		})
	}
}

func saidOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
