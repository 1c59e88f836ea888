package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/redact"
)

const (
	maxAnnotations  = 10   // of each kind that GitHub takes from one step
	maxMessage      = 4096 // characters
	maxMessageTitle = 200  // GitHub takes 255
)

// GitHub is the form for the log of a GitHub Actions step: a group for each stage, then annotations. A function cannot
// speak to the runner, so the commands are the text that the step prints.
func (r Report) GitHub() string {
	var b bytes.Buffer
	actions := githubactions.New(githubactions.WithWriter(&b), githubactions.WithGetenv(func(string) string { return "" }))
	for _, s := range r.Stages {
		actions.Group(oneLine(fmt.Sprintf("%d %s: %s, %s", s.Number, s.Name, s.Ending, s.took()), maxMessageTitle))
		for _, line := range s.log() {
			fmt.Fprintln(&b, inert(line))
		}
		actions.EndGroup()
	}
	for _, a := range firstOf(r.problems(true)) {
		actions.WithFieldsMap(a.fields()).Errorf("%s", a.message)
	}
	for _, a := range firstOf(r.problems(false)) {
		actions.WithFieldsMap(a.fields()).Warningf("%s", a.message)
	}
	said := fmt.Sprintf("%s: %s in %s", r.title(), r.Outcome, duration(r.Seconds))
	if forced := r.ForcedBy(); forced != "" {
		said += "; forced: " + forced
	}
	actions.Noticef("%s", oneLine(said, maxMessage))
	return b.String()
}

// log is all that is known of the stage, in lines.
func (s Stage) log() []string {
	all := slices.Concat(redact.Lines(s.Reason), redact.Lines(strings.Join(s.Figures, ", ")))
	for _, f := range s.Findings {
		mark := "- "
		if !f.Gates {
			mark = "- (reported only) "
		}
		all = append(all, mark+oneLine(describe(f), maxMessage))
	}
	all = append(all, redact.Lines(s.Output)...)
	if s.Next != "" {
		all = append(all, "next: "+oneLine(s.Next, maxMessage))
	}
	return all
}

// annotation is a problem and its place.
type annotation struct {
	title, message, file string
	line, rank           int // the rank is within its stage
}

func (a annotation) fields() map[string]string {
	fields := map[string]string{"title": a.title}
	if a.file != "" {
		fields["file"] = a.file
	}
	if a.file != "" && a.line > 0 {
		fields["line"] = strconv.Itoa(a.line)
	}
	return fields
}

// problems are the findings that gate, or those that do not. A red stage without a finding is a problem itself.
func (r Report) problems(gates bool) []annotation {
	var all []annotation
	for _, s := range r.Stages {
		rank := 0
		for _, f := range s.Findings {
			if f.Gates == gates {
				all = append(all, annotate(s, f, rank))
				rank++
			}
		}
		if gates && rank == 0 && s.Ending.Red() {
			all = append(all, annotation{title: oneLine(s.Name+" "+string(s.Ending), maxMessageTitle), message: oneLine(s.Reason, maxMessage)})
		}
	}
	return all
}

func annotate(s Stage, f gate.Finding, rank int) annotation {
	a := annotation{title: oneLine(s.Name+": "+f.ID, maxMessageTitle), message: oneLine(describe(f), maxMessage), rank: rank}
	// A file of an image or of the scanner's own folders is none of the repository's.
	if fs.ValidPath(f.File) && !strings.HasSuffix(f.Target, " image") {
		a.file, a.line = oneLine(f.File, maxMessage), f.Line
	}
	return a
}

// firstOf keeps as many as GitHub takes, in turn from each stage, so that one with many does not hide the others.
func firstOf(all []annotation) []annotation {
	slices.SortStableFunc(all, func(a, b annotation) int { return a.rank - b.rank })
	return all[:min(maxAnnotations, len(all))]
}

// olderCommand is how commands began before "::". A runner finds it anywhere in a line, and may read over characters
// that are not seen.
var olderCommand = regexp.MustCompile(`#[^ -~]*\[`)

// inert is a line that no runner reads as a command: those in use begin a line, even an indented one.
func inert(line string) string { return "| " + withoutOlder(line) }

func withoutOlder(line string) string { return olderCommand.ReplaceAllString(line, "# [") }

func oneLine(text string, limit int) string {
	return bounded(withoutOlder(redact.OneLine(text)), limit)
}
