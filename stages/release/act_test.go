package release

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/retry"
)

// server is a staging server that somebody deploys to between two looks.
type server struct{ runs []string }

func (s *server) Look(context.Context) (Running, error) {
	now := s.runs[0]
	s.runs = s.runs[1:]
	return Running{Version: now}, nil
}

func (s *server) Deploy(context.Context, Rollout) (bool, error) {
	s.runs = append(s.runs, "deployed")
	return false, nil
}

// TestStagingIsNeverBroughtDown: what runs there when the plan was made may be hours old, and a deployment takes no lock.
func TestStagingIsNeverBroughtDown(t *testing.T) {
	q := Request{Version: parse(t, "1.2.3"), Commit: "c0ffee", Images: []string{"backend"}}
	for meanwhile, deploys := range map[string]bool{"1.2.2": true, "1.2.3": true, "1.2.4": false, "1.2.3-rc.1": true, "": true} {
		s := &server{runs: []string{"1.2.2", meanwhile}}
		w := World{Clock: retry.Real, Staging: s, Together: Parallel}
		a, err := Begin(t.Context(), w, q, nil, holder, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		a.Plan.Effects = []Effect{rollout{}}
		if err := a.Do(t.Context(), PhaseStaging); err != nil {
			t.Fatal(err)
		}
		if deployed := len(s.runs) > 0; deployed != deploys || a.Record.Wrote() != deploys {
			t.Errorf("staging runs %q meanwhile: deployed %t, %+v", meanwhile, deployed, a.Record.Deeds)
		}
	}
}

// leased is a git server that insists on what a ref is expected to point to.
type leased struct{ *refServer }

func (s leased) Note(ctx context.Context, text string, refs map[string]string) (string, error) {
	for ref, from := range refs {
		if s.refs[ref] != from {
			return "", &gitremote.Error{What: "stale info"}
		}
	}
	return s.refServer.Note(ctx, text, refs)
}

// during is a staging server to which something happens while it is deployed to.
type during func(ctx context.Context) error

func (d during) Look(context.Context) (Running, error) { return Running{Version: "1.0.0"}, nil }

func (d during) Deploy(ctx context.Context, _ Rollout) (bool, error) { return false, d(ctx) }

// left is what a deployment says of what it has left.
type left string

func (l left) Error() string { return string(l) }

// TestLostLockHidesNoServer: a deployment that ends with the lock says what it has left, and that is told beside the loss.
func TestLostLockHidesNoServer(t *testing.T) {
	const lost = "the release lock is lost: another run has taken it over, the release of 1.2.4 (commit c0ffee) by Ada, since 0001-01-01 00:00:00 UTC"
	const back = "not healthy: backend is unhealthy; putting 1.0.0 back failed as well"
	for name, c := range map[string]struct {
		loses bool
		ends  during
		want  string
	}{
		"it fails, and the lock is kept": {false, func(context.Context) error { return left(back) }, back},
		"it fails, and the lock is lost": {true, func(context.Context) error { return left(back) }, lost + "; " + back},
		"it fails because the lock is": {true, func(ctx context.Context) error {
			return fmt.Errorf("%w; %w", context.Cause(ctx), left("1.0.0 runs again"))
		}, lost + "; 1.0.0 runs again"},
		"it ends well before it finds out": {true, func(context.Context) error { return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			git := leased{&refServer{refs: map[string]string{}, notes: map[string]string{}}}
			lock, err := gitremote.Acquire(t.Context(), git, retry.Real, holder, 0)
			if err != nil {
				t.Fatal(err)
			}
			staging := during(func(ctx context.Context) error {
				if c.loses {
					other := gitremote.Holder{Run: "2", Who: "Ada", Version: "1.2.4", Commit: "c0ffee"}.Text()
					git.refs[gitremote.LockRef], git.notes[gitremote.LockRef] = other, other
					_ = lock.Beat(ctx)
				}
				return c.ends(ctx)
			})
			a := &Act{world: World{Clock: retry.Real, Git: git, Staging: staging}, git: git, lock: lock, begun: "it has"}
			a.Plan.Version, a.Plan.Effects = parse(t, "1.2.3"), []Effect{rollout{}}
			err = a.Do(t.Context(), PhaseStaging)
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			var says left
			if err != nil && (errors.Is(err, gitremote.ErrLost) != c.loses || !errors.As(err, &says)) {
				t.Errorf("%v is not what it says", err)
			}
			if a.Record.Wrote() != (c.want == "") {
				t.Errorf("written down: %+v", a.Record.Deeds)
			}
		})
	}
}
