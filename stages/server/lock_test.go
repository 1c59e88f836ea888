package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

// TestLockedError: a holder that has not said yet who it is has no age either.
func TestLockedError(t *testing.T) {
	const nameless = "the server is locked by a deployment that has not said what it is"
	if got := new(LockedError).Error(); got != nameless {
		t.Errorf("got %q, want %q", got, nameless)
	}
	since := time.Now().Add(-90 * time.Second)
	got := (&LockedError{Holder{Who: "ann", What: "deploy of 1.2.3", Since: since}}).Error()
	if want := "the server is locked by deploy of 1.2.3 by ann, since " + since.UTC().Format("2006-01-02 15:04:05 UTC") + " (for 1m30s now)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
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

// TestTheConnectionGoesWithTheLock: one that the server has let go is not ours any more, though the connection may still work.
func TestTheConnectionGoesWithTheLock(t *testing.T) {
	s, env := near(t)
	c := connect(t, env.Target, env.Login)
	held, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"})
	if err != nil {
		t.Fatal(err)
	}
	s.starve()
	endsIn(t, 3*time.Second, "the connection", func() { <-c.gone })
	if _, err := c.run(t.Context(), command{args: []string{"true"}}); !errors.Is(err, errLost) {
		t.Errorf("without the lock: got %v", err)
	}
	endsIn(t, time.Second, "giving it back", held.release)
	eventually(t, "nobody keeps the lock any more", func() bool {
		all := make([]byte, 1<<20)
		return !strings.Contains(string(all[:runtime.Stack(all, true)]), "server.(*hold).")
	})
}

func TestTheConnectionOutlivesALockThatIsGivenBack(t *testing.T) {
	_, env := near(t)
	c := connect(t, env.Target, env.Login)
	for range 2 {
		held, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"})
		if err != nil {
			t.Fatal(err)
		}
		held.release()
		if _, err := c.run(t.Context(), command{args: []string{"true"}}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// TestNothingBeginsWithoutTheLock: a machine that wakes up hears of its lock's end in the moment in which it goes on.
func TestNothingBeginsWithoutTheLock(t *testing.T) {
	s, env := near(t)
	wire := over(t, &env)
	for range 10 {
		c := connect(t, env.Target, env.Login)
		if _, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"}); err != nil {
			t.Fatal(err)
		}
		wire.asleep.Lock()
		s.starve()
		ended := make(chan error, 1)
		go func() {
			_, err := c.run(t.Context(), command{args: []string{"touch", "begun"}})
			ended <- err
		}()
		time.Sleep(5 * time.Millisecond) // it asks while the network sleeps
		wire.asleep.Unlock()
		err := <-ended
		if _, none := os.Stat(filepath.Join(env.Target.Dir, "begun")); none == nil || !errors.Is(err, errLost) {
			t.Fatalf("a program has begun on the server after the lock had ended: %v", err)
		}
		endsIn(t, 3*time.Second, "the connection", func() { <-c.gone })
	}
}

// TestNothingHasItsTurnWithoutTheLock: what a run has left in the queue does nothing once the lock is another's.
func TestNothingHasItsTurnWithoutTheLock(t *testing.T) {
	s, env := near(t)
	slept, other := connect(t, env.Target, env.Login), connect(t, env.Target, env.Login)
	if _, err := slept.lock(t.Context(), Holder{Who: "it's \"ann\"", Run: "1"}); err != nil {
		t.Fatal(err)
	}
	change := func(c *Conn, args ...string) error {
		_, err := c.run(t.Context(), command{args: busy(args...)})
		return err
	}
	if err := change(slept, "touch", "ours"); err != nil {
		t.Errorf("under the lock: %v", err)
	}
	atWork, waits := make(chan error, 1), make(chan error, 1)
	go func() { atWork <- change(other, "sh", "-c", "touch begun; while test ! -e free; do sleep 0.01; done") }()
	at := func(name string) bool { _, err := os.Stat(filepath.Join(env.Target.Dir, name)); return err == nil }
	eventually(t, "something is at work", func() bool { return at("begun") })
	go func() { waits <- change(slept, "touch", "late") }()
	eventually(t, "a command waits for its turn", func() bool { return s.signal(0) == 3 })
	s.starve()
	if err := <-waits; !errors.Is(err, errLost) {
		t.Errorf("what waited: %v", err)
	}
	held, err := other.lock(t.Context(), Holder{Who: "it's \"ann\"", Run: "1"}) // the same run, which has come back
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	if err := os.WriteFile(filepath.Join(env.Target.Dir, "free"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-atWork; err != nil {
		t.Error(err)
	}
	eventually(t, "the one that waited has had its turn", func() bool { return s.signal(0) == 1 })
	if err := change(other, "touch", "theirs"); err != nil || at("late") || !at("theirs") || !at("ours") {
		t.Errorf("%v; what came too late was done: %t", err, at("late"))
	}
	if err := os.WriteFile(filepath.Join(env.Target.Dir, lockFile), []byte("another's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := change(other, "touch", "late"); !errors.Is(err, errLost) || message(err) != "the connection to the server was lost before touch late ran" || at("late") {
		t.Errorf("got %v", err)
	}
}

// TestSleeper: a laptop sleeps for longer than the server waits for its dots, and its connection outlives that.
func TestSleeper(t *testing.T) {
	ours, theirs := map[string]string{"proxy": "nginx:1", "db": "postgres:17"}, map[string]string{"proxy": "nginx:1", "db": "postgres:17"}
	ours["web"], ours["worker"] = "web:1.0.0 web:1.0.0", "worker:1.0.0"
	theirs["web"], theirs["worker"] = "web:1.3.0 web:1.3.0", "worker:1.3.0"
	for _, c := range []struct {
		name  string
		nth   int // of the commands in containers, during which it sleeps
		other bool
		state State
		found string // with … for the time
		runs  map[string]string
	}{
		{"another run has the server, the old containers still run", 1, true, NotRestored, "1.3.0 was deployed by ann at … meanwhile; nothing was put back", theirs},
		{"another run has the server, the old containers are gone", 4, true, NotRestored, "1.3.0 was deployed by ann at … meanwhile; nothing was put back", theirs},
		{"nobody has it", 4, false, Restored, "1.0.0 runs again and is healthy", ours},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := frontShop(t, front, good)
			s.image("web", "1.3.0", good)
			s.image("worker", "1.3.0", good)
			env, direct := s.environment(), s.environment()
			wire := over(t, &env)
			s.onNth(c.nth, "docker exec", then(func() {
				wire.asleep.Lock()
				defer wire.asleep.Unlock()
				s.sshd.starve()
				if !c.other {
					return
				}
				if _, err := Deploy(t.Context(), direct, s.release("1.3.0", front)); err != nil {
					t.Errorf("the other run: %v", err)
				}
			}))
			_, err := Deploy(t.Context(), env, s.release("1.1.0", front))
			f := failure(t, err)
			before, after, _ := strings.Cut(c.found, "…")
			if f.State != c.state || !errors.Is(err, errLost) || !strings.HasPrefix(f.Found, before) || !strings.HasSuffix(f.Found, after) {
				t.Errorf("got %s: %v, want %s", f.State, err, c.found)
			}
			wantRunning(t, s, c.runs)
			if ledger := s.sh("cat " + ledgerFile); strings.Contains(ledger, `"version":"1.1.0"`) == c.other {
				t.Errorf("the ledger says:\n%s", ledger)
			}
			s.sh("flock --nonblock " + lockFile + " true")
			nothingLeft(t, s.sshd)
		})
	}
}

// TestWriteDownWithoutTheLock: what was found healthy is said to run only if nobody else has had the server since.
func TestWriteDownWithoutTheLock(t *testing.T) {
	other := Entry{Kind: Deployed, Ending: Healthy, Version: "1.3.0", By: "ann", Time: now}
	for _, c := range []struct {
		name      string
		meanwhile func(own Entry) []Entry
		want      string // what is found, if it is not written down
		ledger    []string
	}{
		{"nobody", func(Entry) []Entry { return nil }, "", []string{"1.2.2", "1.2.3"}},
		{"only the answer was lost", func(own Entry) []Entry { return []Entry{own} }, "", []string{"1.2.2", "1.2.3"}},
		{"another run", func(Entry) []Entry { return []Entry{other} }, "1.3.0 was deployed by ann at 2026-01-02 03:04:05 UTC meanwhile; nothing was put back", []string{"1.2.2", "1.3.0"}},
		{"another run, after the answer was lost", func(own Entry) []Entry { return []Entry{own, other} }, "1.3.0 was deployed by ann at 2026-01-02 03:04:05 UTC meanwhile; nothing was put back", []string{"1.2.2", "1.2.3", "1.3.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, env := near(t)
			d := begun(t, env)
			d.entry.Ending, d.entry.Time = Healthy, now.Add(time.Minute)
			for _, e := range c.meanwhile(d.entry) {
				if err := d.conn.record(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			s.starve()
			err := d.writeDown(t.Context())
			if f := new(Failure); (err == nil) != (c.want == "") || errors.As(err, &f) && (f.Found != c.want || f.State != NotRestored || f.Runs != "") {
				t.Errorf("got %s, want %q", message(err), c.want)
			}
			ledger, err := connect(t, env.Target, env.Login).readLedger(t.Context())
			var got []string
			for _, e := range ledger {
				got = append(got, e.Version)
			}
			if err != nil || !slices.Equal(got, c.ledger) {
				t.Errorf("the ledger has %v, %v, want %v", got, err, c.ledger)
			}
		})
	}
}

// nothingLeft insists on a machine whose memory is as it was.
func nothingLeft(t *testing.T, s *sshd) {
	t.Helper()
	if left, err := os.ReadDir(s.memory); err != nil || len(left) > 0 {
		t.Errorf("in the server's memory there are %v, %v", left, err)
	}
}

// TestCredentialsGoWithTheLock: nobody would take away what is written beside a lock that has ended.
func TestCredentialsGoWithTheLock(t *testing.T) {
	t.Run("it ends while an image is pulled", func(t *testing.T) {
		s, release := privateShop(t, false)
		release.Registry = Registry{Host: "registry.example.com", User: "ann", Token: "pull-token"}
		s.on("docker pull", then(s.sshd.starve))
		_, err := Deploy(t.Context(), s.environment(), release)
		if f := failure(t, err); f.State != Untouched {
			t.Errorf("got %s: %v", f.State, err)
		}
		nothingLeft(t, s.sshd)
	})
	t.Run("its folder is gone", func(t *testing.T) {
		s, env := near(t)
		d := begun(t, env)
		if err := os.RemoveAll(d.hold.temp); err != nil {
			t.Fatal(err)
		}
		if _, err := d.credentials(t.Context()); !strings.HasPrefix(message(err), d.hold.temp+"/config.json on the server cannot be written: ") {
			t.Errorf("got %v", err)
		}
		nothingLeft(t, s)
	})
}
