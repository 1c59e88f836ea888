package report

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// inertMarkdown is what escaping leaves, and the few pieces of Markdown within a line that are ours.
	inertMarkdown = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]|&(?:lt|gt|amp);|[#@:]?<!---->|</?code>|\\*\\*(?:Forced:|Next:|[a-z-]+)\\*\\*|`dagger call report(?: --format json)?`")
	mermaidLine   = regexp.MustCompile(`^(?:gantt|dateFormat x|axisFormat %H:%M:%S|\d+ [\p{L}\p{N} ()._-]*\d+\.\d s :(?:crit, |done, )?\d+, \d+)$`)
)

// shapeOf is the structure that a renderer sees in a summary: the kind of every line, without fenced texts.
func shapeOf(t *testing.T, markdown string) []string {
	t.Helper()
	var shape []string
	fence := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(markdown, "\n"), "\n") {
		switch {
		case fence != "" && line == fence:
			fence = ""
			continue
		case fence == "mermaid" && line == "```":
			fence = ""
			continue
		case fence == "mermaid" && !mermaidLine.MatchString(line):
			t.Errorf("%q is none of the chart's lines", line)
		case strings.HasPrefix(line, "```") && fence == "":
			var info string
			if fence = strings.TrimRight(line, "abcdefghijklmnopqrstuvwxyz"); line != fence {
				info = line[len(fence):]
			}
			if info == "mermaid" {
				fence = info
			}
			shape = append(shape, "block "+info)
		}
		if fence == "" {
			shape = append(shape, kindOf(t, line))
		}
	}
	if fence != "" {
		t.Errorf("the block %q has no end", fence)
	}
	return shape
}

// kindOf refuses what escaping should have left nothing of.
func kindOf(t *testing.T, line string) string {
	t.Helper()
	plain := inertMarkdown.ReplaceAllString(line, "·")
	kind := ""
	for _, start := range []string{"### ", "## ", "- ", "| "} {
		if rest, ok := strings.CutPrefix(plain, start); ok {
			kind, plain = start, rest
			break
		}
	}
	if kind == "| " {
		kind += strings.Repeat("|", strings.Count(plain, "|"))
		plain = strings.ReplaceAll(plain, "|", "")
		plain = strings.Replace(strings.TrimPrefix(plain, "#"), "---", "", 1)
	}
	if strings.ContainsAny(plain, "<>`*_[]|~@\\\r\t") || strings.Contains(plain, "#") || strings.Contains(plain, "://") {
		t.Errorf("%q is left of %q", plain, line)
	}
	if kind == "" && strings.TrimSpace(line) != "" {
		kind = "text"
		if line != strings.TrimLeft(line, " -=+>") {
			t.Errorf("%q starts a block", line)
		}
	}
	return kind
}

func FuzzMarkdown(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !shown(text) {
			return
		}
		want := shapeOf(t, hostile("word").Markdown())
		r := hostile(text)
		if got := shapeOf(t, r.Markdown()); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}

func TestFenced(t *testing.T) {
	for output, want := range map[string]string{
		"":                                    "",
		" \x1b[1m\x1b[0m\r\n\n":               "",
		"a\r\nb\rc\n":                         "\n```text\na\nb\nc\n```\n",
		"a ``` b":                             "\n````text\na ``` b\n````\n",
		"`````\n```":                          "\n``````text\n`````\n```\n``````\n",
		"\x1b[31;1mred\x1b[0m\x00\u202e\ttab": "\n```text\nred tab\n```\n",
	} {
		if got := fenced(output); got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}

// TestMarkdownFits cuts at the end of a block, and never within one.
func TestMarkdownFits(t *testing.T) {
	r := redExample()
	whole := r.Markdown()
	if strings.Contains(whole, leftOut) {
		t.Fatalf("something is left out of %d bytes", len(whole))
	}
	seen := map[string]bool{}
	for limit := len(leftOut); limit < len(whole)+len(leftOut); limit += 97 {
		got := r.markdown(limit)
		if len(got) > limit {
			t.Errorf("%d bytes, %d allowed", len(got), limit)
		}
		shapeOf(t, got)
		seen[got] = true
		rest, ok := strings.CutSuffix(got, leftOut)
		if !ok {
			t.Errorf("at %d bytes nothing is said of what is left out", limit)
		}
		for _, block := range r.blocks() {
			rest = strings.Replace(rest, block, "", 1)
		}
		if rest != "" {
			t.Errorf("at %d bytes there is part of a block: %q", limit, rest)
		}
	}
	if len(seen) < 8 {
		t.Errorf("only %d different summaries", len(seen))
	}
	r.Stages[3].Output = strings.Repeat("x", summaryLimit)
	got := r.Markdown()
	if len(got) > summaryLimit || !strings.Contains(got, "### Timeline") || strings.Contains(got, "### Backend Tests") || !strings.HasSuffix(got, leftOut) {
		t.Errorf("%d bytes: %.3000s", len(got), got)
	}
}

func TestMermaidName(t *testing.T) {
	for name, want := range map[string]string{
		"Build and Push (prepared)": "Build and Push (prepared)",
		"a: b; c # d":               "a b c d",
		"%%{init}%% ``` <b>":        "init b",
		"Prüfung 日本":                "Prüfung 日本",
		strings.Repeat("a", 100):    strings.Repeat("a", 60) + "…",
	} {
		if got := mermaidName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
