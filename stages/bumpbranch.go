package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// bumpBranch is where a bump waits that the release branch does not take. It must not look like a branch to release from.
func (r *Run) bumpBranch() string { return "slipway/bump-" + r.tagName() }

// bumpMessage is the line by which the notes know the release's own commit (C7).
func bumpMessage(v version.Version) string { return "chore: bump version to " + v.String() }

// protectsBranch tells a protected branch, which a pull request gets around, from a protected tag, which it does not.
func protectsBranch(output string) bool {
	signs := []string{"rotected branch", "violations found for refs/heads/"}
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(output, sign) })
}

// proposeBump takes the bump to a protected branch by a pull request (G7). It always ends in an error, because nothing was
// released: no tag is pushed before the commit that it names is on its branch.
func (r *Run) proposeBump(ctx context.Context, base string) error {
	branch := r.bumpBranch()
	// One that is there is an earlier call's, and people may have worked on it.
	if r.found.refs.Branch(branch) == "" {
		if err := r.access.remote.Push(ctx, map[string]string{"refs/heads/" + branch: r.source.commit}); err != nil {
			return err
		}
	}
	again := "dagger call create-release --version=" + r.Version.String()
	pull, err := r.access.forge.OpenPullRequest(ctx, forge.Proposal{
		Branch: branch, Base: base, Title: bumpMessage(r.Version),
		Body: fmt.Sprintf("The branch %s is protected, so the version comes to it this way. When this is merged, release it:\n\n"+
			"    git pull --ff-only\n    %s\n", base, again),
	})
	if err != nil {
		return &failure{
			err:     fmt.Errorf("the branch %s is protected, and the pull request for the bump could not be opened: %w", base, err),
			outcome: report.RefusedState, ending: report.Failed,
			next: fmt.Sprintf("nothing was released; open it yourself from the branch %s, which is pushed, or run the same line again", branch),
		}
	}
	return refuseState("merge it, then: git pull --ff-only && "+again,
		"the branch %s is protected, so the bump waits in the pull request %s: nothing was released, and no tag was pushed", base, pull.URL)
}
