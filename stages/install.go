package stages

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
)

// explainInstall tells the failed installation of a side's packages from other failures.
func (r *Run) explainInstall(err error) error {
	f := explain(err)
	n := r.sides.frontend
	if n != nil && outOfStep(n, f.output) {
		return &failure{
			err:    fmt.Errorf("%s does not agree with package.json", n.Lock),
			ending: report.Failed, output: f.output,
			next: fmt.Sprintf("run %s install in %s and commit %s", nodeManagers[n.Manager].install[0], n.Root, path.Base(n.Lock)),
		}
	}
	side := r.installing(err)
	if _, own := r.config.testImages[side]; side != "" && !own && f.next == "" {
		f.next = fmt.Sprintf("the end of its output says which of the %s's packages cannot be installed; what it needs of the system has to be in an image of yours: testImages=%s=FOLDER[:DOCKERFILE][#TARGET]", side, side)
	}
	return f
}

// installing is the side whose installation a failed exec was; empty if it was none.
func (r *Run) installing(err error) string {
	var exec *dagger.ExecError
	if !errors.As(err, &exec) {
		return ""
	}
	if p := r.sides.backend; p != nil && (slices.Equal(exec.Cmd, pythonInstall(p)) || slices.Equal(exec.Cmd, projectInstall(p))) {
		return backendSide
	}
	if n := r.sides.frontend; n != nil && slices.Equal(exec.Cmd, nodeInstall(n)) {
		return frontendSide
	}
	return ""
}

// outOfStep says whether a package manager refuses to install from a lock that does not agree with its manifest.
func outOfStep(n *project.Node, output string) bool {
	return slices.ContainsFunc(nodeManagers[n.Manager].stale, func(words string) bool { return strings.Contains(output, words) })
}
