package stages

import (
	"errors"
	"testing"

	"dagger/slipway/stages/server"
)

// TestAftermath: what the team is told of a server is what is known of it.
func TestAftermath(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"refused", &server.Failure{State: server.Untouched}, "nothing was changed on staging"},
		{"left alone", &server.Failure{State: server.Kept, Runs: "1.2.0"}, "staging still runs 1.2.0"},
		{"left alone, nothing known of what runs", &server.Failure{State: server.Kept}, "nothing was replaced on staging"},
		{"put back", &server.Failure{State: server.Restored, Runs: "1.2.0"}, "staging was put back and runs 1.2.0"},
		{"put back what somebody had started", &server.Failure{State: server.Restored}, "staging was put back and runs what ran before"},
		{"first deployment, or stopped before", &server.Failure{State: server.Stopped}, "no version runs on staging now"},
		{"runs, and the ledger does not say so", &server.Failure{State: server.Unrecorded, Runs: "1.3.0"}, "staging runs 1.3.0"},
		{"not put back", &server.Failure{State: server.NotRestored}, "staging may be down: somebody has to look now"},
		{"a state that nobody has thought of", &server.Failure{}, "staging may be down: somebody has to look now"},
		{"an error that says nothing of the server", errors.New("broken"), "staging may be down: somebody has to look now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := aftermath("staging", c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
