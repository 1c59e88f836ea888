package server

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	starts := func(period string) service { return service{Healthcheck: &healthcheck{StartPeriod: period}} }
	for _, c := range []struct {
		name     string
		pace     Pace
		services map[string]service
		want     time.Duration
	}{
		{"nothing is said", Pace{}, map[string]service{"api": {}}, time.Minute},
		{"the setting", Pace{Deadline: 3 * time.Minute}, map[string]service{"api": {}}, 3 * time.Minute},
		{"a start period", Pace{}, map[string]service{"api": starts("1m30s")}, 150 * time.Second},
		{"the longest of several", Pace{Deadline: 10 * time.Second}, map[string]service{"a": starts("5s"), "b": starts("40s"), "c": {}}, 50 * time.Second},
		{"none by a health check", Pace{}, map[string]service{"api": starts("")}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (&watch{pace: c.pace, services: c.services}).patience(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestStartPeriodIsReadFromCompose(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	s.image("backend", "1.0.0", behaviour{healthyAfter: 10 * time.Millisecond})
	compose := "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n    healthcheck:\n      test: [CMD, \"true\"]\n      start_period: 90s\n"
	c := connect(t, s.target, s.environment().Login)
	next, err := c.plan(t.Context(), s.environment(), s.release("1.0.0", compose))
	if err != nil {
		t.Fatal(err)
	}
	env := s.environment()
	env.Pace = Pace{}
	if got := next.watched(env, "1.0.0", next.pins).patience(); got != 150*time.Second {
		t.Errorf("got %s, want 2m30s", got)
	}
}

// steps are the names of all that a deployment says it does.
type steps struct {
	sync.Mutex
	open, all []string
}

func (s *steps) step(ctx context.Context, name string) (context.Context, func(error)) {
	s.Lock()
	defer s.Unlock()
	s.open, s.all = append(s.open, name), append(s.all, name)
	return ctx, func(error) {
		s.Lock()
		defer s.Unlock()
		at := slices.Index(s.open, name)
		s.open = slices.Delete(s.open, at, at+1)
	}
}

func TestProgressSaysWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		does behaviour
		want []string
		err  string
	}{
		{"healthy in the end", behaviour{healthyAfter: 300 * time.Millisecond}, []string{"wait for health on staging: backend is starting"}, ""},
		{"never healthy", behaviour{healthyAfter: time.Hour}, []string{"wait for health on staging: backend is starting"}, "not healthy after 400ms: backend is starting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, said := standIn(t), new(steps)
			s.image("backend", "1.0.0", c.does)
			env := s.environment()
			env.Step = said.step
			if c.err != "" {
				env.Pace.Deadline = 400 * time.Millisecond
			}
			_, err := Deploy(t.Context(), env, s.release("1.0.0", "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n    healthcheck: {test: [CMD, \"true\"]}\n"))
			if (err == nil) != (c.err == "") || !strings.HasPrefix(message(err), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			waited := slices.DeleteFunc(slices.Clone(said.all), func(name string) bool { return !strings.HasPrefix(name, "wait for health on staging: ") })
			if !slices.Equal(waited[:min(len(waited), 1)], c.want) || len(said.open) > 0 {
				t.Errorf("got %q, %q still open, want %q", said.all, said.open, c.want)
			}
		})
	}
}
