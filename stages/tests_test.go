package stages

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

func TestBothOf(t *testing.T) {
	green := func(figure string) Outcome { return passed(figure) }
	red := func(reason string) Outcome {
		return Outcome{Ending: report.Failed, Reason: reason, Output: reason + " output", Figures: []string{"1 failed"}}
	}
	for _, c := range []struct {
		name           string
		required, slow Outcome
		ending         report.Ending
		reason         string
	}{
		{"both green", green("3 passed"), green("no slow tests"), report.Passed, ""},
		{"slow red", green("3 passed"), red("a"), report.Failed, "slow tests: a"},
		{"required red", red("a"), green("1 passed slow"), report.Failed, "a"},
		{"both red", red("a"), red("b"), report.Failed, "a; slow tests: b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := bothOf(c.required, c.slow)
			if got.Ending != c.ending || got.Reason != c.reason || !slices.Equal(got.Figures, slices.Concat(c.required.Figures, c.slow.Figures)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestRunScript: the command's reports come back as they are, whatever is in them, with its exit code.
func TestRunScript(t *testing.T) {
	for _, program := range []string{"sh", "base64"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	out := t.TempDir()
	script := strings.ReplaceAll(runScript, "/reports", out)
	command := `printf '<a>\377</a>' > "$0/junit.xml"; : > "$0/coverage.xml"; mkdir "$0/jest.json"; exit 3`
	err := exec.Command("sh", "-c", script, "sh", "sh", "-c", command, out).Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit code 3", err)
	}
	text, err := os.ReadFile(filepath.Join(out, summary))
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(text) {
		t.Errorf("the engine would change what is read: %q", text)
	}
	files, err := parseReports(string(text))
	if err != nil || len(files) != 3 || len(files["started"]) != 10 || string(files["junit.xml"]) != "<a>\xff</a>" || files["coverage.xml"] == nil {
		t.Errorf("found %q, %v", files, err)
	}
}

// TestParseReports: reports that were cut off are none.
func TestParseReports(t *testing.T) {
	const whole = "started 10\n1700000000\njunit.xml 13\n<testsuites/>\n"
	for _, cut := range []int{1, len("started 10\n17"), len(whole) - len("\n")} {
		if files, err := parseReports(base64.StdEncoding.EncodeToString([]byte(whole[:cut]))); err == nil {
			t.Errorf("cut off after %q: %q", whole[:cut], files)
		}
	}
}

// TestSlowRuns: a slow run whose command failed is never green because nothing passed.
func TestSlowRuns(t *testing.T) {
	const skippedOnly = `<testsuite tests="1" skipped="1"><testcase name="a"><skipped/></testcase></testsuite>`
	for name, c := range map[string]struct {
		code   int
		junit  string
		ending report.Ending
	}{
		"pytest collected nothing":                  {5, `<testsuites><testsuite name="pytest" tests="0"/></testsuites>`, report.Passed},
		"vitest found no file":                      {0, "", report.Passed},
		"one that skips itself":                     {0, skippedOnly, report.Passed},
		"one that skips itself, and an error apart": {1, skippedOnly, report.Failed},
		"pytest broke off":                          {3, "", report.Broken},
		"one that passed, and an error apart":       {1, `<testsuite tests="1"><testcase name="a"/></testsuite>`, report.Broken},
	} {
		ran := testRun{code: c.code, files: map[string][]byte{"junit.xml": []byte(c.junit)}}
		if got := ran.slow("frontend"); got.Ending != c.ending {
			t.Errorf("%s: %s (%s), want %s", name, got.Ending, got.Reason, c.ending)
		}
	}
}

// TestOwnCommands: a command of the repository's own that reports nothing is judged by its exit code, and said to be.
func TestOwnCommands(t *testing.T) {
	for code, want := range map[int]gate.Verdict{0: gate.Pass, 1: gate.Fail} {
		got := testRun{code: code, files: map[string][]byte{}}.tests(true)
		if got.Verdict != want || strings.Join(got.Figures, "") != "tests not counted" {
			t.Errorf("exit code %d: %s %q", code, got.Verdict, got.Figures)
		}
	}
	if got := (testRun{files: map[string][]byte{}}).tests(false); got.Verdict != gate.Error {
		t.Errorf("ours without a report: %s", got.Verdict)
	}
}
