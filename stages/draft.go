package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// Draft keeps the one standing draft on the forge up to date: what the next release brings, as it is now.
func (p Pipeline) Draft(ctx context.Context) (string, error) {
	r, err := p.loaded(ctx)
	if err != nil {
		return "", plain(err)
	}
	text, err := r.draft(ctx)
	return redact.Shown(text), plain(err)
}

func (r *Run) draft(ctx context.Context) (string, error) {
	if err := r.checkDraft(ctx); err != nil {
		return "", err
	}
	branch, err := r.mergedInto(ctx)
	if err != nil {
		return "", err
	}
	next, err := r.propose(ctx)
	if err != nil {
		return "", err
	}
	r.Version = next.comes()
	after, _ := r.tagOf(next.last)
	notes, err := r.notesBetween(ctx, after, r.head(), r.tagName())
	if err != nil {
		return "", err
	}
	done := release.Drafted{Left: "there are no commits since " + after.Name}
	if empty(notes) {
		done, err = r.standing(ctx, done)
	} else {
		u := release.Upcoming{Request: r.request(), Branch: branch, Notes: notes.Markdown()}
		done, err = release.KeepDraft(ctx, r.world(), u, r.holder())
	}
	return next.text() + r.draftText(done), err
}

// checkDraft wants a forge with drafts, and a token for it.
func (r *Run) checkDraft(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	switch {
	case r.access.forge == nil:
		return refuseState("set repository to the address of the repository's web page", "there is no forge to keep a standing draft on")
	case !r.access.writable:
		return refuseState("set forgeToken to a token that may make releases", "a standing draft needs forgeToken, which is not set")
	case !r.access.forge.Capabilities().Drafts:
		return refuseState("take the call out of the job: there, next-version and changelog say what comes next", "%s has no draft releases", r.access.repository.Kind)
	}
	return nil
}

// mergedInto is a release branch of the remote that has the commit: one whose head it is, if there is one, the default branch
// first. Where a CI has checked out no branch, the remote still says.
func (r *Run) mergedInto(ctx context.Context) (string, error) {
	refs, err := gitremote.ReadRefs(ctx, r.access.git, retry.Real)
	if err != nil {
		return "", err
	}
	from := refs.Releases(r.config.branches)
	for _, branch := range append([]string{refs.Default}, from...) {
		if refs.Branch(branch) == r.source.commit {
			return branch, nil
		}
	}
	with, err := gitremote.BranchesWith(ctx, r.access.git, retry.Real, from, r.source.commit)
	if err != nil {
		return "", err
	}
	if len(with) == 0 {
		return "", refuseState("run it on a release branch, or set releaseBranches",
			"the standing draft is of a release branch, and none has commit %s; they are %s", r.source.commit[:7], orDefault(report.Few(from), "none"))
	}
	return with[0], nil
}

// comes is the stable version that is next. A draft for each candidate would be one too many.
func (p proposal) comes() version.Version {
	if p.first() {
		return firstVersion
	}
	return leadsTo(p.next)
}

// empty says whether the notes account for no commit at all.
func empty(notes changelog.Notes) bool {
	return len(notes.Sections)+len(notes.Cancelled)+len(notes.Ignored) == 0
}

// standing finds the draft that is left as it is.
func (r *Run) standing(ctx context.Context, done release.Drafted) (release.Drafted, error) {
	releases, err := r.access.forge.Releases(ctx)
	if err == nil {
		done.Page, err = release.StandingOf(releases, r.request())
	}
	return done, err
}

// draftText says what became of the standing draft, and where it is.
func (r *Run) draftText(done release.Drafted) string {
	var lines []string
	switch {
	case done.Left != "":
		lines = append(lines, "The standing draft was left as it is: "+done.Left+".")
	case !done.Wrote:
		lines = append(lines, "The standing draft says so already.")
	case done.Old == "":
		lines = append(lines, "Made the standing draft for "+r.tagName()+".")
	case done.Old != done.Page.Tag:
		lines = append(lines, "Wrote the standing draft for "+r.tagName()+", which was for "+done.Old+".")
	default:
		lines = append(lines, "Wrote the standing draft for "+r.tagName()+".")
	}
	if done.Page != nil && done.Page.URL != "" {
		lines = append(lines, done.Page.URL)
	}
	if done.Kept != nil {
		lines = append(lines, fmt.Sprintf("warning: %v", done.Kept))
	}
	for _, what := range slices.Compact(slices.Sorted(slices.Values(r.found.notChecked))) {
		lines = append(lines, "Not checked: "+what)
	}
	return strings.Join(lines, "\n") + "\n"
}
