package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
)

// checkDependencies sees that locks are there and agree with their manifests, and what is known of the locked versions.
func (r *Run) checkDependencies(ctx context.Context) (Outcome, error) {
	both, err := together(
		func() (gate.Result, error) { return r.checkPythonLocks(ctx) },
		func() (gate.Result, error) { return r.scanLocks(ctx) },
	)
	backend, scanned := both[0], both[1]
	locks := gate.Join(backend, r.checkNodeLocks())
	switch {
	case err != nil && locks.Verdict == gate.Fail:
		// What is out of step cannot be installed, and that it is says more than the failed installation.
		return judged(locks), nil
	case err != nil:
		return Outcome{Findings: scanned.Findings}, err
	}
	o := judged(gate.Join(scanned, locks))
	o.Vulnerabilities = report.Vulnerabilities(scanned)
	return o, nil
}

// checkPythonLocks leaves a lock to the tool that wrote it, and reads requirements itself: no tool of the field compares
// those with their manifest.
func (r *Run) checkPythonLocks(ctx context.Context) (gate.Result, error) {
	p := r.sides.backend
	switch {
	case p == nil:
		return gate.Skip(r.absent(r.config.backend).Reason), nil
	case p.Manager == "":
		return gate.Result{}, noPythonLock(p)
	case p.Manager != project.Requirements:
		return r.askPackageManager(ctx, p)
	}
	file := func(name string) gate.File { return gate.File{Path: name, Content: r.source.project[name]} }
	dev := path.Join(p.Folder, "requirements-dev.txt")
	if more := p.Requirements[1:]; len(more) > 0 {
		dev = more[0]
	}
	return gate.PythonLocks(file(path.Join(p.Folder, "pyproject.toml")), file(p.Requirements[0]), file(dev)), nil
}

// askPackageManager lets the tool that wrote a lock say whether it is in step. What it says for another reason, of a network
// or an interpreter that is not there, is no verdict.
func (r *Run) askPackageManager(ctx context.Context, p *project.Python) (gate.Result, error) {
	if err := r.checkPython(p); err != nil {
		return gate.Result{}, err // what it would say in another one is about that one
	}
	m := pythonManagers[p.Manager]
	asked, code, err := r.execRetried(ctx, r.pythonTools(p), m.check, false, func(code int) bool { return code != 0 })
	switch {
	case err != nil:
		return gate.Result{}, err
	case code == 0:
		return gate.Result{Verdict: gate.Pass, Figures: []string{path.Base(p.Lock) + " in step"}}, nil
	}
	said, err := asked.CombinedOutput(ctx)
	if err != nil {
		return gate.Result{}, err
	}
	if !strings.Contains(said, m.stale) {
		return gate.Result{}, &failure{err: fmt.Errorf("%s could not say whether %s is in step: it ended with %s", p.Manager, p.Lock, gate.ExitText(code)), ending: report.Broken, output: lastLines(said)}
	}
	return gate.Result{Verdict: gate.Fail, Reason: fmt.Sprintf("%[2]s does not agree with %[4]s: run %[1]s lock in %[3]s and commit %[2]s",
		p.Manager, path.Base(p.Lock), p.Root, m.manifest)}, nil
}

// checkNodeLocks reads npm's lock itself; the other managers refuse to install from one that is out of step.
func (r *Run) checkNodeLocks() gate.Result {
	n := r.sides.frontend
	switch {
	case n == nil:
		return gate.Skip(r.absent(r.config.frontend).Reason)
	case n.Manager != project.NPM && n.Manager != "":
		return gate.Result{Verdict: gate.Pass, Figures: []string{path.Base(n.Lock) + " in step"}}
	}
	manifest, lock := path.Join(n.Root, "package.json"), path.Join(n.Root, npmLock)
	return gate.NpmLock(gate.File{Path: manifest, Content: r.source.project[manifest]}, gate.File{Path: lock, Content: r.source.files[lock]})
}

// scanLocks asks Trivy about the locked versions. Licences stand in the installed packages, so those are shown to it too.
func (r *Run) scanLocks(ctx context.Context) (gate.Result, error) {
	s, err := r.scanner(ctx)
	if err != nil {
		return gate.Result{}, err
	}
	if reason, unfit := s.unfit(); unfit {
		return reason, nil
	}
	trivy := s.trivy
	scan := gate.Scan{Target: "dependencies", Artifact: locksPath, Type: "filesystem", Licences: true}
	if p := r.sides.backend; p != nil {
		trivy = r.showLocks(trivy, p.Manifests, locksOf(p), &scan)
		if trivy, err = r.showExport(ctx, trivy, p, &scan); err != nil {
			return gate.Result{}, err
		}
		installed, err := r.installed(ctx, backendSide, func() (*dagger.Container, error) { return r.pythonEnvironment(p) })
		if err != nil {
			return gate.Result{}, err
		}
		if installed != nil {
			trivy = trivy.WithMountedDirectory("/venv", installed.Directory("/venv")).WithEnvVariable("VIRTUAL_ENV", "/venv")
		}
	}
	if n := r.sides.frontend; n != nil {
		trivy = r.showLocks(trivy, n.Manifests, []string{n.Lock}, &scan)
		installed, err := r.installed(ctx, frontendSide, func() (*dagger.Container, error) { return r.nodeEnvironment(n) })
		if err != nil {
			return gate.Result{}, err
		}
		if installed != nil {
			trivy = trivy.WithMountedDirectory(path.Join(locksPath, n.Root, "node_modules"), installed.Directory(path.Join(appPath, "node_modules")))
		}
	}
	if len(scan.Files) == 0 {
		return gate.Skip("no lock file"), nil
	}
	scan, _, err = r.runTrivy(ctx, trivy, scan, "fs", "--scanners", "vuln,license", "--include-dev-deps", "--skip-db-update", "--offline-scan", locksPath)
	if err != nil {
		return gate.Result{}, err
	}
	return gate.Join(r.config.policy.Judge(scan), s.ignored), nil
}

// installed is a side with its packages, in which their licences stand; nil where they cannot be read. Without a licence that
// is denied, an installation that fails is for the tests to report.
func (r *Run) installed(ctx context.Context, side string, install func() (*dagger.Container, error)) (*dagger.Container, error) {
	if _, own := r.config.testImages[side]; own {
		r.notCheckedf("licences of the %s's packages: its tests run in an image of the repository's own", side)
		return nil, nil
	}
	c, err := install()
	if err != nil {
		return nil, err
	}
	if c, err = c.Sync(ctx); err == nil {
		return c, nil
	}
	if err = r.explainInstall(err); r.config.policy.DeniesLicences() || explain(err).ending == report.Failed {
		return nil, err
	}
	r.notCheckedf("licences of the %s's packages: they could not be installed (%v)", side, err)
	return nil, nil
}

const locksPath = "/locks"

const exportPath = "/requirements.txt"

// exportOf is the command that writes the locked versions of the side as requirements, where Trivy cannot read its lock: pdm's,
// and uv's of a workspace, which has no package that all others belong to.
func exportOf(p *project.Python) []string {
	switch {
	case p.Manager == project.PDM:
		return []string{"pdm", "export", "--format=requirements", "--without-hashes", "--prod", "--output=" + exportPath}
	case p.Member != "":
		return []string{"uv", "export", "--quiet", "--locked", "--no-hashes", "--no-default-groups", "--no-emit-local", "--package=" + p.Member, "--output-file=" + exportPath}
	}
	return nil
}

// showExport gives Trivy what is exported of a lock that it cannot read. There may be nothing in it: a side that needs only
// what lies beside it.
func (r *Run) showExport(ctx context.Context, trivy *dagger.Container, p *project.Python, scan *gate.Scan) (*dagger.Container, error) {
	export := exportOf(p)
	if export == nil {
		return trivy, nil
	}
	file := r.pythonTools(p).WithExec(export).File(exportPath)
	text, err := file.Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	if !strings.Contains(text, "==") {
		return trivy, nil
	}
	name := path.Join(p.Root, path.Base(exportPath))
	scan.Files = append(scan.Files, name)
	return trivy.WithMountedFile(path.Join(locksPath, name), file), nil
}

// locksOf are the locks of the backend that Trivy reads itself; of requirements only those under their best-known name.
func locksOf(p *project.Python) []string {
	switch {
	case exportOf(p) != nil:
		return nil
	case p.Manager == project.Requirements:
		return slices.DeleteFunc(slices.Clone(p.Requirements), func(name string) bool { return path.Base(name) != "requirements.txt" })
	}
	return []string{p.Lock}
}

// showLocks gives Trivy the locks of a side, and the manifests that tell which packages are direct.
func (r *Run) showLocks(trivy *dagger.Container, manifests, locks []string, scan *gate.Scan) *dagger.Container {
	for _, name := range manifests {
		if path.Base(name) == "uv.lock" && !slices.Contains(locks, name) {
			continue // what is exported of it stands for it
		}
		trivy = trivy.WithMountedFile(path.Join(locksPath, name), r.source.folders[wholeTree].File(name))
	}
	scan.Files = append(scan.Files, locks...)
	return trivy
}
