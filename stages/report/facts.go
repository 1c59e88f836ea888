package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/redact"
)

// The facts of a report that several of its forms show.

// idle are the endings of stages whose work was not done.
var idle = []Ending{Skipped, NotConfigured, NotRun}

// notDone says what was left out, and why.
func (r Report) notDone() []string {
	var whys []string
	stages := map[string][]string{}
	for _, s := range r.Stages {
		if !slices.Contains(idle, s.Ending) {
			continue
		}
		why := fmt.Sprintf(" (%s): %s", s.Ending, s.Reason)
		if stages[why] == nil {
			whys = append(whys, why)
		}
		stages[why] = append(stages[why], s.Name)
	}
	for i, why := range whys {
		whys[i] = strings.Join(stages[why], ", ") + why
	}
	return whys
}

// ForcedBy is why gates were left out, and who has asked for it (F4); empty if none were.
func (r Report) ForcedBy() string {
	reason := redact.OneLine(r.Forced) // a reason of several lines could look like more of the report
	if reason == "" {
		return ""
	}
	return reason + " (asked for by " + cmp.Or(redact.OneLine(r.By), "nobody known") + ")"
}

// gating are the findings that made the stage red.
func (s Stage) gating() []gate.Finding {
	var all []gate.Finding
	for _, f := range s.Findings {
		if f.Gates {
			all = append(all, f)
		}
	}
	return all
}

// describe is a finding with what its tool says about it.
func describe(f gate.Finding) string {
	if f.Title == "" {
		return f.String()
	}
	return f.String() + ": " + f.Title
}

// spans are the pieces of time that the stage took, under the names that they have on the critical path.
func (s Stage) spans() []namedSpan {
	var all []namedSpan
	rest := s.Seconds
	if s.Prepared.Seconds > 0 {
		all = append(all, namedSpan{s.Name + PreparedSuffix, s.Prepared})
		rest -= s.Prepared.Seconds
	}
	if rest > 0 {
		all = append(all, namedSpan{s.Name, Span{s.Start, rest}})
	}
	return all
}

type namedSpan struct {
	name string
	Span
}

// critical says whether a span is on the critical path.
func (r Report) critical(name string) bool {
	return slices.ContainsFunc(r.CriticalPath, func(p Part) bool { return p.Name == name })
}

// state says what became of a floating tag.
func (r Report) state(t Tag) string {
	switch {
	case t.New == "" || t.New == t.Old && (t.Final == t.New || r.DryRun):
		return "stays"
	case r.DryRun:
		return "would move"
	case t.Final == t.New:
		return "moved"
	}
	return "not moved, is " + orNone(t.Final)
}

// where names an image as a registry knows it.
func (i Image) where() string {
	if i.Repository == "" {
		return i.Name
	}
	return i.Repository
}

// bounded cuts what would drown everything else.
func bounded(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
