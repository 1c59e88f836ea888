package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
)

// Outcome is what a stage that did its work says about it.
type Outcome struct {
	Ending   report.Ending
	Reason   string
	Figures  []string
	Findings []gate.Finding
	Output   string
	Next     string
	Verdict  report.Outcome // on the whole run, of a red stage that knows more than that it is red
	Measured
}

// Measured is what a stage has counted, for the metrics.
type Measured struct {
	Coverage        map[string]report.Coverage
	Vulnerabilities map[string]int
	Environment     string
}

func passed(figures ...string) Outcome {
	return Outcome{Ending: report.Passed, Figures: figures}
}

func skipped(reason string) Outcome { return Outcome{Ending: report.Skipped, Reason: reason} }

func notConfigured(reason string) Outcome {
	return Outcome{Ending: report.NotConfigured, Reason: reason}
}

// judged turns the verdict of a gate into an outcome.
func judged(r gate.Result) Outcome {
	endings := map[gate.Verdict]report.Ending{gate.Pass: report.Passed, gate.Fail: report.Failed, gate.Skipped: report.Skipped}
	ending, ok := endings[r.Verdict]
	if !ok {
		ending = report.Broken
	}
	return Outcome{Ending: ending, Reason: r.Reason, Figures: r.Figures, Findings: r.Findings}
}

// failure is an error that knows more than its text: which outcome the run gets, what a tool printed, what to do next.
type failure struct {
	err     error
	outcome report.Outcome
	ending  report.Ending
	output  string
	next    string
	dry     inDryRun
}

// inDryRun is what a dry run makes of a failure in stage 1.
type inDryRun int

const (
	stops      inDryRun = iota
	isListed            // under what a real run would refuse
	isNotKnown          // under what was not checked
)

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// refuseInput is for what the caller typed or set.
func refuseInput(err error) error {
	return &failure{err: err, outcome: report.RefusedInput, ending: report.Failed}
}

// refuseState is for what was found in the repository or the registry.
func refuseState(next, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), outcome: report.RefusedState, ending: report.Failed, next: next}
}

// refuse is for what a release does not accept, and a dry run goes on after.
func refuse(next, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), outcome: report.RefusedState, ending: report.Failed, next: next, dry: isListed}
}

// whoAnswers is what to see to when somebody does not answer.
var whoAnswers = map[string]string{
	"the registry":       "see that the registry can be reached and the token may read and write",
	"the forge":          "see the setting forgeToken",
	"the staging server": "mend it, and run the same line again",
	"who has signed":     "see that cosign can run and reach what signs, and run the same line again",
}

// unanswered is for somebody who could not be asked before anything was written.
func unanswered(who string, err error) error {
	f := *explain(err)
	f.err = fmt.Errorf("%s: %w", who, err)
	if f.outcome == "" {
		f.outcome, f.ending = report.RefusedState, report.Broken
	}
	if f.next == "" {
		f.next = whoAnswers[who]
	}
	f.next, f.dry = "nothing was written; "+f.next, isNotKnown
	return &f
}

// traceparent is what the engine appends to its errors; it means nothing to a reader.
var traceparent = regexp.MustCompile(`\s*\[traceparent:[0-9a-f-]+\]`)

// maxOutputLines is how much of a failed tool's output a report keeps: its end, where the reason stands.
const maxOutputLines = 25

// explain takes apart the error of a failed exec, whose text alone is "exit code: 1".
func explain(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f.withLostLock(err)
	}
	if f := explainWorld(err); f != nil {
		return f
	}
	return explainExec(err)
}

// withLostLock keeps the loss of the lock, where it stands beside what a deployment has left.
func (f *failure) withLostLock(err error) *failure {
	if !errors.Is(err, gitremote.ErrLost) || errors.Is(f, gitremote.ErrLost) {
		return f
	}
	both := *f
	both.err, both.outcome, both.next = err, cmp.Or(f.outcome, report.Locked), cmp.Or(f.next, continues)
	return &both
}

// continues is what there is to do for a run that has lost the lock.
const continues = "run the same line again: it continues from what is there"

// explainWorld is what the worlds say that a release writes to; nil for everybody else.
func explainWorld(err error) *failure {
	var remote *gitremote.Error
	var busy *gitremote.Busy
	var taken *gitremote.Taken
	var refused release.Refused
	switch {
	case errors.Is(err, gitremote.ErrLost):
		return &failure{err: err, outcome: report.Locked, ending: report.Failed, next: continues}
	case errors.As(err, &busy):
		return &failure{err: busy, outcome: report.Locked, ending: report.Failed, next: busy.Next()}
	case errors.As(err, &taken):
		return &failure{err: taken, outcome: report.RefusedState, ending: report.Failed, next: taken.Next()}
	case errors.As(err, &refused):
		return explainRefused(refused)
	case errors.As(err, &remote):
		return &failure{err: remote, outcome: report.RefusedState, ending: report.Broken, next: remote.Next, output: remote.Output}
	}
	return nil
}

func explainRefused(refused release.Refused) *failure {
	return &failure{err: refused, outcome: report.RefusedState, ending: report.Failed, next: refused.Next()}
}

func explainExec(err error) *failure {
	f := &failure{err: errors.New(traceparent.ReplaceAllString(err.Error(), "")), ending: report.Broken}
	var exec *dagger.ExecError
	switch {
	case errors.As(err, &exec):
		f.err = fmt.Errorf("%s ended with %s", command(exec.Cmd), gate.ExitText(exec.ExitCode))
		f.output = lastLines(exec.Stdout + "\n" + exec.Stderr)
		f = notePartial(noteEmptied(f))
	case errors.Is(err, context.DeadlineExceeded):
		f.err = errors.New("did not finish in its time")
	}
	return f
}

// notePartial tells that git needed what a partial clone has left out.
func notePartial(f *failure) *failure {
	if strings.Contains(f.output, "promisor remote") {
		f.err = errors.New("the clone is partial, and the content of an earlier commit is needed")
		f.next = "fetch everything: git fetch --refetch --no-filter (in GitHub Actions: leave out filter)"
	}
	return f
}

// emptied is what programs say when one of the volumes that are filled by lately is empty.
var emptied = []string{"can't open '" + archivesPath, "--skip-db-update cannot be specified on the first run"}

func noteEmptied(f *failure) *failure {
	if slices.ContainsFunc(emptied, func(words string) bool { return strings.Contains(f.output, words) }) {
		f.err = errors.New("the engine has emptied its cache while something was read from it")
		f.next = "run the same line again in ten minutes: then everything is packed and fetched anew"
	}
	return f
}

// command names a program and its first argument: a whole script would bury the message.
func command(args []string) string {
	if len(args) == 0 {
		return "the command"
	}
	if args[0] == "timeout" && len(args) > 2 {
		args = args[2:]
	}
	if args[0] == "sh" || args[0] == "/bin/sh" {
		if len(args) > 4 && strings.HasPrefix(args[2], `"$@"`) {
			return command(args[4:]) // the script only follows it up
		}
		return "the step"
	}
	for args[0] == "git" && len(args) > 3 && args[1] == "-c" {
		args = append([]string{"git"}, args[3:]...) // its settings say nothing about what it was to do
	}
	return strings.Join(args[:min(2, len(args))], " ")
}

func lastLines(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-maxOutputLines):], "\n")
}

// allOf joins what is wrong of several checks, none of which need be.
func allOf(errs ...error) error {
	return joinFailures(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))
}

// joinFailures keeps the first advice of several failures.
func joinFailures(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	first := *explain(errs[0])
	var texts, advice []string
	for _, err := range errs {
		f := explain(err)
		texts = append(texts, f.Error())
		if f.next != "" && !slices.Contains(advice, f.next) {
			advice = append(advice, f.next)
		}
	}
	first.err, first.next = errors.New(strings.Join(texts, "; ")), strings.Join(advice, "; ")
	return &first
}

// lastLine is where most programs say what went wrong.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
