package report

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/redact"
)

// summaryLimit is the size of a step summary, in bytes, above which GitHub shows nothing of it.
const summaryLimit = 1 << 20

const leftOut = "\nMore is left out, because a step summary may hold no more: `dagger call report` has it all.\n"

// Markdown is the form for the summary of a CI step.
func (r Report) Markdown() string { return r.markdown(summaryLimit) }

// markdown leaves out whole blocks that do not fit, so that no table or fence is cut open.
func (r Report) markdown(limit int) string {
	var b strings.Builder
	note := ""
	for _, block := range r.blocks() {
		if b.Len()+len(block)+len(leftOut) > limit {
			note = leftOut
			continue
		}
		b.WriteString(block)
	}
	return b.String() + note
}

// blocks are the parts of the summary, what matters most first.
func (r Report) blocks() []string {
	blocks := []string{r.headBlock()}
	for _, s := range r.Stages {
		if s.Ending.Red() {
			blocks = append(blocks, s.failureBlock())
		}
	}
	return append(blocks,
		next(r.Next),
		listBlock("A real run would refuse", r.WouldRefuse),
		listBlock("Not done", r.notDone()),
		listBlock("Not checked", r.NotChecked),
		r.imageBlock(), r.tagBlock(), r.metricBlock(), r.vulnerabilityBlock(),
		listBlock(comparison, r.compared()),
		r.timelineBlock(),
	)
}

func (r Report) headBlock() string {
	var b strings.Builder
	mark := "✅"
	if !r.Outcome.Green() {
		mark = "❌"
	}
	fmt.Fprintf(&b, "## %s %s\n\n**%s** in %s\n", mark, escape(r.title()), escape(string(r.Outcome)), duration(r.Seconds))
	if forced := r.ForcedBy(); forced != "" {
		fmt.Fprintf(&b, "\n**Forced:** %s\n", escape(forced))
	}
	var rows [][]string
	for _, s := range r.Stages {
		rows = append(rows, []string{fmt.Sprint(s.Number), escape(s.Name), s.Ending.mark() + " " + escape(string(s.Ending)), s.took(), escape(s.detail())})
	}
	b.WriteString(table([]string{"#", "Stage", "Outcome", "Time", "Detail"}, rows))
	return b.String()
}

// mark is the ending at a glance; the word always stands beside it.
func (e Ending) mark() string {
	switch {
	case e.Red():
		return "❌"
	case e == Passed:
		return "✅"
	}
	return "➖"
}

func (s Stage) failureBlock() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s %s\n", escape(s.Name), escape(string(s.Ending)))
	if s.Reason != "" {
		fmt.Fprintf(&b, "\n%s\n", escape(s.Reason))
	}
	gating := s.gating()
	var items []string
	for _, f := range gating[:min(maxFindings, len(gating))] {
		items = append(items, escape(describe(f)))
	}
	if more := len(gating) - maxFindings; more > 0 {
		items = append(items, fmt.Sprintf("and %d more: `dagger call report --format json`", more))
	}
	b.WriteString(list(items))
	b.WriteString(fenced(s.Output))
	b.WriteString(next(s.Next))
	return b.String()
}

func next(text string) string {
	if text == "" {
		return ""
	}
	return "\n**Next:** " + escape(text) + "\n"
}

func (r Report) imageBlock() string {
	var rows [][]string
	for _, i := range r.Images {
		built := duration(i.Seconds)
		if i.Reused {
			built = "already published"
		}
		rows = append(rows, []string{code(i.where()), code(i.Digest), code(strings.Join(i.Tags, " ")), built})
	}
	images := table([]string{"Image", "Digest", "Tags", "Build"}, rows)
	if r.Signed != nil {
		images += "\nSigned " + code(r.Signed.String()) + ". Check it:\n" + fenced(r.Signed.Check)
	}
	return titled("Images", images)
}

func (r Report) tagBlock() string {
	var rows [][]string
	for _, t := range r.Tags {
		rows = append(rows, []string{code(t.Image + ":" + t.Tag), code(orNone(t.Old)), code(orNone(t.New)), escape(r.state(t))})
	}
	return titled("Floating tags", table([]string{"Tag", "From", "To", "State"}, rows))
}

func (r Report) metricBlock() string {
	var rows [][]string
	for _, m := range append(r.Metrics.results(), r.Metrics.times()...) {
		rows = append(rows, []string{escape(m.Name), escape(m.Value)})
	}
	return titled("Metrics", table([]string{"Metric", "Value"}, rows))
}

func (r Report) vulnerabilityBlock() string {
	var rows [][]string
	for _, stage := range slices.Sorted(maps.Keys(r.Metrics.Vulnerabilities)) {
		row := []string{escape(stage)}
		for _, severity := range severities {
			row = append(row, fmt.Sprint(r.Metrics.Vulnerabilities[stage][severity]))
		}
		rows = append(rows, row)
	}
	return titled("Vulnerabilities", table(append([]string{"Stage"}, severities...), rows))
}

// timelineBlock is a Gantt chart in clock time, because an axis of seconds would be shifted by the reader's time zone.
func (r Report) timelineBlock() string {
	var b strings.Builder
	for _, s := range r.Stages {
		for _, at := range s.spans() {
			start := r.Started.Add(time.Duration(at.Start * float64(time.Second))).UnixMilli()
			// A bar without a length is not drawn.
			end := start + max(1, int64(at.Seconds*1000))
			fmt.Fprintf(&b, "%d %s %s :%s%d, %d\n", s.Number, mermaidName(at.name), duration(at.Seconds), r.kind(s, at.name), start, end)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n### Timeline\n\nRed failed, light grey had time to spare, the rest is the critical path: " + escape(r.criticalPath()) + "\n\n" +
		"```mermaid\ngantt\ndateFormat x\naxisFormat %H:%M:%S\n" + b.String() + "```\n"
}

// kind is Mermaid's word for how a bar looks. Its "active" cannot be read on a dark page.
func (r Report) kind(s Stage, span string) string {
	switch {
	case s.Ending.Red():
		return "crit, "
	case r.critical(span):
		return ""
	}
	return "done, "
}

// notPlain is everything that may mean something to Mermaid. Its names have no escape that all versions know.
var notPlain = regexp.MustCompile(`[^\p{L}\p{N} ()._-]+`)

// mermaidName is only safe after a number: a name could begin with one of Mermaid's words.
func mermaidName(name string) string {
	return bounded(strings.Join(strings.Fields(notPlain.ReplaceAllString(name, " ")), " "), 60)
}

// maxCell bounds a text of a line or a cell, in characters.
const maxCell = 2000

func escape(text string) string { return changelog.EscapeMarkdown(bounded(text, maxCell)) }

// code is text in a fixed-width font. Markdown's own code spans end at whatever backtick is in the text.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + escape(text) + "</code>"
}

// fenced puts a tool's output into a block that no line of it can end.
func fenced(output string) string {
	text := redact.Lines(output)
	if len(text) == 0 {
		return ""
	}
	fence := "```"
	for _, line := range text {
		for strings.Contains(line, fence) {
			fence += "`"
		}
	}
	return "\n" + fence + "text\n" + strings.Join(text, "\n") + "\n" + fence + "\n"
}

// table expects cells that are escaped.
func table(head []string, rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	rule := slices.Repeat([]string{"---"}, len(head))
	fmt.Fprintln(&b)
	for _, row := range append([][]string{head, rule}, rows...) {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// list expects items that are escaped.
func list(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return "\n- " + strings.Join(items, "\n- ") + "\n"
}

func listBlock(title string, items []string) string {
	var escaped []string
	for _, item := range items {
		escaped = append(escaped, escape(item))
	}
	return titled(title, list(escaped))
}

// titled is nothing where there is nothing to title.
func titled(title, content string) string {
	if content == "" {
		return ""
	}
	return "\n### " + title + "\n" + content
}
