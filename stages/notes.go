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
	log, err := r.history(ctx, changelog.GitLogFormat, after, to)
	if err != nil {
		return changelog.Notes{}, err
	}
	commits, err := changelog.ParseLog(log)
	if err != nil {
		return changelog.Notes{}, err
	}
	in, links := r.forgeInput(ctx, commits)
	in.Commits, in.Previous, in.Current = commits, after.Name, title
	if v, ok := r.config.tagPrefix.FromTag(title); ok {
		in.Version = v.String()
	}
	in.Released = r.tagged()
	if in.Prior, err = r.authorsBefore(ctx, after); err != nil {
		return changelog.Notes{}, err
	}
	notes := changelog.Build(in, changelog.Options{Links: links, Categories: r.config.categories})
	text, err := r.written(ctx, after, to, title)
	notes.Written = text.Markdown()
	return notes, err
}

// forgeInput is what the forge knows of a range of commits; what it could not be asked for stays nil, and the notes say so.
func (r *Run) forgeInput(ctx context.Context, commits []changelog.Commit) (in changelog.Input, links changelog.Links) {
	if r.access.forge == nil {
		return in, links
	}
	links = r.access.repository.Links()
	pulls, err := r.access.forge.PullRequests(ctx, forge.Range{Commits: commits, Numbers: changelog.Numbers(commits, links)})
	if err != nil {
		r.notCheckedf("pull requests for the notes: %v", err)
		return in, links
	}
	in.PullRequests = pulls
	var closed []int
	for _, p := range pulls {
		closed = append(closed, p.Closes(links)...)
	}
	issues, err := r.access.forge.Issues(ctx, closed, oldest(commits))
	if err != nil {
		r.notCheckedf("issues for the notes: %v", err)
		return in, links
	}
	in.Issues = issues
	r.noteClosed(pulls, issues, links)
	return in, links
}

// oldest is the time of the first commit of a range.
func oldest(commits []changelog.Commit) time.Time {
	if len(commits) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(commits, func(a, b changelog.Commit) int { return a.Time.Compare(b.Time) }).Time
}
