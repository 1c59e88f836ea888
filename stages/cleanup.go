package stages

import (
	"context"
)

// cleanUp removes what the run has left: the release lock. Containers end with their exec, and what was pushed is what
// the next run continues from. A failure is a warning and hides no other.
func (r *Run) cleanUp(ctx context.Context) (Outcome, error) {
	held := r.lock.held()
	if err := r.releaseLock(ctx); err != nil {
		return passed("warning: " + err.Error()), nil
	}
	if held {
		return passed("release lock removed"), nil
	}
	return passed("nothing to remove"), nil
}
