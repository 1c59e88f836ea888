package notify

import (
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/report"
)

// meaning says what a failure is to those who did not run it.
func (m Message) meaning() []part {
	if sentences := m.consequences(); len(sentences) > 0 {
		return []part{paragraph(strings.Join(sentences, ". ") + ".")}
	}
	return nil
}

func (m Message) consequences() []string {
	if m.Report.Outcome.Green() {
		return nil
	}
	var sentences []string
	if m.Kind == Release {
		sentences = append(sentences, published(m.Report))
	}
	sentences = append(sentences, m.Aftermath)
	return slices.DeleteFunc(sentences, func(s string) bool { return s == "" })
}

// published says who can get the version now.
func published(r report.Report) string {
	tagged := slices.ContainsFunc(r.Images, func(i report.Image) bool { return len(i.Tags) > 0 })
	moved := 0
	for _, t := range r.Tags {
		if t.Final == t.New && t.Old != t.New {
			moved++
		}
	}
	switch {
	case moved > 0:
		return fmt.Sprintf("%d of %d floating tags point at %s", moved, len(r.Tags), r.Version)
	case tagged:
		return "Images are in the registry, but no floating tag points at " + r.Version
	}
	return "This run published nothing"
}
