package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

const storePath = "/reports"

// store is where a repository's last report is kept: a cache volume of the engine, so that failed runs have one too.
func (r *Run) store() *dagger.Container {
	// Products that are released from one repository differ by their tags.
	key := sha256.Sum256([]byte(r.source.remote + "\n" + r.source.root + "\n" + string(r.config.tagPrefix)))
	volume := r.dag.CacheVolume("slipway-report-" + hex.EncodeToString(key[:8]))
	return r.tool("git").WithMountedCache(storePath, volume)
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
	c := again(r.store()).WithNewFile("/report.json", text).WithExec([]string{"cp", "/report.json", storePath + "/last.json"})
	if result.Outcome == report.Released || result.Outcome == report.Resumed {
		c = c.WithExec([]string{"cp", "/report.json", storePath + "/" + result.Version + ".json"})
	}
	_, err = c.Sync(ctx)
	return err
}

// readBefore finds the metrics of the release before: in its report on the forge, or as this engine has kept it. Without
// them there is nothing to compare with, which is no reason to fail.
func (r *Run) readBefore(ctx context.Context) {
	previous := r.found.plan.Previous
	if previous == (version.Version{}) {
		return
	}
	text, err := r.attachedReport(ctx, previous)
	if err != nil || text == nil {
		if text, err = readKept(ctx, r.lately(r.store()), previous.String()); err != nil {
			return
		}
	}
	if before, err := report.Parse(text); err == nil {
		r.found.before = &before.Metrics
	}
}

// attachedReport is what a release on the forge carries; nil if there is none.
func (r *Run) attachedReport(ctx context.Context, v version.Version) ([]byte, error) {
	for _, page := range r.found.plan.Pages {
		if of, ok := r.config.tagPrefix.FromTag(page.Tag); !ok || of != v {
			continue
		}
		for _, a := range page.Assets {
			if a.Name == reportFile {
				return r.access.forge.DownloadAsset(ctx, a)
			}
		}
	}
	return nil, nil
}

// readKept reads one of the kept reports, empty if it is not there.
func readKept(ctx context.Context, store *dagger.Container, name string) ([]byte, error) {
	text, err := store.WithExec([]string{"sh", "-c", `cat "$1" 2>/dev/null || true`, "sh", storePath + "/" + name + ".json"}).Stdout(ctx)
	return []byte(text), err
}

// keptReport is the last report of a repository that is loaded; the zero one if there is none that can be read.
func (r *Run) keptReport(ctx context.Context) report.Report {
	text, err := readKept(ctx, again(r.store()), "last")
	if err != nil || len(text) == 0 {
		return report.Report{}
	}
	last, _ := report.Parse(text)
	return last
}

// lastReport reads the report of the last run, failed or not.
func (r *Run) lastReport(ctx context.Context) (report.Report, error) {
	if err := r.load(ctx); err != nil {
		return report.Report{}, err
	}
	text, err := readKept(ctx, again(r.store()), "last")
	if err != nil {
		return report.Report{}, explain(err)
	}
	if len(text) == 0 {
		return report.Report{}, refuseState("run a release first, a dry one will do: dagger call release --version 1.2.3 --dry-run",
			"this engine has no report of a run of this repository")
	}
	return report.Parse(text)
}
