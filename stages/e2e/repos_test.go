package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"dagger.io/dagger"
)

// repo is a small repository of testdata/repos, one of the shapes that teams give theirs. Its locks are made by the tools
// that make them, because a lock names where its packages are from.
type repo struct {
	name   string
	locks  []lock
	call   []string // after the settings that all of them have
	expect []string
	stale  *stale
}

// stale is a change of a manifest that its lock does not follow, and what is said of it.
type stale struct{ file, before, after, says string }

// lock is how one is made, and the files that are new then. Its tool is installed first, once for all repositories.
type lock struct {
	image, tool, commands string
	files                 []string
}

func pythonLock(program, commands string, files ...string) lock {
	return lock{"python:3.13-slim", "python -m venv /tool; /tool/bin/pip install -q " + program, "PATH=/tool/bin:$PATH; " + commands, files}
}

func uvLock() lock {
	return pythonLock("uv==0.13.9", "SETUPTOOLS_SCM_PRETEND_VERSION=0 uv lock -q", "uv.lock")
}

func npmLock(program, command, file string) lock {
	return lock{"node:22-slim", "npm install -g --force --loglevel=error " + program, "cd " + path.Dir(file) + "; " + command, []string{file}}
}

var repos = []repo{
	{
		// Both locks lie above the sides; the backend is a package with a src layout and a version from Git.
		name:  "workspaces",
		locks: []lock{uvLock(), npmLock("pnpm@10.7.1", "pnpm install --lockfile-only", "pnpm-lock.yaml")},
		expect: []string{"uv.lock in step, pnpm-lock.yaml in step", "Backend Tests     passed", "1 passed, 66.6% coverage",
			"Frontend Tests    passed", "1 passed, 100.0% coverage, 1 passed slow", "Outcome: dry-run-ok"},
	},
	{
		// Files that name others, one that is for production only, variables from a file, pytest set up above the side; yarn 1 and an
		// old vitest.
		name:   "requirements",
		locks:  []lock{npmLock("yarn@1.22.22", "yarn install --silent --ignore-scripts", "frontend/yarn.lock")},
		call:   []string{"--test-variables=backend/test.env, MODE=test"},
		expect: []string{"yarn.lock in step", "1 passed, coverage not measured", "Frontend Tests    passed", "Outcome: dry-run-ok"},
	},
	{
		name: "pdm",
		locks: []lock{
			pythonLock("pdm==2.29.4 'hishel<2'", "cd backend; pdm lock -q", "backend/pdm.lock"),
			npmLock("@yarnpkg/cli-dist@4.5.0", "touch yarn.lock; yarn install --mode=update-lockfile", "frontend/yarn.lock"),
		},
		expect: []string{"pdm.lock in step, yarn.lock in step", "Backend Tests     passed", "Frontend Tests    passed", "Outcome: dry-run-ok"},
	},
	{
		// The backend has no manifest of its own, it belongs to the project at the root.
		name:   "rooted",
		locks:  []lock{uvLock(), npmLock("bun@1", "bun install --lockfile-only", "frontend/bun.lock")},
		expect: []string{"uv.lock in step, bun.lock in step", "Backend Tests     passed", "Frontend Tests    passed", "Outcome: dry-run-ok"},
	},
	{
		// A dependency that lies beside the side, a README that no installation reads, and a workspace of npm's.
		name: "paths",
		locks: []lock{
			pythonLock("uv==0.13.9", "cd backend; uv lock -q", "backend/uv.lock"),
			npmLock("npm@10", "npm install --package-lock-only", "package-lock.json"),
		},
		expect: []string{"uv.lock in step", "Backend Tests     passed", "Frontend Tests    passed", "Outcome: dry-run-ok"},
		stale:  &stale{"backend/pyproject.toml", "iniconfig==2.1.0", "iniconfig==2.0.0", "uv.lock does not agree with pyproject.toml: run uv lock in backend and commit uv.lock"},
	},
	{
		// Another folder, and options of the project's own that choose tests; its expression counts beside ours.
		name:   "habits",
		call:   []string{"--backend=api", "--frontend=none"},
		expect: []string{"1 passed, coverage not measured, 1 passed slow", "Outcome: dry-run-ok"},
	},
	{
		// An installation that reads sources, and no backend.
		name:   "scripts",
		locks:  []lock{npmLock("npm@10", "npm install --package-lock-only --ignore-scripts", "frontend/package-lock.json")},
		expect: []string{"Backend Tests     skipped", "not applicable: no folder backend", "Frontend Tests    passed", "1 passed", "Outcome: dry-run-ok"},
	},
	{
		name:   "commands",
		locks:  []lock{pythonLock("pipenv==2026.10.3", "cd backend; "+pipenvLock, "backend/Pipfile.lock", "backend/Pipfile")},
		call:   []string{"--backend-tests=python -m unittest", "--frontend=none"},
		expect: []string{"Pipfile.lock in step", "Backend Tests     passed", "tests not counted", "Frontend Tests    skipped", "switched off", "Outcome: dry-run-ok"},
	},
	{
		name: "commands",
		locks: []lock{
			pythonLock("pipenv==2026.10.3", "cd backend; "+pipenvLock, "backend/Pipfile.lock", "backend/Pipfile"),
			npmLock("npm@10", "npm install --package-lock-only", "frontend/package-lock.json"),
		},
		expect: []string{"Backend Tests     not configured", "Frontend Tests    not configured", "no test runner",
			"the backend's tests: none of pytest is among the dependencies of backend", "the frontend's tests: none of vitest, jest is among the dependencies of frontend/package.json", "Outcome: dry-run-ok"},
	},
	{
		name:   "images",
		call:   []string{"--test-images=backend=backend#test"},
		expect: []string{"Backend Tests     passed", "1 passed", "licences of the backend's packages: its tests run in an image of the repository's own", "Outcome: dry-run-ok"},
	},
}

// handbook is the shape that the release handbook was written for: Poetry, pnpm and jest, images that were built on the
// server, a proxy whose configuration lies in the repository.
var handbook = repo{
	name: "handbook",
	locks: []lock{
		pythonLock("poetry==2.5.1", "cd backend; "+poetryLock, "backend/poetry.lock", "backend/pyproject.toml"),
		npmLock("pnpm@10.7.1", "pnpm install --lockfile-only", "frontend/pnpm-lock.yaml"),
	},
	stale: &stale{"backend/pyproject.toml", `pytest = "8.3.4"`, `pytest = "8.3.3"`, "poetry.lock does not agree with pyproject.toml: run poetry lock in backend and commit poetry.lock"},
}

// pipIndex is the index that pip knows of.
const pipIndex = `index=$(pip config get global.index-url 2>/dev/null || python -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')
	`

// pipenvLock names that index in the manifest, which names one in any project.
const pipenvLock = pipIndex + `printf '\n[[source]]\nname = "index"\nurl = "%s"\nverify_ssl = true\n' "$index" >> Pipfile && pipenv lock`

// poetryLock tells Poetry, which asks PyPI itself in a way that few mirrors know, of the index that pip knows of as of any other.
const poetryLock = pipIndex + `poetry source add -q --priority=primary simple "$index" && poetry lock`

// TestRepositories runs the gates of each, with no more settings than its shape needs.
func TestRepositories(t *testing.T) {
	t.Parallel()
	for _, r := range repos {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := r.start(t)
			green(t, s.Call(t, append(append([]string{"--images="}, r.call...), "release", "--version=1.4.0", "--dry-run")...), r.expect...)
			r.stale.wantRefused(t, s)
		})
	}
}

// wantRefused makes the change, if there is one, and fails the test unless the dependency check says so.
func (c *stale) wantRefused(t *testing.T, s Shop) {
	t.Helper()
	if c == nil {
		return
	}
	s.Replace(t, c.file, c.before, c.after)
	s.Commit(t, "build: go back")
	refused(t, s.Call(t, "--images=", "dependencies"), "Dependency Check failed: "+c.says, "Outcome: gate-fail")
}

// TestHandbook releases that one for real, upgrades it and brings it back, and asks its proxy. What nobody imports counts as
// not covered, as by the project's own command.
func TestHandbook(t *testing.T) {
	t.Parallel()
	takePlace(t)
	d := DeployShop{Shop: handbook.start(t), Prefix: NewPrefix(t)}
	d.addServers(t)
	d.Staging.Run(t, fmt.Sprintf("cd %s && echo HTTP_PORT=%d > .env && echo GREETING=hello > .env.prod", d.Staging.Dir, d.Staging.Port))
	call := func(more ...string) Result {
		return d.Call(t, append(d.Arguments("--images=backend=backend, frontend=frontend, arq-worker=backend:Dockerfile.arq", "--compose-file=docker-compose.prod.yml",
			"--health-url=staging="+d.Staging.Frontend()+"/api/"), more...)...)
	}
	answers := func(version, proxy string) {
		t.Helper()
		response, err := http.Get(d.Staging.Frontend() + "/api/")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if got := strings.TrimSpace(string(body)); err != nil || got != "hello "+version || response.Header.Get("X-Proxy") != proxy {
			t.Errorf("the proxy answers %q by configuration %q (%v), want %s by %q", got, response.Header.Get("X-Proxy"), err, version, proxy)
		}
	}
	green(t, call("plan", "--version=1.4.0"), "the HEALTHCHECK of backend: Dagger v0.19", "poetry by backend/poetry.lock", "pnpm 10.7.1 by frontend/pnpm-lock.yaml", "tests by jest",
		"service arq-worker    gets "+d.Prefix+"/arq-worker", "docker-compose.prod.yml, nginx/nginx.conf")
	green(t, call("release", "--version=1.4.0"), "poetry.lock in step, pnpm-lock.yaml in step", "1 passed, 40.0% coverage, 1 passed slow", "1 passed, 1 skipped, 100.0% coverage",
		"1.4.0 is healthy, first deployment", "Outcome: released")
	answers("1.4.0", "first")

	for _, name := range []string{"backend/pyproject.toml", "frontend/package.json"} {
		d.Replace(t, name, `"1.4.0"`, `"1.5.0"`)
	}
	d.Replace(t, "nginx/nginx.conf", "X-Proxy first", "X-Proxy second")
	d.Commit(t, "feat: another proxy")
	// Its gates are those of the first, and may be left out.
	green(t, call("release", "--version=1.5.0", "--force", "--reason=only another proxy"), "1.5.0 is healthy", "Outcome: released")
	answers("1.5.0", "second")

	green(t, call("rollback", "--environment=staging", "--reason=the second proxy is wrong"), "Outcome: rolled-back")
	answers("1.4.0", "first")
	if kept := d.Staging.Run(t, "cat "+d.Staging.Dir+"/.env.prod"); kept != "GREETING=hello" {
		t.Errorf("the server's own .env.prod holds %q", kept)
	}
	handbook.stale.wantRefused(t, d.Shop)
}

// start makes a repository of the folder.
func (r repo) start(t *testing.T) Shop {
	t.Helper()
	needEngine(t)
	s := Shop{Dir: filepath.Join(t.TempDir(), r.name)}
	if err := os.CopyFS(s.Dir, os.DirFS(filepath.Join(Module(), "testdata", "repos", r.name))); err != nil {
		t.Fatal(err)
	}
	for _, l := range r.locks {
		l.write(t, s)
	}
	s.Git(t, "init", "-q", "-b", "main")
	s.Commit(t, "feat: everything")
	return s
}

// write has the lock made by the tool that makes it.
func (l lock) write(t *testing.T, s Shop) {
	t.Helper()
	ctx, client := Connect(t)
	made, err := client.Container().From(l.image).
		WithExec([]string{"sh", "-euc", l.tool}).
		WithDirectory("/app", client.Host().Directory(s.Dir)).
		WithWorkdir("/app").
		WithExec([]string{"sh", "-euc", l.commands}).
		Sync(ctx)
	if exec := new(dagger.ExecError); errors.As(err, &exec) {
		t.Fatalf("%v: %s%s", err, exec.Stdout, exec.Stderr)
	}
	for _, file := range l.files {
		if err == nil {
			_, err = made.File(file).Export(ctx, filepath.Join(s.Dir, file))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
