package stages

import (
	"context"

	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
)

// textKept is the report of a run that changes something: kept for a later `report`, as those of releases are.
func (r *Run) textKept(ctx context.Context, result report.Report) (string, error) {
	note := ""
	if err := r.keep(ctx, result); err != nil {
		note = "\nThis report could not be kept for a later `report`: " + explain(err).Error() + "\n"
	}
	return textOrError(result, note)
}

// line runs stages one after the other, each only if those before it have passed, and tells the team in the end.
func (r *Run) line(ctx context.Context, stages []stage) report.Report {
	for n := range stages[1:] {
		stages[n+1].after = []string{stages[n].name}
	}
	if r.goal.kind != notify.Stage {
		stages = append(stages, stage{name: notifyTeam, after: []string{stages[len(stages)-1].name}, always: true, run: (*Run).notify})
	}
	return r.runStages(ctx, stages)
}
