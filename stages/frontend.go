package stages

import (
	"context"

	"dagger/slipway/internal/dagger"
)

// nodeManifests are all that the installation of the dependencies reads.
var nodeManifests = []string{"package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"}

// testFrontend runs vitest with coverage.
func (r *Run) testFrontend(ctx context.Context) (Outcome, error) {
	if r.source.folders[r.config.frontend.path] == nil {
		return notApplicable(r.config.frontend), nil
	}
	s, err := r.frontendSuite()
	if err != nil {
		return Outcome{}, err
	}
	return r.judge(ctx, s)
}

// Coverage needs one of vitest's two providers in the project. The Cobertura report has a name of its own there.
const vitestCommand = `coverage=''
if [ -d node_modules/@vitest/coverage-v8 ] || [ -d node_modules/@vitest/coverage-istanbul ]; then
	coverage='--coverage.enabled --coverage.reporter=cobertura --coverage.reporter=html --coverage.reportsDirectory=/reports/html'
fi
node_modules/.bin/vitest run --reporter=default --reporter=junit --outputFile.junit=/reports/junit.xml --exclude '**/*.slow.test.*' $coverage
code=$?
if [ -f /reports/html/cobertura-coverage.xml ]; then mv /reports/html/cobertura-coverage.xml /reports/coverage.xml; fi
exit $code`

const vitestSlow = `node_modules/.bin/vitest run --passWithNoTests --reporter=default --reporter=junit --outputFile.junit=/reports/junit.xml .slow.test.`

func (r *Run) frontendSuite() (suite, error) {
	folder := r.config.frontend.path
	c, err := r.nodeProject()
	if err != nil {
		return suite{}, err
	}
	return suite{name: "frontend", folder: folder, required: c, command: vitestCommand, slow: vitestSlow}, nil
}

// nodeEnvironment is a container with the project's dependencies in /app/node_modules, made from manifest and lock alone.
func (r *Run) nodeEnvironment() (*dagger.Container, error) {
	c := r.tool("node").WithMountedCache("/root/.npm", r.dag.CacheVolume("slipway-npm")).WithEnvVariable("CI", "true")
	c, found := r.subset(c, r.config.frontend.path, nodeManifests)
	if len(found) < 2 || found[1] == ".npmrc" {
		return nil, refuseState("run npm install in the folder and commit package-lock.json", "the frontend has no lock file: expected package.json and package-lock.json")
	}
	return c.WithExec([]string{"sh", "-c", "npm ci --no-audit --no-fund --prefer-offline && mkdir -p node_modules"}), nil
}

const nodeModules = "/app/node_modules"

// nodeProject is the project's folder with its dependencies.
func (r *Run) nodeProject() (*dagger.Container, error) {
	c, err := r.nodeEnvironment()
	if err != nil {
		return nil, err
	}
	return c.
		WithMountedDirectory("/app", r.source.folders[r.config.frontend.path]).
		WithMountedDirectory(nodeModules, c.Directory(nodeModules)), nil
}
