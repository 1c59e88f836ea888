package stages

import (
	"context"
	"fmt"
	"path"
	"strings"

	"dagger/slipway/internal/dagger"
)

// Poetry installs what it has locked, uv everything else.
const (
	uvVersion     = "0.13.9"
	poetryVersion = "2.5.1"
)

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

// packageManager is a tool that locks Python dependencies.
type packageManager struct {
	name, lock string
	prepare    []string // the container with uv in it
	install    []string // what is locked into /venv
	check      []string // that the lock is in step with the manifest
}

// packageManagers are asked in this order.
var packageManagers = []packageManager{
	{
		name: "uv", lock: "uv.lock",
		install: []string{"uv", "sync", "--quiet", "--locked", "--all-extras", "--all-groups", "--no-install-project"},
		check:   []string{"uv", "lock", "--quiet", "--check"},
	},
	{
		name: "poetry", lock: "poetry.lock",
		prepare: []string{"sh", "-c", `uv tool install --quiet "$1" && exec uv venv --quiet /venv`, "sh", "poetry==" + poetryVersion},
		install: []string{"poetry", "install", "--quiet", "--all-groups", "--all-extras", "--no-root", "--compile", "--no-interaction"},
		// Its own check also wants files that no lock depends on, such as the README that the manifest names.
		check: []string{"poetry", "install", "--quiet", "--no-root", "--no-interaction", "--dry-run"},
	},
}

// packageManager is the tool that has locked the backend's dependencies, nil for requirements.
func (r *Run) packageManager() *packageManager {
	for _, m := range packageManagers {
		if _, ok := r.source.files[path.Join(r.config.backend.path, m.lock)]; ok {
			return &m
		}
	}
	return nil
}

// pythonTools is a container with what installs the backend's dependencies, their manifests and their locks.
func (r *Run) pythonTools() (c *dagger.Container, manifests []string) {
	c = r.pipInstall(r.tool("python"), "uv=="+uvVersion).
		WithMountedCache("/root/.cache/uv", r.dag.CacheVolume("slipway-uv")).
		WithEnvVariable("UV_LINK_MODE", "copy").
		WithEnvVariable("UV_PROJECT_ENVIRONMENT", "/venv").
		WithEnvVariable("VIRTUAL_ENV", "/venv").
		// Compiled once with the installation, and not by every run of the tests.
		WithEnvVariable("UV_COMPILE_BYTECODE", "1").
		WithEnvVariable("PYTHONDONTWRITEBYTECODE", "1").
		WithEnvVariable("PATH", "/venv/bin:/root/.local/bin:${PATH}", dagger.ContainerWithEnvVariableOpts{Expand: true})
	if m := r.packageManager(); m != nil && m.prepare != nil {
		c = c.WithMountedCache("/root/.cache/pypoetry", r.dag.CacheVolume("slipway-poetry")).WithExec(m.prepare)
	}
	return r.subset(c, r.config.backend.path, pythonManifests)
}

// pythonEnvironment is a container with the project's dependencies in /venv, made from manifests and locks alone.
func (r *Run) pythonEnvironment() (*dagger.Container, error) {
	c, manifests := r.pythonTools()
	if m := r.packageManager(); m != nil {
		return c.WithExec(m.install), nil
	}
	install, err := requirementsInstall(manifests)
	if err != nil {
		return nil, err
	}
	return c.WithExec(install), nil
}

// pipInstall installs programs of our own beside the project's.
func (r *Run) pipInstall(c *dagger.Container, args ...string) *dagger.Container {
	return c.
		WithMountedCache("/root/.cache/pip", r.dag.CacheVolume("slipway-pip")).
		WithExec(append([]string{"python", "-m", "pip", "install", "--quiet", "--root-user-action=ignore"}, args...))
}

// requirementsInstall makes the environment in the exec that installs into it, which costs more than making it.
func requirementsInstall(manifests []string) ([]string, error) {
	install := []string{"sh", "-c", `uv venv --quiet /venv && exec uv pip install --quiet "$@"`, "sh"}
	locked := false
	for _, name := range manifests {
		if strings.HasSuffix(name, ".txt") {
			install, locked = append(install, "-r", name), true
		}
	}
	if !locked {
		return nil, refuseState("lock the dependencies with uv (uv lock), Poetry (poetry lock) or pip-tools (requirements.txt) and commit the lock",
			"the backend has no lock file: expected uv.lock, poetry.lock or requirements.txt")
	}
	return install, nil
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
