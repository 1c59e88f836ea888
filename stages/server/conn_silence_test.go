package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sync/errgroup"
)

// wire is a network between us and a server, which can fall silent without an end of the connection.
type wire struct {
	listener net.Listener
	silent   atomic.Bool
	asleep   sync.RWMutex // while it is locked, what is sent is only late
}

// over is the way to a server through a wire.
func over(t testing.TB, env *Environment) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	w, to := &wire{listener: listener}, env.Target.Address()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			t.Cleanup(func() { near.Close(); far.Close() })
			go w.carry(near, far)
			go w.carry(far, near)
		}
	}()
	env.Target.Port = listener.Addr().(*net.TCPAddr).Port
	env.Login.KnownHosts += knownLine(t, env.Target.Address(), "ed25519-2")
	return w
}

func (w *wire) carry(to, from net.Conn) {
	part := make([]byte, 1<<15)
	for {
		n, err := from.Read(part)
		if err != nil {
			to.Close()
			return
		}
		if !w.silent.Load() {
			w.asleep.RLock()
			_, _ = to.Write(part[:n])
			w.asleep.RUnlock()
		}
	}
}

// endsIn insists on an end, however it comes.
func endsIn(t testing.TB, limit time.Duration, what string, work func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s has not ended after %s", what, limit)
	}
}

// impatient makes every program have to answer soon, also those of tests that would run beside.
func impatient(t testing.TB) {
	command, agent := commandTime, agentTime
	commandTime, agentTime = 200*time.Millisecond, 200*time.Millisecond
	t.Cleanup(func() { commandTime, agentTime = command, agent })
}

func TestEveryProgramHasItsTime(t *testing.T) {
	impatient(t)
	_, env := near(t)
	c := connect(t, env.Target, env.Login)
	for _, test := range []struct {
		name string
		cmd  command
		want string
	}{
		{"default", command{args: []string{"sleep", "5"}}, "sleep 5 on 127.0.0.1 has not answered for 200ms: see what hangs there (top, df, dmesg)"},
		{"its own", command{args: []string{"sleep", "5"}, time: 50 * time.Millisecond}, "sleep 5 on 127.0.0.1 has not answered for 50ms: see what hangs there (top, df, dmesg)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			endsIn(t, 3*time.Second, "sleep", func() {
				if _, err := c.run(t.Context(), test.cmd); message(err) != test.want {
					t.Errorf("got %v, want %s", err, test.want)
				}
			})
		})
	}
	t.Run("the caller's ends before", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.run(ctx, command{args: []string{"sleep", "5"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a longer one", func(t *testing.T) {
		if got, err := c.run(t.Context(), command{args: []string{"sh", "-c", "sleep 0.5; echo done"}, time: 5 * time.Second}); err != nil || got != "done\n" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// stuckDocker is a server whose docker command waits for a daemon that does not answer.
func stuckDocker(t *testing.T) Environment {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\nexec sleep 30\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, env := near(t)
	return env
}

func TestStatusWithAStoppedDockerd(t *testing.T) {
	impatient(t)
	env := stuckDocker(t)
	endsIn(t, 5*time.Second, "status", func() {
		_, err := Read(t.Context(), env)
		if want := "docker info on 127.0.0.1 has not answered for 200ms: see there whether Docker works (systemctl status docker)"; message(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestASilentNetwork(t *testing.T) {
	impatient(t)
	_, env := near(t)
	wire := over(t, &env)
	c := connect(t, env.Target, env.Login)
	held, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"})
	if err != nil {
		t.Fatal(err)
	}
	wire.silent.Store(true)
	for name, work := range map[string]func(*testing.T){
		"a program": func(t *testing.T) {
			if _, err := c.run(t.Context(), command{args: []string{"true"}}); !strings.Contains(message(err), "true on 127.0.0.1 has not answered for 200ms") {
				t.Errorf("got %v", err)
			}
		},
		"the lock": func(t *testing.T) {
			if _, err := c.lock(t.Context(), Holder{Who: "ann", Run: "2"}); !strings.Contains(message(err), "flock on 127.0.0.1 has not answered for 200ms") {
				t.Errorf("got %v", err)
			}
		},
		"giving the lock free": func(*testing.T) { held.release() },
	} {
		t.Run(name, func(t *testing.T) { endsIn(t, 5*time.Second, name, func() { work(t) }) })
	}
	t.Run("the connection", func(t *testing.T) {
		endsIn(t, 5*time.Second, "the connection", func() {
			go c.keepAlive(20 * time.Millisecond)
			<-c.gone
			if _, err := c.run(t.Context(), command{args: []string{"true"}}); !errors.Is(err, errLost) {
				t.Errorf("got %v", err)
			}
		})
	})
}

func TestAnAgentThatSaysNothing(t *testing.T) {
	impatient(t)
	_, env := near(t)
	near, far := net.Pipe()
	defer far.Close()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	env.Login.Keys, env.Login.Agent = "", func(context.Context) (net.Conn, error) { return near, nil }
	endsIn(t, 5*time.Second, "the connection", func() {
		if _, err := Connect(t.Context(), env.Target, env.Login); !strings.Contains(message(err), "timeout") {
			t.Errorf("got %v", err)
		}
	})
}

// TestConnectByAnAgent: the agent is reached by the time of whoever connects, which for what is put back is not the stage's, and
// it is left when the login is over.
func TestConnectByAnAgent(t *testing.T) {
	t.Parallel()
	_, env := near(t)
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: keys()["ed25519"]}); err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{}, 1)
	env.Login.Keys, env.Login.Agent = "", func(ctx context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go func() { _ = agent.ServeAgent(ring, far); left <- struct{}{} }()
		return near, ctx.Err()
	}
	stage, end := context.WithCancel(t.Context())
	end()
	if _, err := Connect(stage, env.Target, env.Login); !strings.Contains(message(err), "the SSH agent does not answer: context canceled") {
		t.Errorf("after the stage's time: %v", err)
	}
	c, err := Connect(context.WithoutCancel(stage), env.Target, env.Login)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Error("the agent's connection stays open after the login")
	}
	if _, err := c.run(t.Context(), command{args: []string{"true"}}); err != nil {
		t.Errorf("without the agent: %v", err)
	}
}

// OpenSSH refuses the eleventh session of a connection, which is no connection that is lost.
func TestNoMoreSessionsThanOpenSSHAllows(t *testing.T) {
	t.Parallel()
	s, env := near(t)
	s.sessions = make(chan struct{}, 10)
	c := connect(t, env.Target, env.Login)
	held, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := c.run(t.Context(), command{args: []string{"sleep", "0.2"}})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
