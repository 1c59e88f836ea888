package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// near is an SSH server of this process, and the way to a folder behind it.
func near(t testing.TB) (*sshd, Environment) {
	t.Helper()
	s := startSSHD(t, append(os.Environ(), "HOME="+t.TempDir()))
	target := Target{User: "deploy", Host: "127.0.0.1", Port: s.listener.Addr().(*net.TCPAddr).Port, Dir: t.TempDir()}
	login := Login{Keys: privatePEM(t, "ed25519"), KnownHosts: knownLine(t, target.Address(), "ed25519-2")}
	return s, Environment{Name: "staging", Target: target, Login: login, Step: quietly}
}

func quietly(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

func TestOnlyTheRunsOwnLockIsWaitedFor(t *testing.T) {
	t.Parallel()
	_, env := near(t)
	other, mine := connect(t, env.Target, env.Login), connect(t, env.Target, env.Login)
	held, err := other.lock(t.Context(), Holder{Who: "Slipway", What: "deploy of 1.3.0", Run: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := mine.lockPatiently(ctx, Holder{Who: "Slipway", What: "deploy of 1.2.3", Run: "mine"}); !errors.As(err, new(*LockedError)) || ctx.Err() != nil {
		t.Errorf("got %v, %v: the lock of another run by the same committer was taken for our own", err, ctx.Err())
	}
	time.AfterFunc(300*time.Millisecond, held.release)
	again, err := mine.lockPatiently(t.Context(), Holder{Who: "Slipway", What: "deploy of 1.3.0", Run: "theirs"})
	if err != nil {
		t.Fatalf("after a reconnect of the same run: %v", err)
	}
	again.release()
}

// begun is a deployment of 1.2.3 by Slipway over 1.2.2, which has its lock and has read the ledger.
func begun(t *testing.T, env Environment) *deployment {
	t.Helper()
	d := newDeployment(env, connect(t, env.Target, env.Login), Release{Version: "1.2.3", By: "Slipway"}, Deployed)
	var err error
	if d.hold, err = d.conn.lock(t.Context(), d.holder()); err != nil {
		t.Fatal(err)
	}
	d.before = Entry{Version: "1.2.2", Kind: Deployed, Ending: Healthy, By: "Slipway", Time: now}
	if err := d.conn.record(t.Context(), d.before); err != nil {
		t.Fatal(err)
	}
	if d.ledger, err = d.conn.readLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.next, d.previous = &project{}, &project{}
	t.Cleanup(d.end)
	return d
}

func TestPutBackStopsWhereSomebodyElseHasDeployed(t *testing.T) {
	for _, c := range []struct {
		name string
		by   Entry
		want string
	}{
		{"a deployment", Entry{Kind: Deployed, Ending: Healthy, Version: "1.3.0", By: "ann", Time: now}, "1.3.0 was deployed by ann at 2026-01-02 03:04:05 UTC meanwhile; nothing was put back"},
		{"one that failed", Entry{Kind: Deployed, Ending: Failed, Version: "1.3.0", By: "Slipway", Time: now}, "deploying 1.3.0 was tried by Slipway at 2026-01-02 03:04:05 UTC meanwhile; nothing was put back"},
		{"a rollback", Entry{Kind: RolledBack, Ending: Healthy, Version: "1.2.1", By: "ann", Time: now}, "1.2.1 was rolled back to by ann at 2026-01-02 03:04:05 UTC meanwhile; nothing was put back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, env := near(t)
			d := begun(t, env)
			line, err := json.Marshal(c.by)
			if err != nil {
				t.Fatal(err)
			}
			ledger := filepath.Join(env.Target.Dir, ledgerFile)
			if err := os.WriteFile(ledger, []byte(readFile(t, ledger)+string(line)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.cut()
			err = d.failed(t.Context(), d.putBack(t.Context(), errLost), nil)
			f := new(Failure)
			if !errors.As(err, &f) || f.State != NotRestored || f.Found != c.want || !strings.Contains(f.Next, "status") {
				t.Errorf("got %#v, want %s", f, c.want)
			}
			if after := readFile(t, ledger); strings.Count(after, "\n") != 2 {
				t.Errorf("the ledger was written to: %s", after)
			}
		})
	}
}

func TestPutBackStopsWhereSomebodyElseIsAtWork(t *testing.T) {
	s, env := near(t)
	d := begun(t, env)
	s.cut()
	eventually(t, "the lock of the lost connection is free", func() bool {
		held, err := connect(t, env.Target, env.Login).lock(t.Context(), Holder{Who: "Slipway", What: "deploy of 1.3.0", Run: "theirs", Since: now})
		if err == nil {
			t.Cleanup(held.release)
		}
		return err == nil
	})
	err := d.failed(t.Context(), d.putBack(t.Context(), errLost), nil)
	f := new(Failure)
	if want := "another run has locked the server meanwhile (deploy of 1.3.0 by Slipway, since 2026-01-02 03:04:05 UTC); nothing was put back"; !errors.As(err, &f) || f.State != NotRestored || f.Found != want {
		t.Errorf("got %#v, want %s", f, want)
	}
	if after := readFile(t, filepath.Join(env.Target.Dir, ledgerFile)); strings.Count(after, "\n") != 1 {
		t.Errorf("the ledger was written to without the lock: %s", after)
	}
}
