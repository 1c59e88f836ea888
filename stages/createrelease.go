package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
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
	r.DryRun = false // newStageRun only reads; from here on the run is a real one
	b, err := r.bump(ctx, next)
	if err != nil {
		return "", err
	}
	r.Version = b.version
	if err := r.checkCut(ctx); err != nil {
		return "", err
	}
	proposed, err := r.rehearsal(ctx, b)
	if err != nil {
		return "", err
	}
	gates := proposed.runGates(ctx)
	if !gates.Outcome.Green() {
		return "", errors.New(gates.Text() + "\nNothing was pushed.")
	}
	err = proposed.pushCut(ctx, r.source.branch)
	if err != nil && proposed.page != nil && protectsBranch(explain(err).output) {
		err = proposed.proposeBump(ctx, r.source.branch)
	}
	if err != nil {
		return "", err
	}
	return gates.Text() + "\n" + proposed.cutText(r.source, b), nil
}

// checkCut refuses what could only end in a rejected push or in a release that CI would refuse.
func (r *Run) checkCut(ctx context.Context) error {
	if err := r.readRemote(ctx); err != nil {
		return err
	}
	if !r.remote.read {
		return refuseState("set forgeToken, and clone the repository from its forge", "there is nowhere to push to: %s", r.whyNotRead())
	}
	return allOf(r.checkClean(ctx), r.checkHistory(ctx), r.checkGitTagFree(), r.checkUpstream())
}

// checkGitTagFree wants no tag of the version anywhere: a tag is what starts a release.
func (r *Run) checkGitTagFree() error {
	tag, taken := r.remoteTag()
	if !taken {
		tag, taken = r.tagOf(r.Version)
	}
	if !taken {
		return nil
	}
	return refuseState("choose the next version; to finish a release that has begun, check out that commit and call release",
		"the tag %s exists and names commit %s", tag.name, tag.commit)
}

// checkUpstream wants a release branch whose head on the remote is the commit that is checked out.
func (r *Run) checkUpstream() error {
	branch := r.source.branch
	if branch == "" {
		return refuseState("check out the branch to release from", "HEAD is detached, so there is no branch to push to")
	}
	if !r.remote.isRelease(branch, r.config.branches) {
		return refuseState("check out a release branch, or set releaseBranches",
			"the branch %s is not released from; those that are: %s", branch, orDefault(listOf(r.remote.releaseBranches(r.config.branches)), "none"))
	}
	switch at := r.remote.refs[branchPrefix+branch]; at {
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
func (r *Run) rehearsal(ctx context.Context, b bumped) (*Run, error) {
	settings := r.config.Settings
	if len(b.changed) > 0 {
		settings.Source = r.committed(b)
	}
	// It writes nothing by itself: the gates are judged, and what it pushes is pushed here.
	p, err := NewRun(r.dag, settings, Options{Version: b.version.String(), DryRun: true})
	if err != nil {
		return nil, err
	}
	p.proposed, p.remote = true, r.remote
	_, user, err := remoteAddress(r.source.remote, r.config.Forge, r.config.Repository)
	if err != nil {
		return nil, refuseInput(err)
	}
	token, err := secretText(ctx, r.config.ForgeToken, "forgeToken")
	if err != nil {
		return nil, refuseInput(err)
	}
	p.git = p.remoteGit(user, token)
	return p, nil
}

// committed is the source with the bump as a commit. The repository's hooks have no part in it.
func (r *Run) committed(b bumped) *dagger.Directory {
	git := []string{"git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"}
	commit := append(git, "commit", "--quiet", "--message="+r.bumpMessage(), "--")
	for _, file := range b.changed {
		commit = append(commit, ":(literal)"+file.Path)
	}
	return r.signed(r.tool("git"), r.started).
		WithDirectory("/src", b.in(r.config.Source)).
		WithWorkdir("/src").
		WithExec(commit).
		Directory("/src")
}

// runGates runs the pipeline up to the tests. The images are built, because they are scanned, and not pushed.
func (r *Run) runGates(ctx context.Context) report.Report {
	stages := slices.Clone(pipeline[:stageIndex(buildAndPush)+1])
	build := &stages[len(stages)-1]
	build.run = func(r *Run, _ context.Context) (Outcome, error) {
		return Outcome{Ending: report.DryRun, Reason: "CI will push", Figures: r.buildFigures()}, nil
	}
	parts := r.graph(stages)
	runAll(ctx, parts)
	return r.judgeGates(r.report(parts))
}

// judgeGates turns the report of a dry run into one of the gates alone. What a real run would refuse stops this one too;
// but without a registry its state is not known here, and CI looks at it.
func (r *Run) judgeGates(result report.Report) report.Report {
	result.DryRun = false
	if result.Outcome != report.DryRunOK {
		return result
	}
	result.Outcome = report.StagePassed
	if r.config.Registry == "" {
		result.WouldRefuse = nil
	}
	if len(result.WouldRefuse) > 0 {
		result.Outcome = report.RefusedState
	}
	return result
}

// pushCut pushes branch and tag together or not at all (G4).
func (r *Run) pushCut(ctx context.Context, branch string) error {
	commit, tag := r.source.commit, tagRefs+r.tagName()
	want := map[string]string{branchPrefix + branch: commit, tag: commit}
	return r.pushRefs(ctx, r.git, want, r.tagCommand(commit), r.pushCommand(commit+":"+branchPrefix+branch, tag+":"+tag))
}

// cutText says what is on the remote now.
func (r *Run) cutText(before source, bump bumped) string {
	var b strings.Builder
	switch {
	case r.source.commit != before.commit:
		fmt.Fprintf(&b, "Pushed commit %s (%s) to %s.\n", r.source.commit[:7], r.bumpMessage(), before.branch)
	case len(bump.files) == 0:
		fmt.Fprintf(&b, "No version file says a version, so there is no new commit on %s.\n", before.branch)
	default:
		fmt.Fprintf(&b, "The version files said %s already, so there is no new commit on %s.\n", r.Version, before.branch)
	}
	fmt.Fprintf(&b, "Pushed tag %s on %s. The release runs where your CI runs tags, or now: dagger call release --version=%s\n", r.tagName(), r.source.commit[:7], r.Version)
	fmt.Fprint(&b, "Now: git pull --ff-only\n")
	return b.String()
}
