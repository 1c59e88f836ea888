package stages

import (
	"context"
	"path"
	"slices"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

// ruffVersion lints Python; it needs nothing of the project but its sources.
const ruffVersion = "0.14.5"

// The parts of the linting, as reports call them.
const (
	backendLint  = "Backend Lint"
	frontendLint = "Frontend Lint"
	dockerfiles  = "Dockerfiles"
)

// linters are what is looked at besides the tests.
var linters = []stage{
	{name: backendLint, run: (*Run).lintBackend},
	{name: frontendLint, run: (*Run).lintFrontend},
	{name: dockerfiles, run: (*Run).lintDockerfiles},
}

func (r *Run) lintBackend(ctx context.Context) (Outcome, error) {
	if r.sides.backend == nil {
		return r.absent(r.config.backend), nil
	}
	// The folders lie as in the repository, because ruff looks for its settings in those above as well.
	c := r.mountFiles(r.pipInstall(r.tool("python"), "ruff=="+ruffVersion), wholeTree, r.ruffSettings())
	for _, folder := range r.sides.backend.Sources {
		c = c.WithMountedDirectory(at(wholeTree, folder), r.folder(folder))
	}
	c = c.WithWorkdir(at(wholeTree, r.sides.backend.Folder))
	return linted(ctx, c, "ruff "+ruffVersion+" has no complaint", "ruff", "check", "--no-cache", "--output-format=concise", ".")
}

// ruffFiles are where settings of ruff may lie above the backend's folder.
func (c config) ruffFiles() (files []string) {
	if c.backend.off {
		return nil
	}
	for at := c.backend.path; at != wholeTree; {
		at = path.Dir(at)
		for _, name := range []string{"pyproject.toml", "ruff.toml", ".ruff.toml"} {
			files = append(files, path.Join(at, name))
		}
	}
	return files
}

// ruffSettings are those that are there.
func (r *Run) ruffSettings() []string {
	return slices.DeleteFunc(r.config.ruffFiles(), func(name string) bool { _, there := r.source.files[name]; return !there })
}

// lintFrontend runs the project's own script lint: only it knows which linter is meant.
func (r *Run) lintFrontend(ctx context.Context) (Outcome, error) {
	n := r.sides.frontend
	switch {
	case n == nil:
		return r.absent(r.config.frontend), nil
	case !n.Lint:
		return skipped("not applicable: " + path.Join(n.Folder, "package.json") + " has no script lint"), nil
	}
	c, err := r.nodeProject(n)
	if err != nil {
		return Outcome{}, err
	}
	o, err := linted(ctx, c, "npm run lint has no complaint", "npm", "run", "--silent", "lint")
	if err != nil {
		return Outcome{}, r.explainInstall(err)
	}
	return o, nil
}

// linted judges a linter by its exit code: 0 is fine, and what it prints says the rest.
func linted(ctx context.Context, c *dagger.Container, fine string, args ...string) (Outcome, error) {
	c = c.WithExec(args, dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny})
	code, err := c.ExitCode(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if code == 0 {
		return passed(fine), nil
	}
	output, err := c.CombinedOutput(ctx)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Ending: report.Failed, Reason: command(args) + " has complaints", Output: lastLines(output)}, nil
}

// lintDockerfiles asks Trivy about the repository's Dockerfiles and other configuration.
func (r *Run) lintDockerfiles(ctx context.Context) (Outcome, error) {
	s, err := r.scanner(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if reason, unfit := s.unfit(); unfit {
		return judged(reason), nil
	}
	scans, err := r.scanConfiguration(ctx, s.trivy)
	if err != nil {
		return Outcome{}, err
	}
	return judged(gate.Join(r.config.policy.Judge(scans...), s.ignored)), nil
}
