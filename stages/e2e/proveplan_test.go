package e2e

import (
	"reflect"
	"testing"
)

// TestPlan: with the points that the lab asks for, every effect is killed at, by everybody, and a seed can be repeated.
func TestPlan(t *testing.T) {
	t.Parallel()
	const points = 24
	for seed := range uint64(500) {
		lines := plan(seed, points, provedAtOnce, true)
		if !reflect.DeepEqual(lines, plan(seed, points, provedAtOnce, true)) {
			t.Fatalf("seed %d: two plans of one seed differ", seed)
		}
		at, by, late := map[string]int{}, map[killer]int{}, 0
		for _, line := range lines {
			for _, p := range line {
				at[p.name]++
				by[p.by]++
			}
			last := line[len(line)-1]
			if last.by != byEngine || last.after {
				t.Errorf("seed %d: the engine is not killed before the last point of a repository, %s", seed, last)
			}
			if last.late {
				late++
			}
		}
		if len(at) != len(killEffects) || late > 1 {
			t.Errorf("seed %d: %d of %d effects, and %d that do not wait for the engine to be killed", seed, len(at), len(killEffects), late)
		}
		for _, who := range []killer{bySIGINT, bySIGTERM, bySIGKILL, byEngine} {
			if by[who] != points/4 {
				t.Errorf("seed %d: %d points are killed by %s", seed, by[who], who)
			}
		}
	}
	if reflect.DeepEqual(plan(1, points, provedAtOnce, true), plan(2, points, provedAtOnce, true)) {
		t.Error("two seeds have the same plan")
	}
}
