package server

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// behindBastion is a server that is reached through another.
func behindBastion(t testing.TB) (bastion, server *sshd, env Environment) {
	t.Helper()
	server, env = near(t)
	bastion = startSSHD(t, os.Environ())
	at := Target{User: "jump", Host: "127.0.0.1", Port: bastion.listener.Addr().(*net.TCPAddr).Port, Dir: DefaultDir}
	env.Login.Bastion = at
	env.Login.KnownHosts += knownLine(t, at.Address(), "ed25519-2")
	return bastion, server, env
}

func TestThroughABastion(t *testing.T) {
	bastion, _, env := behindBastion(t)
	c := connect(t, env.Target, env.Login)
	if got, err := c.run(t.Context(), command{args: []string{"pwd"}}); err != nil || got != env.Target.Dir+"\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	held, err := c.lock(t.Context(), Holder{Who: "ann", Run: "1"})
	if err != nil {
		t.Fatal(err)
	}
	held.release()
	bastion.cut()
	if _, err := c.run(t.Context(), command{args: []string{"true"}}); !errors.Is(err, errLost) {
		t.Errorf("got %v after the bastion was gone: the connection goes past it", err)
	}
}

func TestABastionEndsWithTheConnection(t *testing.T) {
	_, _, env := behindBastion(t)
	c := connect(t, env.Target, env.Login)
	c.Close()
	endsIn(t, 3*time.Second, "the connection to the bastion", func() { <-c.through.gone })
}

// Which of the two hosts is meant, and that nothing is offered to a wrong one.
func TestBastionErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, bastion, server *sshd, env *Environment)
		want   string // with BASTION and SERVER for their addresses
	}{
		{"the bastion's key is not known", func(t *testing.T, _, _ *sshd, env *Environment) {
			env.Login.KnownHosts = knownLine(t, env.Target.Address(), "ed25519-2")
		}, "the bastion on the way to SERVER: the host key of BASTION is not in knownHosts: "},
		{"the bastion's key is another", func(t *testing.T, _, _ *sshd, env *Environment) {
			env.Login.KnownHosts = knownLine(t, env.Target.Address(), "ed25519-2") + knownLine(t, env.Login.Bastion.Address(), "ed25519")
		}, "the bastion on the way to SERVER: BASTION has answered with another host key ("},
		{"the server's key is not known", func(t *testing.T, _, _ *sshd, env *Environment) {
			env.Login.KnownHosts = knownLine(t, env.Login.Bastion.Address(), "ed25519-2")
		}, "the host key of SERVER is not in knownHosts: "},
		{"the bastion lets nobody in", func(t *testing.T, bastion, _ *sshd, _ *Environment) {
			bastion.bar()
		}, "the bastion on the way to SERVER: BASTION does not let jump in with this key: "},
		{"the server lets nobody in", func(t *testing.T, _, server *sshd, _ *Environment) {
			server.bar()
		}, "SERVER does not let deploy in with this key: "},
		{"the bastion is not there", func(t *testing.T, _, _ *sshd, env *Environment) { env.Login.Bastion.Port = deafPort }, "the bastion on the way to SERVER: no connection to BASTION: "},
		{"the server is not there", func(t *testing.T, _, _ *sshd, env *Environment) { env.Target.Port = deafPort }, "no connection from the bastion BASTION to SERVER: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			bastion, server, env := behindBastion(t)
			c.change(t, bastion, server, &env)
			_, err := Connect(t.Context(), env.Target, env.Login)
			want := strings.NewReplacer("BASTION", env.Login.Bastion.Address(), "SERVER", env.Target.Address()).Replace(c.want)
			if !strings.HasPrefix(message(err), want) {
				t.Errorf("got %v, want %s...", err, want)
			}
		})
	}
}

// What goes through another SSH connection knows no deadlines.
func TestABastionWhoseServerSaysNothing(t *testing.T) {
	_, _, env := behindBastion(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	env.Target.Port = silent.Addr().(*net.TCPAddr).Port
	env.Login.KnownHosts += knownLine(t, env.Target.Address(), "ed25519-2")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	endsIn(t, 3*time.Second, "the connection", func() {
		if _, err := Connect(ctx, env.Target, env.Login); message(err) != "no SSH connection to "+env.Target.Address()+": nothing like SSH has answered within 20s" {
			t.Errorf("got %v", err)
		}
	})
}

// A real OpenSSH between: the lab's server is reached through itself, because the others are out of its reach.
func TestThroughARealBastion(t *testing.T) {
	target, login := lab(t)
	login.Bastion = target
	c := connect(t, target, login)
	from, err := c.run(t.Context(), command{plain: true, args: []string{"sh", "-c", `echo "${SSH_CONNECTION%% *}"`}})
	if err != nil || strings.TrimSpace(from) != target.Host {
		t.Errorf("got a connection from %q, %v, want one from %s", from, err, target.Host)
	}
}
