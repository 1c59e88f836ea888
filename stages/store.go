package stages

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
)

const storePath = "/reports"

// store is where a repository's last report is kept: a cache volume of the engine, so that failed runs have one too.
// Repositories are told apart by their root commit, which clones, forks of a forge and renames share.
func (r *Run) store(ctx context.Context) (*dagger.Container, error) {
	root, err := r.source.git.WithExec([]string{"git", "-c", "safe.directory=*", "rev-list", "--max-parents=0", "HEAD"}).Stdout(ctx)
	if err != nil {
		return nil, explain(err)
	}
	key := sha256.Sum256([]byte(r.source.remote + "\n" + root))
	volume := r.dag.CacheVolume("slipway-report-" + hex.EncodeToString(key[:8]))
	// An exec is repeated only if something about it is new.
	return r.tool("git").WithMountedCache(storePath, volume).WithEnvVariable("SLIPWAY_RUN", rand.Text()), nil
}

// keep stores the report for a later `report`.
func (r *Run) keep(ctx context.Context, result report.Report) error {
	text, err := result.JSON()
	if err != nil {
		return err
	}
	if r.source.git == nil {
		return errors.New("there is no repository to keep it for")
	}
	c, err := r.store(ctx)
	if err != nil {
		return err
	}
	_, err = c.WithNewFile("/report.json", text).WithExec([]string{"cp", "/report.json", storePath + "/last.json"}).Sync(ctx)
	return err
}

// lastReport reads the report of the last run, failed or not.
func (r *Run) lastReport(ctx context.Context) (report.Report, error) {
	if err := r.load(ctx); err != nil {
		return report.Report{}, err
	}
	c, err := r.store(ctx)
	if err != nil {
		return report.Report{}, err
	}
	text, err := c.WithExec([]string{"sh", "-c", "cat " + storePath + "/last.json 2>/dev/null || true"}).Stdout(ctx)
	if err != nil {
		return report.Report{}, explain(err)
	}
	if strings.TrimSpace(text) == "" {
		return report.Report{}, refuseState("run a release first, a dry one will do: dagger call release --version 1.2.3 --dry-run",
			"this engine has no report of a run of this repository")
	}
	return report.Parse([]byte(text))
}
