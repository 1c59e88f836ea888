// Package notify tells the team how a run ended: one message for each chat and mailbox that is set.
package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/report"
)

// Kind is what a run was about.
type Kind int

// The kinds of runs. Nobody is told of a stage that was called on its own.
const (
	Stage Kind = iota
	Release
	Deploy
	Rollback
)

// Message is what the team is told of one run. Texts may hold anything; what is empty is left out.
type Message struct {
	Kind        Kind
	Report      report.Report
	By          string // who ran it
	ReleasePage string // on the forge, with the notes
	RunPage     string // in CI
	Environment string // the server it was about
	Running     string // the version that Environment runs after the run, empty if that is not known
	Aftermath   string // what the run has left on Environment, as a sentence
	Changes     int    // in the release notes
	Skipped     string // what a forced release leaves out
	Withdrawal  Withdrawal
	Untold      bool // an earlier run has done it, and its message did not get through
}

// Withdrawal is what a rollback took back.
type Withdrawal struct {
	Left     string // the version that ran before
	Versions []string
	Reason   string
}

// Due says whether the run sends a message: every run that did or tried something, and no other (N1) unless what it found
// done was not told.
func (m Message) Due() bool {
	silent := []report.Outcome{report.RefusedInput, report.AlreadyReleased, report.AlreadyDeployed, report.AlreadyRolledBack, report.DryRunOK, report.StagePassed}
	return m.Kind != Stage && !m.Report.DryRun && (m.Untold || !slices.Contains(silent, m.Report.Outcome))
}

// title is read first, and often nothing else is.
func (m Message) title() string { return m.mark() + " " + m.headline() }

// parts are what comes below the title.
func (m Message) parts() []part {
	return slices.Concat(m.failures(), m.meaning(), m.force(), m.why(), m.facts(), m.links(), m.smallPrint())
}

// mark is seen before anything is read.
func (m Message) mark() string {
	switch {
	case !m.Report.Outcome.Green():
		return "❌"
	case m.Kind == Rollback:
		return "↩️"
	case m.Report.Forced != "":
		return "⚠️"
	}
	return "✅"
}

func (m Message) headline() string {
	r := m.Report
	switch {
	case r.Outcome == report.RefusedState:
		return m.subject() + " was refused"
	case !r.Outcome.Green():
		return m.subject() + " failed"
	case m.Kind == Rollback:
		return "Rolled back " + m.Environment + " to " + r.Version
	case m.Kind == Deploy:
		return "Deployed " + r.Version + " to " + m.Environment
	case r.Forced != "":
		return "Released " + r.Version + " by force"
	}
	return "Released " + r.Version
}

func (m Message) subject() string { return cmp.Or(m.Report.Title, "Release "+m.Report.Version) }

// summary is the message in a few sentences, for a notification.
func (m Message) summary() string {
	sentences := []string{m.headline()}
	for _, s := range m.red() {
		sentences = append(sentences, failure(s))
	}
	sentences = append(sentences, m.consequences()...)
	if m.Kind == Rollback {
		sentences = append(sentences, m.Withdrawal.Reason)
	}
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), ". ")
}

// red are the stages that failed, if the run did.
func (m Message) red() []report.Stage {
	if m.Report.Outcome.Green() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.Report.Stages), func(s report.Stage) bool { return !s.Ending.Red() })
}

func failure(s report.Stage) string {
	word := "failed"
	if s.Ending == report.Broken {
		word = "broke off"
	}
	if s.Reason == "" {
		return s.Name + " " + word
	}
	return s.Name + " " + word + ": " + s.Reason
}

// maxFailures keeps the message within Slack's number of blocks, and readable.
const maxFailures = 5

func (m Message) failures() []part {
	var parts []part
	red := m.red()
	for _, s := range red[:min(len(red), maxFailures)] {
		parts = append(parts, paragraph(failure(s)))
		if redact.OneLine(s.Next) != "" {
			parts = append(parts, paragraph("Next: "+s.Next))
		}
	}
	if more := len(red) - maxFailures; more > 0 {
		parts = append(parts, paragraph(fmt.Sprintf("%d more stages failed", more)))
	}
	return parts
}

// force says what nobody has judged, why, and what was found all the same (F4).
func (m Message) force() []part {
	forced := m.Report.ForcedBy()
	if forced == "" {
		return nil
	}
	parts := []part{paragraph("Forced: " + forced)}
	if redact.OneLine(m.Skipped) != "" {
		parts = append(parts, paragraph("Skipped: "+m.Skipped))
	}
	for _, s := range m.Report.Stages {
		if s.Ending == report.Skipped && len(s.Figures) > 0 && len(parts) <= maxFailures {
			parts = append(parts, paragraph(s.Name+", without effect: "+strings.Join(s.Figures, ", ")))
		}
	}
	return parts
}

// why a rollback was made.
func (m Message) why() []part {
	if m.Kind != Rollback || redact.OneLine(m.Withdrawal.Reason) == "" {
		return nil
	}
	return []part{paragraph("Why: " + m.Withdrawal.Reason)}
}

func (m Message) facts() []part {
	switch {
	case m.Kind == Rollback:
		return facts(fact{"Environment", m.Environment}, fact{"Left", m.Withdrawal.Left}, fact{"Runs now", m.Running},
			fact{"Withdrawn", strings.Join(m.Withdrawal.Versions, ", ")}, fact{"By", m.By})
	case !m.Report.Outcome.Green():
		return facts(fact{"Version", m.Report.Version}, fact{"By", m.By})
	}
	return facts(fact{"Version", m.Report.Version}, fact{"Environment", m.where()}, fact{"Images", m.images()},
		fact{"Changes", m.changes()}, fact{"By", m.By})
}

func (m Message) where() string {
	if m.Environment == "" || m.Running == "" {
		return m.Environment
	}
	return m.Environment + " runs " + m.Running
}

func (m Message) images() string {
	var names []string
	for _, i := range m.Report.Images {
		names = append(names, i.Name)
	}
	if names == nil {
		return ""
	}
	return fmt.Sprintf("%d: %s", len(names), strings.Join(names, ", "))
}

func (m Message) changes() string {
	if m.Changes == 0 {
		return ""
	}
	return fmt.Sprint(m.Changes)
}

func (m Message) links() []part {
	return links(link{"Release notes", m.ReleasePage}, link{"Run", m.RunPage})
}

func (m Message) smallPrint() []part {
	r := m.Report
	took := ""
	if r.Seconds > 0 {
		took = "took " + time.Duration(r.Seconds*float64(time.Second)).Round(time.Second).String()
	}
	commit := ""
	if r.Commit != "" {
		commit = "commit " + r.Commit[:min(7, len(r.Commit))]
	}
	return notes(r.Source, commit, "outcome "+string(r.Outcome), took)
}
