package release

import (
	"context"
	"testing"
	"time"

	"dagger/slipway/stages/retry"
)

// server is a staging server that somebody deploys to between two looks.
type server struct{ runs []string }

func (s *server) Look(context.Context) (Running, error) {
	now := s.runs[0]
	s.runs = s.runs[1:]
	return Running{Version: now}, nil
}

func (s *server) Deploy(context.Context, Rollout) (bool, error) {
	s.runs = append(s.runs, "deployed")
	return false, nil
}

// TestStagingIsNeverBroughtDown: what runs there when the plan was made may be hours old, and a deployment takes no lock.
func TestStagingIsNeverBroughtDown(t *testing.T) {
	q := Request{Version: parse(t, "1.2.3"), Commit: "c0ffee", Images: []string{"backend"}}
	for meanwhile, deploys := range map[string]bool{"1.2.2": true, "1.2.3": true, "1.2.4": false, "1.2.3-rc.1": true, "": true} {
		s := &server{runs: []string{"1.2.2", meanwhile}}
		w := World{Clock: retry.Real, Staging: s, Together: Parallel}
		a, err := Begin(t.Context(), w, q, nil, holder, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		a.Plan.Effects = []Effect{rollout{}}
		if err := a.Do(t.Context(), PhaseStaging); err != nil {
			t.Fatal(err)
		}
		if deployed := len(s.runs) > 0; deployed != deploys || a.Record.Wrote() != deploys {
			t.Errorf("staging runs %q meanwhile: deployed %t, %+v", meanwhile, deployed, a.Record.Deeds)
		}
	}
}
