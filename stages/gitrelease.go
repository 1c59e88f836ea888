package stages

import (
	"context"
	"fmt"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
)

// createRelease pushes the tag and makes the release as a draft with its notes and files (stage 7). It is published when
// everything else has worked.
func (r *Run) createRelease(ctx context.Context) (Outcome, error) {
	switch {
	case r.access.forge == nil:
		return notConfigured("no forge"), nil
	case !r.access.writable:
		return notConfigured("no forgeToken"), nil
	}
	act := r.found.act
	before := len(act.Record.Deeds)
	err := act.Do(ctx, release.PhaseTagging)
	figures := append(noteFigures(r.found.notes), inWords(act.Record.Deeds[before:])...)
	if err != nil {
		return Outcome{Figures: figures}, r.incomplete(err)
	}
	return passed(figures...), nil
}

// wouldRelease shows what createRelease would do.
func (r *Run) wouldRelease(context.Context) (Outcome, error) {
	if r.access.forge == nil {
		return notConfigured("no forge"), nil
	}
	figures := append(noteFigures(r.found.notes), r.found.plan.Lines(release.PhaseTagging)...)
	return Outcome{Ending: report.DryRun, Reason: "would tag and release", Figures: figures}, nil
}

// inWords are the tag and the files among the deeds, in words.
func inWords(deeds []release.Deed) (figures []string) {
	attached := 0
	for _, d := range deeds {
		switch {
		case !d.Wrote:
		case d.What == "git tag":
			figures = append(figures, "tag "+d.On+" pushed")
		case d.What == "file":
			attached++
		}
	}
	if attached > 0 {
		figures = append(figures, fmt.Sprintf("%d files attached", attached))
	}
	return figures
}

// finish is what waits for a healthy staging server: the floating tags, then the release for everybody to see.
func (r *Run) finish(ctx context.Context) error {
	err := r.found.act.Do(ctx, release.PhaseFinish)
	if err == nil {
		return nil
	}
	f := *explain(err)
	f.ending = report.Broken
	if f.outcome != report.Locked {
		f.outcome = report.PublishIncomplete
	}
	f.next = "the versions themselves are published; run the same line again to move the floating tags and to publish the release"
	return &f
}

const reportFile = "report.json"

// assets are the files that a finished release has.
func (r *Run) assets() []string {
	names := []string{forge.ChecksumsFile, reportFile}
	if r.access.signer != nil {
		names = append(names, forge.SignatureFile)
	}
	for _, i := range r.config.images {
		for _, p := range r.config.platforms {
			names = append(names, sbomName(r.config.label(i.Name, p)))
		}
	}
	return names
}

// files are a list of contents for every image, and the report so far.
func (r *Run) files(ctx context.Context, digests map[string]string) ([]forge.File, error) {
	files, err := r.sboms(ctx, digests)
	if err != nil {
		return nil, err
	}
	text, err := r.reportSoFar().JSON()
	if err != nil {
		return nil, err
	}
	return append(files, forge.File{Name: reportFile, ContentType: "application/json", Data: []byte(text)}), nil
}
