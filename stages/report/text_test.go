package report

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"dagger/slipway/stages/gate"
)

// failed is a run with one of everything that a reader may have to see.
func failed() Report {
	return Report{
		Schema: Schema, Outcome: GateFail, Version: "1.2.3", Previous: "1.2.0", Commit: "0123456789abcdef0123456789abcdef01234567",
		Forced: "the shop is down", By: "ada", Started: time.Unix(0, 0).UTC(), Seconds: 12.34,
		Stages: []Stage{
			{Number: 1, Name: "Validate Release", Ending: Passed, Seconds: 0.84, Figures: []string{"commit 0123456", "after 1.2.0"}},
			{
				Number: 4, Name: "Backend Tests", Ending: Failed, Reason: "1 of 3 tests failed, first: test_a", Seconds: 3,
				Findings: []gate.Finding{{Tool: "pytest", ID: "test_a", File: "backend/tests/test_a.py", Line: 7, Gates: true}, {Tool: "pytest", ID: "note"}},
				Output:   "E   assert 1 == 2\n1 failed\n", Next: "mend it",
			},
			{Number: 6, Name: "Build and Push", Ending: NotRun, Reason: "waits for Backend Tests"},
		},
		CriticalPath: []Part{{Name: "Validate Release", Seconds: 0.84}, {Name: "Backend Tests", Seconds: 3}},
		Images:       []Image{{Name: "backend", Repository: "ghcr.io/acme/backend", Digest: "sha256:ab", Tags: []string{"sha-0123456"}, Reused: true}},
		Tags:         []Tag{{Image: "backend", Tag: "latest", Old: "sha256:0000000aa", New: "sha256:1111111bb", Final: "sha256:0000000aa"}},
		NotChecked:   []string{"the lock"},
		Next:         "run it again",
	}
}

const failedText = `Release 1.2.3 of 0123456, after 1.2.0
Forced: the shop is down (asked for by ada)

 #  STAGE             OUTCOME             TIME
 1  Validate Release  passed             0.8 s  commit 0123456, after 1.2.0
 4  Backend Tests     failed             3.0 s
 6  Build and Push    not run                -  waits for Backend Tests

Backend Tests failed: 1 of 3 tests failed, first: test_a
  - test_a at backend/tests/test_a.py:7
  the end of its output:
    | E   assert 1 == 2
    | 1 failed
  next: mend it

Not checked
  - the lock

Images
  ghcr.io/acme/backend@sha256:ab (already published)
    sha-0123456

Floating tags that are not where they should be
  - backend:latest was 0000000, should be 1111111, is 0000000

Outcome: gate-fail in 12.3 s
Critical path: 3.8 s of it: Validate Release 0.8 s -> Backend Tests 3.0 s
Next: run it again
`

func TestText(t *testing.T) {
	if got := failed().Text(); got != failedText {
		t.Errorf("got\n%s\nwant\n%s", got, failedText)
	}
}

func TestTextBoundsFindings(t *testing.T) {
	r := failed()
	for range 20 {
		r.Stages[1].Findings = append(r.Stages[1].Findings, gate.Finding{ID: "more", Gates: true})
	}
	if got := r.Text(); strings.Count(got, "  - more") != maxFindings-1 || !strings.Contains(got, "and 11 more: dagger call report --format json") {
		t.Errorf("got\n%s", got)
	}
}

// What was typed or printed by others moves no cursor, clears no screen and turns no text around.
func TestNoFormIsObeyedByATerminal(t *testing.T) {
	const evil = "a\x1b[2J\x1b]0;x\x07b\u009b31m\u202ec\rd\x00\x7f\u2066"
	r := hostile(evil)
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"text": r.Text(), "markdown": r.Markdown(), "github": r.GitHub(), "html": page, "json": data} {
		i := strings.IndexFunc(text, func(c rune) bool {
			return unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c)
		})
		if i >= 0 {
			t.Errorf("%s: %q", form, text[max(0, i-20):min(len(text), i+20)])
		}
	}
	if back, err := Parse([]byte(data)); err != nil || back.Forced != evil {
		t.Errorf("read back from JSON: %q, %v", back.Forced, err)
	}
}

func TestReasonOfAForcedReleaseIsOneLine(t *testing.T) {
	r := failed()
	r.Forced, r.By = "down\n\nOutcome: released in 1 s", "ada\nx"
	for form, text := range map[string]string{"text": r.Text(), "html": pageOf(t, r)} {
		if !strings.Contains(text, "down Outcome: released in 1 s (asked for by ada x)") {
			t.Errorf("%s: %s", form, text)
		}
	}
}

// TestForcedBy has F4: every form says why and who asked, also when nobody is known.
func TestForcedBy(t *testing.T) {
	for by, want := range map[string]string{"ada": "the shop is down (asked for by ada)", "": "the shop is down (asked for by nobody known)"} {
		r := failed()
		r.By = by
		for form, text := range map[string]string{"text": r.Text(), "markdown": strings.ReplaceAll(r.Markdown(), `\`, ""), "github": r.GitHub(), "html": pageOf(t, r)} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", form, want)
			}
		}
	}
	if got := (Report{By: "ada", Forced: " "}).ForcedBy(); got != "" {
		t.Errorf("not forced: %q", got)
	}
}

func TestNoHeadingWithNothingBelow(t *testing.T) {
	r := Report{Outcome: GateError, Stages: []Stage{{Number: 1, Name: "Backend Tests", Ending: Broken, Output: " \n\x1b[0m\n"}}}
	if got := r.Text(); !strings.Contains(got, "\nBackend Tests error\n\nOutcome") || strings.Contains(got, "output") {
		t.Errorf("got\n%s", got)
	}
	if got := r.Markdown(); !strings.Contains(got, "### Backend Tests error\n") || strings.Contains(got, "error\n\n\n") || strings.Contains(got, "```text") {
		t.Errorf("got\n%s", got)
	}
	if got := pageOf(t, r); strings.Contains(got, "<p></p>") || strings.Contains(got, "<pre") {
		t.Errorf("got\n%s", got)
	}
}

func TestTitleOfASingleStage(t *testing.T) {
	r := Report{Commit: "0123456789", Stages: []Stage{{Name: "Read Source"}, {Name: "Security Scan"}}}
	if got := r.title(); got != "Security Scan of 0123456" {
		t.Errorf("got %q", got)
	}
}

func TestJSONComesBack(t *testing.T) {
	text, err := failed().JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse([]byte(text))
	if err != nil || back.Text() != failedText {
		t.Errorf("%v\n%s", err, back.Text())
	}
	for _, wrong := range []string{"", "{", `{"schema":2}`} {
		if _, err := Parse([]byte(wrong)); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestOnlyGoodOutcomesAreGreen(t *testing.T) {
	for outcome, want := range map[Outcome]bool{
		Released: true, Resumed: true, AlreadyReleased: true, DryRunOK: true, StagePassed: true,
		RefusedInput: false, RefusedState: false, GateFail: false, GateError: false, PublishIncomplete: false, "": false,
	} {
		if outcome.Green() != want {
			t.Errorf("%q: green is %v", outcome, !want)
		}
	}
	for ending, want := range map[Ending]bool{Passed: false, Failed: true, Broken: true, Skipped: false, NotConfigured: false, DryRun: false, NotRun: false, "": true} {
		if ending.Red() != want {
			t.Errorf("%q: red is %v", ending, !want)
		}
	}
}
