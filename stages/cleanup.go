package stages

import (
	"context"
)

// cleanUp removes what the run has left: the release lock. Containers end with their exec, and what was pushed is what
// the next run continues from. A failure is a warning and hides no other.
func (r *Run) cleanUp(ctx context.Context) (Outcome, error) {
	if r.found.act == nil {
		return nothingLeft(r, ctx)
	}
	if err := r.found.act.End(ctx); err != nil {
		return passed("warning: " + err.Error()), nil
	}
	return passed("release lock removed"), nil
}

func nothingLeft(*Run, context.Context) (Outcome, error) { return passed("nothing to remove"), nil }
