// Package e2e calls the module as users do, on the sample application, against a real engine and registry.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// Shop is a clone of the sample application in a folder of its own.
type Shop struct {
	Dir string
	env []string
}

// template is the sample application with its history, made once for all tests of a run.
var template = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "slipway-e2e-")
	if err != nil {
		return "", err
	}
	shop := filepath.Join(dir, "shop")
	out, err := exec.Command("go", "run", "-C", filepath.Join(Module(), "testdata", "lab"), ".", "shop", shop).CombinedOutput()
	if err != nil {
		return "", errors.New(err.Error() + ": " + string(out))
	}
	return shop, nil
})

// Module is the folder of Slipway itself.
func Module() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}

// NewShop gives the test a repository of its own. Without an engine the test is skipped, in CI it fails.
func NewShop(t testing.TB) Shop {
	t.Helper()
	needEngine(t)
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	s := Shop{Dir: filepath.Join(t.TempDir(), "shop")}
	if err := os.CopyFS(s.Dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	s.beginAnew(t)
	return s
}

// beginAnew gives the history another first commit, by which Slipway tells repositories and their reports apart.
func (s Shop) beginAnew(t testing.TB) {
	t.Helper()
	history := s.Git(t, "fast-export", "--all") + "\n"
	committer, rest, _ := strings.Cut(history, "\ncommitter ")
	s.gitReads(t, committer+"\ncommitter "+rand.Text()+" "+rest, "fast-import", "--quiet", "--force")
}

func needEngine(t testing.TB) {
	t.Helper()
	if err := useLab(); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("dagger"); err == nil && os.Getenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST") != "" {
		return
	}
	reason := "no Dagger engine: run go run -C testdata/lab . test"
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// Setenv sets a variable for the calls of this shop.
func (s *Shop) Setenv(name, value string) { s.env = append(s.env, name+"="+value) }

// Result is what a user gets back from one call.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Output is everything that was printed.
func (r Result) Output() string { return r.Stdout + "\n" + r.Stderr }

// callTime is far more than any call takes, so that a hang ends the test and not the build.
const callTime = 10 * time.Minute

// Call runs `dagger call` in the shop with the module and source named, as the README's first command does.
func (s Shop) Call(t testing.TB, args ...string) Result {
	t.Helper()
	return s.Dagger(t, append([]string{"call", "-m", Module(), "--source=."}, args...)...)
}

// Dagger runs any dagger command in the shop's folder.
func (s Shop) Dagger(t testing.TB, args ...string) Result {
	t.Helper()
	return s.DaggerIn(t, ".", args...)
}

// DaggerIn runs a dagger command in a folder of the shop. A call that the engine has lost before it began is said again.
func (s Shop) DaggerIn(t testing.TB, folder string, args ...string) Result {
	t.Helper()
	r := s.call(t, folder, args...)
	for again := 0; again < 2 && r.lostAtStart(); again++ {
		t.Logf("Dagger lost the session before it had found the module; once more: %s", strings.Join(args, " "))
		r = s.call(t, folder, args...)
	}
	return r
}

// lostAtStart says whether the engine, up to v0.19, looked for the session a moment before it had noted it: no module is found
// then, and nothing of Slipway has run (dagger/dagger#13108; troubleshooting.md tells users to say the line again).
func (r Result) lostAtStart() bool {
	return r.Code != 0 && strings.Contains(r.Stderr, "Error: failed to get configured module: ") &&
		strings.Contains(r.Stderr, "failed to get requester session: session for")
}

func (s Shop) call(t testing.TB, folder string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	cmd := s.command(ctx, folder, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

func (s Shop) command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "dagger", append([]string{"--progress=plain"}, args...)...)
	cmd.Dir = filepath.Join(s.Dir, folder)
	cmd.Env = append(append(os.Environ(), "DAGGER_NO_NAG=1", "NO_COLOR=1"), s.env...)
	return cmd
}

// KillWhen starts a call and kills it, the way a CI ends a job, as soon as the moment has come.
func (s Shop) KillWhen(t testing.TB, moment func() bool, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	cmd := s.command(ctx, ".", append([]string{"call", "-m", Module(), "--source=."}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !moment() {
		select {
		case err := <-ended:
			t.Fatalf("the call ended before it could be killed: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	cmd.Process.Kill()
	<-ended
	time.Sleep(3 * time.Second) // The engine ends the containers of a session that is gone within about two.
}

// Write changes a file of the shop.
func (s Shop) Write(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Replace changes one place in a file.
func (s Shop) Replace(t testing.TB, name, before, after string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), before) {
		t.Fatalf("%s does not hold %q", name, before)
	}
	s.Write(t, name, strings.ReplaceAll(string(data), before, after))
}

// Commit records everything and returns the commit.
func (s Shop) Commit(t testing.TB, message string) string {
	t.Helper()
	s.Git(t, "add", "-A")
	s.Git(t, "commit", "-q", "--allow-empty", "-m", message)
	return s.Git(t, "rev-parse", "HEAD")
}

// Git runs git in the shop.
func (s Shop) Git(t testing.TB, args ...string) string {
	t.Helper()
	return s.gitReads(t, "", args...)
}

// gitReads runs git with something to read.
func (s Shop) gitReads(t testing.TB, text string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = s.Dir
	cmd.Stdin = strings.NewReader(text)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// PushToGitea makes a repository of the lab's Gitea, of which the shop is a clone from then on.
func (s Shop) PushToGitea(t testing.TB, name string) {
	t.Helper()
	at, token := labtest.Gitea(t)
	ask := func(method, path, body string) (repository struct{ Empty bool }) {
		request, err := http.NewRequest(method, at+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "token "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&repository); err != nil || response.StatusCode >= 300 {
			t.Fatalf("%s %s: %s (%v)", method, path, response.Status, err)
		}
		return repository
	}
	ask(http.MethodPost, "/user/repos", `{"name": "`+name+`", "default_branch": "main"}`)
	address := at + "/slipway/" + name + ".git"
	s.Git(t, "remote", "add", "origin", address)
	s.Git(t, "push", "-q", strings.Replace(address, "://", "://x:"+token+"@", 1), "main", "--tags")
	s.Git(t, "fetch", "-q", "origin")
	s.Git(t, "branch", "-q", "--set-upstream-to=origin/main")
	Eventually(t, "Gitea sees what was pushed to "+name, func() bool { return !ask(http.MethodGet, "/repos/slipway/"+name, "").Empty })
}

// SetVersion makes every version file that is there say the version, and commits.
func (s Shop) SetVersion(t testing.TB, from, to string) string {
	t.Helper()
	for _, name := range []string{"backend/pyproject.toml", "frontend/package.json", "frontend/package-lock.json"} {
		if _, err := os.Stat(filepath.Join(s.Dir, name)); os.IsNotExist(err) {
			continue
		}
		s.Replace(t, name, `"`+from+`"`, `"`+to+`"`)
	}
	return s.Commit(t, "chore: bump version to "+to)
}

// addTinyImages adds the folder that images of one small file are made of.
func (s Shop) addTinyImages(t testing.TB) {
	t.Helper()
	s.Write(t, "tiny/Dockerfile", "FROM scratch\nCOPY hello /\nUSER 10001\n")
	s.Write(t, "tiny/hello", "hello\n")
}

// makeSmall leaves one backend test, and no frontend.
func (s Shop) makeSmall(t testing.TB) {
	t.Helper()
	s.addTinyImages(t)
	for _, folder := range []string{"frontend", "backend/tests"} {
		if err := os.RemoveAll(filepath.Join(s.Dir, folder)); err != nil {
			t.Fatal(err)
		}
	}
	s.Write(t, "backend/tests/test_stock.py", "from shop.stock import reserve\n\n\ndef test_reserve():\n    assert reserve(3, 3) == 0\n")
	s.Commit(t, "chore: make it small")
}
