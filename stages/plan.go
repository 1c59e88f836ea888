package stages

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// plan says what a release would do, from what is really there: it validates like one, and stops.
func (r *Run) printPlan(ctx context.Context) (string, error) {
	if _, err := r.foresee(ctx); err != nil {
		return "", err
	}
	if err := r.makeNotes(ctx); err != nil {
		return "", err
	}
	notes := r.found.notes
	var b strings.Builder
	fmt.Fprintf(&b, "Release %s of commit %s (%s)\n", r.Version, r.source.commit[:7], r.source.time.Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&b, "Previous release: %s\n", orDefault(r.found.plan.Previous.String(), "none, this is the first"))
	for _, s := range notes.Sections {
		fmt.Fprintf(&b, "  %-18s %d\n", s.Name, len(s.Entries))
	}
	fmt.Fprintf(&b, "  %s\n", entries(notes))
	if err := r.planTags(ctx, &b); err != nil {
		return "", err
	}
	r.planEffects(&b)
	r.planSettings(&b)
	r.planRollout(&b)
	report.WriteList(&b, "A real run would refuse", r.found.refused)
	report.WriteList(&b, "Not checked", r.found.notChecked)
	return b.String(), nil
}

// planTags shows every tag of every image: what it points to now, and whether it would move.
func (r *Run) planTags(ctx context.Context, b *strings.Builder) error {
	if len(r.config.images) == 0 {
		return nil
	}
	fmt.Fprint(b, "\nImage tags\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, image := range r.config.images {
		now, err := r.pointsTo(ctx, image.Name, r.Version.String())
		if err != nil {
			return err
		}
		verb := "new"
		switch _, again := r.found.plan.Reused[image.Name]; {
		case again:
			verb = "published already, is used again"
		case strings.HasPrefix(now, "sha256:"):
			verb = "stays; now " + now
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", image.Name, r.Version, verb)
		for _, d := range r.found.plan.Floating {
			now, err := r.pointsTo(ctx, image.Name, d.Tag)
			if err != nil {
				return err
			}
			what := "moves"
			if !d.Moves {
				what = "stays"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s: %s; now %s\n", image.Name, d.Tag, what, d.Reason, now)
		}
	}
	return w.Flush()
}

// planEffects lists what a release would write, in order.
func (r *Run) planEffects(b *strings.Builder) {
	var lines []string
	for _, phase := range []release.Phase{release.PhaseImages, release.PhaseTagging, release.PhaseStaging, release.PhaseFinish} {
		lines = append(lines, r.found.plan.Lines(phase)...)
	}
	report.WriteList(b, "A release writes, in this order", lines)
}

func (r *Run) pointsTo(ctx context.Context, image, tag string) (string, error) {
	if r.access.registry == nil || r.found.plan.CommitTag == "" {
		return "not read", nil
	}
	digest, err := r.access.registry.Resolve(ctx, image, tag)
	return orDefault(digest, "absent"), err
}

func (r *Run) planSettings(b *strings.Builder) {
	value := func(text string) string {
		if text == "" {
			return "not configured"
		}
		return text
	}
	fmt.Fprint(b, "\nConfigured\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"registry", value(r.config.Registry)},
		{"backend", r.planPython()},
		{"frontend", r.planNode()},
		{"coverage threshold", value(r.config.CoverageThreshold)},
		{"scan gates on", r.config.Severity},
		{"tools by tag", orDefault(strings.Join(r.toolsByTag(), ", "), "none, all are by digest")},
		{"signatures", r.signingWord()},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	for _, image := range r.config.images {
		fmt.Fprintf(w, "  image %s\t%s of %s\n", image.Name, image.path(), image.Context)
	}
	for _, service := range sortedKeys(r.found.preview.Services) {
		fmt.Fprintf(w, "  service %s\tgets %s\n", service, strings.TrimSuffix(r.found.preview.Services[service], "@"))
	}
	if len(r.found.preview.Shipped) > 0 {
		fmt.Fprintf(w, "  files for the server\t%s\n", strings.Join(r.found.preview.Shipped, ", "))
	}
	w.Flush() //nolint:errcheck // a strings.Builder takes everything
}

// planRollout says how the containers on staging would be replaced.
func (r *Run) planRollout(b *strings.Builder) {
	report.WriteList(b, "Deployment to staging", rolloutOf(r.found.preview))
}

// rolloutOf are the services that start beside their old containers, and those that cannot, with the reason and the remedy; and
// what else there is to say.
func rolloutOf(p server.Preview) (lines []string) {
	if len(p.Beside) > 0 {
		lines = append(lines, "these start beside their old containers, which stop when the new ones are healthy: "+strings.Join(p.Beside, ", "))
	}
	for _, one := range p.Singles {
		lines = append(lines, one.String())
	}
	return append(lines, p.Warnings...)
}
