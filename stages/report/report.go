// Package report is what happened in a run: the data, and its forms for people and machines.
package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"dagger/slipway/stages/gate"
)

// Outcome is how a run ended. The words are the contract of the report; the exit code only says 0 or 1.
type Outcome string

// The ends of a run.
const (
	Released          Outcome = "released"
	Resumed           Outcome = "resumed"
	AlreadyReleased   Outcome = "already-released"
	DryRunOK          Outcome = "dry-run-ok"
	Deployed          Outcome = "deployed"
	AlreadyDeployed   Outcome = "already-deployed" // it runs there and is healthy
	RolledBack        Outcome = "rolled-back"
	AlreadyRolledBack Outcome = "already-rolled-back" // by an earlier run for the same reason; nothing was changed
	StagePassed       Outcome = "passed"              // of stages that were called on their own
	RefusedInput      Outcome = "refused-input"
	RefusedState      Outcome = "refused-state"
	Locked            Outcome = "locked" // another release holds the lock
	GateFail          Outcome = "gate-fail"
	GateError         Outcome = "gate-error"
	PublishIncomplete Outcome = "publish-incomplete"
	DeployRestored    Outcome = "deploy-restored"     // not deployed, and what ran before runs
	DeployNotRestored Outcome = "deploy-not-restored" // not deployed, and somebody has to look
	RollbackFailed    Outcome = "rollback-failed"
)

// Green says whether the run did what was asked for.
func (o Outcome) Green() bool {
	return slices.Contains([]Outcome{Released, Resumed, AlreadyReleased, DryRunOK, Deployed, AlreadyDeployed, RolledBack, AlreadyRolledBack, StagePassed}, o)
}

// Ending is how one stage ended.
type Ending string

// The ends of a stage. Only Passed means that everything was done and found good.
const (
	Passed        Ending = "passed"
	Failed        Ending = "failed"         // judged, and something was found
	Broken        Ending = "error"          // could not be judged or done
	Skipped       Ending = "skipped"        // on purpose, the reason says why
	NotConfigured Ending = "not configured" // nothing to do it with was set
	DryRun        Ending = "dry run"        // would have been done
	Later         Ending = "later"          // cannot be so yet
	NotRun        Ending = "not run"        // something it waits for did not pass
)

// Red says whether the ending stops a release. A stage that has said nothing does.
func (e Ending) Red() bool { return e == Failed || e == Broken || e == "" }

// Stage is one line of the table.
type Stage struct {
	Number   int            `json:"number"`
	Name     string         `json:"name"`
	Ending   Ending         `json:"ending"`
	Reason   string         `json:"reason,omitempty"`
	Start    float64        `json:"start"` // seconds after the run began
	Seconds  float64        `json:"seconds"`
	Prepared Span           `json:"prepared,omitzero"` // what of it was done earlier; Seconds holds both
	Figures  []string       `json:"figures,omitempty"`
	Findings []gate.Finding `json:"findings,omitempty"`
	Output   string         `json:"output,omitempty"` // the end of what the failed tool printed
	Next     string         `json:"next,omitempty"`   // what to do about it
	// Coverage is by side of the repository, Vulnerabilities by severity; both are absent where nothing was counted.
	Coverage        map[string]Coverage `json:"coverage,omitempty"`
	Vulnerabilities map[string]int      `json:"vulnerabilities,omitempty"`
	Environment     string              `json:"environment,omitempty"` // that it deploys to
}

// Span is a piece of the run's time, in seconds after the run began.
type Span struct {
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
}

// PreparedSuffix marks the part of a stage that was done earlier in the names of the critical path.
const PreparedSuffix = " (prepared)"

// Image is one image of the release.
type Image struct {
	Name       string   `json:"name"`
	Repository string   `json:"repository,omitempty"`
	Digest     string   `json:"digest,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	Reused     bool     `json:"reused,omitempty"` // published by an earlier run of this commit
	Seconds    float64  `json:"seconds"`          // to build it, or to find that it is there
}

// Tag is a floating tag of one image: where it pointed, should and does point. An empty digest means there is none.
type Tag struct {
	Image string `json:"image"`
	Tag   string `json:"tag"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
	Final string `json:"final,omitempty"`
}

// Report is one run: a field for each key of its JSON form, which is a contract.
type Report struct {
	Schema   int       `json:"schema"`
	Outcome  Outcome   `json:"outcome"`
	Title    string    `json:"title,omitempty"` // what was done, unless it was a release
	Version  string    `json:"version"`
	Previous string    `json:"previous,omitempty"`
	Commit   string    `json:"commit,omitempty"`
	Source   string    `json:"source,omitempty"`
	DryRun   bool      `json:"dryRun"`
	Forced   string    `json:"forced,omitempty"` // the reason given
	By       string    `json:"by,omitempty"`     // who ran it
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	Stages   []Stage   `json:"stages"`
	// CriticalPath is the chain of parts that the run's time is made of.
	CriticalPath []Part  `json:"criticalPath,omitempty"`
	Images       []Image `json:"images,omitempty"`
	Tags         []Tag   `json:"tags,omitempty"`
	Signed       *Signed `json:"signed,omitempty"` // nil: this run has signed nothing
	// WouldRefuse is what a real run would have refused, for a dry run.
	WouldRefuse []string `json:"wouldRefuse,omitempty"`
	// NotChecked are rules that could not be checked, and why.
	NotChecked []string `json:"notChecked,omitempty"`
	Metrics    Metrics  `json:"metrics"`
	// Before are the metrics of the release before, to compare with.
	Before *Metrics `json:"before,omitempty"`
	Notes  string   `json:"notes,omitempty"` // the changelog, in Markdown
	Next   string   `json:"next,omitempty"`
}

// Part is one piece of the critical path.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Schema is the version of the report's JSON form.
const Schema = 1

// Parse reads the JSON form.
func Parse(data []byte) (Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("the stored report is not readable: %w", err)
	}
	if r.Schema != Schema {
		return Report{}, fmt.Errorf("expected a report of schema %d, found %d: it was written by another version of Slipway", Schema, r.Schema)
	}
	return r, nil
}

// JSON is the form for machines.
func (r Report) JSON() (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the report: %w", err)
	}
	return marks.ReplaceAllStringFunc(string(data), escaped) + "\n", nil
}

// marks are what JSON allows as it is and a terminal obeys. They stand only in strings.
var marks = regexp.MustCompile(`[\x{7f}-\x{9f}\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// escaped says the same to every reader of JSON.
func escaped(mark string) string { return fmt.Sprintf(`\u%04x`, []rune(mark)[0]) }
