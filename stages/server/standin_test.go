package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a stand-in for one with Docker on it: an SSH server of this process that runs our lines on this machine, in
// folders of the test's own, where docker is played by this process (dockerd). All times are those of the wall clock.
type server struct {
	*dockerd
	sshd   *sshd
	t      testing.TB
	target Target
	root   string
	home   string // of the user, with .docker/config.json if the test puts it there
}

// standInSocket names the variable that makes this binary the docker command.
const standInSocket = "SLIPWAY_STANDIN"

func TestMain(m *testing.M) {
	if socket := os.Getenv(standInSocket); socket != "" {
		os.Exit(askDockerd(socket))
	}
	before := inMemory()
	code := m.Run()
	if left := slices.DeleteFunc(inMemory(), func(name string) bool { return slices.Contains(before, name) }); len(left) > 0 {
		fmt.Printf("the tests have left %s in this machine's memory\n", left)
		code = 1
	}
	os.Exit(code)
}

// inMemory is what a deployment to this machine has left where it keeps credentials.
func inMemory() []string {
	all, _ := filepath.Glob(tempDir + "/slipway.*") // fails only for a malformed pattern
	return all
}

// standIn starts a server with an empty folder for one application, called app.
func standIn(t testing.TB) *server {
	t.Helper()
	root, err := os.MkdirTemp("", "standin") // a socket has no place in the long names of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	s := &server{t: t, root: root, home: root + "/home", target: Target{User: "deploy", Host: "127.0.0.1", Dir: root + "/app"}}
	for _, folder := range []string{s.home, s.target.Dir, root + "/bin", root + "/programs", root + "/tmp"} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// The server's clock has to be finer than a second where a test waits for milliseconds.
	s.tool("date", `test "$*" = "-u +%Y-%m-%dT%H:%M:%SZ" && exec /bin/date -u +%Y-%m-%dT%H:%M:%S.%NZ; exec /bin/date "$@"`)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"bin/docker", "programs/pg_dump", "programs/pg_restore", "programs/psql"} {
		if err := os.Symlink(self, filepath.Join(root, program)); err != nil {
			t.Fatal(err)
		}
	}
	s.dockerd = startDockerd(t, root)
	s.sshd = startSSHD(t, []string{"PATH=" + root + "/bin:/usr/bin:/bin", "HOME=" + s.home, "TMPDIR=" + root + "/tmp", "USER=deploy", standInSocket + "=" + s.socket, "GORACE=atexit_sleep_ms=0"})
	s.cutConnections = s.sshd.cut
	s.target.Port = s.sshd.listener.Addr().(*net.TCPAddr).Port
	return s
}

// tool replaces a program of the server by a script.
func (s *server) tool(name, script string) { s.script("bin/"+name, script) }

// program gives the containers a program, as a script; psql and its like are there already.
func (s *server) program(name, script string) { s.script("programs/"+name, script) }

func (s *server) script(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, file), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// environment waits for milliseconds where others wait for seconds.
func (s *server) environment() Environment {
	known := knownLine(s.t, s.target.Address(), "ed25519-2")
	e := Environment{
		Name: "staging", Target: s.target, Login: Login{Keys: privatePEM(s.t, "ed25519"), KnownHosts: known},
		ComposeFile: "compose.yml", Migrate: "migrate",
		Pace: Pace{Deadline: 4 * time.Second, Step: 5 * time.Millisecond, Steady: 50 * time.Millisecond},
		Step: func(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} },
	}
	if s.hasDatabase() {
		e.Backup, e.Restore = "backup.sh", "restore.sh"
	}
	return e
}

// What the repository's scripts are like: they know the database's service, and nothing of Slipway.
const (
	backupSh  = "#!/bin/sh\nset -e\nmkdir -p \"$(dirname \"$1\")\"\ndocker compose exec -T db pg_dump --clean --if-exists > \"$1\"\necho \"$1\"\n"
	restoreSh = "#!/bin/sh\nexec docker compose exec -T db psql -q -v ON_ERROR_STOP=1 < \"$1\"\n"
)

// release is a version with the images of that version that the stand-in's registry has, and these further files.
func (s *server) release(version, compose string, files ...File) Release {
	all := map[string]string{"compose.yml": compose}
	for _, f := range files {
		all[f.Path] = string(f.Text)
	}
	r := Release{Version: version, Commit: "c" + version, By: "ann", Images: s.imagesOf(version), Compose: []byte(compose), Tree: commit(all)}
	if s.hasDatabase() {
		r.Scripts = []Script{{"backup.sh", []byte(backupSh)}, {"restore.sh", []byte(restoreSh)}}
	}
	return r
}

// back is a rollback to a version, where the registry has what the stand-in's has.
func (s *server) back(to string) Back {
	return Back{To: to, By: "ann", Reason: "because", Exists: func(_ context.Context, ref string) (bool, error) { return s.inRegistry(ref), nil }}
}

// file puts a file into the application's folder, past Slipway.
func (s *server) file(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.target.Dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// sh runs a line in the application's folder as the server's user, past Slipway and SSH. It has to end well.
func (s *server) sh(line string) string {
	s.t.Helper()
	out, err := s.try(line)
	if err != nil {
		s.t.Fatalf("%s: %v: %s", line, err, out)
	}
	return out
}

func (s *server) try(line string) (string, error) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env, cmd.Dir = s.sshd.env, s.target.Dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// askDockerd is the docker command: it hands its arguments and its three files to the test's process, and ends as that says.
func askDockerd(socket string) int {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		fmt.Fprintln(os.Stderr, "Cannot connect to the Docker daemon. Is the docker daemon running?")
		return 1
	}
	dir, err := os.Getwd()
	if err != nil {
		return 125
	}
	if _, _, err := conn.WriteMsgUnix([]byte{'.'}, syscall.UnixRights(0, 1, 2), nil); err != nil {
		return 125
	}
	code := 125
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	_ = json.NewEncoder(conn).Encode(call{Args: args, Env: os.Environ(), Dir: dir})
	if err := json.NewDecoder(conn).Decode(&code); err != nil {
		fmt.Fprintln(os.Stderr, "error during connect: EOF")
	}
	return code
}

// call is one docker command on its way.
type call struct {
	Args []string
	Env  []string
	Dir  string

	ctx                   context.Context // ends with the client
	stdin, stdout, stderr *os.File
}

func (c *call) print(format string, args ...any) { fmt.Fprintf(c.stdout, format+"\n", args...) }

func (c *call) tell(format string, args ...any) { fmt.Fprintf(c.stderr, format+"\n", args...) }

func (c *call) getenv(name string) string {
	for _, e := range slices.Backward(c.Env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// ending is how a command ends badly.
type ending struct {
	code int
	text string
}

func (e *ending) Error() string { return e.text }

func ends(code int, format string, args ...any) error {
	return &ending{code, fmt.Sprintf(format, args...)}
}

// line is one command of the journal.
type line struct {
	at   time.Time
	args []string
}

// String leaves out what every line of a project has.
func (l line) String() string {
	var words []string
	for n := 0; n < len(l.args); n++ {
		if slices.Contains([]string{"--project-directory", "--file", "--config"}, l.args[n]) {
			n++
			continue
		}
		words = append(words, l.args[n])
	}
	return strings.Join(words, " ")
}

// has says whether the words are among the arguments, in this order.
func (l line) has(words string) bool {
	rest := l.args
	for _, w := range strings.Fields(words) {
		at := slices.Index(rest, w)
		if at < 0 {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// hook is what happens to a command before it does its work; an error is its end.
type hook func(*dockerd, *call) error

type fault struct {
	words string
	left  int // matching lines before it
	does  hook
}

// on lets something happen to the next command that has these words among its arguments, in this order.
func (d *dockerd) on(words string, does hook) { d.onNth(1, words, does) }

func (d *dockerd) onNth(n int, words string, does hook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &fault{words, n - 1, does})
}

// fault finds what is to happen to a line, which happens once.
func (d *dockerd) fault(l line) hook {
	for n, f := range d.faults {
		if !l.has(f.words) {
			continue
		}
		if f.left == 0 {
			d.faults = slices.Delete(d.faults, n, n+1)
			return f.does
		}
		f.left--
	}
	return nil
}

func fail(code int, text string) hook {
	return func(*dockerd, *call) error { return ends(code, "%s", text) }
}

// hang waits until the client is killed.
func hang() hook {
	return func(_ *dockerd, c *call) error { <-c.ctx.Done(); return c.ctx.Err() }
}

func delay(by time.Duration) hook {
	return func(*dockerd, *call) error { time.Sleep(by); return nil }
}

// cut drops the SSH connections, while the command goes on.
func cut() hook {
	return func(d *dockerd, _ *call) error { d.cutConnections(); return nil }
}

// then lets the test do something itself.
func then(do func()) hook {
	return func(*dockerd, *call) error { do(); return nil }
}

// half lets a dump or a restore do half of its work.
func half(code int, text string) hook {
	return func(d *dockerd, _ *call) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.db.breaks = ends(code, "%s", text)
		return nil
	}
}

// lines are the journal's commands that have these words, without what every line has.
func (d *dockerd) lines(words string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, l := range d.journal {
		if l.has(words) {
			all = append(all, l.String())
		}
	}
	return all
}

// running are the images of the running containers of each service, such as backend:1.0.0.
func (d *dockerd) running() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	all := map[string]string{}
	for _, c := range d.containers {
		if c.at(time.Now()).status == "running" {
			name := cmp.Or(c.labels[serviceLabel], c.name)
			all[name] = strings.TrimPrefix(all[name]+" "+d.images[c.image].short(), " ")
		}
	}
	return all
}

func (d *dockerd) rows() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	return slices.Clone(d.db.rows)
}

func (d *dockerd) schema() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle()
	return slices.Clone(d.db.schema)
}
