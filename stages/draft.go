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
	main, has, err := r.mainBranch(ctx)
	if err != nil {
		return "", err
	}
	if !has {
		done, err := r.standing(ctx, release.Drafted{Left: fmt.Sprintf("it is of the branch %s, which does not have commit %s", main, r.source.commit[:7])})
		return r.draftText(done), err
	}
	next, err := r.propose(ctx)
	if err != nil {
		return "", err
	}
	r.Version = next.comes()
	done, err := r.keepDraft(ctx, main, next)
	return next.text() + r.draftText(done), err
}

// keepDraft writes the notes of what was read for the proposal, which are many requests, and not to be read twice.
func (r *Run) keepDraft(ctx context.Context, branch string, next proposal) (release.Drafted, error) {
	notes := r.notesOf(next.in, r.tagName())
	if empty(notes) {
		return r.standing(ctx, release.Drafted{Left: "there are no commits since " + orDefault(next.in.Previous, "the beginning")})
	}
	last, _ := r.tagOf(next.last)
	text, err := r.written(ctx, last, r.head(), r.tagName())
	if err != nil {
		return release.Drafted{}, err
	}
	notes.Written = text.Markdown()
	u := release.Upcoming{Request: r.request(), Branch: branch, Notes: notes.Markdown()}
	for _, c := range next.in.Commits {
		u.Commits = append(u.Commits, c.Hash)
	}
	return release.KeepDraft(ctx, r.world(), u, r.holder())
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

// mainBranch is the default branch of the remote, of which the one draft is, and whether it has the commit. Jobs of release
// branches and of candidates for merging are left in peace: two branches would write the draft by turns.
func (r *Run) mainBranch(ctx context.Context) (name string, has bool, err error) {
	refs, err := gitremote.ReadRefs(ctx, r.access.git, retry.Real)
	if err != nil || refs.Branch(refs.Default) == r.source.commit {
		return refs.Default, err == nil, err
	}
	if refs.Default == "" {
		return "", false, refuseState("set it at the forge", "the remote names no default branch, of which the standing draft would be")
	}
	with, err := gitremote.BranchesWith(ctx, r.access.git, retry.Real, []string{refs.Default}, r.source.commit)
	return refs.Default, len(with) > 0, err
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
