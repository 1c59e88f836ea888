package stages

import (
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
)

// TestLostSource: what a stage is told of a source that was there is not what a folder without git is told.
func TestLostSource(t *testing.T) {
	err := fmt.Errorf("image backend: %w", &dagger.ExecError{Cmd: []string{"sh", "-c", readScript, "sh", "2"}, ExitCode: 4})
	f := explain(err)
	if !strings.HasPrefix(f.Error(), "the engine has lost the source") || f.ending != report.Broken || f.next == "" {
		t.Errorf("got %q, %s, %q", f.Error(), f.ending, f.next)
	}
	full := fmt.Errorf("image backend: %w", &dagger.ExecError{Cmd: []string{"sh", "-c", readScript, "sh", "2"}, ExitCode: 1, Stderr: "No space left on device"})
	if f := explain(full); lostSource(full) || !strings.Contains(f.output, "No space left") || f.next != "" {
		t.Errorf("a full disk is called %q with the advice %q", f.Error(), f.next)
	}
	if lostSource(fmt.Errorf("pytest: %w", &dagger.ExecError{Cmd: []string{"sh", "-c", pytestCommand}, ExitCode: 4})) {
		t.Error("a test that fails is taken for a lost source")
	}
}
