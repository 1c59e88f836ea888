package stages

import (
	"context"
	"fmt"
	"slices"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
)

// What a repository has locked is installed by the tool that has locked it.
const (
	uvVersion     = "0.13.9"
	poetryVersion = "2.5.1"
	pdmVersion    = "2.29.4"
	pipenvVersion = "2026.10.3"
)

// testBackend runs the backend's tests with coverage.
func (r *Run) testBackend(ctx context.Context) (Outcome, error) {
	p := r.sides.backend
	switch {
	case p == nil:
		return r.absent(r.config.backend), nil
	case p.Runner == "" && r.config.testCommands[backendSide] == "":
		return r.untested(backendSide, project.Pytest, p.Folder), nil
	}
	s, err := r.backendSuite(ctx)
	if err != nil {
		return Outcome{}, err
	}
	o, err := r.judge(ctx, s)
	if err != nil {
		return Outcome{}, r.explainInstall(err)
	}
	return o, nil
}

// pytestHas tells whether a package is installed.
const pytestHas = `has() { python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$1"; }
`

// pytestCommand measures coverage into XML for the gate and HTML for people, with what the project has installed. Its first
// argument is --cov, or empty where the project's own options say what to measure; the others are pytest's.
const pytestCommand = pytestHas + `cov=$1
shift
if has pytest_cov; then
	python -m pytest --junitxml=/reports/junit.xml "$@" $cov --cov-report=xml:/reports/coverage.xml --cov-report=html:/reports/html
elif has coverage; then
	code=0
	python -m coverage run -m pytest --junitxml=/reports/junit.xml "$@" || code=$?
	# Of data that is in one piece already, combine says that there is none.
	python -m coverage combine --quiet >/dev/null 2>&1 || true
	python -m coverage xml --quiet -o /reports/coverage.xml && python -m coverage html --quiet -d /reports/html || true
	exit $code
else
	python -m pytest --junitxml=/reports/junit.xml "$@"
fi`

// pytestSlow measures nothing: limits of the project's own are for the required tests.
const pytestSlow = pytestHas + `if has pytest_cov; then set -- "$@" --no-cov; fi
python -m pytest --no-header --junitxml=/reports/junit.xml "$@"`

func (r *Run) backendSuite(ctx context.Context) (suite, error) {
	p := r.sides.backend
	c, err := r.testContainer(ctx, backendSide, func() (*dagger.Container, error) { return r.pythonProject(p) })
	if err != nil {
		return suite{}, err
	}
	required, err := r.withServices(ctx, c, "required")
	if err != nil {
		return suite{}, err
	}
	s := suite{name: backendSide, folder: p.Folder, required: required}
	if command := r.config.testCommands[backendSide]; command != "" {
		s.command, s.own = []string{"sh", "-c", command}, true
		return s, nil
	}
	s.command, s.slowCommand = pytestCommands(r.pytestConfig(p), r.slowMarked())
	if s.slowCommand != nil {
		s.slow, err = r.withServices(ctx, c, "slow") // with services of its own: two suites in one database fail by each other
	}
	return s, err
}

// pytestConfig is what pytest finds. An image of the repository's own holds nothing from above what it is built from, and pytest
// runs where that image says.
func (r *Run) pytestConfig(p *project.Python) project.PytestConfig {
	config := p.Pytest
	if image, own := r.config.testImages[backendSide]; own {
		if !project.Within(image.Context, config.File) {
			return project.PytestConfig{}
		}
		config.Again = nil
	}
	return config
}

// pytestCommands are those of the required tests and of the slow ones; there is no second where nothing is marked slow. An
// expression of the project's own for markers goes on to count.
func pytestCommands(config project.PytestConfig, slow bool) (required, marked []string) {
	and := func(expression string) string {
		if config.Markers == "" {
			return expression
		}
		return "(" + config.Markers + ") and " + expression
	}
	cov := "--cov"
	if config.CovOption {
		cov = ""
	}
	required = []string{"sh", "-c", pytestCommand, "pytest", cov}
	required = append(required, config.Again...)
	if slow {
		required = append(required, "-m", and("not slow"))
		marked = slices.Concat([]string{"sh", "-c", pytestSlow, "pytest"}, config.Again, []string{"-m", and("slow")})
	}
	return required, marked
}

// pythonTools is a container with what installs the side's dependencies, their manifests and their locks.
func (r *Run) pythonTools(p *project.Python) *dagger.Container {
	c := r.languageImage("python", p.Language)
	if p.Git {
		c = c.WithExec([]string{"sh", "-c", "apt-get -qq update && apt-get -qq install --no-install-recommends git"})
	}
	c = r.pipInstall(c, uvFor(p)).
		WithMountedCache("/root/.cache/uv", r.dag.CacheVolume("slipway-uv")).
		WithEnvVariable("UV_LINK_MODE", "copy").
		WithEnvVariable("UV_PROJECT_ENVIRONMENT", "/venv").
		WithEnvVariable("VIRTUAL_ENV", "/venv").
		// The image is the version that was chosen, whatever .python-version says; nothing fetches another.
		WithEnvVariable("UV_PYTHON", "3").
		WithEnvVariable("UV_PYTHON_DOWNLOADS", "never").
		// Compiled once with the installation, and not by every run of the tests.
		WithEnvVariable("UV_COMPILE_BYTECODE", "1").
		WithEnvVariable("PYTHONDONTWRITEBYTECODE", "1").
		WithEnvVariable("PATH", "/venv/bin:/root/.local/bin:${PATH}", dagger.ContainerWithEnvVariableOpts{Expand: true})
	if tool, ok := pythonManagers[p.Manager]; ok && tool.program != "" {
		c = c.WithMountedCache(tool.cache, r.dag.CacheVolume("slipway-"+p.Manager)).
			WithExec(append([]string{"sh", "-c", `uv tool install --quiet "$@" && exec uv venv --quiet /venv`, "sh", tool.program}, tool.with...))
	}
	// The package manager is asked where the manifest lies.
	return r.mountFiles(c, p.Top, p.Manifests).WithWorkdir(at(p.Top, p.Home))
}

// uvFor is ours, unless the project insists on another.
func uvFor(p *project.Python) string {
	if p.TakesUV(uvVersion) {
		return "uv==" + uvVersion
	}
	return "uv" + p.UV
}

// pythonManager is a tool that locks Python dependencies.
type pythonManager struct {
	program  string   // its package, if it is not uv
	with     []string // options for what it needs besides
	cache    string
	manifest string
	check    []string // that the lock is in step with the manifest
	stale    string   // what it says when it is not
	// dependencies are installed first, without what lies in the repository itself; then the project.
	dependencies, project func(p *project.Python) []string
}

var pythonManagers = map[string]pythonManager{
	project.UV: {
		manifest: "pyproject.toml",
		check:    []string{"uv", "lock", "--quiet", "--check"}, stale: "needs to be updated",
		dependencies: func(p *project.Python) []string {
			if !p.TakesUV(uvVersion) {
				return uvSync(p, "--no-install-workspace") // older ones do not know the other
			}
			return uvSync(p, "--no-install-local")
		},
		project: func(p *project.Python) []string { return uvSync(p) },
	},
	project.Poetry: {
		program: "poetry==" + poetryVersion, manifest: "pyproject.toml", cache: "/root/.cache/pypoetry",
		// Its own check also wants files that no lock depends on, such as the README that the manifest names.
		check: []string{"poetry", "install", "--no-root", "--no-interaction", "--no-ansi", "--dry-run"}, stale: "changed significantly",
		dependencies: func(p *project.Python) []string {
			return named([]string{"poetry", "install", "--no-root", "--compile", "--no-interaction", "--no-ansi"}, "--with", p.Groups, "--extras", p.Extras)
		},
		project: func(*project.Python) []string {
			return []string{"poetry", "install", "--only-root", "--no-interaction", "--no-ansi"}
		},
	},
	project.PDM: {
		// It works with no newer hishel, and asks for one that is not older.
		program: "pdm==" + pdmVersion, with: []string{"--with", "hishel<2"}, manifest: "pyproject.toml", cache: "/root/.cache/pdm",
		check: []string{"pdm", "lock", "--check"}, stale: "out of date",
		dependencies: func(p *project.Python) []string {
			return named([]string{"pdm", "sync", "--no-self"}, "--group", p.Groups, "--group", p.Extras)
		},
		project: func(p *project.Python) []string {
			return named([]string{"pdm", "sync"}, "--group", p.Groups, "--group", p.Extras)
		},
	},
	project.Pipenv: {
		program: "pipenv==" + pipenvVersion, manifest: "Pipfile", cache: "/root/.cache/pipenv",
		check: []string{"pipenv", "verify"}, stale: "out-of-date",
		dependencies: func(*project.Python) []string { return []string{"sh", "-c", pipenvInstall} },
		project:      func(*project.Python) []string { return editable },
	},
}

// pipenvInstall leaves the installation to uv, as that of other requirements.
const pipenvInstall = `set -e
pipenv requirements --dev --hash > /tmp/locked.txt
sed -E '/^(-e )?\.([ ;]|$)/d' /tmp/locked.txt > /tmp/requirements.txt # the project itself comes with its sources
exec uv pip install --quiet -r /tmp/requirements.txt`

func uvSync(p *project.Python, more ...string) []string {
	args := append([]string{"uv", "sync", "--quiet", "--locked"}, more...)
	if p.Member != "" {
		args = append(args, "--package", p.Member)
	}
	return named(args, "--group", p.Groups, "--extra", p.Extras)
}

// named repeats an option for each of its values.
func named(args []string, group string, groups []string, extra string, extras []string) []string {
	for _, name := range groups {
		args = append(args, group, name)
	}
	for _, name := range extras {
		args = append(args, extra, name)
	}
	return args
}

// pythonEnvironment is a container with the project's dependencies in /venv, made from manifests and locks alone.
func (r *Run) pythonEnvironment(p *project.Python) (*dagger.Container, error) {
	if err := r.checkPython(p); err != nil {
		return nil, err
	}
	c := r.pythonTools(p)
	if p.Manager == "" {
		return nil, noPythonLock(p)
	}
	// What is wrong with the sources of packages would stand below what is wrong with their installation.
	return c.WithEnvVariable("PYTHONWARNINGS", "ignore").WithExec(pythonInstall(p)).WithoutEnvVariable("PYTHONWARNINGS"), nil
}

// uvPipInstall makes the environment in the exec that installs into it, which costs more than making it.
const uvPipInstall = `uv venv --quiet /venv && exec uv pip install --quiet "$@"`

// pythonInstall is the command that installs the side's dependencies.
func pythonInstall(p *project.Python) []string {
	if m, ok := pythonManagers[p.Manager]; ok {
		return m.dependencies(p)
	}
	install := []string{"sh", "-c", uvPipInstall, "sh"}
	for _, name := range p.Requirements {
		install = append(install, "-r", at(p.Top, name))
	}
	return install
}

// noPythonLock says how to lock, and in which folder.
func noPythonLock(p *project.Python) error {
	return refuseState(fmt.Sprintf("lock the dependencies in %s with uv (uv lock), Poetry (poetry lock), pdm (pdm lock), Pipenv (pipenv lock) or pip-tools (requirements.txt) and commit the lock", p.Folder),
		"the backend has no lock file: expected uv.lock, poetry.lock, pdm.lock, Pipfile.lock or requirements.txt in %s", p.Folder)
}

// pythonProject is the side with its sources. The project itself is installed last, so that a change of its sources
// installs no dependency anew.
func (r *Run) pythonProject(p *project.Python) (*dagger.Container, error) {
	c, err := r.pythonEnvironment(p)
	if err != nil {
		return nil, err
	}
	if p.Whole {
		c = c.WithMountedDirectory(appPath, r.folder(p.Top))
	}
	for _, folder := range p.Sources {
		c = c.WithMountedDirectory(at(p.Top, folder), r.folder(folder))
	}
	if p.Package || len(p.Sources) > 1 {
		c = r.installProject(c, p)
	}
	return r.mountFiles(c, p.Top, p.Above).WithWorkdir(at(p.Top, p.Folder)), nil
}

var editable = []string{"uv", "pip", "install", "--quiet", "--no-deps", "--editable", "."}

// versionVariables tell the build plugins that ask Git for a version which one it is.
var versionVariables = []string{"SETUPTOOLS_SCM_PRETEND_VERSION", "POETRY_DYNAMIC_VERSIONING_BYPASS", "UV_DYNAMIC_VERSIONING_BYPASS", "PDM_BUILD_SCM_VERSION"}

func (r *Run) installProject(c *dagger.Container, p *project.Python) *dagger.Container {
	if p.VersionFromVC {
		for _, name := range versionVariables {
			c = c.WithEnvVariable(name, r.pythonVersion())
		}
	}
	return c.WithExec(projectInstall(p))
}

// projectInstall is the command that installs the project itself.
func projectInstall(p *project.Python) []string {
	if m, ok := pythonManagers[p.Manager]; ok {
		return m.project(p)
	}
	return editable
}

// pythonVersion is the version in Python's spelling; outside of a release any will do.
func (r *Run) pythonVersion() string {
	if text, err := r.Version.PEP440(); err == nil && text != "" {
		return text
	}
	return "0.0.0"
}

// pipInstall installs programs of our own beside the project's.
func (r *Run) pipInstall(c *dagger.Container, args ...string) *dagger.Container {
	return c.
		WithMountedCache("/root/.cache/pip", r.dag.CacheVolume("slipway-pip")).
		WithExec(append([]string{"python", "-m", "pip", "install", "--quiet", "--root-user-action=ignore"}, args...))
}

// withVariables gives the tests what the repository says they need.
func (r *Run) withVariables(c *dagger.Container) *dagger.Container {
	for _, v := range r.testVariables {
		c = c.WithEnvVariable(v.name, v.value)
	}
	return c
}
