package stages

import (
	"context"
	"encoding/json"
	"path"

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
	folder := r.source.folders[r.config.backend.path]
	if folder == nil {
		return notApplicable(r.config.backend), nil
	}
	c := r.pipInstall(r.tool("python"), "ruff=="+ruffVersion).
		WithMountedDirectory("/app", folder).WithWorkdir("/app")
	return linted(ctx, c, "ruff "+ruffVersion+" has no complaint", "ruff", "check", "--no-cache", "--output-format=concise", ".")
}

// lintFrontend runs the project's own script lint: only it knows which linter is meant.
func (r *Run) lintFrontend(ctx context.Context) (Outcome, error) {
	folder := r.source.folders[r.config.frontend.path]
	if folder == nil {
		return notApplicable(r.config.frontend), nil
	}
	at := path.Join(r.config.frontend.path, "package.json")
	text, found := r.source.files[at]
	if !found {
		return skipped("not applicable: no " + at), nil
	}
	var manifest struct{ Scripts map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		return Outcome{}, refuseState("correct the file", "%s is not JSON: %w", at, err)
	}
	if manifest.Scripts["lint"] == "" {
		return skipped("not applicable: package.json has no script lint"), nil
	}
	c, err := r.nodeProject()
	if err != nil {
		return Outcome{}, err
	}
	return linted(ctx, c, "npm run lint has no complaint", "npm", "run", "--silent", "lint")
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
	scan, err := r.scanConfiguration(ctx, s.trivy)
	if err != nil {
		return Outcome{}, err
	}
	return judged(gate.Join(r.config.policy.Judge(scan), s.ignored)), nil
}
