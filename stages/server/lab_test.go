package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lab is the lab's server and what opens it. Without a lab the test is skipped, in CI it fails.
func lab(t testing.TB) (Target, Login) {
	t.Helper()
	address, key, known := os.Getenv("SLIPWAY_LAB_STAGING"), os.Getenv("SLIPWAY_LAB_SSH_KEY"), os.Getenv("SLIPWAY_LAB_KNOWN_HOSTS")
	if address == "" || key == "" || known == "" {
		const reason = "SLIPWAY_LAB_STAGING, SLIPWAY_LAB_SSH_KEY and SLIPWAY_LAB_KNOWN_HOSTS are not all set: start the lab"
		if os.Getenv("CI") == "true" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	target, err := ParseTarget(address)
	if err != nil {
		t.Fatal(err)
	}
	return target, Login{Keys: readFile(t, key), KnownHosts: readFile(t, known)}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func connect(t testing.TB, target Target, login Login) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), target, login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// folder connects to a folder of the test's own on the lab's server, which goes with the test.
func folder(t testing.TB) (*Conn, Login) {
	t.Helper()
	target, login := lab(t)
	target.Dir = "/opt/e2e-" + strings.ToLower(rand.Text())
	c := connect(t, target, login)
	if _, err := c.run(t.Context(), command{plain: true, args: []string{"mkdir", target.Dir}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		last, err := Connect(context.Background(), target, login)
		if err != nil {
			t.Fatal(err)
		}
		defer last.Close()
		if _, err := last.run(context.Background(), command{plain: true, args: []string{"rm", "-rf", "--", target.Dir}}); err != nil {
			t.Error(err)
		}
	})
	return c, login
}

// exists says whether there is such a file on the server.
func exists(t testing.TB, c *Conn, file string) bool {
	t.Helper()
	_, err := c.run(t.Context(), command{args: []string{"test", "-e", file}})
	if exit := new(exitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err == nil
}

// eventually waits for what another machine does by itself.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 10 s still not: %s", what)
		}
	}
}

func TestRun(t *testing.T) {
	c, _ := folder(t)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	for _, test := range []struct {
		name string
		cmd  command
		want string
		exit *exitError
	}{
		{"output", command{args: []string{"echo", "hello"}}, "hello\n", nil},
		{"no output", command{args: []string{"true"}}, "", nil},
		{"in the folder", command{args: []string{"pwd"}}, c.target.Dir + "\n", nil},
		{"plain", command{plain: true, args: []string{"pwd"}}, "/home/" + c.target.User + "\n", nil},
		{"output without errors", command{args: []string{"sh", "-c", "echo out; echo err >&2"}}, "out\n", nil},
		{"environment", command{args: []string{"printenv", "A"}, env: []string{"A=it's $(id)\nä"}}, "it's $(id)\nä\n", nil},
		{"input", command{args: []string{"cat"}, stdin: strings.NewReader("in\x00put")}, "in\x00put", nil},
		{"much input", command{args: []string{"cat"}, stdin: strings.NewReader(big)}, big, nil},
		{"no input", command{args: []string{"cat"}}, "", nil},
		{"exit code", command{args: []string{"false"}}, "", &exitError{"false", 1, ""}},
		{"exit code and both outputs", command{args: []string{"sh", "-c", "echo out; echo err >&2; exit 42"}}, "out\n", &exitError{"sh", 42, "out\nerr"}},
		{"end of a long output", command{args: []string{"sh", "-c", "seq 60 >&2; exit 3"}}, "", &exitError{"sh", 3, strings.TrimSpace(numbers(11, 60))}},
		{"signal", command{args: []string{"sh", "-c", "kill -TERM $$"}}, "", &exitError{"sh", 128 + 15, ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := c.run(t.Context(), test.cmd)
			if got != test.want {
				t.Errorf("got %.100q, want %.100q", got, test.want)
			}
			var exit *exitError
			if errors.As(err, &exit); !reflect.DeepEqual(exit, test.exit) || (err == nil) != (test.exit == nil) {
				t.Errorf("got %v, want %v", err, test.exit)
			}
		})
	}
	t.Run("unknown program", func(t *testing.T) {
		_, err := c.run(t.Context(), command{args: []string{"no-such-program"}})
		if exit := new(exitError); !errors.As(err, &exit) || exit.code != 127 || !strings.Contains(err.Error(), "no-such-program on the server ended with exit code 127: ") {
			t.Errorf("got %v, want exit code 127", err)
		}
	})
}

func numbers(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintln(&b, n)
	}
	return b.String()
}

func TestRunArguments(t *testing.T) {
	c, _ := folder(t)
	want := strings.Join(hardArguments, "\x00") + "\x00"
	for name, cmd := range map[string]command{
		"by the shell": {args: append([]string{"printf", `%s\0`}, hardArguments...)},
		"by a program": {args: append([]string{"printf", `%s\0`}, hardArguments...), env: []string{"A=1"}},
		"by a script":  {args: append([]string{"sh", "-c", `printf '%s\0' "$@"`, "sh"}, hardArguments...)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := c.run(t.Context(), cmd); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestRunEnds(t *testing.T) {
	c, login := folder(t)
	open, input := io.Pipe()
	defer input.Close()
	t.Run("with the context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := c.run(ctx, command{args: []string{"sleep", "3"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if got, err := c.run(t.Context(), command{args: []string{"echo", "again"}}); err != nil || got != "again\n" {
			t.Errorf("afterwards: got %q, %v", got, err)
		}
	})
	t.Run("with the connection", func(t *testing.T) {
		lost := connect(t, c.target, login)
		time.AfterFunc(200*time.Millisecond, lost.Close)
		_, err := lost.run(t.Context(), command{args: []string{"cat"}, stdin: open})
		if !errors.Is(err, errLost) || err.Error() != "the connection to the server was lost while cat ran" {
			t.Errorf("got %v, want %v while cat ran", err, errLost)
		}
		if _, err := lost.run(t.Context(), command{args: []string{"true"}}); !errors.Is(err, errLost) {
			t.Errorf("afterwards: got %v, want %v", err, errLost)
		}
	})
}

func TestConnectRefuses(t *testing.T) {
	target, login := lab(t)
	changed, unknown := login, login
	changed.KnownHosts, unknown.KnownHosts = knownLine(t, target.Address(), "ed25519"), knownLine(t, "10.1.2.3:22", "ed25519")
	for _, c := range []struct {
		name    string
		login   Login
		changed bool
	}{{"changed host key", changed, true}, {"unknown host key", unknown, false}} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Connect(t.Context(), target, c.login)
			if wrong := new(HostKeyError); !errors.As(err, &wrong) || wrong.Changed != c.changed || !strings.HasPrefix(wrong.Found, "SHA256:") {
				t.Errorf("got %v, want a HostKeyError, changed: %t", err, c.changed)
			}
		})
	}
	t.Run("key that the server does not know", func(t *testing.T) {
		stranger := login
		stranger.Keys = privatePEM(t, "ed25519")
		_, err := Connect(t.Context(), target, stranger)
		if want := target.Address() + " does not let " + target.User + " in with this key: add its public half to ~/.ssh/authorized_keys there"; message(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("second key opens", func(t *testing.T) {
		two := login
		two.Keys = privatePEM(t, "rsa") + login.Keys
		connect(t, target, two)
	})
}

func TestConnectByAgent(t *testing.T) {
	target, login := lab(t)
	agent := startAgent(t, os.Getenv("SLIPWAY_LAB_SSH_KEY"))
	login.Keys, login.Agent = "", func(context.Context) (net.Conn, error) { return net.Dial("unix", agent) }
	c := connect(t, target, login)
	if got, err := c.run(t.Context(), command{plain: true, args: []string{"id", "-un"}}); err != nil || got != target.User+"\n" {
		t.Errorf("got %q, %v, want %s", got, err, target.User)
	}
	login.Keys = privatePEM(t, "ed25519")
	if _, err := Connect(t.Context(), target, login); !strings.Contains(message(err), "does not let "+target.User+" in with this key") {
		t.Errorf("got %v: with a key set, the agent's are not to be offered", err)
	}
}

// startAgent runs a real ssh-agent that holds one key, and returns its socket.
func startAgent(t *testing.T, key string) string {
	t.Helper()
	for _, program := range []string{"ssh-agent", "ssh-add"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed: install the client of OpenSSH")
		}
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	eventually(t, "the agent listens", func() bool { _, err := os.Stat(socket); return err == nil })
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v: %s", err, out)
	}
	return socket
}

func TestLock(t *testing.T) {
	c, login := folder(t)
	other := connect(t, c.target, login)
	ann := Holder{Who: "ann", What: "deploy of 1.2.3", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	first, err := c.lock(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first.temp, "/dev/shm/slipway.") || !exists(t, c, first.temp) {
		t.Errorf("the temporary folder is %q, want one in memory", first.temp)
	}
	if mode, _ := c.run(t.Context(), command{args: []string{"stat", "--format", "%a", first.temp, stateDir, lockFile}}); mode != "700\n700\n600\n" {
		t.Errorf("the modes are %q: others may read credentials", mode)
	}
	for name, from := range map[string]*Conn{"another connection": other, "the same connection": c} {
		t.Run("refused to "+name, func(t *testing.T) {
			_, err := from.lock(t.Context(), Holder{Who: "bob"})
			locked := new(LockedError)
			if found := errors.As(err, &locked); !found || locked.Holder.Hold == "" || locked.Holder.String() != ann.String() {
				t.Errorf("got %v, want a LockedError that names %s", err, ann)
			}
			if want := "the server is locked by deploy of 1.2.3 by ann, since 2026-01-02 03:04:05 UTC (for "; !strings.HasPrefix(message(err), want) {
				t.Errorf("got %v, want %s...", err, want)
			}
		})
	}
	first.release()
	if exists(t, c, first.temp) {
		t.Errorf("%s is left after the release", first.temp)
	}
	second, err := other.lock(t.Context(), Holder{Who: "bob"})
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	second.release()
	if text, err := c.read(t.Context(), lockFile); err != nil || text != "" {
		t.Errorf("the lock still names %q, %v", text, err)
	}
}

func TestLockGoesWithTheConnection(t *testing.T) {
	c, login := folder(t)
	holder := Holder{Who: "ann", What: "deploy of 1.2.3", Run: "1"}
	lost := connect(t, c.target, login)
	first, err := lost.lock(t.Context(), holder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.lockPatiently(t.Context(), Holder{Who: "ann", Run: "2"}); !errors.As(err, new(*LockedError)) {
		t.Errorf("got %v: nobody waits for the lock of another", err)
	}
	time.AfterFunc(300*time.Millisecond, lost.Close)
	second, err := c.lockPatiently(t.Context(), holder)
	if err != nil {
		t.Fatalf("after the connection: %v", err)
	}
	defer second.release()
	if exists(t, c, first.temp) || !exists(t, c, second.temp) {
		t.Errorf("want %s gone and %s there", first.temp, second.temp)
	}
}

func TestLockWithoutAFolder(t *testing.T) {
	target, login := lab(t)
	target.Dir = "/opt/e2e-missing"
	_, err := connect(t, target, login).lock(t.Context(), Holder{Who: "ann"})
	want := target.Host + " cannot hold a lock in /opt/e2e-missing: it needs flock, timeout and head, and a folder that " + target.User + " may write to"
	if message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadAndWrite(t *testing.T) {
	c, _ := folder(t)
	for _, test := range []struct{ name, file, text string }{
		{"plain", "a", "text\n"},
		{"spaces, quotes and commands", `it's a "file" $(id);.yml`, "a"},
		{"other letters", "ä/ö\nü", "ß"},
		{"new folders", "x/y z/$HOME/file", "a"},
		{"option", "-rf", "a"},
		{"empty", "empty", ""},
		{"binary", "binary", "\x00\xff\n\n"},
		{"over what is there", "a", "shorter"},
		{"large", "large", strings.Repeat("0123456789abcdef", 1<<16)},
		{"absolute", c.target.Dir + "/absolute", "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := c.write(t.Context(), test.file, []byte(test.text), "077"); err != nil {
				t.Fatal(err)
			}
			if got, err := c.read(t.Context(), test.file); err != nil || got != test.text {
				t.Errorf("got %.100q, %v, want %.100q", got, err, test.text)
			}
		})
	}
	for umask, mode := range map[string]string{"077": "600\n", "022": "644\n"} {
		t.Run("umask "+umask, func(t *testing.T) {
			if err := c.write(t.Context(), "mode", nil, umask); err != nil {
				t.Fatal(err)
			}
			if got, err := c.run(t.Context(), command{args: []string{"stat", "--format", "%a", "mode"}}); err != nil || got != mode {
				t.Errorf("got %q, %v, want %q", got, err, mode)
			}
		})
	}
	t.Run("absent", func(t *testing.T) {
		if got, err := c.read(t.Context(), "no such 'file'"); err != nil || got != "" {
			t.Errorf("got %q, %v, want nothing", got, err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		if _, err := c.read(t.Context(), "x"); message(err) != "x on the server cannot be read: cat: x: Is a directory" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("below a file", func(t *testing.T) {
		if err := c.write(t.Context(), "a/b", nil, "077"); !strings.HasPrefix(message(err), "a/b on the server cannot be written: mkdir: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no leftovers", func(t *testing.T) {
		if got, err := c.run(t.Context(), command{args: []string{"find", ".", "-name", "*.part"}}); err != nil || got != "" {
			t.Errorf("got %q, %v, want no file", got, err)
		}
	})
}

// A connection that breaks in the middle ends the input of what runs on the server, which must not take that for the end.
func TestWriteKeepsTheOldFileWhole(t *testing.T) {
	c, login := folder(t)
	const file = "compose.yml"
	if err := c.write(t.Context(), file, []byte("old"), "077"); err != nil {
		t.Fatal(err)
	}
	lost := connect(t, c.target, login)
	half, input := io.Pipe()
	defer input.Close()
	cmd := writing(file, []byte("the first half, the second half"), "077")
	cmd.args, cmd.stdin = append([]string{"flock", "writing"}, cmd.args...), half
	go func() { _, _ = lost.run(context.Background(), cmd) }()
	if _, err := input.Write([]byte("the first half,")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first half arrives", func() bool {
		text, err := c.read(t.Context(), file+".part")
		return err == nil && text != ""
	})
	lost.Close()
	if got, err := c.run(t.Context(), command{args: []string{"flock", "--wait", "10", "writing", "cat", file}}); err != nil || got != "old" {
		t.Errorf("got %q, %v, want the old file", got, err)
	}
}

func TestRecord(t *testing.T) {
	entry := func(version string) Entry {
		return Entry{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Kind: Deployed, Ending: Healthy, Version: version, By: "ann's <b>", Reason: "it's\n\"new\" ä",
			Images: map[string]string{"backend": "r/b@sha256:1"}}
	}
	const line = `{"time":"2026-01-02T03:04:05Z","kind":"deploy","result":"healthy","version":"1.0.0","by":"ann"}`
	for _, c := range []struct {
		name, before string
		want         []string
	}{
		{"no ledger", "", []string{"1.2.3", "1.2.4"}},
		{"one entry", line + "\n", []string{"1.0.0", "1.2.3", "1.2.4"}},
		{"no line feed at the end", line, []string{"1.0.0", "1.2.3", "1.2.4"}},
		{"line that was cut off", line + "\n" + line[:30], []string{"1.0.0", "1.2.3", "1.2.4"}},
		{"only line cut off", line[:30], []string{"1.2.3", "1.2.4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, _ := folder(t)
			if err := conn.write(t.Context(), ledgerFile, []byte(c.before), "077"); err != nil {
				t.Fatal(err)
			}
			for _, version := range []string{"1.2.3", "1.2.4"} {
				if err := conn.record(t.Context(), entry(version)); err != nil {
					t.Fatal(err)
				}
			}
			ledger, err := conn.readLedger(t.Context())
			var got []string
			for _, e := range ledger {
				got = append(got, e.Version)
			}
			if err != nil || !slices.Equal(got, c.want) || !reflect.DeepEqual(ledger[len(ledger)-1], entry("1.2.4")) {
				t.Errorf("got %+v, %v, want %v", ledger, err, c.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	c, _ := folder(t)
	if err := c.check(t.Context(), Release{Images: []Image{{Name: "backend", Size: 1 << 20}}}); err != nil {
		t.Errorf("got %v, want a server that is fit", err)
	}
	t.Run("more than the disk holds", func(t *testing.T) {
		want := fmt.Sprintf("expected %d MiB free in /var/lib/docker on %s, found ", 3<<20+3<<10+256, c.target.Host)
		err := c.check(t.Context(), Release{Images: []Image{{Size: 1 << 40}, {Size: 1 << 30}}})
		if !strings.HasPrefix(message(err), want) || !strings.HasSuffix(message(err), " MiB: remove old images there (docker image prune)") {
			t.Errorf("got %v, want %s...", err, want)
		}
		free, _, _ := strings.Cut(strings.TrimPrefix(message(err), want), " ")
		if n, err := strconv.Atoi(free); err != nil || n <= 0 {
			t.Errorf("got %q MiB free", free)
		}
	})
	for name, dir := range map[string]string{"no folder": c.target.Dir + "/missing", "folder of another": "/etc", "file": "/etc/passwd"} {
		t.Run(name, func(t *testing.T) {
			there := *c
			there.target.Dir = dir
			want := dir + " on " + c.target.Host + " is no folder that " + c.target.User + " may write to: make it with mkdir and chown"
			if err := there.check(t.Context(), Release{}); message(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestCheckBackup(t *testing.T) {
	c, _ := folder(t)
	d := &deployment{conn: c}
	const file = "backup/it's one.sql"
	for _, test := range []struct{ name, text, want string }{
		{"complete", postgres("k", "", "1", ""), ""},
		{"empty", "", "the backup " + file + " is missing or empty"},
		{"cut off", "CREATE TABLE", "the backup " + file + " is incomplete: expected the line with which pg_dump or mysqldump ends"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := c.write(t.Context(), file, []byte(test.text), "077"); err != nil {
				t.Fatal(err)
			}
			if err := d.checkBackup(t.Context(), file); message(err) != test.want {
				t.Errorf("got %q, want %q", message(err), test.want)
			}
		})
	}
	text := postgres("k", "", "1", "")
	if err := c.write(t.Context(), file, []byte(text), "077"); err != nil {
		t.Fatal(err)
	}
	if got, err := d.schema(t.Context(), file); err != nil || got != sum(t, text) {
		t.Errorf("the schema is %q, %v, want the same as here: %q", got, err, sum(t, text))
	}
}

func TestLook(t *testing.T) {
	c, login := folder(t)
	env := Environment{Name: "staging", Target: c.target, Login: login}
	if got, err := Look(t.Context(), env); err != nil || got != nil {
		t.Errorf("got %v, %v, want an empty ledger", got, err)
	}
	if exists(t, c, stateDir) {
		t.Error("looking has made " + stateDir)
	}
	if err := c.write(t.Context(), ledgerFile, []byte(`{"version":"1.2.3"}`+"\n"), "077"); err != nil {
		t.Fatal(err)
	}
	if got, err := Look(t.Context(), env); err != nil || len(got) != 1 || got[0].Version != "1.2.3" {
		t.Errorf("got %v, %v, want one entry", got, err)
	}
}
