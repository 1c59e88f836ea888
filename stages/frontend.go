package stages

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
)

const npmLock = "package-lock.json"

// testFrontend runs the frontend's tests with coverage.
func (r *Run) testFrontend(ctx context.Context) (Outcome, error) {
	n := r.sides.frontend
	switch {
	case n == nil:
		return r.absent(r.config.frontend), nil
	case n.Runner == "" && r.config.testCommands[frontendSide] == "":
		return r.untested(frontendSide, "vitest, jest", path.Join(n.Folder, "package.json")), nil
	}
	s, err := r.frontendSuite(ctx)
	if err != nil {
		return Outcome{}, err
	}
	o, err := r.judge(ctx, s)
	if err != nil {
		return Outcome{}, r.explainInstall(err)
	}
	return o, nil
}

// The Cobertura report has a name of its own in both runners.
const vitestCommand = `code=0
vitest run --reporter=default --reporter=junit --outputFile.junit=/reports/junit.xml "$@" || code=$?
if [ -f /reports/html/cobertura-coverage.xml ]; then mv /reports/html/cobertura-coverage.xml /reports/coverage.xml; fi
exit $code`

const jestCommand = `code=0
"$@" --ci --json --outputFile=/reports/jest.json || code=$?
if [ -f /reports/html/cobertura-coverage.xml ]; then mv /reports/html/cobertura-coverage.xml /reports/coverage.xml; fi
exit $code`

const bunCommand = `bun test --reporter=junit --reporter-outfile=/reports/junit.xml`

func (r *Run) frontendSuite(ctx context.Context) (suite, error) {
	n := r.sides.frontend
	c, err := r.testContainer(ctx, frontendSide, func() (*dagger.Container, error) { return r.nodeProject(n) })
	if err != nil {
		return suite{}, err
	}
	c = r.withVariables(c)
	s := suite{name: frontendSide, folder: n.Folder, required: c, slow: c}
	if command := r.config.testCommands[frontendSide]; command != "" {
		s.command, s.own = []string{"sh", "-c", command}, true
		return s, nil
	}
	s.command, s.slowCommand = runnerCommands(n)
	return s, nil
}

// runnerCommands are those of the required tests and of the slow ones; there is no second where no file is named so.
func runnerCommands(n *project.Node) (required, slow []string) {
	switch n.Runner {
	case project.Vitest:
		return vitestCommands(n)
	case project.BunTest:
		return []string{"sh", "-c", bunCommand}, nil
	}
	jest := []string{"sh", "-c", jestCommand, "jest", "jest"}
	if n.Runner == project.ReactScripts {
		jest = []string{"sh", "-c", jestCommand, "jest", "react-scripts", "test", "--watchAll=false"}
	}
	required = append(slices.Clone(jest), "--coverage", "--coverageReporters=cobertura", "--coverageReporters=html", "--coverageDirectory=/reports/html")
	if !n.Slow {
		return required, nil
	}
	return append(required, "--testPathIgnorePatterns=/node_modules/", `--testPathIgnorePatterns=\.slow\.test\.`),
		append(jest, "--coverage=false", "--passWithNoTests", `\.slow\.test\.`)
}

func vitestCommands(n *project.Node) (required, slow []string) {
	required = []string{"sh", "-c", vitestCommand, "vitest"}
	if n.Slow {
		required = append(required, "--exclude", "**/*.slow.test.*")
		slow = append([]string{"sh", "-c", vitestCommand, "vitest"}, "--passWithNoTests", ".slow.test.")
	}
	if n.Coverage {
		required = append(required, "--coverage.enabled", "--coverage.reporter=cobertura", "--coverage.reporter=html", "--coverage.reportsDirectory=/reports/html")
	}
	return required, slow
}

// nodeManager is a tool that locks JavaScript dependencies.
type nodeManager struct {
	program string // its package
	version string // of the package, when the repository names none; empty: the one that comes with Node
	cache   string // folder of its downloads
	install []string
	stale   []string // what it says when lock and manifest differ; one of them
}

var nodeManagers = map[string]nodeManager{
	project.NPM: {
		program: "npm", cache: "/root/.npm", install: []string{"npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"},
		stale: []string{"can only install packages when your package.json and package-lock.json"},
	},
	project.PNPM: {
		program: "pnpm", version: "10", cache: "/root/.local/share/pnpm", install: []string{"pnpm", "install", "--frozen-lockfile", "--store-dir=/root/.local/share/pnpm/store"},
		stale: []string{"ERR_PNPM_OUTDATED_LOCKFILE", "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH"},
	},
	project.Yarn: {
		program: "yarn", version: "1.22.22", cache: "/root/.yarn-cache", install: []string{"yarn", "install", "--frozen-lockfile", "--non-interactive", "--cache-folder=/root/.yarn-cache"},
		stale: []string{"Your lockfile needs to be updated"},
	},
	project.Berry: {
		program: "@yarnpkg/cli-dist", version: "4", cache: "/root/.yarn/berry", install: []string{"yarn", "install", "--immutable"},
		stale: []string{"YN0028"},
	},
	project.Bun: {
		program: "bun", version: "1", cache: "/root/.bun/install/cache", install: []string{"bun", "install", "--frozen-lockfile"},
		stale: []string{"lockfile had changes, but lockfile is frozen"},
	},
}

// nodeTools is a container with the package manager that has locked the dependencies.
func (r *Run) nodeTools(n *project.Node) *dagger.Container {
	m := nodeManagers[n.Manager]
	version := cmp.Or(n.Version, m.version)
	c := r.languageImage("node", n.Language).WithMountedCache("/root/.npm", r.dag.CacheVolume("slipway-npm")).
		WithEnvVariable("CI", "true").
		// The version that was installed is the one that runs, whatever the repository carries along.
		WithEnvVariable("YARN_IGNORE_PATH", "1").
		WithEnvVariable("COREPACK_ENABLE_STRICT", "0").
		WithEnvVariable("npm_config_manage_package_manager_versions", "false")
	if version == "" {
		return c
	}
	return c.WithExec([]string{"npm", "install", "--global", "--force", "--no-audit", "--no-fund", "--loglevel=error", m.program + "@" + version}).
		WithMountedCache(m.cache, r.dag.CacheVolume("slipway-"+n.Manager))
}

// nodeEnvironment is a container with the project's dependencies in its node_modules, made from manifests and lock alone,
// unless the project has scripts that an installation runs: those may read any source.
func (r *Run) nodeEnvironment(n *project.Node) (*dagger.Container, error) {
	if n.Manager == "" {
		return nil, refuseState("run npm install (or pnpm, yarn, bun) in "+n.Folder+" and commit the lock",
			"the frontend has no lock file: expected package-lock.json, pnpm-lock.yaml, yarn.lock or bun.lock in %s or at the root of its workspace", n.Folder)
	}
	if err := r.checkNode(n); err != nil {
		return nil, err
	}
	c := r.nodeTools(n)
	if len(n.Scripts) > 0 {
		c = c.WithMountedDirectory(appPath, r.folder(n.Root)).WithWorkdir(appPath)
	} else {
		c = r.mountFiles(c, n.Root, n.Manifests)
	}
	return c.WithEnvVariable("FOLDERS", strings.Join(nodeModules(n), "\n")).WithExec(nodeInstall(n)).WithoutEnvVariable("FOLDERS"), nil
}

// makeFolders follows up an installation: where a package needs nothing there is no folder, and such a one cannot be mounted.
const makeFolders = `"$@" && printf '%s\n' "$FOLDERS" | while IFS= read -r folder; do mkdir -p "$folder"; done`

// nodeInstall is the command that installs the side's dependencies.
func nodeInstall(n *project.Node) []string {
	return append([]string{"sh", "-c", makeFolders, "sh"}, nodeManagers[n.Manager].install...)
}

// nodeModules are the folders that an installation may fill.
func nodeModules(n *project.Node) (all []string) {
	for _, name := range n.Manifests {
		if path.Base(name) == "package.json" {
			all = append(all, path.Join(at(n.Root, path.Dir(name)), "node_modules"))
		}
	}
	return all
}

// nodeProject is the side's sources with their dependencies.
func (r *Run) nodeProject(n *project.Node) (*dagger.Container, error) {
	installed, err := r.nodeEnvironment(n)
	if err != nil {
		return nil, err
	}
	c := installed
	if len(n.Scripts) == 0 {
		c = c.WithMountedDirectory(appPath, r.folder(n.Root))
		for _, folder := range nodeModules(n) {
			c = c.WithMountedDirectory(folder, installed.Directory(folder))
		}
	}
	here := at(n.Root, n.Folder)
	bins := path.Join(here, "node_modules/.bin") + ":" + path.Join(appPath, "node_modules/.bin")
	return c.WithWorkdir(here).WithEnvVariable("PATH", bins+":${PATH}", dagger.ContainerWithEnvVariableOpts{Expand: true}), nil
}
