package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
)

// uvVersion installs Python dependencies, whichever tool has locked them.
const uvVersion = "0.9.11"

// pythonManifests are all that the installation of the dependencies reads.
var pythonManifests = []string{
	"pyproject.toml", "uv.lock", "poetry.lock", "poetry.toml",
	"requirements.txt", "requirements-dev.txt", "requirements-test.txt", "requirements_dev.txt", "dev-requirements.txt", "test-requirements.txt",
}

// testBackend runs pytest with coverage.
func (r *Run) testBackend(ctx context.Context) (Outcome, error) {
	if r.source.folders[r.config.backend.path] == nil {
		return notApplicable(r.config.backend), nil
	}
	s, err := r.backendSuite()
	if err != nil {
		return Outcome{}, err
	}
	return r.judge(ctx, s)
}

func notApplicable(f folder) Outcome {
	return skipped("not applicable: no folder " + f.path)
}

// Coverage goes into XML for the gate and HTML for people, if the project has pytest-cov.
const pytestCommand = `coverage=''
if python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("pytest_cov") is None)'; then coverage='--cov --cov-report=xml:/reports/coverage.xml --cov-report=html:/reports/html'; fi
python -m pytest -m 'not slow' --junitxml=/reports/junit.xml $coverage`

const pytestSlow = `python -m pytest -m slow --no-header --junitxml=/reports/junit.xml`

func (r *Run) backendSuite() (suite, error) {
	folder := r.config.backend.path
	c, err := r.pythonEnvironment()
	if err != nil {
		return suite{}, err
	}
	c = r.withServices(c.WithMountedDirectory("/app", r.source.folders[folder]))
	return suite{name: "backend", folder: folder, required: c, command: pytestCommand, slow: pytestSlow}, nil
}

// pythonEnvironment is a container with the project's dependencies in /venv, made from manifests and locks alone.
func (r *Run) pythonEnvironment() (*dagger.Container, error) {
	c := r.pipInstall(r.tool("python"), "uv=="+uvVersion).
		WithMountedCache("/root/.cache/uv", r.dag.CacheVolume("slipway-uv")).
		WithEnvVariable("UV_LINK_MODE", "copy").
		WithEnvVariable("UV_PROJECT_ENVIRONMENT", "/venv").
		WithEnvVariable("VIRTUAL_ENV", "/venv").
		// Compiled once with the installation, and not by every run of the tests.
		WithEnvVariable("UV_COMPILE_BYTECODE", "1").
		WithEnvVariable("PYTHONDONTWRITEBYTECODE", "1").
		WithEnvVariable("PATH", "/venv/bin:${PATH}", dagger.ContainerWithEnvVariableOpts{Expand: true})
	c, found := r.subset(c, r.config.backend.path, pythonManifests)
	install, err := pythonInstall(found)
	if err != nil {
		return nil, err
	}
	for _, args := range install {
		c = c.WithExec(args)
	}
	return c, nil
}

// pipInstall installs programs of our own beside the project's.
func (r *Run) pipInstall(c *dagger.Container, args ...string) *dagger.Container {
	return c.
		WithMountedCache("/root/.cache/pip", r.dag.CacheVolume("slipway-pip")).
		WithExec(append([]string{"python", "-m", "pip", "install", "--quiet", "--root-user-action=ignore"}, args...))
}

// pythonInstall is how the locked dependencies are installed, from the lock that the project has.
func pythonInstall(found []string) ([][]string, error) {
	has := func(name string) bool { return slices.Contains(found, name) }
	switch {
	case has("uv.lock"):
		return [][]string{{"uv", "sync", "--quiet", "--locked", "--all-extras", "--all-groups", "--no-install-project"}}, nil
	case has("poetry.lock"):
		return [][]string{
			{"uv", "venv", "--quiet", "/venv"},
			{"uv", "tool", "install", "--quiet", "poetry"},
			{"/root/.local/bin/poetry", "install", "--quiet", "--all-groups", "--all-extras", "--no-root", "--compile", "--no-interaction"},
		}, nil
	}
	var locks []string
	for _, name := range found {
		if strings.HasSuffix(name, ".txt") {
			locks = append(locks, "-r", name)
		}
	}
	if len(locks) == 0 {
		return nil, refuseState("lock the dependencies with uv (uv lock), Poetry (poetry lock) or pip-tools (requirements.txt) and commit the lock",
			"the backend has no lock file: expected uv.lock, poetry.lock or requirements.txt")
	}
	// In one exec, which costs more than making the environment.
	install := []string{"sh", "-c", `uv venv --quiet /venv && exec uv pip install --quiet "$@"`, "sh"}
	return [][]string{append(install, locks...)}, nil
}

// Addresses and passwords of the well-known test services, under the names of variables that applications read.
const (
	testUser     = "test"
	postgresPort = 5432
	redisPort    = 6379
)

// withServices starts the test services beside the tests, under the names of the setting.
func (r *Run) withServices(c *dagger.Container) *dagger.Container {
	for _, p := range r.config.services {
		service := r.dag.Container().From(p.value)
		switch imageName(p.value) {
		case "postgres":
			service = service.
				WithEnvVariable("POSTGRES_USER", testUser).
				WithEnvVariable("POSTGRES_PASSWORD", testUser).
				WithEnvVariable("POSTGRES_DB", testUser)
			c = c.WithEnvVariable("DATABASE_URL", fmt.Sprintf("postgresql://%[1]s:%[1]s@%[2]s:%[3]d/%[1]s", testUser, p.name, postgresPort))
		case "redis", "valkey":
			c = c.WithEnvVariable("REDIS_URL", fmt.Sprintf("redis://%s:%d/0", p.name, redisPort))
		}
		c = c.WithServiceBinding(p.name, service.AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true}))
	}
	return c
}

// imageName is the last word of a reference, without tag and digest.
func imageName(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(path.Base(name), ":")
	return name
}
