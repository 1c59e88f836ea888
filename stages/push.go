package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
)

// push takes the lock, decides anew, and pushes the images: all of them under the tag of the commit, then the version on all
// of them (stage 6).
func (r *Run) push(ctx context.Context) (Outcome, error) {
	act, err := release.Begin(ctx, r.world(), r.request(), maker{r}, r.holder(), r.lockWait)
	if err != nil {
		return Outcome{}, err
	}
	r.found.act = act
	figures := r.lockFigures(act.Record)
	if len(r.config.images) == 0 {
		return noImages(append(figures, r.uploadCoverage(ctx)...)), nil
	}
	if err := r.reusePublished(act.Plan); err != nil {
		return Outcome{Figures: figures}, err
	}
	figures = append(figures, r.buildFigures()...)
	// Every gate is green now, so coverage may be published too, beside the images.
	uploaded := make(chan []string, 1)
	go func() { uploaded <- r.uploadCoverage(ctx) }()
	err = act.Do(ctx, release.PhaseImages)
	figures = append(append(figures, r.attachFigures()...), <-uploaded...)
	if err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	return passed(figures...), nil
}

// noImages is a release of tags and notes alone.
func noImages(figures []string) Outcome {
	return Outcome{Ending: report.NotConfigured, Reason: "no images are set", Figures: figures}
}

// wouldPush shows what push would do.
func (r *Run) wouldPush(ctx context.Context) (Outcome, error) {
	uploads := r.wouldUploadCoverage(ctx)
	if len(r.config.images) == 0 {
		return noImages(uploads), nil
	}
	figures := slices.Concat(r.buildFigures(), r.found.plan.Lines(release.PhaseImages), uploads)
	return Outcome{Ending: report.DryRun, Reason: "would push", Figures: figures}, nil
}

// longWait is a wait for the lock that a reader of the report wonders about.
const longWait = 10 * time.Second

// lockFigures say where the time before the first write went.
func (r *Run) lockFigures(record release.Record) []string {
	switch {
	case record.Waited < longWait:
		return nil
	case record.TookOver.Run != "":
		return []string{fmt.Sprintf("waited %s for the lock of a run that is gone: %s", record.Waited.Round(time.Second), record.TookOver)}
	}
	return []string{fmt.Sprintf("waited %s for the lock of another release", record.Waited.Round(time.Second))}
}

// reusePublished takes the images that a run of the same commit has pushed, and judged, while this one worked: one image,
// not two.
func (r *Run) reusePublished(plan release.Plan) error {
	for name, at := range plan.Reused {
		b := r.found.images[name]
		if err := r.unscanned(b, at); err != nil {
			return err
		}
		if !b.reused {
			if err := r.reuse(b, at.Digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// unscanned refuses what stands in the registry now and no scan has passed: neither this run's nor that of whoever has pushed it.
func (r *Run) unscanned(b *built, at registry.Image) error {
	switch {
	case b.reused && b.digest != at.Digest:
		return b.gone()
	case !b.reused && at.Labels[forcedLabel] != "" && r.Reason == "":
		return refuseState("run the same line again, which scans it", "%s was pushed by a forced release while this one worked, which has scanned another image", b.Name)
	}
	return nil
}

func (r *Run) buildFigures() []string {
	var figures []string
	for _, image := range r.config.images {
		if b := r.found.images[image.Name]; b.reused {
			figures = append(figures, b.Name+" found in the registry")
		} else {
			figures = append(figures, fmt.Sprintf("%s built in %.1f s", b.Name, b.seconds))
		}
	}
	return figures
}

// incomplete says what is there now, and that a second run continues from it.
func (r *Run) incomplete(err error) error {
	f := *explain(err)
	f.ending = report.Broken
	if f.outcome != report.Locked {
		f.outcome = report.PublishIncomplete
	}
	there := map[string][]string{}
	for _, d := range r.record().Deeds {
		if image, tag, of := strings.Cut(d.On, ":"); of && d.New != "" {
			there[image] = append(there[image], tag)
		}
	}
	var all []string
	for _, i := range r.config.images {
		if tags := there[i.Name]; len(tags) > 0 {
			all = append(all, i.Name+" "+strings.Join(tags, " "))
		}
	}
	f.next = "in the registry now: " + orDefault(strings.Join(all, ", "), "nothing of this release") + "; no floating tag was moved; run the same line again to complete it"
	var no *registry.NotStored
	if errors.As(err, &no) {
		f.next = "use a registry that keeps artifacts of OCI 1.1, or leave out what the statements are signed with; " + f.next
	}
	return &f
}

// maker makes what a release writes.
type maker struct{ *Run }

var _ release.Maker = maker{}

// Push implements release.Maker.
func (m maker) Push(ctx context.Context, image, tag string) (string, error) {
	b := m.found.images[image]
	if b.reused {
		return "", b.gone()
	}
	return m.publish(ctx, b, tag)
}

// Notes implements release.Maker. They were made from what was known before the lock; a release that has ended since moves
// their beginning.
func (m maker) Notes(ctx context.Context, after release.Tag) (string, error) {
	if after != m.found.plan.NotesAfter {
		m.found.plan.NotesAfter = after
		if err := m.makeNotes(ctx); err != nil {
			return "", err
		}
	}
	return m.noteText(), nil
}

// Files implements release.Maker.
func (m maker) Files(ctx context.Context, digests map[string]string) ([]forge.File, error) {
	return m.files(ctx, digests)
}

// Sign implements release.Maker.
func (m maker) Sign(ctx context.Context, name string, data []byte) ([]byte, error) {
	return m.access.signer.File(ctx, name, data)
}

// publish sends the layers through the engine, which has them. Its own patience ends after some seconds of errors
// and at the first 429, so a run that may take an hour adds some of its own.
func (r *Run) publish(ctx context.Context, b *built, tag string) (digest string, err error) {
	where, err := r.access.registry.Repository(b.Name)
	if err != nil {
		return "", err
	}
	for try := range retry.Tries {
		var ref string
		if ref, err = r.publishOnce(ctx, b, where+":"+tag); err == nil {
			_, digest, _ = strings.Cut(ref, "@")
			return digest, nil
		}
		if !passing(err) || retry.Sleep(ctx, retry.Delay(try)) != nil {
			break
		}
	}
	// The engine quotes what the registry answers, and a registry may answer with what it was sent.
	return "", fmt.Errorf("pushing %s: %s", where, r.access.registry.Mask(err.Error()))
}

// publishOnce pushes an image, or an index of those for several platforms.
func (r *Run) publishOnce(ctx context.Context, b *built, where string) (string, error) {
	if len(b.variants) == 1 {
		return b.variants[0].container.Publish(ctx, where)
	}
	var containers []*dagger.Container
	for _, v := range b.variants {
		containers = append(containers, v.container)
	}
	return r.dag.Container().Publish(ctx, where, dagger.ContainerPublishOpts{PlatformVariants: containers})
}

// passing tells a registry that is busy or away for a moment from one that has said no.
func passing(err error) bool {
	text := err.Error()
	for _, sign := range []string{"408 Request", "429 Too Many", "500 Internal", "502 Bad", "503 Service", "504 Gateway", "connection reset", "EOF", "timeout"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
