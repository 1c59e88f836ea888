package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

const (
	trivyCache  = "/root/.cache/trivy"
	ignorePath  = "/slipway/.trivyignore.yaml"
	archivePath = "/image.tar"
)

// scan looks for secrets and misconfiguration in the repository, and for vulnerabilities in the images that will be pushed.
func (r *Run) scan(ctx context.Context) (Outcome, error) {
	s, err := r.scanner(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if reason, unfit := s.unfit(); unfit {
		return judged(reason), nil
	}
	work := []func() ([]gate.Scan, error){
		func() ([]gate.Scan, error) { return r.scanSecrets(ctx, s.trivy) },
		func() ([]gate.Scan, error) { return r.scanConfiguration(ctx, s.trivy) },
	}
	for _, same := range r.sameLayers() {
		work = append(work, func() ([]gate.Scan, error) { return r.scanLayers(ctx, s.trivy, same...) })
	}
	scans, err := together(work...)
	return r.judgeScans(s, slices.Concat(scans...), err)
}

// judgeScans judges the scans that have finished. Beside one that has not, they have only findings to tell: their figures would
// look like those of the whole.
func (r *Run) judgeScans(s scanner, finished []gate.Scan, err error) (Outcome, error) {
	if err != nil && len(finished) == 0 {
		return Outcome{}, err
	}
	found := r.config.policy.Judge(finished...)
	if err != nil {
		return Outcome{Findings: found.Findings}, err
	}
	o := judged(gate.Join(found, s.ignored, s.database))
	o.Vulnerabilities = report.Vulnerabilities(found)
	return o, nil
}

// scanner is Trivy, with the verdicts on what its own depends on.
type scanner struct {
	trivy             *dagger.Container
	ignored, database gate.Result
}

// unfit says why a scan would be no verdict.
func (s scanner) unfit() (gate.Result, bool) {
	if s.ignored.Verdict == gate.Error {
		return s.ignored, true
	}
	return s.database, s.database.Verdict.Red()
}

// scanner reads the ignore file and makes a scanner for it. With a bad file there is nothing to start.
func (r *Run) scanner(ctx context.Context) (scanner, error) {
	ignores := r.source.files[r.config.IgnoreFile]
	s := scanner{ignored: gate.Ignores(r.config.IgnoreFile, ignores, time.Now())}
	if s.ignored.Verdict == gate.Error {
		return s, nil
	}
	var err error
	s.trivy, s.database, err = r.trivy(ctx, ignores)
	return s, err
}

// trivyDatabase is shared by all runs of an engine; Trivy opens it for reading only, so scans run beside each other.
const trivyDatabase = "slipway-trivy-database"

// trivy is a scanner with a database that is fresh.
func (r *Run) trivy(ctx context.Context, ignores []byte) (*dagger.Container, gate.Result, error) {
	database := r.dag.CacheVolume(trivyDatabase)
	// Only here has Trivy a network. The image may name a mirror of the database, so it is fetched in that image.
	fetched := r.lately(r.tool("trivy")).
		WithEnvVariable("TRIVY_NO_PROGRESS", "true").
		WithEnvVariable("TRIVY_SKIP_VERSION_CHECK", "true").
		WithMountedCache(trivyCache+"/db", database).
		WithExec([]string{"sh", "-c", "trivy image --download-db-only >&2 && trivy version --format json"})
	stdout, err := fetched.Stdout(ctx)
	if err != nil {
		f := explain(err)
		f.err = errors.New("the vulnerability database could not be fetched")
		f.next = "see that the engine can reach the database's mirror, and run it again"
		return nil, gate.Result{}, f
	}
	now := time.Now()
	c := r.sealedTrivy().
		// A scan is short: a quarter of its work would be collecting garbage that nobody needs the space of.
		WithEnvVariable("GOGC", "400").
		WithEnvVariable("GOMEMLIMIT", "1GiB").
		WithEnvVariable("TRIVY_CACHE_DIR", trivyCache).
		WithEnvVariable("TRIVY_NO_PROGRESS", "true").
		WithEnvVariable("TRIVY_SKIP_VERSION_CHECK", "true").
		WithMountedCache(trivyCache+"/db", database).
		// A verdict holds as long as what it rests on: Trivy and its database, and the day, because ignores and systems expire.
		WithEnvVariable("SLIPWAY_JUDGED_BY", strings.TrimSpace(stdout)+now.UTC().Format(time.DateOnly)).
		WithMountedFile(ignorePath, r.dag.File(path.Base(ignorePath), string(ignores)))
	return c, gate.Database([]byte(stdout), now), nil
}

func (r *Run) scanSecrets(ctx context.Context, trivy *dagger.Container) ([]gate.Scan, error) {
	return r.scanTree(ctx, trivy, r.source.id, "--scanners", "secret")
}

func (r *Run) scanConfiguration(ctx context.Context, trivy *dagger.Container) ([]gate.Scan, error) {
	return r.scanTree(ctx, trivy, r.source.configuration, "--scanners", "misconfig", "--skip-check-update")
}

const repositoryPath = "/repository"

// scanTree unpacks in the same exec, since an exec costs more than a small scan.
func (r *Run) scanTree(ctx context.Context, trivy *dagger.Container, tree string, args ...string) ([]gate.Scan, error) {
	c := r.withArchives(trivy).
		WithMountedDirectory(repositoryPath, r.dag.Directory()).
		WithEntrypoint(append([]string{"sh", "-c", "tar -xf \"$0\" -C " + repositoryPath + ` && exec "$@"`, archiveOf(tree)}, sealed...))
	scan := gate.Scan{Target: "repository", Artifact: repositoryPath, Type: "filesystem"}
	scan, _, err := r.runTrivy(ctx, c, scan, "fs", append(args, repositoryPath)...)
	return []gate.Scan{scan}, err
}

// scanLayers scans every layer that is pushed, once for the images that have the same. What Trivy learns of a layer is kept
// per folder, whose images share most of theirs, so that each is read once.
func (r *Run) scanLayers(ctx context.Context, trivy *dagger.Container, images ...*variant) (scans []gate.Scan, err error) {
	scan, lists, err := r.scanArchive(ctx, trivy, images[0])
	for _, v := range images {
		scan.Target = r.config.label(v.Name, v.platform) + " image"
		scans, v.lists = append(scans, scan), lists
	}
	return scans, err
}

func (r *Run) scanArchive(ctx context.Context, trivy *dagger.Container, v *variant) (gate.Scan, *dagger.Directory, error) {
	layers := r.dag.CacheVolume("slipway-trivy-layers-" + v.Context)
	c := trivy.
		WithMountedCache(trivyCache+"/fanal", layers, dagger.ContainerWithMountedCacheOpts{Sharing: dagger.CacheSharingModeLocked}).
		WithMountedFile(archivePath, v.archive)
	scan := gate.Scan{Target: r.config.label(v.Name, v.platform) + " image", Artifact: archivePath, Type: "container_image"}
	scan, scanned, err := r.runTrivy(ctx, c, scan,
		"image", "--scanners", "vuln,secret", "--skip-db-update", "--skip-java-db-update", "--offline-scan", "--exit-on-eol", fmt.Sprint(gate.ExitFindings), "--input", archivePath)
	if err != nil {
		return scan, nil, err
	}
	return scan, scanned.WithExec(append([]string{"sh", "-euc", listScript, reportPath}, sealed...)).Directory(listsPath), nil
}

const (
	reportPath = "/slipway/report.json"
	listsPath  = "/slipway/lists"
)

// runTrivy calls the container's entrypoint. It keeps exit code and report apart: what they mean together is for the gate
// to say.
func (r *Run) runTrivy(ctx context.Context, c *dagger.Container, scan gate.Scan, command string, args ...string) (gate.Scan, *dagger.Container, error) {
	exec := append([]string{command, "--format", "json", "--output", reportPath, "--exit-code", fmt.Sprint(gate.ExitFindings), "--ignorefile", ignorePath}, args...)
	ran, code, err := r.execRetried(ctx, c, exec, true, unfinished)
	if err != nil {
		return scan, nil, err
	}
	if scan.ExitCode = code; unfinished(code) {
		return scan, nil, crashed(ctx, ran, scan)
	}
	text, err := ran.File(reportPath).Contents(ctx)
	scan.Report = []byte(text)
	return scan, ran, err
}

// unfinished says whether the exit code is neither of the two that a scan ends with.
func unfinished(code int) bool { return code != 0 && code != gate.ExitFindings }

// crashed is the error of a scanner that could not judge: no report is not a clean one.
func crashed(ctx context.Context, c *dagger.Container, scan gate.Scan) error {
	stderr, err := c.Stderr(ctx)
	if err != nil {
		return err
	}
	f := explain(fmt.Errorf("the scan of the %s did not finish: Trivy ended with %s", scan.Target, gate.ExitText(scan.ExitCode)))
	f.output, f.next = lastLines(stderr), "this is no verdict on the "+scan.Target+"; run it again"
	return noteEmptied(f)
}
