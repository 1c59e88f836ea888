package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTakenBack(t *testing.T) {
	for _, c := range []struct{ name, known, target, left, taken, above string }{
		{"ran here", "1.2.0 1.4.0", "1.2.0", "1.4.0", "1.4.0", ""},
		{"in between, whether it ran here or not", "1.2.0 1.3.0 1.4.0", "1.2.0", "1.4.0", "1.3.0 1.4.0", ""},
		{"prereleases in between", "1.2.0 1.3.0-rc.1 1.3.0-rc.10 1.3.0-rc.9 1.3.0", "1.2.0", "1.3.0", "1.3.0-rc.1 1.3.0-rc.9 1.3.0-rc.10 1.3.0", ""},
		{"prerelease of the target", "1.2.0-rc.1 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"below the target", "1.0.0 1.1.9 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"above what was left", "1.2.0 1.4.0 1.5.0-rc.1 1.5.0", "1.2.0", "1.4.0", "1.4.0", "1.5.0-rc.1 1.5.0"},
		{"by number and not by letter", "1.9.0 1.10.0 1.11.0", "1.9.0", "1.11.0", "1.10.0 1.11.0", ""},
		{"patches of an older line", "1.2.0 1.2.1 1.3.0", "1.2.0", "1.3.0", "1.2.1 1.3.0", ""},
		{"known twice, unordered", "1.3.0 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"no versions", "found 1.2 latest 1.2.0 1.3.0", "1.2.0", "1.3.0", "1.3.0", ""},
		{"nothing known but the two", "", "1.2.0", "1.3.0", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			taken, above := takenBack(strings.Fields(c.known), c.target, c.left)
			if got := strings.Join(taken, " "); got != c.taken {
				t.Errorf("taken back: got %q, want %q", got, c.taken)
			}
			if got := strings.Join(above, " "); got != c.above {
				t.Errorf("above: got %q, want %q", got, c.above)
			}
		})
	}
}

const oneService = `
services:
  backend:
    image: ${REGISTRY}/backend:${VERSION}
    restart: unless-stopped
`

// deployed is a server on which these versions were brought up, one after the other; one with a ! crashes.
func deployed(t *testing.T, versions ...string) *server {
	t.Helper()
	s := standIn(t)
	for _, v := range versions {
		v, bad := strings.CutSuffix(v, "!")
		does := behaviour{healthyAfter: 10 * time.Millisecond}
		if bad {
			does = behaviour{unhealthyAfter: 10 * time.Millisecond}
		}
		s.image("backend", v, does)
		if _, err := Deploy(t.Context(), s.environment(), s.release(v, oneService)); (err != nil) != bad {
			t.Fatalf("%s: %v", v, err)
		}
	}
	return s
}

func (s *server) ledger() string { return s.sh("cat .slipway/ledger.jsonl") }

// TestRollbackWithdraws what others know of and what the server itself has refused, and completes it on the same line again.
func TestRollbackWithdraws(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.2.0", "1.3.5!", "1.4.0")
	back := s.back("")
	known := []string{"1.2.0", "1.3.0", "1.4.0", "1.5.0"}
	back.Known = func(context.Context) []string { return known }
	rolled, err := Rollback(t.Context(), s.environment(), back)
	want := []string{"1.3.0", "1.3.5", "1.4.0"}
	if err != nil || rolled.Version != "1.2.0" || !slices.Equal(rolled.Withdrawn, want) || !slices.Equal(rolled.Above, []string{"1.5.0"}) || rolled.Unchanged {
		t.Fatalf("got %+v, %v", rolled, err)
	}
	l, err := parseLedger(s.ledger())
	if err != nil || !slices.Equal(l.WithdrawnVersions(), want) {
		t.Errorf("the ledger has %v, %v", l.WithdrawnVersions(), err)
	}
	before := s.ledger()
	again, err := Rollback(t.Context(), s.environment(), back)
	if err != nil || !again.Already || !again.Unchanged || again.Left != "1.4.0" || !slices.Equal(again.Withdrawn, want) || s.ledger() != before {
		t.Errorf("the same line again: got %+v, %v", again, err)
	}
	known = append(known, "1.3.9")
	if again, err = Rollback(t.Context(), s.environment(), back); err != nil || again.Unchanged || !slices.Contains(again.Withdrawn, "1.3.9") {
		t.Errorf("one more was known of: got %+v, %v", again, err)
	}
	wantRunning(t, s, map[string]string{"backend": "backend:1.2.0"})
}

func TestRollbackOnStagingWithdrawsNothing(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.2.0", "1.4.0")
	if rolled, err := Rollback(t.Context(), s.environment(), s.back("")); err != nil || rolled.Withdrawn != nil || strings.Contains(s.ledger(), `"withdraw"`) {
		t.Errorf("got %+v, %v\n%s", rolled, err, s.ledger())
	}
}

// TestRollbackThatTheLedgerMissed: the version runs, and the failure says so.
func TestRollbackThatTheLedgerMissed(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.2.0", "1.4.0")
	back := s.back("")
	back.Known = func(context.Context) []string {
		s.sh("mv .slipway/ledger.jsonl .slipway/kept && mkdir .slipway/ledger.jsonl")
		return nil
	}
	_, err := Rollback(t.Context(), s.environment(), back)
	f := new(Failure)
	if !errors.As(err, &f) || f.State != Unrecorded || f.Runs != "1.2.0" || !strings.Contains(err.Error(), "1.2.0 runs and is healthy, but .slipway/ledger.jsonl does not say which versions are withdrawn") {
		t.Errorf("got %+v, %v", f, err)
	}
}

// bare are services of ours without a restart policy.
const bare = "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n"

// TestRollbackAgainOverWhatHasEnded: an application of ours that has ended is none that has done its work.
func TestRollbackAgainOverWhatHasEnded(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.image("backend", v, behaviour{})
		s.deploy(t, v, bare)
	}
	if _, err := Rollback(t.Context(), s.environment(), s.back("1.0.0")); err != nil {
		t.Fatal(err)
	}
	s.sh("docker stop $(docker ps --quiet)")
	_, err := Rollback(t.Context(), s.environment(), s.back("1.0.0"))
	if f := failure(t, err); f.State != Untouched || !strings.Contains(err.Error(), "1.0.0 was brought back already, and is not healthy now: backend has ended with exit code 0") {
		t.Errorf("got %s: %v", f.State, err)
	}
}

// TestTheWayBackJudgesWhatTheReleaseLacks: a service of ours that it lacks is one of ours on the way back.
func TestTheWayBackJudgesWhatTheReleaseLacks(t *testing.T) {
	t.Parallel()
	s := standIn(t)
	worker := s.image("worker", "1.0.0", behaviour{})
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.image("backend", v, behaviour{})
	}
	s.deploy(t, "1.0.0", bare+"  worker:\n    image: ${REGISTRY}/worker:${VERSION}\n")
	s.set(func() {
		worker.does = behaviour{endsAfter: time.Millisecond}
		s.container("app-worker-1").does = worker.does
	})
	s.onNth(2, "compose up", fail(1, "no space left"))
	_, err := Deploy(t.Context(), s.environment(), s.release("1.1.0", bare))
	if f := failure(t, err); f.State != NotRestored || !strings.Contains(err.Error(), "worker has ended with exit code 0") {
		t.Errorf("got %s: %v", f.State, err)
	}
}
