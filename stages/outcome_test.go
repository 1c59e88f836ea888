package stages

import (
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
)

// TestEmptiedCache: a tree that was packed and is gone is no fault of the repository.
func TestEmptiedCache(t *testing.T) {
	unpacking := &dagger.ExecError{Cmd: []string{"tar", "-xf", archiveOf("abc")}, ExitCode: 1, Stderr: "tar: can't open '/archives/abc.tar': No such file or directory"}
	if f := explain(fmt.Errorf("image backend: %w", unpacking)); !strings.HasPrefix(f.Error(), "the engine has emptied its cache") || f.next == "" {
		t.Errorf("got %q, next %q", f.Error(), f.next)
	}
	scanning := &dagger.ExecError{Cmd: sealed, ExitCode: 1, Stderr: "FATAL\tFatal error\trun error: init error: DB error: database error: --skip-db-update cannot be specified on the first run"}
	if f := explain(fmt.Errorf("dependencies: %w", scanning)); !strings.HasPrefix(f.Error(), "the engine has emptied its cache") || f.next == "" {
		t.Errorf("without its database: %q, next %q", f.Error(), f.next)
	}
	unpacking.Stderr = "tar: write error: No space left on device"
	if f := explain(fmt.Errorf("image backend: %w", unpacking)); !strings.Contains(f.Error(), "tar -xf ended with exit code 1") || f.next != "" {
		t.Errorf("a full disk is called %q, next %q", f.Error(), f.next)
	}
}

func TestCommandIsNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"git log":     {"git", "-c", "safe.directory=*", "log", "-z"},
		"pytest -q":   {"pytest", "-q", "tests"},
		"npm ci":      {"timeout", "600", "npm", "ci", "--no-audit"},
		"the step":    {"sh", "-c", "true"},
		"the command": nil,
	} {
		if got := command(args); got != want {
			t.Errorf("%q is called %q, want %q", args, got, want)
		}
	}
}
