package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// push writes the images in two steps, so that no VERSION is seen before every image of the release is there:
// first all of them under the tag of the commit, then VERSION on all of them, by digest.
func (r *Run) push(ctx context.Context) (Outcome, error) {
	// From here on things are written, and what was read before may be of yesterday.
	if err := r.takeOver(ctx); err != nil {
		return Outcome{}, err
	}
	if len(r.config.images) == 0 {
		return notConfigured("no images are set"), nil
	}
	figures := r.buildFigures()
	if r.DryRun {
		return Outcome{Ending: report.DryRun, Reason: "would push", Figures: figures}, nil
	}
	// Every gate is green now, so coverage may be published too, beside the images.
	uploaded := make(chan []string, 1)
	go func() { uploaded <- r.uploadCoverage(ctx) }()
	for _, step := range []func(context.Context) error{r.pushCommitTags, r.checkLock, r.pushVersionTags} {
		if err := step(ctx); err != nil {
			return Outcome{Figures: append(figures, <-uploaded...)}, r.incomplete(err)
		}
	}
	return passed(append(figures, <-uploaded...)...), nil
}

// takeOver takes the lock and sees that the version is still this commit's.
func (r *Run) takeOver(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.acquireLock(ctx); err != nil || r.registry == nil {
		return err
	}
	state, err := r.readState(ctx)
	if err != nil {
		return err
	}
	r.state = state
	for _, b := range r.images {
		// A run of the same commit that held the lock before has judged and pushed it: one image, not two.
		if at, ok := state.published(b.Name); ok && !b.reused {
			if err := r.reuse(b, at.Digest); err != nil {
				return err
			}
		}
	}
	return r.bound()
}

func (r *Run) buildFigures() []string {
	var figures []string
	for _, image := range r.config.images {
		if b := r.images[image.Name]; b.reused {
			figures = append(figures, b.Name+" found in the registry")
		} else {
			figures = append(figures, fmt.Sprintf("%s built in %.1f s", b.Name, b.seconds))
		}
	}
	return figures
}

// incomplete says what is in the registry now, and that a second run continues there.
func (r *Run) incomplete(err error) error {
	r.setOutcome(report.PublishIncomplete)
	f := *explain(err)
	f.ending = report.Broken
	var there []string
	for _, image := range r.config.images {
		if b := r.images[image.Name]; b != nil && len(b.tags) > 0 {
			there = append(there, b.Name+" "+strings.Join(b.tags, " "))
		}
	}
	if len(there) == 0 {
		there = []string{"nothing of this release"}
	}
	f.next = "in the registry now: " + strings.Join(there, ", ") + "; no floating tag was moved; run the same line again to complete it"
	return &f
}

func (r *Run) pushCommitTags(ctx context.Context) error {
	return errors.Join(r.eachImage(func(image Image) error { return r.pushCommitTag(ctx, r.images[image.Name]) })...)
}

func (r *Run) pushCommitTag(ctx context.Context, b *built) error {
	if !b.reused {
		digest, err := r.publish(ctx, b)
		if err != nil {
			return err
		}
		b.digest = digest
	}
	if err := r.registry.Tag(ctx, registry.Move{Image: b.Name, Tag: r.state.shaTag, Digest: b.digest}); err != nil {
		return err
	}
	r.note(b, r.state.shaTag)
	return nil
}

// publish sends the layers through the engine, which has them. Its own patience ends after some seconds of errors
// and at the first 429, so a run that may take an hour adds some of its own.
func (r *Run) publish(ctx context.Context, b *built) (digest string, err error) {
	where, err := r.registry.Repository(b.Name)
	if err != nil {
		return "", err
	}
	for try := range retry.Tries {
		var ref string
		if ref, err = r.publishOnce(ctx, b, where+":"+r.state.shaTag); err == nil {
			_, digest, _ = strings.Cut(ref, "@")
			return digest, nil
		}
		if !passing(err) || retry.Sleep(ctx, retry.Delay(try)) != nil {
			break
		}
	}
	// The engine quotes what the registry answers, and a registry may answer with what it was sent.
	return "", fmt.Errorf("pushing %s: %s", where, r.registry.Mask(err.Error()))
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

func (r *Run) pushVersionTags(ctx context.Context) error {
	var moves []registry.Move
	for _, image := range r.config.images {
		moves = append(moves, registry.Move{Image: image.Name, Tag: r.Version.String(), Digest: r.images[image.Name].digest})
	}
	if err := r.registry.TagOnce(ctx, moves...); err != nil {
		return err
	}
	for _, image := range r.config.images {
		r.note(r.images[image.Name], r.Version.String())
	}
	return nil
}

func (r *Run) note(b *built, tag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.tags = append(b.tags, tag)
}

// finish is what waits for a healthy staging server: the floating tags, then the release for everybody to see.
func (r *Run) finish(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.checkLock, r.promote, r.checkLock, r.publishRelease} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// promote moves the floating tags that this version is entitled to, all or none.
func (r *Run) promote(ctx context.Context) error {
	if r.registry == nil || r.DryRun || len(r.config.images) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	// Read again: a release that overtook this one may have moved them in the meantime.
	current, err := r.readState(ctx)
	if err != nil {
		return r.incomplete(err)
	}
	r.state.known = current.known
	var moves []registry.Move
	for _, d := range version.FloatingTags(r.Version, r.stable()) {
		for _, image := range r.config.images {
			if d.Moves {
				moves = append(moves, registry.Move{Image: image.Name, Tag: d.Tag, Digest: r.images[image.Name].digest})
			}
		}
	}
	if len(moves) == 0 {
		return nil
	}
	r.moved, err = r.registry.Promote(ctx, moves)
	if err != nil {
		r.setOutcome(report.PublishIncomplete)
		return &failure{err: err, ending: report.Broken, next: "the versions themselves are published; run the same line again to move the floating tags"}
	}
	return nil
}
