package server

import (
	"context"
	"fmt"
	"slices"
)

// State is what a deployment that failed has left on the server.
type State string

// The states.
const (
	Untouched   State = "untouched"    // nothing was changed
	Kept        State = "kept"         // what ran before was never stopped
	Restored    State = "restored"     // what ran before runs again and is healthy
	Stopped     State = "stopped"      // nothing of ours runs
	Unrecorded  State = "unrecorded"   // the release runs and is healthy, and the ledger does not say so
	NotRestored State = "not-restored" // somebody has to look
)

// Failure is a deployment that did not come about, and what it has left.
type Failure struct {
	Err   error
	State State
	Runs  string // the version that runs now, empty if there is none or it is not known
	Found string // what the server is in now, as a sentence
	Logs  string // of the containers that were not healthy
	Next  string
}

func (f *Failure) Error() string {
	if f.Found == "" {
		return f.Err.Error()
	}
	return f.Err.Error() + "; " + f.Found
}

func (f *Failure) Unwrap() error { return f.Err }

// look says which version runs after the failure, if it is one of ours. What was left alone may have been down before.
func (f *Failure) look(before string, containers []container, pins map[string]string) {
	runs := slices.ContainsFunc(containers, func(c container) bool {
		_, ours := pins[c.service()]
		return ours && (c.State.Status == "running" || c.State.Status == "restarting")
	})
	switch {
	case f.State == Kept && !runs:
		f.State, f.Found = Stopped, "nothing of ours ran when this began, and nothing does now"
	case f.State == Kept || f.State == Restored:
		f.Runs = before
	}
}

// lookBack asks what is left of what ran before. Where that cannot be asked, no version is said to run.
func (d *deployment) lookBack(ctx context.Context, f *Failure) {
	if d.previous == nil {
		return
	}
	before := ""
	if d.ours && d.before.Version != foundRelease {
		before = d.before.Version
	}
	if containers, err := d.previous.containers(ctx); err == nil {
		f.look(before, containers, d.pins)
	}
}

// unrecorded is a version that runs while the ledger does not know it.
func unrecorded(version, what string, err error) *Failure {
	return &Failure{Err: err, State: Unrecorded, Runs: version, Next: "run the same line again",
		Found: fmt.Sprintf("%s runs and is healthy, but %s does not say %s", version, ledgerFile, what)}
}
