package report

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/schematest"
)

// command is a workflow command as a runner reads it.
type command struct {
	name       string
	properties map[string]string
	message    string
}

// runnerLines are the lines that a runner reads: it ends them at either of two characters.
func runnerLines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// readCommand reads a line as a runner does, in the form in use and then in the older one. What a runner may read over
// because it is not seen is taken out first.
func readCommand(line string) (command, bool) {
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn, unicode.Me) {
			return -1
		}
		return r
	}, line))
	if rest, ok := strings.CutPrefix(line, "::"); ok {
		if info, message, ok := strings.Cut(rest, "::"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{name, readProperties(properties, ","), unescape(message)}, true
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, message, ok := strings.Cut(rest, "]"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{"older " + name, readProperties(properties, ";"), unescape(message)}, true
		}
	}
	return command{}, false
}

func readProperties(text, separator string) map[string]string {
	properties := map[string]string{}
	for _, pair := range strings.Split(text, separator) {
		if key, value, ok := strings.Cut(pair, "="); ok {
			properties[key] = strings.NewReplacer("%3A", ":", "%2C", ",").Replace(unescape(value))
		}
	}
	return properties
}

// unescape reads %25 last, as a runner does.
func unescape(text string) string {
	return strings.ReplaceAll(strings.NewReplacer("%0D", "\r", "%0A", "\n").Replace(text), "%25", "%")
}

func commandsOf(text string) []command {
	var all []command
	for _, line := range runnerLines(text) {
		if c, ok := readCommand(line); ok {
			all = append(all, c)
		}
	}
	return all
}

func names(commands []command) []string {
	var all []string
	for _, c := range commands {
		all = append(all, c.name)
	}
	return all
}

// TestReadCommand holds the test's own runner against the documented examples.
func TestReadCommand(t *testing.T) {
	for line, want := range map[string]command{
		"::error file=app.js,line=1,title=YOUR-TITLE::Missing semicolon": {"error", map[string]string{"file": "app.js", "line": "1", "title": "YOUR-TITLE"}, "Missing semicolon"},
		"  ::group::My title":                 {"group", map[string]string{}, "My title"},
		"::warning file=a%2Cb%3Ac::%250A%0Ab": {"warning", map[string]string{"file": "a,b:c"}, "%0A\nb"},
		"text ##[set-output name=a;b=c]d":     {"older set-output", map[string]string{"name": "a", "b": "c"}, "d"},
		"#\u200b#[add-mask]x":                 {"older add-mask", map[string]string{}, "x"},
	} {
		if got, ok := readCommand(line); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q", line, got)
		}
	}
	for _, line := range []string{"", "text", "| ::error::x", "::error", "# [x]", "##[x"} {
		if got, ok := readCommand(line); ok {
			t.Errorf("%q: got %q", line, got)
		}
	}
}

func TestGitHubAnnotations(t *testing.T) {
	annotated := func(e Ending, findings ...gate.Finding) []command {
		r := Report{Outcome: GateFail, Version: "1.0.0", Seconds: 2, Stages: []Stage{{Number: 1, Name: "Scan, fast: all", Ending: e, Reason: "50% of\nit", Findings: findings}}}
		return commandsOf(r.GitHub())[2:]
	}
	notice := command{"notice", map[string]string{}, "Release 1.0.0: gate-fail in 2.0 s"}
	for name, c := range map[string]struct {
		ending  Ending
		finding gate.Finding
		want    command
	}{
		"a place": {
			Failed, gate.Finding{ID: "t::a", Title: "100%\n::x", File: "a,b:c.py", Line: 7, Gates: true},
			command{"error", map[string]string{"file": "a,b:c.py", "line": "7", "title": "Scan, fast: all: t::a"}, "t::a at a,b:c.py:7: 100% ::x"},
		},
		"no line": {Failed, gate.Finding{ID: "a", File: "b", Gates: true}, command{"error", map[string]string{"file": "b", "title": "Scan, fast: all: a"}, "a at b"}},
		"reported only": {
			Skipped, gate.Finding{ID: "CVE-1", Severity: "LOW", Target: "dependencies", File: "uv.lock", Line: 3},
			command{"warning", map[string]string{"file": "uv.lock", "line": "3", "title": "Scan, fast: all: CVE-1"}, "CVE-1 (LOW) at dependencies, uv.lock:3"},
		},
		"within an image": {
			Failed, gate.Finding{ID: "CVE-1", Target: "backend image", File: "usr/lib/a.so", Line: 1, Gates: true},
			command{"error", map[string]string{"title": "Scan, fast: all: CVE-1"}, "CVE-1 at backend image, usr/lib/a.so:1"},
		},
		"outside of the repository": {
			Failed, gate.Finding{ID: "MIT", File: "/venv/lib/LICENSE", Gates: true}, command{"error", map[string]string{"title": "Scan, fast: all: MIT"}, "MIT at /venv/lib/LICENSE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := annotated(c.ending, c.finding); !reflect.DeepEqual(got, []command{c.want, notice}) {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("red without a finding", func(t *testing.T) {
		want := []command{{"error", map[string]string{"title": "Scan, fast: all error"}, "50% of it"}, notice}
		if got := annotated(Broken); !reflect.DeepEqual(got, want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("green", func(t *testing.T) {
		if got := annotated(Passed); !reflect.DeepEqual(got, []command{notice}) {
			t.Errorf("got %q", got)
		}
	})
}

// TestGitHubAnnotationsAreShared keeps one stage with many findings from hiding the others.
func TestGitHubAnnotationsAreShared(t *testing.T) {
	r := Report{Stages: []Stage{{Number: 1, Name: "a", Ending: Failed}, {Number: 2, Name: "b", Ending: Failed}, {Number: 3, Name: "c", Ending: Broken, Reason: "crash"}}}
	for i := range 15 {
		r.Stages[0].Findings = append(r.Stages[0].Findings, gate.Finding{ID: fmt.Sprint("a", i), Gates: true}, gate.Finding{ID: fmt.Sprint("low", i)})
	}
	r.Stages[1].Findings = []gate.Finding{{ID: "b0", Gates: true}, {ID: "b1", Gates: true}}
	text := r.GitHub()
	var errors, warnings []string
	for _, c := range commandsOf(text) {
		switch c.name {
		case "error":
			errors = append(errors, c.message)
		case "warning":
			warnings = append(warnings, c.message)
		}
	}
	if want := strings.Fields("a0 b0 crash a1 b1 a2 a3 a4 a5 a6"); !slices.Equal(errors, want) {
		t.Errorf("got %q, want %q", errors, want)
	}
	if want := strings.Fields("low0 low1 low2 low3 low4 low5 low6 low7 low8 low9"); !slices.Equal(warnings, want) {
		t.Errorf("got %q, want %q", warnings, want)
	}
	if !strings.Contains(text, "\n| - a14\n") || !strings.Contains(text, "\n| - (reported only) low14\n") {
		t.Errorf("what is not annotated is not in the group: %s", text)
	}
}

// hostile is the example with a text everywhere. The words that carry meaning for the form stay.
func hostile(text string) Report {
	r := redExample()
	schematest.Fill(reflect.ValueOf(&r).Elem(), text)
	r.Outcome, r.Started = GateFail, example().Started
	for i := range r.Stages {
		r.Stages[i].Ending = redExample().Stages[i].Ending
	}
	return r
}

var nasty = []string{
	"::set-output name=a::b", "  ::stop-commands::x", "##[add-mask]a", "#\u00ad#\ufe0f[add-mask]a", "#\x00[x]#[y]", "a\r::error::b\n\n::endgroup::", "\u2028::debug::x\v::group::y\f::notice::z\u0085::add-mask::b",
	"%0A::error::x", "%25,line=1::x", "a,b=c:d", "</pre><script>alert(1)</script><!--", "\x1b[31mred\x1b[0m", "```\n````\n~~~", "| a | b |\n| --- |", "<b onclick=x>", "[a](javascript:b)", "![a](https://example.com/x)", "@all #1 www.example.com https://example.com",
	"1. a", "- a", "=== ", "&lt;&#60;", `\`, "\\`", "' onload='x", `" style="x`, "{{.Title}}", "]]>", "%%{init: {}}%%", "title x;section y:done, 1, 2#click", "\u202etxt", "\xff\xfe", "--- \n***",
}

// shown says whether a text leaves anything to look at; a report without texts has another shape.
func shown(text string) bool { return oneLine(text, 10) != "" && escape(text) != "" }

func FuzzGitHub(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	want := commandsOf(hostile("word").GitHub())
	f.Fuzz(func(t *testing.T, text string) {
		r := hostile(text)
		got := commandsOf(r.GitHub())
		if !slices.Equal(names(got), names(want)) {
			t.Fatalf("got %q", got)
		}
		for i, c := range got {
			if strings.ContainsAny(c.message, "\r\n") {
				t.Errorf("%q has lines", c.message)
			}
			for _, key := range slices.Sorted(maps.Keys(c.properties)) {
				if key != "title" && key != "file" && key != "line" {
					t.Errorf("%q: property %q", want[i].name, key)
				}
			}
		}
	})
}
