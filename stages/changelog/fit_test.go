package changelog

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/slipway/stages/written"
)

const (
	sampleFoot = "\n**Full changelog:** [v1.2.0...v1.2.1](https://forge.example/compare)\n"
	cutHere    = "The notes are cut here: the full text is attached to the release as notes.md."
)

// TestFit has C13: at every limit whole lines of the uncut text, no empty section, and where the rest is.
func TestFit(t *testing.T) {
	whole := strings.Split(sampleText, "\n")
	for limit := 1; limit < len(sampleText); limit++ {
		got, cut := Fit(sampleText, limit)
		if !cut || len(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("limit %d: %d bytes, cut %t: %q", limit, len(got), cut, got)
		}
		if got == "" {
			continue
		}
		lines := strings.Split(got, "\n")
		for i, line := range lines {
			if line != cutHere && !slices.Contains(whole, line) {
				t.Fatalf("limit %d: %q is not a line of the text", limit, line)
			}
			if strings.HasPrefix(line, "## ") && (i+2 >= len(lines) || !strings.HasPrefix(lines[i+2], "- ")) {
				t.Fatalf("limit %d: nothing under %q", limit, line)
			}
		}
		if !slices.Contains(lines, cutHere) {
			t.Fatalf("limit %d: no word of the full text in %q", limit, got)
		}
	}
}

func TestFitAtItsEdges(t *testing.T) {
	const beginning = "> **Degraded notes.** Something &lt;b&gt; is missing.\n\n## 🚀 Features\n\n" +
		"- **a\\_b:** add \\*x\\* 🎉 ([#5](https://forge.example/5))\n- plain (abc1234)\n"
	long := "No user-visible changes.\n\n**Full changelog:** " + strings.Repeat("x", 300) + "\n"
	for _, test := range []struct {
		name, text string
		limit      int
		want       string
		cut        bool
	}{
		{"all of it", sampleText, len(sampleText), sampleText, false},
		{"nothing", "", 0, "", false},
		{"two entries", sampleText, len(beginning + tail + sampleFoot), beginning + tail + sampleFoot, true},
		{"room for the last lines alone", sampleText, len(tail + sampleFoot), tail + sampleFoot, true},
		{"room for one line alone", sampleText, len(tail), tail, true},
		{"no room even for that", sampleText, len(tail) - 1, "", true},
		{"a long link to all changes goes too", long, 200, "No user-visible changes.\n" + tail, true},
		{"one line", strings.Repeat("x", 300), 200, tail, true},
		{"a first line of another kind stays", "**Forced**\n\n" + sampleText, len("**Forced**\n" + tail + sampleFoot), "**Forced**\n" + tail + sampleFoot, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, cut := Fit(test.text, test.limit); got != test.want || cut != test.cut {
				t.Errorf("got %q, %t\nwant %q, %t", got, cut, test.want, test.cut)
			}
		})
	}
}

// TestFitWritten: what people wrote comes first and stays, and is cut so that what follows is not part of its code.
func TestFitWritten(t *testing.T) {
	n := sample()
	n.Written = "### Added\n\n- a\n\n```\nb\nc\n```"
	text := n.Markdown()
	own := text[:strings.Index(text, "## 🚀 Features")]
	if got, cut := Fit(text, len(own+tail+sampleFoot)); !cut || got != strings.TrimSpace(own)+"\n"+tail+sampleFoot {
		t.Errorf("cut behind it: %q", got)
	}
	part := own[:strings.Index(own, "c\n")]
	if got, cut := Fit(text, len(part+"\n```\n"+tail+sampleFoot)); !cut || got != part+"\n```\n"+tail+sampleFoot {
		t.Errorf("cut in its code: %q", got)
	}
	for limit := range len(text) {
		if got, _ := Fit(text, limit); len(got) > limit || written.Closing(got) != "" {
			t.Fatalf("limit %d: %d bytes: %q", limit, len(got), got)
		}
	}
	head := own[:strings.Index(own, "- a")]
	if got, _ := Fit(text, len(head+tail+sampleFoot)); strings.Contains(got, "Added") {
		t.Errorf("a heading stays alone: %q", got)
	}
}
