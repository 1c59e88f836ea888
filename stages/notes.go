package stages

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
)

// makeNotes reads the commits and what the forge knows of them, which takes its time and writes nothing.
func (r *Run) makeNotes(ctx context.Context) (err error) {
	r.found.notes, err = r.notesBetween(ctx, r.found.plan.NotesAfter, r.head(), r.tagName())
	return err
}

// noteText is the notes, with what was skipped by force above them.
func (r *Run) noteText() string {
	if r.found.notes.Current == "" {
		return ""
	}
	return r.forcedText() + r.found.notes.Markdown()
}

func (r *Run) forcedText() string {
	if r.Reason == "" {
		return ""
	}
	return "**Forced release** by " + changelog.EscapeMarkdown(r.who()) + ", skipped " + forceSkips + ": " + changelog.EscapeMarkdown(r.Reason) + "\n\n"
}

// changes counts what a reader finds on the page: several commits may share a line, and a breaking one has another line in
// its own category.
func changes(notes changelog.Notes) (count int) {
	for _, s := range notes.Sections {
		if s.Name != changelog.Breaking {
			count += len(s.Entries)
		}
	}
	return count
}

func entries(notes changelog.Notes) string {
	if count := changes(notes); count != 1 {
		return fmt.Sprintf("%d entries in the notes", count)
	}
	return "1 entry in the notes"
}

func noteFigures(notes changelog.Notes) []string {
	figures := []string{entries(notes)}
	if notes.Degraded != "" {
		figures = append(figures, "notes degraded: "+notes.Degraded)
	}
	return figures
}

// notesBetween are the notes of the commits that are in one revision and not behind a tag; without a tag, of all of them.
func (r *Run) notesBetween(ctx context.Context, after, to release.Tag, title string) (changelog.Notes, error) {
	in, err := r.inputBetween(ctx, after, to)
	if err != nil {
		return changelog.Notes{}, err
	}
	notes := r.notesOf(in, title)
	text, err := r.written(ctx, after, to, title)
	notes.Written = text.Markdown()
	return notes, err
}

// inputBetween reads the commits, and asks the forge about them.
func (r *Run) inputBetween(ctx context.Context, after, to release.Tag) (changelog.Input, error) {
	log, err := r.history(ctx, changelog.GitLogFormat, after, to)
	if err != nil {
		return changelog.Input{}, err
	}
	commits, err := changelog.ParseLog(log)
	if err != nil {
		return changelog.Input{}, err
	}
	in := r.forgeInput(ctx, commits)
	in.Commits, in.Previous, in.Released = commits, after.Name, r.tagged()
	in.Prior, err = r.authorsBefore(ctx, after)
	return in, err
}

// notesOf are the notes of what was read, under a title.
func (r *Run) notesOf(in changelog.Input, title string) changelog.Notes {
	in.Current = title
	if v, ok := r.config.tagPrefix.FromTag(title); ok {
		in.Version = v.String()
	}
	return changelog.Build(in, changelog.Options{Links: r.links(), Categories: r.config.categories})
}

// links are those of the forge; none without one.
func (r *Run) links() (none changelog.Links) {
	if r.access.forge == nil {
		return none
	}
	return r.access.repository.Links()
}

// forgeInput is what the forge knows of a range of commits; what it could not be asked for stays nil, and the notes say so.
func (r *Run) forgeInput(ctx context.Context, commits []changelog.Commit) (in changelog.Input) {
	if r.access.forge == nil {
		return in
	}
	links := r.links()
	defer func() { r.noteClosed(in.PullRequests, in.Issues, links) }()
	pulls, err := r.access.forge.PullRequests(ctx, forge.Range{Commits: commits, Numbers: changelog.Numbers(commits, links)})
	if err != nil {
		r.notCheckedf("pull requests for the notes: %v", err)
		return in
	}
	in.PullRequests = pulls
	var closed []int
	for _, p := range pulls {
		closed = append(closed, p.Closes(links)...)
	}
	issues, err := r.access.forge.Issues(ctx, closed, oldest(commits))
	if err != nil {
		r.notCheckedf("issues for the notes: %v", err)
		return in
	}
	in.Issues = issues
	return in
}

// oldest is the time of the first commit of a range.
func oldest(commits []changelog.Commit) time.Time {
	if len(commits) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(commits, func(a, b changelog.Commit) int { return a.Time.Compare(b.Time) }).Time
}
