package stages

import (
	"errors"
	"slices"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
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

// TestNotified: the report says by name who was told and who was not, and once somebody was, the team counts as told.
func TestNotified(t *testing.T) {
	lost, gone := errors.New("the connection to Discord broke"), errors.New("Telegram answered 404")
	for _, c := range []struct {
		name             string
		told             []string
		failures         []error
		want             []string
		wasTold, wasLost bool
	}{
		{"all", []string{"Slack", "e-mail"}, nil, []string{"the team was told (Slack, e-mail)"}, true, false},
		{"some", []string{"Slack"}, []error{lost, gone}, []string{"the team was told (Slack)", teamNotTold + lost.Error(), teamNotTold + gone.Error()}, true, false},
		{"none", nil, []error{lost}, []string{teamNotTold + lost.Error()}, false, true},
		{"nobody to tell", nil, nil, nil, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := notified(c.told, c.failures)
			if !slices.Equal(got, c.want) || wasTold(got) != c.wasTold || wasNotTold(got) != c.wasLost {
				t.Errorf("got %q, told %t, not told %t", got, wasTold(got), wasNotTold(got))
			}
		})
	}
}

// TestNobodyToTell: without addresses nothing is sent, and nothing is said to be.
func TestNobodyToTell(t *testing.T) {
	r := &Run{}
	if err := r.checkReceivers(t.Context()); err != nil {
		t.Error(err)
	}
	if got, err := r.wouldNotify(t.Context()); err != nil || got.Ending != report.NotConfigured || got.Reason != "nobody to tell" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMessageCountsChanges: the team reads how much is new.
func TestMessageCountsChanges(t *testing.T) {
	notes := changelog.Notes{Sections: []changelog.Section{{Name: changelog.Breaking, Entries: make([]changelog.Entry, 1)}, {Name: "Features", Entries: make([]changelog.Entry, 3)}}}
	r := &Run{goal: goal{kind: notify.Release, green: stagePassed}, found: &found{notes: notes}}
	if m, err := r.message(t.Context()); err != nil || m.Changes != 3 {
		t.Errorf("got %d, %v", m.Changes, err)
	}
}
