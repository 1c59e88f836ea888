package stages

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
)

// remote is what the Git server says about the repository.
type remote struct {
	read          bool
	url           string
	defaultBranch string
	refs          map[string]string // full names; a tag stands for the commit that it peels to
}

const (
	branchPrefix = "refs/heads/"
	tagRefs      = "refs/tags/"
)

// askpass answers git's two questions. The token is only in the environment, where the engine masks it: never in an
// argument, a URL or a file.
const askpass = `#!/bin/sh
case $1 in
Username*) printf '%s\n' "$SLIPWAY_GIT_USER" ;;
*) printf '%s\n' "$SLIPWAY_GIT_TOKEN" ;;
esac
`

// remoteAddress is where git finds the remote over HTTP, and the user name that the forge wants beside a token.
func remoteAddress(origin, kind, repository string) (address, user string, err error) {
	address, user = withoutUser(origin), "x-access-token"
	if repository != "" {
		address = withoutUser(strings.TrimSuffix(repository, "/"))
	}
	at, err := forge.Detect(origin, kind, repository)
	if at.Kind == forge.GitLab {
		user = "oauth2"
	}
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
		return address, user, nil // git needs to know no more than that, whatever software is there
	}
	return at.Web + ".git", user, err
}

// remoteGit is git in a repository of its own that borrows the source's objects: hooks and settings of the source, and
// credentials that a checkout has left there, take no part in what is done with the token.
func (r *Run) remoteGit(user, token string) *dagger.Container {
	return r.tool("git").
		WithMountedDirectory("/src", r.config.Source).
		WithExec([]string{"git", "init", "--quiet", "--bare", "/bare"}).
		WithNewFile("/bare/objects/info/alternates", "/src/.git/objects\n").
		WithNewFile("/askpass", askpass, dagger.ContainerWithNewFileOpts{Permissions: 0o755}).
		WithWorkdir("/bare").
		WithEnvVariable("GIT_ASKPASS", "/askpass").
		WithEnvVariable("GIT_TERMINAL_PROMPT", "0").
		// A connection that hangs ends after a minute, and is then tried again.
		WithEnvVariable("GIT_HTTP_LOW_SPEED_LIMIT", "1").
		WithEnvVariable("GIT_HTTP_LOW_SPEED_TIME", "60").
		WithEnvVariable("SLIPWAY_GIT_USER", user).
		WithSecretVariable("SLIPWAY_GIT_TOKEN", r.dag.SetSecret("forgeToken", token))
}

// outside runs git commands that reach the remote, one after the other, and again while what went wrong may pass.
func outside(ctx context.Context, git *dagger.Container, commands ...[]string) (string, error) {
	var err error
	for try := range retry.Tries {
		var out string
		if out, err = once(ctx, git, commands...); err == nil {
			return out, nil
		}
		if !mayPass(explain(err).output) || retry.Sleep(ctx, retry.Delay(try)) != nil {
			break
		}
	}
	return "", err
}

// once runs the commands a single time and returns what the last one prints, through a file because it may be long.
func once(ctx context.Context, git *dagger.Container, commands ...[]string) (string, error) {
	// An exec is repeated only if something about it is new (L7).
	git = git.WithEnvVariable("SLIPWAY_RUN", rand.Text())
	for _, args := range commands {
		git = git.WithExec(args, dagger.ContainerWithExecOpts{RedirectStdout: "/tmp/out"})
	}
	return git.File("/tmp/out").Contents(ctx)
}

// passingSigns are what git prints when the server or the way to it is away for a moment.
var passingSigns = []string{
	"returned error: 408", "returned error: 429", "returned error: 5", "HTTP 408", "HTTP 429", "HTTP 5",
	"Could not resolve host", "Failed to connect", "Couldn't connect", "Connection refused", "Connection reset", "Empty reply",
	"timed out", "Operation too slow", "early EOF", "unexpected disconnect", "hung up unexpectedly", "Recv failure", "Send failure",
}

// mayPass tells a server that is busy or away from one that has said no.
func mayPass(output string) bool {
	return slices.ContainsFunc(passingSigns, func(sign string) bool { return strings.Contains(output, sign) })
}

// readRemote asks the remote for its refs. Without a remote or a token nothing is read, which is no error.
func (r *Run) readRemote(ctx context.Context) error {
	token, err := secretText(ctx, r.config.ForgeToken, "forgeToken")
	if err != nil {
		return refuseInput(err)
	}
	if token == "" || r.source.remote == "" && r.config.Repository == "" {
		return nil
	}
	address, user, err := remoteAddress(r.source.remote, r.config.Forge, r.config.Repository)
	if err != nil {
		return refuseInput(err)
	}
	r.git = r.remoteGit(user, token)
	found, err := lsRemote(ctx, r.git, address)
	if err != nil {
		return explainRemote(address, err)
	}
	r.remote = found
	return nil
}

func lsRemote(ctx context.Context, git *dagger.Container, address string) (remote, error) {
	out, err := outside(ctx, git, []string{"git", "ls-remote", "--symref", "--end-of-options", address})
	if err != nil {
		return remote{}, err
	}
	found := parseRefs(out)
	found.read, found.url = true, address
	return found, nil
}

// parseRefs reads the output of git ls-remote --symref.
func parseRefs(out string) remote {
	found := remote{refs: map[string]string{}}
	for line := range strings.Lines(out) {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if target, ok := strings.CutPrefix(id, "ref: "); ok {
			if name == "HEAD" {
				found.defaultBranch = strings.TrimPrefix(target, branchPrefix)
			}
			continue
		}
		// The peeled line follows the one of an annotated tag's own object, and takes its place.
		if name = strings.TrimSuffix(name, "^{}"); strings.HasPrefix(name, "refs/") {
			found.refs[name] = id
		}
	}
	return found
}

// explainRemote says what a failed look at the remote means.
func explainRemote(address string, err error) error {
	f := *explain(err)
	what, next := "cannot be read", "nothing was written; see that the remote can be reached, and run the same line again"
	if refusedToken(f.output) {
		what, next = "does not accept the forgeToken", "give a token that may read and write the repository's code"
	}
	f.err = fmt.Errorf("the git remote %s %s: %s", address, what, lastLine(f.output))
	f.outcome, f.next = report.RefusedState, next
	return &f
}

func refusedToken(output string) bool {
	return slices.ContainsFunc([]string{"Authentication failed", "could not read Username", "error: 403", "error: 401"},
		func(sign string) bool { return strings.Contains(output, sign) })
}

// lastLine is where git says what went wrong.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// checkRemote wants the commit on a release branch of the remote (G2) and the version's tag free or on it (G5).
func (r *Run) checkRemote(ctx context.Context) error {
	if r.proposed {
		return nil // create-release has checked it, and the commit is not there yet
	}
	err := r.readRemote(ctx)
	switch {
	case err != nil && r.DryRun:
		r.notCheckedf("release branch, protected tags and the release lock: %v", err)
		return nil
	case err != nil:
		return err
	case !r.remote.read:
		r.notCheckedf("release branch, protected tags and the release lock: %s", r.whyNotRead())
		return nil
	}
	return allOf(r.checkRemoteTag(), r.checkBranch(ctx))
}

// allOf joins what is wrong of several checks, none of which need be.
func allOf(errs ...error) error {
	return joinFailures(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))
}

func (r *Run) whyNotRead() string {
	if r.source.remote == "" && r.config.Repository == "" {
		return "the repository has no remote"
	}
	return "no forgeToken is set"
}

func (r *Run) checkRemoteTag() error {
	for _, name := range r.config.tagPrefix.Tags(r.Version) {
		if at := r.remote.refs[tagRefs+name]; at != "" && at != r.source.commit {
			return r.refuse("check out that commit to finish its release, or release the next patch version",
				"the tag %s exists on the remote and names commit %s, not %s", name, at, r.source.commit)
		}
	}
	return nil
}

// remoteTag is the tag by which the remote knows the version.
func (r *Run) remoteTag() (gitTag, bool) {
	return tagOf(r.config.tagPrefix, r.remote.tags(), r.Version)
}

// checkBranch finds the commit on a branch that is released from.
func (r *Run) checkBranch(ctx context.Context) error {
	branches := r.remote.releaseBranches(r.config.branches)
	if len(branches) == 0 {
		return r.refuse("set releaseBranches to the branches that you release from",
			"the remote names no default branch, and none of its branches fits releaseBranches (%s)", orDefault(listOf(r.config.branches), "none"))
	}
	for _, name := range branches {
		if r.remote.refs[branchPrefix+name] == r.source.commit {
			return nil
		}
	}
	containing, err := r.branchesWith(ctx, branches, r.source.commit)
	if err != nil || len(containing) > 0 {
		return err
	}
	return r.refuse("push it to one of them, or set releaseBranches",
		"no release branch of the remote contains commit %s; they are %s", r.source.commit[:7], listOf(branches))
}

// tags are those of the remote, with the commit that each names.
func (m remote) tags() []gitTag {
	var tags []gitTag
	for ref, commit := range m.refs {
		if name, ok := strings.CutPrefix(ref, tagRefs); ok {
			tags = append(tags, gitTag{name, commit})
		}
	}
	return tags
}

// releaseBranches are the remote's branches that releases are made from.
func (m remote) releaseBranches(patterns []string) []string {
	var names []string
	for _, ref := range sortedKeys(m.refs) {
		name, ok := strings.CutPrefix(ref, branchPrefix)
		if ok && m.isRelease(name, patterns) {
			names = append(names, name)
		}
	}
	return names
}

func (m remote) isRelease(branch string, patterns []string) bool {
	return branch == m.defaultBranch || slices.ContainsFunc(patterns, func(p string) bool {
		matches, err := path.Match(p, branch)
		return err == nil && matches
	})
}

// branchesWith fetches the branches and returns those which the commit is part of.
func (r *Run) branchesWith(ctx context.Context, branches []string, commit string) ([]string, error) {
	if len(branches) == 0 {
		return nil, nil
	}
	fetch := []string{"git", "fetch", "--quiet", "--no-tags", "--end-of-options", r.remote.url}
	for _, name := range branches {
		fetch = append(fetch, "+"+branchPrefix+name+":"+branchPrefix+name)
	}
	out, err := outside(ctx, r.git, fetch, []string{"git", "for-each-ref", "--contains=" + commit, "--format=%(refname:strip=2)", branchPrefix})
	if err != nil {
		return nil, explainRemote(r.remote.url, err)
	}
	return strings.Fields(out), nil
}

// pushTag puts the version's annotated tag on the commit. A tag that is there already is success without a push, and so
// is a run that has no remote to push to.
func (r *Run) pushTag(ctx context.Context) (pushed bool, err error) {
	if r.DryRun || !r.remote.read {
		return false, nil
	}
	now, err := lsRemote(ctx, r.git, r.remote.url)
	if err != nil {
		return false, explainRemote(r.remote.url, err)
	}
	r.remote = now
	if err := r.checkRemoteTag(); err != nil {
		return false, err
	}
	if _, there := r.remoteTag(); there {
		return false, nil
	}
	ref := tagRefs + r.tagName()
	want := map[string]string{ref: r.source.commit}
	return true, r.pushRefs(ctx, r.git, want, r.tagCommand(r.source.commit), r.pushCommand(ref+":"+ref))
}

// signed makes what git writes the committer's, at the time given.
func (r *Run) signed(git *dagger.Container, at time.Time) *dagger.Container {
	date := fmt.Sprintf("%d +0000", at.Unix())
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		git = git.WithEnvVariable("GIT_"+role+"_NAME", r.config.committer.name).
			WithEnvVariable("GIT_"+role+"_EMAIL", r.config.committer.email).
			WithEnvVariable("GIT_"+role+"_DATE", date)
	}
	return git
}

func (r *Run) tagCommand(commit string) []string {
	return []string{"git", "-c", "tag.gpgSign=false", "tag", "--annotate", "--message=Release " + r.tagName(), "--end-of-options", r.tagName(), commit}
}

// pushCommand names what it pushes: never all tags, never by force, all of it or nothing (G4).
func (r *Run) pushCommand(refspecs ...string) []string {
	return append([]string{"git", "push", "--quiet", "--atomic", "--no-follow-tags", "--end-of-options", r.remote.url}, refspecs...)
}

// pushRefs runs commands that end in a push, until the remote has what is wanted or has said no. After an error the remote
// is read first: it may have accepted what it could not confirm (G6).
func (r *Run) pushRefs(ctx context.Context, git *dagger.Container, want map[string]string, commands ...[]string) error {
	var err error
	git = r.signed(git, r.source.time)
	for try := range retry.Tries {
		if _, err = once(ctx, git, commands...); err == nil {
			maps.Copy(r.remote.refs, want)
			return nil
		}
		if now, e := lsRemote(ctx, git, r.remote.url); e == nil && now.has(want) {
			r.remote = now
			return nil
		}
		if !mayPass(explain(err).output) || retry.Sleep(ctx, retry.Delay(try)) != nil {
			break
		}
	}
	return explainPush(r.remote.url, err)
}

func (m remote) has(want map[string]string) bool {
	for ref, id := range want {
		if m.refs[ref] != id {
			return false
		}
	}
	return true
}

// refusals tell apart why a server takes no push.
var refusals = []struct{ sign, what, next string }{
	{"non-fast-forward", "the branch has moved on the remote", "git pull --ff-only, and run the same line again"},
	{"fetch first", "the branch has moved on the remote", "git pull --ff-only, and run the same line again"},
	{"already exists", "the tag is there already", "git fetch --tags, and look at what it names"},
	{"cannot lock ref", "the branch has moved on the remote", "git pull --ff-only, and run the same line again"},
	{"stale info", "somebody else was faster", "run the same line again"},
	{"GH006", "the branch or tag is protected", "let the token's owner pass the protection, or use bump and a pull request"},
	{"GH013", "the branch or tag is protected", "let the token's owner pass the protection, or use bump and a pull request"},
	{"protected", "the branch or tag is protected", "let the token's owner pass the protection, or use bump and a pull request"},
	{"hook declined", "the server's rules do not allow it", "let the token's owner pass them, or use bump and a pull request"},
}

// explainPush says why nothing was pushed.
func explainPush(address string, err error) error {
	f := *explain(err)
	if refusedToken(f.output) || mayPass(f.output) {
		return explainRemote(address, err)
	}
	what := "the push was refused"
	f.next = "nothing was pushed; see what the server says above"
	for _, r := range refusals {
		if strings.Contains(f.output, r.sign) {
			what, f.next = r.what, "nothing was pushed; "+r.next
			break
		}
	}
	f.err = fmt.Errorf("the git remote %s did not take the push: %s", address, what)
	f.outcome = report.RefusedState
	return &f
}
