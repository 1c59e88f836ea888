package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"dagger/slipway/stages/redact"
)

// Text is the form for a terminal: the table of stages first, then what was made, then the verdict.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, r.title())
	if forced := r.ForcedBy(); forced != "" {
		fmt.Fprintf(&b, "Forced: %s\n", forced)
	}
	fmt.Fprintln(&b)
	r.writeStages(&b)
	r.writeFailures(&b)
	WriteList(&b, "A real run would refuse", r.WouldRefuse)
	WriteList(&b, "Not checked", r.NotChecked)
	r.writeImages(&b)
	r.writeTags(&b)
	WriteList(&b, comparison, r.compared())
	r.writeEnd(&b)
	return redact.Shown(b.String())
}

func (r Report) title() string {
	title := "Release " + r.Version
	if r.Version == "" && len(r.Stages) > 0 {
		title = r.Stages[len(r.Stages)-1].Name
	}
	if r.Title != "" {
		title = r.Title
	}
	if r.Commit != "" {
		title += " of " + short(r.Commit)
	}
	if r.Previous != "" {
		title += ", after " + r.Previous
	}
	if r.DryRun {
		title += " (dry run: nothing is written)"
	}
	return title
}

// short abbreviates a commit or a digest for reading.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(7, len(id))]
}

func (r Report) writeStages(b *strings.Builder) {
	width := len("STAGE")
	for _, s := range r.Stages {
		width = max(width, utf8.RuneCountInString(s.Name))
	}
	fmt.Fprintf(b, " #  %-*s  %-14s  %8s\n", width, "STAGE", "OUTCOME", "TIME")
	for _, s := range r.Stages {
		line := fmt.Sprintf("%2d  %-*s  %-14s  %8s  %s", s.Number, width, s.Name, s.Ending, s.took(), s.detail())
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
}

// took is the stage's time, or a dash when there was none to measure.
func (s Stage) took() string {
	if s.Seconds == 0 {
		return "-"
	}
	return duration(s.Seconds)
}

func duration(seconds float64) string { return fmt.Sprintf("%.1f s", seconds) }

func (s Stage) detail() string {
	words := s.Figures
	if s.Reason != "" && !s.Ending.Red() {
		words = append([]string{s.Reason}, words...)
	}
	return strings.Join(words, ", ")
}

// maxFindings bounds the list under a failed stage; the JSON form has them all.
const maxFindings = 10

func (r Report) writeFailures(b *strings.Builder) {
	for _, s := range r.Stages {
		if !s.Ending.Red() {
			continue
		}
		fmt.Fprintf(b, "\n%s\n", strings.TrimSuffix(fmt.Sprintf("%s %s: %s", s.Name, s.Ending, s.Reason), ": "))
		s.writeFindings(b)
		if output := redact.Lines(s.Output); len(output) > 0 {
			fmt.Fprintf(b, "  the end of its output:\n%s\n", indent(output, "    | "))
		}
		if s.Next != "" {
			fmt.Fprintf(b, "  next: %s\n", s.Next)
		}
	}
}

func (s Stage) writeFindings(b *strings.Builder) {
	shown := 0
	gating := 0
	for _, f := range s.Findings {
		if !f.Gates {
			continue
		}
		if gating++; gating <= maxFindings {
			fmt.Fprintf(b, "  - %s\n", f)
			shown++
		}
	}
	if gating > shown {
		fmt.Fprintf(b, "  - and %d more: dagger call report --format json\n", gating-shown)
	}
}

func indent(lines []string, prefix string) string { return prefix + strings.Join(lines, "\n"+prefix) }

// WriteList writes a titled list, or nothing when there is nothing to list.
func WriteList(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, item := range items {
		fmt.Fprintf(b, "  - %s\n", redact.Shown(item))
	}
}

func (r Report) writeImages(b *strings.Builder) {
	if len(r.Images) == 0 {
		return
	}
	fmt.Fprint(b, "\nImages\n")
	for _, i := range r.Images {
		where := i.Repository
		if where == "" {
			where = i.Name
		}
		if i.Digest != "" {
			where += "@" + i.Digest
		}
		if i.Reused {
			where += " (already published)"
		}
		fmt.Fprintf(b, "  %s\n", where)
		if len(i.Tags) > 0 {
			fmt.Fprintf(b, "    %s\n", strings.Join(i.Tags, " "))
		}
	}
	if r.Signed != nil {
		fmt.Fprintf(b, "  signed %s\n    check it: %s\n", r.Signed, r.Signed.Check)
	}
}

// writeTags shows the floating tags that did not end where they should.
func (r Report) writeTags(b *strings.Builder) {
	var lines []string
	for _, t := range r.Tags {
		if t.New != "" && t.Final != t.New && !r.DryRun {
			lines = append(lines, fmt.Sprintf("%s:%s was %s, should be %s, is %s", t.Image, t.Tag, orNone(t.Old), short(t.New), orNone(t.Final)))
		}
	}
	WriteList(b, "Floating tags that are not where they should be", lines)
}

func orNone(digest string) string {
	if digest == "" {
		return "absent"
	}
	return short(digest)
}

func (r Report) writeEnd(b *strings.Builder) {
	fmt.Fprintf(b, "\nOutcome: %s in %.1f s\n", r.Outcome, r.Seconds)
	if len(r.CriticalPath) > 0 {
		var parts []string
		total := 0.0
		for _, p := range r.CriticalPath {
			parts = append(parts, p.Name+" "+duration(p.Seconds))
			total += p.Seconds
		}
		fmt.Fprintf(b, "Critical path: %s of it: %s\n", duration(total), strings.Join(parts, " -> "))
	}
	if r.Next != "" {
		fmt.Fprintf(b, "Next: %s\n", r.Next)
	}
}
