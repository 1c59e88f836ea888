package report

import (
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/redact"
)

//go:embed report.html
var pageText string

//go:embed report.css
var style string

// policy lets the page's own style in and nothing else, so that no text in it can load or run anything.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'"
}()

var page = template.Must(template.New("report").Parse(pageText))

// HTML is the form for a browser: one file that needs nothing else.
func (r Report) HTML() (string, error) {
	var b strings.Builder
	if err := page.Execute(&b, r.view()); err != nil {
		return "", fmt.Errorf("write the report's page: %w", err)
	}
	return redact.Shown(b.String()), nil
}

// view is what the page shows, in its words: a field for each place of the page.
type view struct {
	Policy      string
	Style       template.CSS
	Title       string
	Outcome     Outcome
	Green       bool
	Facts       []metric
	Next        string
	Stages      []stageView
	Critical    string
	Failures    []failureView
	Lists       []listView
	Images      []imageView
	Signed      *Signed
	Tags        []tagView
	Times       []metric
	Coverage    []coverageView
	Deployments []metric
	Severities  []string
	Counts      []countView
	Notes       string
}

type stageView struct {
	Number                                int
	Name, Mark, Ending, Look, Took, About string
	Bars                                  []barView
	Span                                  string // in words
}

// barView is a bar in percent of the run.
type barView struct {
	X, Width string
	Critical bool
}

type failureView struct {
	Name, Ending, Reason, Next, Output string
	First, More, Other                 []string // findings; the last are reported only
}

type listView struct {
	Title string
	Items []string
}

type imageView struct{ Where, Digest, Tags, Built string }

type tagView struct{ Name, From, To, State string }

type coverageView struct {
	Side, Percent, Lines string
	Width                string
}

type countView struct {
	Stage  string
	Counts []int
}

func (r Report) view() view {
	v := view{
		Policy: policy, Style: template.CSS(style), //nolint:gosec // it is our own file
		Title: r.title(), Outcome: r.Outcome, Green: r.Outcome.Green(), Facts: r.facts(), Next: r.Next,
		Critical: r.criticalPath(), Times: r.Metrics.times(), Severities: severities, Notes: strings.Join(redact.Lines(r.Notes), "\n"),
	}
	for _, s := range r.Stages {
		v.Stages = append(v.Stages, r.stageView(s))
		if s.Ending.Red() {
			v.Failures = append(v.Failures, s.failureView())
		}
	}
	for _, l := range []listView{
		{"A real run would refuse", r.WouldRefuse}, {"Not done", r.notDone()}, {"Not checked", r.NotChecked}, {comparison, r.compared()},
	} {
		if len(l.Items) > 0 {
			v.Lists = append(v.Lists, l)
		}
	}
	r.addMade(&v)
	r.addMetrics(&v)
	return v
}

func (r Report) facts() []metric {
	started := ""
	if !r.Started.IsZero() {
		started = r.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	all := []metric{
		{"Version", r.Version}, {"Previous", r.Previous}, {"Commit", r.Commit}, {"Source", r.Source},
		{"Started", started}, {"Took", duration(r.Seconds)}, {"Forced", r.ForcedBy()}, {"By", r.By},
	}
	return slices.DeleteFunc(all, func(m metric) bool { return m.Value == "" })
}

func (r Report) criticalPath() string {
	var parts []string
	for _, p := range r.CriticalPath {
		parts = append(parts, p.Name+" "+duration(p.Seconds))
	}
	return strings.Join(parts, " → ")
}

func (r Report) stageView(s Stage) stageView {
	v := stageView{Number: s.Number, Name: s.Name, Ending: string(s.Ending), Took: s.took(), About: s.detail(), Look: s.Ending.look(), Mark: s.Ending.sign()}
	var words []string
	for _, at := range s.spans() {
		words = append(words, fmt.Sprintf("from %s to %s", duration(at.Start), duration(at.Start+at.Seconds)))
		v.Bars = append(v.Bars, r.bar(at))
	}
	v.Span = strings.Join(words, " and ")
	if slices.ContainsFunc(v.Bars, func(b barView) bool { return b.Critical }) {
		v.Span += ", on the critical path"
	}
	return v
}

// look is the class that gives an ending its colour.
func (e Ending) look() string {
	switch {
	case e.Red():
		return "bad"
	case e == Passed:
		return "good"
	}
	return "idle"
}

// sign tells endings apart without colour.
func (e Ending) sign() string {
	return map[string]string{"bad": "✕", "good": "✓", "idle": "–"}[e.look()]
}

// leastBar is the width of the shortest bar, in percent: it has to be seen.
const leastBar = 0.6

func (r Report) bar(at namedSpan) barView {
	whole := max(r.Seconds, 0.1)
	for _, s := range r.Stages {
		whole = max(whole, s.Start+s.Seconds-s.Prepared.Seconds)
	}
	width := min(100, max(leastBar, at.Seconds/whole*100))
	x := min(100-width, max(0, at.Start/whole*100))
	return barView{X: percent(x), Width: percent(width), Critical: r.critical(at.name)}
}

func percent(n float64) string { return fmt.Sprintf("%.2f%%", n) }

func (s Stage) failureView() failureView {
	v := failureView{Name: s.Name, Ending: string(s.Ending), Reason: s.Reason, Next: s.Next, Output: strings.Join(redact.Lines(s.Output), "\n")}
	gating := s.gating()
	shown := min(maxFindings, len(gating))
	v.First, v.More = described(gating[:shown]), described(gating[shown:])
	v.Other = described(slices.DeleteFunc(slices.Clone(s.Findings), func(f gate.Finding) bool { return f.Gates }))
	return v
}

func described(findings []gate.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, describe(f))
	}
	return all
}

// addMade adds the images and the tags.
func (r Report) addMade(v *view) {
	for _, i := range r.Images {
		built := "built in " + duration(i.Seconds)
		if i.Reused {
			built = "already published"
		}
		v.Images = append(v.Images, imageView{i.where(), i.Digest, strings.Join(i.Tags, " "), built})
	}
	v.Signed = r.Signed
	for _, t := range r.Tags {
		v.Tags = append(v.Tags, tagView{t.Image + ":" + t.Tag, orNone(t.Old), orNone(t.New), r.state(t)})
	}
}

func (r Report) addMetrics(v *view) {
	for _, side := range slices.Sorted(maps.Keys(r.Metrics.Coverage)) {
		c := r.Metrics.Coverage[side]
		share := 0.0
		if c.Total > 0 {
			share = min(100, max(0, float64(c.Covered)/float64(c.Total)*100))
		}
		v.Coverage = append(v.Coverage, coverageView{side, c.String(), fmt.Sprintf("%d of %d lines", c.Covered, c.Total), percent(share)})
	}
	for _, environment := range slices.Sorted(maps.Keys(r.Metrics.Deployments)) {
		v.Deployments = append(v.Deployments, metric{environment, string(r.Metrics.Deployments[environment])})
	}
	for _, stage := range slices.Sorted(maps.Keys(r.Metrics.Vulnerabilities)) {
		row := countView{Stage: stage}
		for _, severity := range severities {
			row.Counts = append(row.Counts, r.Metrics.Vulnerabilities[stage][severity])
		}
		v.Counts = append(v.Counts, row)
	}
}
