package stages

import (
	"slices"
	"testing"

	"dagger/slipway/stages/report"
)

func TestBothOf(t *testing.T) {
	green := func(figure string) Outcome { return passed(figure) }
	red := func(reason string) Outcome {
		return Outcome{Ending: report.Failed, Reason: reason, Output: reason + " output", Figures: []string{"1 failed"}}
	}
	for _, c := range []struct {
		name           string
		required, slow Outcome
		ending         report.Ending
		reason         string
	}{
		{"both green", green("3 passed"), green("no slow tests"), report.Passed, ""},
		{"slow red", green("3 passed"), red("a"), report.Failed, "slow tests: a"},
		{"required red", red("a"), green("1 passed slow"), report.Failed, "a"},
		{"both red", red("a"), red("b"), report.Failed, "a; slow tests: b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := bothOf(c.required, c.slow)
			if got.Ending != c.ending || got.Reason != c.reason || !slices.Equal(got.Figures, slices.Concat(c.required.Figures, c.slow.Figures)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
