package server

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// shell runs a line by the machine's own shell.
func shell(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).Output()
	if err != nil {
		t.Fatalf("sh refuses %q: %v", line, err)
	}
	return string(out)
}

var hardArguments = []string{"", " ", "'", "''", `it's`, `"`, `\`, `\'`, "$HOME", "$(id)", "`id`", "a b", "a\nb", "\n", "*", "~", "!x", "-n", "--", "a;b", "a&&b", "#", "ä→😀", "%s", "\t", "\x01", "\xff"}

func TestQuote(t *testing.T) {
	for _, argument := range hardArguments {
		t.Run(argument, func(t *testing.T) {
			want := argument + "\x00next\x00"
			if got := shell(t, `printf '%s\0' `+quote([]string{argument, "next"})); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func FuzzQuote(f *testing.F) {
	for _, seed := range hardArguments {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\x00") {
			t.Skip("no argument holds a zero byte")
		}
		if got, want := shell(t, `printf '%s\0' `+quote([]string{a, b})), a+"\x00"+b+"\x00"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCommandLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a $(folder)")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	show := []string{"sh", "-c", `pwd; printf '%s|%s|%s' "$1" "$SLIPWAY_A" "$SLIPWAY_B"`, "sh", "$(id) 'x'"}
	for _, c := range []struct {
		name string
		cmd  command
		want string
	}{
		{"in the folder", command{args: show}, dir + "\n$(id) 'x'||"},
		{"plain", command{args: show, plain: true}, here + "\n$(id) 'x'||"},
		{"with an environment", command{args: show, env: []string{"SLIPWAY_A=a b", "SLIPWAY_B='$(id)'\n="}}, dir + "\n$(id) 'x'|a b|'$(id)'\n="},
		{"plain with an environment", command{args: show, plain: true, env: []string{"SLIPWAY_A="}}, here + "\n$(id) 'x'||"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := shell(t, c.cmd.line(dir)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCommandLineStaysOutsideWithoutItsFolder(t *testing.T) {
	line := command{args: []string{"echo", "ran"}}.line(filepath.Join(t.TempDir(), "missing"))
	if out, err := exec.Command("sh", "-c", line).Output(); err == nil || len(out) > 0 {
		t.Errorf("got %q, %v, want an error and no output", out, err)
	}
}

func TestCommandLineDoesNotWriteIntoItsArguments(t *testing.T) {
	env := slices.Grow([]string{"A=1"}, 8)
	cmd := command{args: []string{"true"}, env: env}
	first := cmd.line("/x")
	if second := cmd.line("/x"); first != second || first != "cd '/x' && 'env' 'A=1' 'true'" {
		t.Errorf("got %s, then %s", first, second)
	}
}

func TestCommandName(t *testing.T) {
	p := &project{conn: &Conn{target: Target{Dir: "/opt/app"}}, files: []string{".slipway/releases/1.2.3/compose.yml"}}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"option and path", "tee", []string{"tee", "-a", ledgerFile}},
		{"subcommand", "docker info", []string{"docker", "info", "--format", "{{.DockerRootDir}}"}},
		{"two subcommands", "docker image inspect", []string{"docker", "image", "inspect", "sha256:1"}},
		{"option before the subcommand", "docker pull", []string{"docker", "--config", "/dev/shm/x", "pull", "--quiet", "registry.example.com/shop@sha256:1"}},
		{"compose", "docker compose config", p.args("config", "--format", "json")},
		{"compose after what is at work", "docker compose up", busy(p.args("up", "--detach")...)},
		{"compose, with a name of its own", "docker compose up", (&project{conn: p.conn, name: "app"}).args("up", "--detach")},
		{"script after what is at work", "./scripts/backup.sh", busy("./scripts/backup.sh", "backup/1.sql")},
		{"script of ours", "sh", []string{"sh", "-c", writeScript, "sh", "a/b", "077"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (command{args: c.args}).name(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRunError(t *testing.T) {
	cmd := command{args: []string{"docker", "ps"}}
	if err := runError(cmd, nil, "noise"); err != nil {
		t.Errorf("got %v for a program that ended well", err)
	}
	for _, cause := range []error{io.EOF, &ssh.ExitMissingError{}} {
		err := runError(cmd, cause, "noise")
		if !errors.Is(err, errLost) || err.Error() != "the connection to the server was lost while docker ps ran" {
			t.Errorf("got %v for %v", err, cause)
		}
	}
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x\n", 60) + "end"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"one", "a", "a"},
		{"as many as are kept", strings.Repeat("x\n", 49) + "y", strings.Repeat("x\n", 49) + "y"},
		{"more", long, strings.Repeat("x\n", 49) + "end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lastLines(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
