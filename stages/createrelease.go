package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// CreateRelease checks the bumped tree with all gates, then pushes the bump commit and the tag together.
func (p Pipeline) CreateRelease(ctx context.Context, next Next) (string, error) {
	r, err := p.loaded(ctx)
	if err != nil {
		return "", plain(err)
	}
	if next.empty() {
		found, err := r.propose(ctx)
		if err != nil {
			return "", plain(err)
		}
		return found.text() + "\nNothing was written. Choose one:\n\n" + found.choices(), nil
	}
	text, err := r.cut(ctx, next)
	return text, plain(err)
}

// cut makes the release that next names, from the branch that is checked out.
func (r *Run) cut(ctx context.Context, next Next) (string, error) {
	b, err := r.bump(ctx, next)
	if err != nil {
		return "", err
	}
	if err := r.checkCut(ctx, b.version); err != nil {
		return "", err
	}
	proposed, err := r.rehearsal(b)
	if err != nil {
		return "", err
	}
	gates := proposed.runStages(ctx, cutting)
	if !gates.Outcome.Green() {
		return "", errors.New(gates.Text() + "\nNothing was pushed.")
	}
	err = proposed.pushCut(ctx, r.source.branch)
	if err != nil && proposed.access.writable && protectsBranch(explain(err).output) {
		err = proposed.proposeBump(ctx, r.source.branch)
	}
	if err != nil {
		return "", err
	}
	return gates.Text() + "\n" + proposed.cutText(r.source, b), nil
}

// checkCut refuses what could only end in a rejected push or in a release that CI would refuse.
func (r *Run) checkCut(ctx context.Context, v version.Version) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	if r.access.git == nil {
		return refuseState("set forgeToken, and clone the repository from its forge", "there is nowhere to push to: %s", r.access.noGit)
	}
	refs, err := gitremote.ReadRefs(ctx, r.access.git, retry.Real)
	if err != nil {
		return err
	}
	r.found.refs = refs
	return allOf(r.checkClean(ctx), r.checkHistory(ctx), r.checkGitTagFree(v), r.checkUpstream())
}

// checkGitTagFree wants no tag of the version anywhere: a tag is what starts a release.
func (r *Run) checkGitTagFree(v version.Version) error {
	tag, taken := release.FindTag(r.config.tagPrefix, slices.Concat(release.TagsOf(r.found.refs), r.source.tags), v)
	if !taken {
		return nil
	}
	return refuseState("choose the next version; to finish a release that has begun, check out that commit and call release",
		"the tag %s exists and names %s", tag.Name, tag.Commit)
}

// checkUpstream wants a release branch whose head on the remote is the commit that is checked out.
func (r *Run) checkUpstream() error {
	branch, refs := r.source.branch, r.found.refs
	if branch == "" {
		return refuseState("check out the branch to release from", "HEAD is detached, so there is no branch to push to")
	}
	if !refs.IsRelease(branch, r.config.branches) {
		return refuseState("check out a release branch, or set releaseBranches",
			"the branch %s is not released from; those that are: %s", branch, orDefault(report.Few(refs.Releases(r.config.branches)), "none"))
	}
	switch at := refs.Branch(branch); at {
	case r.source.commit:
		return nil
	case "":
		return refuseState("push it first: git push -u origin "+branch, "the branch %s is not on the remote", branch)
	default:
		return refuseState("git pull --ff-only, or push what you have first",
			"the branch %s is at %s on the remote, and at %s here", branch, at[:7], r.source.commit[:7])
	}
}

// rehearsal is the run of the tree as it will be pushed: the source with the bump committed.
func (r *Run) rehearsal(b bumped) (*Run, error) {
	settings := r.config.Settings
	if len(b.changed) > 0 {
		settings.Source = r.committed(b)
	}
	p, err := NewRun(r.dag, settings, Options{Version: b.version.String()}, goal{green: stagePassed})
	if err != nil {
		return nil, err
	}
	p.access.asIf = r.source.branch
	return p, nil
}

// pushed is the remote as it will be when the branch has the commit.
type pushed struct {
	gitremote.Server
	branch, commit string
}

// Refs implements gitremote.Server.
func (p pushed) Refs(ctx context.Context) (gitremote.Refs, error) {
	refs, err := p.Server.Refs(ctx)
	if err == nil {
		refs.Of["refs/heads/"+p.branch] = p.commit
	}
	return refs, err
}

// cutting is the pipeline up to the tests. The images are built, because they are scanned, and not pushed; CI will do that,
// and looks at the registry that is not set here.
var cutting = func() []stage {
	stages := upTo(pipeline, buildAndPush)
	stages[0].run = (*Run).validateCut
	build := &stages[len(stages)-1]
	build.locks = false
	build.run = func(r *Run, _ context.Context) (Outcome, error) {
		return Outcome{Ending: report.DryRun, Reason: "CI will push", Figures: r.buildFigures()}, nil
	}
	return stages
}()

// validateCut is validate where only CI has a registry, and what signs.
func (r *Run) validateCut(ctx context.Context) (Outcome, error) {
	if err := r.prepare(ctx); err != nil {
		return Outcome{}, err
	}
	wrong := slices.DeleteFunc(r.examine(ctx), func(err error) bool { return errors.Is(err, errNoRegistry) || errors.Is(err, errNotSigned) })
	if err := allOf(wrong...); err != nil {
		return Outcome{}, err
	}
	return passed(r.summary()...), nil
}

// committed is the source with the bump as a commit. The repository's hooks have no part in it.
func (r *Run) committed(b bumped) *dagger.Directory {
	c := r.tool("git")
	by := r.signature()
	by.At = r.started
	for name, value := range by.Env() {
		c = c.WithEnvVariable(name, value)
	}
	return c.
		WithDirectory("/src", b.in(r.config.Source)).
		WithWorkdir("/src").
		WithExec(b.commit()).
		Directory("/src")
}

// commit is the command for it, which takes in what is removed as well.
func (b bumped) commit() []string {
	git := []string{"git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"}
	git = append(git, "commit", "--quiet", "--message="+bumpMessage(b.version), "--")
	for _, name := range b.paths() {
		git = append(git, ":(literal)"+name)
	}
	return git
}

// pushCut pushes branch and tag together or not at all (G4).
func (r *Run) pushCut(ctx context.Context, branch string) error {
	return r.access.remote.Push(ctx, map[string]string{"refs/heads/" + branch: r.source.commit, "refs/tags/" + r.tagName(): r.source.commit})
}

// cutText says what is on the remote now.
func (r *Run) cutText(before source, bump bumped) string {
	var b strings.Builder
	switch {
	case r.source.commit != before.commit:
		fmt.Fprintf(&b, "Pushed commit %s (%s) to %s.\n", r.source.commit[:7], bumpMessage(r.Version), before.branch)
	case len(bump.files) == 0:
		fmt.Fprintf(&b, "No version file says a version, so there is no new commit on %s.\n", before.branch)
	default:
		fmt.Fprintf(&b, "The version files said %s already, so there is no new commit on %s.\n", r.Version, before.branch)
	}
	fmt.Fprintf(&b, "Pushed tag %s on %s. The release runs where your CI runs tags, or now: dagger call release --version=%s\n", r.tagName(), r.source.commit[:7], r.Version)
	fmt.Fprint(&b, "Now: git pull --ff-only\n")
	return b.String()
}
