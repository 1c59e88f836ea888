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
	starts := func(service string, period, interval time.Duration, test ...string) container {
		return running(serving(service), func(c *container) { c.Config.Healthcheck = &healthcheck{test, interval, period} })
	}
	for _, c := range []struct {
		name       string
		pace       Pace
		containers []container
		want       time.Duration
	}{
		{"nothing runs", Pace{}, nil, time.Minute},
		{"nothing is said", Pace{}, []container{running()}, time.Minute},
		{"the setting", Pace{Deadline: 3 * time.Minute}, []container{running()}, 3 * time.Minute},
		{"a start period", Pace{}, []container{starts("api", 90*time.Second, time.Second)}, 151 * time.Second},
		{"an interval that nobody has said: Docker's own", Pace{}, []container{starts("api", 10*time.Second, 0)}, 100 * time.Second},
		{"an interval", Pace{}, []container{starts("api", 0, 2*time.Minute)}, 3 * time.Minute},
		{"the longest of several", Pace{Deadline: 10 * time.Second}, []container{starts("api", 5*time.Second, time.Second), starts("api", 40*time.Second, 2*time.Second), running()}, 52 * time.Second},
		{"of a service that is not watched", Pace{}, []container{starts("db", time.Hour, 0)}, time.Minute},
		{"of a check that is switched off", Pace{}, []container{starts("api", time.Hour, 0, "NONE")}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &watch{pace: c.pace, services: map[string]service{"api": {}}, see: func(context.Context) ([]container, error) { return c.containers, nil }}
			if got, err := w.patience(t.Context()); err != nil || got != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

// TestHealthcheckOfTheImage: a Dockerfile may say itself how long its program takes to start, and compose may say otherwise.
func TestHealthcheckOfTheImage(t *testing.T) {
	t.Parallel()
	const never = "healthcheck: {test: [CMD, \"true\"]"
	slow := behaviour{healthyAfter: 1500 * time.Millisecond, startPeriod: time.Hour}
	rare := behaviour{healthyAfter: 1500 * time.Millisecond, interval: time.Hour}
	for _, c := range []struct {
		name, check string
		does        behaviour
		fail        string
	}{
		{"a start period", "", slow, ""},
		{"an interval", "", rare, ""},
		{"another test", never + "}", slow, ""},
		{"another interval", never + ", interval: 10ms}", slow, ""},
		{"another start period", never + ", interval: 10ms, start_period: 10ms}", slow, "not healthy after 320ms: backend is starting"},
		{"neither", never + ", interval: 10ms}", behaviour{healthyAfter: 1500 * time.Millisecond}, "not healthy after 310ms: backend is starting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := standIn(t)
			s.image("backend", "1.0.0", c.does)
			env := s.environment()
			env.Pace.Deadline = 300 * time.Millisecond
			_, err := Deploy(t.Context(), env, s.release("1.0.0", oneService+"    "+c.check+"\n"))
			if (err == nil) != (c.fail == "") || !strings.HasPrefix(message(err), c.fail) {
				t.Errorf("got %v, want %q", err, c.fail)
			}
		})
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
		{"healthy in the end", behaviour{healthyAfter: 2 * time.Second}, []string{"wait for health on staging: backend is starting"}, ""},
		{"never healthy", behaviour{healthyAfter: time.Hour}, []string{"wait for health on staging: backend is starting"}, "not healthy after 410ms: backend is starting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, said := standIn(t), new(steps)
			s.image("backend", "1.0.0", c.does)
			env := s.environment()
			env.Step = said.step
			if c.err != "" {
				env.Pace.Deadline = 400 * time.Millisecond
			}
			_, err := Deploy(t.Context(), env, s.release("1.0.0", "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n    healthcheck: {test: [CMD, \"true\"], interval: 10ms}\n"))
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
