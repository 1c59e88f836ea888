package stages

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"dagger/slipway/stages/report"
)

// recorded runs stages that only note their names, and returns the order in which they began.
func recorded(t *testing.T, stages []stage, red ...string) (order []string, parts []*part) {
	t.Helper()
	var mu sync.Mutex
	note := func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, name)
		if slices.Contains(red, name) {
			return errors.New("broken on purpose")
		}
		return nil
	}
	for i, s := range stages {
		stages[i].run = func(*Run, context.Context) (Outcome, error) { return passed(), note(s.name) }
		stages[i].then = nil
		if s.prepare != nil {
			stages[i].prepare = func(*Run, context.Context) error { return note(preparing + s.name) }
		}
	}
	parts = (&Run{}).graph(stages)
	runAll(context.Background(), parts)
	return order, parts
}

func ending(parts []*part, name string) Outcome {
	return parts[slices.IndexFunc(parts, func(p *part) bool { return p.name == name })].outcome
}

func TestPipelineOrder(t *testing.T) {
	order, _ := recorded(t, slices.Clone(pipeline))
	at := func(name string) int { return slices.Index(order, name) }
	for _, before := range [][2]string{
		{validateRelease, preparing + buildAndPush}, {preparing + buildAndPush, securityScan}, {preparing + createRelease, buildAndPush},
		{securityScan, buildAndPush}, {dependencyCheck, buildAndPush}, {backendTests, buildAndPush}, {frontendTests, buildAndPush},
		{buildAndPush, createRelease}, {createRelease, deployStaging}, {deployStaging, notifyTeam}, {notifyTeam, cleanup},
	} {
		if at(before[0]) < 0 || at(before[0]) > at(before[1]) {
			t.Errorf("%q does not run before %q: %q", before[0], before[1], order)
		}
	}
	if len(order) != len(pipeline)+2 {
		t.Errorf("%d parts ran: %q", len(order), order)
	}
}

// TestPartsOfThePipeline: whatever is run of it waits for nothing that is not run.
func TestPartsOfThePipeline(t *testing.T) {
	chosen := map[string][]stage{"create-release": cutting}
	for _, s := range pipeline {
		chosen["up to "+s.name] = upTo(pipeline, s.name)
		chosen["dry, up to "+s.name] = upTo(dry(pipeline), s.name)
	}
	for _, name := range []string{securityScan, dependencyCheck, backendTests, frontendTests} {
		chosen["alone: "+name] = alone(name)
	}
	for name, stages := range chosen {
		parts := (&Run{}).graph(stages)
		for _, p := range parts {
			for _, after := range p.after {
				if !slices.ContainsFunc(parts, func(other *part) bool { return other.name == after }) {
					t.Errorf("%s: %q waits for %q, which is not run", name, p.name, after)
				}
			}
		}
	}
}

func TestNothingIsPushedAfterARedGate(t *testing.T) {
	for _, gate := range []string{validateRelease, securityScan, dependencyCheck, backendTests, frontendTests, preparing + buildAndPush, preparing + createRelease} {
		t.Run(gate, func(t *testing.T) {
			order, parts := recorded(t, slices.Clone(pipeline), gate)
			for _, effect := range []string{buildAndPush, createRelease, deployStaging} {
				if slices.Contains(order, effect) || ending(parts, effect).Ending != report.NotRun {
					t.Errorf("%q ran", effect)
				}
			}
			for _, always := range []string{notifyTeam, cleanup} {
				if !slices.Contains(order, always) {
					t.Errorf("%q did not run", always)
				}
			}
		})
	}
}

func TestAllFailuresAreCollected(t *testing.T) {
	_, parts := recorded(t, slices.Clone(pipeline), backendTests, frontendTests)
	for _, name := range []string{backendTests, frontendTests} {
		if !ending(parts, name).Ending.Red() {
			t.Errorf("%q is %v", name, ending(parts, name))
		}
	}
	if got, want := ending(parts, buildAndPush).Reason, "waits for Backend Tests, Frontend Tests"; got != want {
		t.Errorf("the push says %q, want %q", got, want)
	}
}

func TestForcedStageIsSkippedAndNeverPassed(t *testing.T) {
	red := Outcome{Ending: report.Failed, Reason: "1 critical"}
	for name, o := range map[string]Outcome{"red": red, "green": passed("0 critical"), "broken": {Ending: report.Broken}} {
		got := forced(o, "outage of the shop")
		if got.Ending != report.Skipped || got.Reason != "forced: outage of the shop" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := forced(red, "outage of the shop").Figures[0]; got != "would have been failed: 1 critical" {
		t.Errorf("the figure is %q", got)
	}
}

// TestWaitingIsNoWork: a stage that waits for the lock, also for that of a run that is gone, has all of its own time left.
func TestWaitingIsNoWork(t *testing.T) {
	const dead = 3 * time.Minute // until a lock is taken over
	for _, wait := range []time.Duration{0, 10 * time.Minute} {
		r := &Run{config: config{stageTimeout: 45 * time.Minute}, lockWait: wait}
		for _, p := range r.graph(slices.Clone(pipeline)) {
			want := r.config.stageTimeout
			if p.name == buildAndPush {
				want += wait + dead
			}
			if p.limit != want {
				t.Errorf("waiting for %s: %q has %s, want %s", wait, p.name, p.limit, want)
			}
		}
	}
}

func TestCriticalPath(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	parts := []*part{
		{name: "a", start: at(0), end: at(2)},
		{name: "slow", after: []string{"a"}, start: at(2), end: at(9)},
		{name: "fast", after: []string{"a"}, start: at(2), end: at(3)},
		{name: "end", after: []string{"fast", "slow"}, start: at(9), end: at(10)},
	}
	want := []report.Part{{Name: "a", Seconds: 2}, {Name: "slow", Seconds: 7}, {Name: "end", Seconds: 1}}
	if got := criticalPath(parts); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSilenceIsNoSuccess(t *testing.T) {
	if o := outcomeOf(Outcome{}, nil); !o.Ending.Red() {
		t.Errorf("a stage that said nothing is %q", o.Ending)
	}
}
