package stages

import (
	"context"
	"errors"
	"strings"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
)

// revertScript takes the commits of a release back on a branch of their own, the latest first: a merge is one commit,
// seen from its first parent. What is reverted already has nothing left to revert, and the release's own commit stays,
// because its version is taken.
const revertScript = `set -eu
base=$1 branch=$2 target=$3 left=$4
git worktree add --quiet --detach /work "$base"
cd /work
git rev-list --first-parent --end-of-options "$left" "^$target" > /tmp/commits
while read -r commit; do
	case $(git log -1 --format=%s "$commit") in "chore: bump version to "*) continue ;; esac
	main=
	if git rev-parse -q --verify "$commit^2" >/dev/null; then main='--mainline=1'; fi
	if ! git -c core.hooksPath=/dev/null -c commit.gpgSign=false revert --no-edit $main "$commit" >/tmp/log 2>&1; then
		if [ -z "$(git status --porcelain)" ]; then git revert --skip >/dev/null 2>&1; continue; fi
		git log -1 --format='conflict %h %s' "$commit"
		git diff --name-only --diff-filter=U
		exit 5
	fi
done < /tmp/commits
[ "$(git rev-parse HEAD)" != "$(git rev-parse "$base")" ] || { echo nothing; exit 6; }
git update-ref "refs/heads/$branch" HEAD
git rev-parse HEAD
`

// baseOf is the branch that the reverts are for: the default branch, if it has the commit.
func (r *Run) baseOf(ctx context.Context, commit string) (string, error) {
	if commit == r.source.commit || r.found.refs.Branch(r.found.refs.Default) == commit {
		return r.found.refs.Default, nil
	}
	containing, err := gitremote.BranchesWith(ctx, r.access.git, retry.Real, r.found.refs.Releases(r.config.branches), commit)
	switch {
	case err != nil:
		return "", err
	case len(containing) == 0:
		return "", refuseState("", "no release branch of the remote contains commit %s", commit)
	}
	for _, name := range containing {
		if name == r.found.refs.Default {
			return name, nil
		}
	}
	return containing[0], nil
}

// pushReverts makes the branch and pushes it; main itself is never pushed (B7).
func (r *Run) pushReverts(ctx context.Context, base, branch, target, left string) error {
	remote := r.access.remote
	made := []string{"sh", "-c", revertScript, "sh", r.found.refs.Branch(base), branch, target, left}
	fetch := remote.FetchCommand("refs/heads/" + base)
	commit, err := remote.Make(ctx, fetch, made)
	if err != nil {
		return explainRevert(err)
	}
	return remote.Push(ctx, map[string]string{"refs/heads/" + branch: commit}, fetch, made)
}

func explainRevert(err error) error {
	var git *gitError
	if !errors.As(err, &git) {
		return err
	}
	f := *git.failure
	f.outcome, f.ending = report.RollbackFailed, report.Failed
	switch git.code {
	case 5:
		what, files, _ := strings.Cut(strings.TrimSpace(git.output), "\n")
		f.err = errors.New("the commits cannot be reverted by a machine: " + strings.TrimPrefix(what, "conflict ") + " conflicts in " + strings.Join(strings.Fields(files), ", "))
		f.next = "nothing was pushed; the server is rolled back; revert the commits by hand"
	case 6:
		f.err = errors.New("there is nothing to revert: the commits were taken back already")
	default:
		return err
	}
	return &f
}
