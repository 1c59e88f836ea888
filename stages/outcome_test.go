package stages

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
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

// TestLostLockAndWhatIsLeft: the release lock may go in the middle of a deployment. What that has left on the server is shown
// in full, and the loss before it.
func TestLostLockAndWhatIsLeft(t *testing.T) {
	lost := fmt.Errorf("%w: it could not be renewed, so another run may have taken it over: the git remote is away", gitremote.ErrLost)
	sick := errors.New("not healthy: backend is unhealthy")
	of := func(f server.Failure) error {
		return serverFailure(&f, report.DeployRestored, report.DeployNotRestored)
	}
	const again = "\nnext: run the same line again: it continues from what is there"
	const runs, fails = "; 1.0.0 runs again and is healthy", "; putting 1.0.0 back failed as well: no space left on device"
	stuck := server.Failure{State: server.NotRestored, Found: fails[2:], Logs: "backend:\nno space", Next: "look at the server (docker compose ps in /opt/app), then run rollback or deploy"}
	const look = "\nthe end of its output:\nbackend:\nno space\nnext: look at the server (docker compose ps in /opt/app), then run rollback or deploy"
	because := func(f server.Failure, err error) server.Failure { f.Err = err; return f }
	restored := server.Failure{State: server.Restored, Found: runs[2:]}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no server is concerned":              {lost, lost.Error() + again + "\nOutcome: locked"},
		"before anything was changed":         {of(server.Failure{Err: lost, State: server.Untouched, Found: "nothing was changed on the server"}), lost.Error() + "; nothing was changed on the server" + again + "\nOutcome: locked"},
		"it is put back for it":               {of(because(restored, lost)), lost.Error() + runs + again + "\nOutcome: deploy-restored"},
		"it is not put back":                  {of(because(stuck, lost)), lost.Error() + fails + look + "\nOutcome: deploy-not-restored"},
		"it goes while something is put back": {fmt.Errorf("%w; %w", lost, of(because(restored, sick))), lost.Error() + "; " + sick.Error() + runs + again + "\nOutcome: deploy-restored"},
		"it goes, and nothing is put back":    {fmt.Errorf("%w; %w", lost, of(because(stuck, sick))), lost.Error() + "; " + sick.Error() + fails + look + "\nOutcome: deploy-not-restored"},
		"it goes while an image is looked at": {fmt.Errorf("%w; %w", lost, &failure{err: sick, ending: report.Broken}), lost.Error() + "; " + sick.Error() + again + "\nOutcome: locked"},
		"it is kept":                          {of(because(restored, sick)), sick.Error() + runs + "\nOutcome: deploy-restored"},
		"it is kept, nothing was changed":     {of(server.Failure{Err: sick, State: server.Untouched}), sick.Error() + "\nOutcome: refused-state"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := plain(c.err); got.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", got, c.want)
			}
		})
	}
}
