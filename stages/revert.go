package stages

import (
	"context"
	"errors"
	"strings"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// revertScript takes commits back on a branch of their own, in the order in which they are given: a merge is one commit, seen
// from its first parent. What is reverted already has nothing left to revert.
// A release's own commit stays, because its version is taken; one that changes more than that is the squash of a whole branch.
const revertScript = `set -eu
base=$1 branch=$2 mark=$3 own=$4
shift 4
git worktree add --quiet --detach /work "$base"
cd /work
for commit do
	if [ "${commit#"$mark"}" != "$commit" ]; then
		commit=${commit#"$mark"}
		git show --format= --name-only "$commit" | grep -qivE "$own" || continue
	fi
	main=
	if git rev-parse -q --verify "$commit^2" >/dev/null; then main='--mainline=1'; fi
	if ! git -c core.hooksPath=/dev/null -c commit.gpgSign=false revert --no-edit $main "$commit" >/tmp/log 2>&1; then
		if [ -z "$(git status --porcelain)" ]; then git revert --skip >/dev/null 2>&1; continue; fi
		git log -1 --format='conflict %h %s' "$commit"
		git diff --name-only --diff-filter=U
		exit 5
	fi
done
[ "$(git rev-parse HEAD)" != "$(git rev-parse "$base")" ] || { echo nothing; exit 6; }
git update-ref "refs/heads/$branch" HEAD
git rev-parse HEAD
`

// ownMark stands before a commit that is a release's own by its title, and ownFiles are what such a commit changes.
const (
	ownMark  = "own:"
	ownFiles = `^$|(^|/)(package(-lock)?\.json|npm-shrinkwrap\.json|pyproject\.toml|setup\.(py|cfg)|(uv|poetry|pdm|bun|yarn|pipfile)\.lock|bun\.lockb|pnpm-lock\.yaml|version(\.txt)?|[^/]*version[^/]*\.py|__init__\.py|\.release-please-manifest\.json|[^/]*(changelog|changes|history|release|news)[^/]*)$|(^|/)(\.changeset|\.changes|changelog\.d|newsfragments)/`
)

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
func (r *Run) pushReverts(ctx context.Context, base, branch string, done server.RolledResult) error {
	remote := r.access.remote
	commits, err := r.changesBetween(ctx, base, done)
	if err != nil {
		return err
	}
	made := append([]string{"sh", "-c", revertScript, "sh", r.found.refs.Branch(base), branch, ownMark, ownFiles}, commits...)
	fetch := remote.FetchCommand("refs/heads/" + base)
	commit, err := remote.Make(ctx, fetch, made)
	if err != nil {
		return explainRevert(err)
	}
	return remote.Push(ctx, map[string]string{"refs/heads/" + branch: commit}, fetch, made)
}

// changesBetween are the commits that a release brought, the latest first, its own with a mark.
func (r *Run) changesBetween(ctx context.Context, base string, done server.RolledResult) (hashes []string, err error) {
	log, err := r.access.remote.History(ctx, []string{"refs/heads/" + base},
		"-z", "--encoding=UTF-8", "--format="+changelog.GitLogFormat, "--end-of-options", done.LeftCommit, "^"+done.Commit)
	if err != nil {
		return nil, err
	}
	in := changelog.Input{Version: done.Left, Released: r.tagged()}
	if in.Commits, err = changelog.ParseLog([]byte(log)); err != nil {
		return nil, err
	}
	if v, err := version.Parse(done.Left); err == nil {
		in.Current = r.config.tagPrefix.Tag(v)
	}
	for _, c := range changelog.Changes(in) {
		if c.Own {
			c.Hash = ownMark + c.Hash
		}
		hashes = append(hashes, c.Hash)
	}
	return hashes, nil
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
		f.err = errors.New("there is nothing to revert: the commits were taken back already, or are the release's own, which stay")
	default:
		return err
	}
	return &f
}
