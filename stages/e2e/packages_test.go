package e2e

import (
	"errors"
	"path/filepath"
	"testing"

	"dagger.io/dagger"
)

// lockedManifest names a README that no installation reads, as most projects do.
const lockedManifest = `[project]
name = "shop-backend"
version = "1.2.3"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["iniconfig==2.1.0"]

[dependency-groups]
dev = ["pytest==8.3.4", "pytest-cov==6.0.0"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
markers = ["slow: takes more than half a second"]

[tool.coverage.run]
source = ["shop"]
`

// TestPythonPackageManagers has the dependencies locked by the tools themselves, then changes the manifest without them.
func TestPythonPackageManagers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, version, lock, command string }{
		{"uv", "0.13.9", "uv.lock", "uv lock -q"},
		// Poetry asks PyPI itself in a way that few mirrors know, so it is told of the index that pip knows of as of any other.
		{"poetry", "2.5.1", "poetry.lock", `index=$(pip config get global.index-url 2>/dev/null || python -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')
			poetry source add -q --priority=primary simple "$index" && poetry lock`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSmallShop(t)
			s.Git(t, "rm", "-q", "backend/requirements.txt", "backend/requirements-dev.txt")
			s.Write(t, "backend/pyproject.toml", lockedManifest)
			s.runInPython(t, "python -m venv /tool; PATH=/tool/bin:$PATH; pip install -q "+test.name+"=="+test.version+"; "+test.command)
			s.Commit(t, "build: lock the dependencies with "+test.name)
			green(t, s.Call(t, "test-backend"), "Backend Tests  passed", "1 passed", "% coverage")
			green(t, s.Call(t, "dependencies"), "Dependency Check  passed", test.lock+" in step")

			s.Replace(t, "backend/pyproject.toml", "iniconfig==2.1.0", "iniconfig==2.0.0")
			s.Commit(t, "build: go back")
			refused(t, s.Call(t, "dependencies"), "Outcome: gate-fail",
				"Dependency Check failed: "+test.lock+" does not agree with pyproject.toml: run "+test.name+" lock in backend and commit "+test.lock)
		})
	}
}

// runInPython runs commands in the backend's folder, in the image that its dependencies are installed in.
func (s Shop) runInPython(t *testing.T, commands string) {
	t.Helper()
	ctx, client := Connect(t)
	backend := filepath.Join(s.Dir, "backend")
	_, err := client.Container().From("python:3.13-slim").
		WithDirectory("/app", client.Host().Directory(backend)).
		WithWorkdir("/app").
		WithExec([]string{"sh", "-euc", commands}).
		Directory("/app").
		Export(ctx, backend)
	if exec := new(dagger.ExecError); errors.As(err, &exec) {
		t.Fatalf("%v: %s%s", err, exec.Stdout, exec.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPackageLockOutOfStep changes package.json alone, so that npm refuses to install at all.
func TestPackageLockOutOfStep(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	s.Replace(t, "frontend/package.json", `"devDependencies": {`, `"dependencies": { "lodash": "4.17.21" }, "devDependencies": {`)
	s.Commit(t, "feat: use lodash")
	refused(t, s.Call(t, "dependencies"), "Outcome: gate-fail",
		`Dependency Check failed: manifest and lock file are out of step: dependencies has "lodash" "4.17.21", frontend/package-lock.json does not: run "npm install --package-lock-only --prefix frontend"`)
}
