package stages

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

// TestTogether: what fails stops nobody else, and everything that was wrong is told (O1).
func TestTogether(t *testing.T) {
	failed := make(chan struct{})
	made, err := together(
		func() (string, error) { defer close(failed); return "half", errors.New("the first one crashed") },
		func() (string, error) { <-failed; return "whole", nil },
		func() (string, error) { <-failed; return "half", errors.New("the third one, too") },
	)
	if !slices.Equal(made, []string{"", "whole", ""}) {
		t.Errorf("made %q", made)
	}
	if text := plain(err).Error(); !strings.Contains(text, "the first one crashed") || !strings.Contains(text, "the third one, too") {
		t.Errorf("got %q", text)
	}
}

// TestScanThatCrashed: what the other scans have found is told with it.
func TestScanThatCrashed(t *testing.T) {
	text, err := os.ReadFile("gate/testdata/trivy/image-secret.json")
	if err != nil {
		t.Fatal(err)
	}
	finished := gate.Scan{Target: "leaky image", Artifact: "secret.tar", Type: "container_image", Report: text, ExitCode: gate.ExitFindings}
	c, err := Settings{Severity: "HIGH"}.read()
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{config: c}
	crash := errors.New("the scan of the repository did not finish")
	o := outcomeOf(r.judgeScans(scanner{}, []gate.Scan{finished}, crash))
	if o.Ending != report.Broken || o.Reason != crash.Error() {
		t.Errorf("got %s: %s", o.Ending, o.Reason)
	}
	if !slices.ContainsFunc(o.Findings, func(f gate.Finding) bool { return f.Gates }) {
		t.Errorf("the findings of the other scan are dropped: %+v", o.Findings)
	}
	if o = outcomeOf(r.judgeScans(scanner{}, nil, crash)); o.Ending != report.Broken || o.Reason != crash.Error() {
		t.Errorf("without another: %s: %s", o.Ending, o.Reason)
	}
	if o = outcomeOf(r.judgeScans(scanner{}, []gate.Scan{finished}, nil)); o.Ending != report.Failed || len(o.Figures) == 0 {
		t.Errorf("all of them: %s with %q", o.Ending, o.Figures)
	}
}
