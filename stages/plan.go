package stages

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// changelog makes the notes from the commits after the previous release.
func (r *Run) changelog(ctx context.Context) (changelog.Notes, error) {
	return r.notesBetween(ctx, r.notesFrom(), "HEAD", r.tagName())
}

// notesFrom is the tag that the notes start after: of the highest lower version that has one (C8).
func (r *Run) notesFrom() string {
	before, _ := version.Previous(r.Version, r.notWithdrawn(r.tagged()))
	tag, _ := r.tagOf(before)
	return tag.name
}

// notesBetween reads the commits that are in one revision and not in the other.
func (r *Run) notesBetween(ctx context.Context, from, to, title string) (changelog.Notes, error) {
	log, err := r.history(ctx, changelog.GitLogFormat, from, to)
	if err != nil {
		return changelog.Notes{}, err
	}
	commits, err := changelog.ParseLog(log)
	if err != nil {
		return changelog.Notes{}, err
	}
	in, links := r.forgeInput(ctx, commits)
	in.Commits, in.Previous, in.Current = commits, from, title
	if v, ok := r.config.tagPrefix.FromTag(title); ok {
		in.Version = v.String()
	}
	if in.Prior, err = r.authorsBefore(ctx, from); err != nil {
		return changelog.Notes{}, err
	}
	return changelog.Build(in, changelog.Options{Links: links, Categories: r.config.categories}), nil
}

// authorsBefore are the e-mail addresses of whoever has contributed to an earlier release; nil for the first, where
// everybody would be new.
func (r *Run) authorsBefore(ctx context.Context, tag string) (map[string]bool, error) {
	if tag == "" {
		return nil, nil
	}
	log, err := r.history(ctx, "%ae", "", "refs/tags/"+tag)
	if err != nil {
		return nil, err
	}
	authors := map[string]bool{}
	for address := range strings.SplitSeq(string(log), "\x00") {
		authors[address] = true
	}
	return authors, nil
}

// changelogBetween makes notes outside of a release: from one tag (the release before `to` when it is not given) to
// another (the last commit when it is not given).
func (r *Run) changelogBetween(ctx context.Context, from, to string) (changelog.Notes, error) {
	if r.source.shallow {
		return changelog.Notes{}, refuseState("fetch everything first: git fetch --unshallow --tags --force", "the clone is shallow, so the notes would be cut short")
	}
	end, title := "HEAD", r.source.commit[:7]
	if to != "" {
		tag, err := r.releaseTag(to)
		if err != nil {
			return changelog.Notes{}, err
		}
		end, title = "refs/tags/"+tag.name, tag.name
	}
	if from == "" {
		return r.notesBetween(ctx, r.tagBefore(to), end, title)
	}
	tag, err := r.releaseTag(from)
	if err != nil {
		return changelog.Notes{}, err
	}
	return r.notesBetween(ctx, tag.name, end, title)
}

// releaseTag finds the tag of a version that was released.
func (r *Run) releaseTag(text string) (gitTag, error) {
	v, err := r.config.tagPrefix.Parse(text)
	if err != nil {
		return gitTag{}, refuseInput(err)
	}
	tag, ok := r.tagOf(v)
	if !ok {
		return gitTag{}, refuseState("name one of git's tags, or fetch them: git fetch --tags", "git has no tag for version %s", v)
	}
	return tag, nil
}

// tagBefore is the tag that notes up to a version start after; the highest stable one for the last commit.
func (r *Run) tagBefore(to string) string {
	known := r.tagged()
	var before version.Version
	if v, err := r.config.tagPrefix.Parse(to); err == nil {
		before, _ = version.Previous(v, known)
	} else if highest, ok := version.Floating(known)["latest"]; ok {
		before = highest
	}
	tag, _ := r.tagOf(before)
	return tag.name
}

// plan says what a release would do, from what is really there: it validates like one, and stops.
func (r *Run) plan(ctx context.Context) (string, error) {
	if _, err := r.validate(ctx); err != nil {
		return "", err
	}
	notes, err := r.changelog(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Release %s of commit %s (%s)\n", r.Version, r.source.commit[:7], r.source.time.Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&b, "Previous release: %s\n", r.previousText())
	for _, s := range notes.Sections {
		fmt.Fprintf(&b, "  %-18s %d\n", s.Name, len(s.Entries))
	}
	fmt.Fprintf(&b, "  %d entries in the notes\n", entries(notes))
	if err := r.planTags(ctx, &b); err != nil {
		return "", err
	}
	r.planSettings(&b)
	r.planRollout(&b)
	report.WriteList(&b, "A real run would refuse", r.wouldRefuse)
	report.WriteList(&b, "Not checked", r.notChecked)
	return b.String(), nil
}

func (r *Run) previousText() string {
	if r.previous == (version.Version{}) {
		return "none, this is the first"
	}
	return r.previous.String()
}

// planTags shows every tag of every image: what it points to now, and whether it would move.
func (r *Run) planTags(ctx context.Context, b *strings.Builder) error {
	if len(r.config.images) == 0 {
		return nil
	}
	fmt.Fprint(b, "\nImage tags\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, image := range r.config.images {
		verb := "new"
		if _, ok := r.state.published(image.Name); ok {
			verb = "published already, is used again"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", image.Name, r.Version, verb)
		for _, d := range version.FloatingTags(r.Version, r.stable()) {
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

func (r *Run) pointsTo(ctx context.Context, image, tag string) (string, error) {
	if !r.state.read {
		return "not read", nil
	}
	at, found, err := r.registry.Inspect(ctx, image, tag)
	if err != nil || !found {
		return "absent", err
	}
	return at.Digest, nil
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
	} {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	for _, image := range r.config.images {
		fmt.Fprintf(w, "  image %s\t%s of %s\n", image.Name, image.path(), image.Context)
	}
	for _, service := range sortedKeys(r.preview.Services) {
		fmt.Fprintf(w, "  service %s\tgets %s\n", service, strings.TrimSuffix(r.preview.Services[service], "@"))
	}
	if len(r.preview.Shipped) > 0 {
		fmt.Fprintf(w, "  files for the server\t%s\n", strings.Join(r.preview.Shipped, ", "))
	}
	w.Flush() //nolint:errcheck // a strings.Builder takes everything
}

// planRollout says how the containers on staging would be replaced.
func (r *Run) planRollout(b *strings.Builder) {
	report.WriteList(b, "Deployment to staging", rolloutOf(r.preview))
}

// rolloutOf are the services that start beside their old containers, and those that cannot, with the reason and the remedy.
func rolloutOf(p server.Preview) (lines []string) {
	if len(p.Beside) > 0 {
		lines = append(lines, "these start beside their old containers, which stop when the new ones are healthy: "+strings.Join(p.Beside, ", "))
	}
	for _, one := range p.Singles {
		lines = append(lines, one.String())
	}
	return lines
}
