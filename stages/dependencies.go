package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

// checkDependencies sees that locks are there and agree with their manifests, and what is known of the locked versions.
func (r *Run) checkDependencies(ctx context.Context) (Outcome, error) {
	var backend, scanned gate.Result
	var group errgroup.Group
	group.Go(func() (err error) {
		backend, err = r.checkPythonLocks(ctx)
		return err
	})
	group.Go(func() (err error) {
		scanned, err = r.scanLocks(ctx)
		return err
	})
	err := group.Wait()
	locks := gate.Join(backend, r.checkNodeLocks())
	switch {
	case err != nil && locks.Verdict == gate.Fail:
		// What is out of step cannot be installed, and that it is says more than the failed installation.
		return judged(locks), nil
	case err != nil:
		return Outcome{}, err
	}
	o := judged(gate.Join(scanned, locks))
	o.Vulnerabilities = report.Vulnerabilities(scanned)
	return o, nil
}

// checkPythonLocks leaves uv's and Poetry's locks to uv and Poetry, and reads requirements itself: no tool of the field
// compares those with their manifest.
func (r *Run) checkPythonLocks(ctx context.Context) (gate.Result, error) {
	folder := r.config.backend.path
	if r.source.folders[folder] == nil {
		return gate.Skip("no folder " + folder), nil
	}
	if m := r.packageManager(); m != nil {
		return r.askPackageManager(ctx, *m)
	}
	files := r.source.named(folder, pythonManifests)
	return gate.PythonLocks(files["pyproject.toml"], files["requirements.txt"], files["requirements-dev.txt"]), nil
}

// askPackageManager lets the tool that wrote a lock say whether it is in step.
func (r *Run) askPackageManager(ctx context.Context, m packageManager) (gate.Result, error) {
	tools, _ := r.pythonTools()
	asked, code, err := r.execRetried(ctx, tools, m.check, false, func(code int) bool { return code != 0 })
	switch {
	case err != nil:
		return gate.Result{}, err
	case code == 0:
		return gate.Result{Verdict: gate.Pass, Figures: []string{m.lock + " in step"}}, nil
	}
	said, err := asked.Stderr(ctx)
	said, _, _ = strings.Cut(strings.TrimSpace(said), "\n")
	return gate.Result{Verdict: gate.Fail, Reason: fmt.Sprintf("%[2]s does not agree with pyproject.toml: run %[1]s lock in %[3]s and commit %[2]s; %[1]s says: %[4]s",
		m.name, m.lock, r.config.backend.path, said)}, err
}

func (r *Run) checkNodeLocks() gate.Result {
	folder := r.config.frontend.path
	if r.source.folders[folder] == nil {
		return gate.Skip("no folder " + folder)
	}
	files := r.source.named(folder, nodeManifests)
	return gate.NpmLock(files["package.json"], files["package-lock.json"])
}

// named are files of a folder, by their names in it. Those that are not there have no content.
func (s source) named(folder string, names []string) map[string]gate.File {
	files := map[string]gate.File{}
	for _, name := range names {
		at := path.Join(folder, name)
		files[name] = gate.File{Path: at, Content: s.files[at]}
	}
	return files
}

// lockFiles are the locks that Trivy reads.
var lockFiles = []string{"uv.lock", "poetry.lock", "requirements.txt", "package-lock.json"}

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
	scan := gate.Scan{Target: "dependencies", Artifact: "/locks", Type: "filesystem", Licences: true}
	for _, side := range []lockSide{
		{r.config.backend.path, r.pythonEnvironment, withVenv},
		{r.config.frontend.path, r.nodeEnvironment, withNodeModules},
	} {
		if trivy, err = r.showLocks(trivy, side, &scan); err != nil {
			return gate.Result{}, err
		}
	}
	if len(scan.Files) == 0 {
		return gate.Skip("no lock file"), nil
	}
	scan, _, err = r.runTrivy(ctx, trivy, scan, "fs", "--scanners", "vuln,license", "--include-dev-deps", "--skip-db-update", "--offline-scan", "/locks")
	if err != nil {
		return gate.Result{}, err
	}
	return gate.Join(r.config.policy.Judge(scan), s.ignored), nil
}

// lockSide is a folder with locks, and how its packages are installed and shown to Trivy.
type lockSide struct {
	folder  string
	install func() (*dagger.Container, error)
	mount   func(trivy *dagger.Container, at string, installed *dagger.Container) *dagger.Container
}

// showLocks gives Trivy the locks of a side, the manifests that tell which packages are direct, and what is installed.
func (r *Run) showLocks(trivy *dagger.Container, side lockSide, scan *gate.Scan) (*dagger.Container, error) {
	from := r.source.folders[side.folder]
	if from == nil {
		return trivy, nil
	}
	files := r.source.named(side.folder, append(slices.Clone(lockFiles), "pyproject.toml", "package.json"))
	at := path.Join("/locks", side.folder)
	for _, name := range sortedKeys(files) {
		if files[name].Content == nil {
			continue
		}
		trivy = trivy.WithMountedFile(path.Join(at, name), from.File(name))
		if slices.Contains(lockFiles, name) {
			scan.Files = append(scan.Files, path.Join(side.folder, name))
		}
	}
	installed, err := side.install()
	if err != nil {
		return nil, err
	}
	return side.mount(trivy, at, installed), nil
}

func withVenv(trivy *dagger.Container, _ string, installed *dagger.Container) *dagger.Container {
	return trivy.WithMountedDirectory("/venv", installed.Directory("/venv")).WithEnvVariable("VIRTUAL_ENV", "/venv")
}

func withNodeModules(trivy *dagger.Container, at string, installed *dagger.Container) *dagger.Container {
	return trivy.WithMountedDirectory(path.Join(at, "node_modules"), installed.Directory(nodeModules))
}
