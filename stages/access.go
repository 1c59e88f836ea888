package stages

import (
	"context"
	"errors"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/retry"
)

// access is the way to what a release reads and writes. What is not configured is nil.
type access struct {
	registry      *registry.Client
	registryToken string
	remote        *gitremote.Remote
	git           gitremote.Server // the remote, or the remote as it will be
	asIf          string           // the branch that the commit will be on; empty: as it is
	noGit         string           // why there is none
	forge         forge.Forge      // also without a token, for what is public
	repository    forge.Repository
	writable      bool           // the forge, by a token
	staging       *stagingServer // that images are deployed to
	signer        *signer        // what signs; it is made when first asked for
}

// connect finds registry, git remote, forge and staging, without asking them.
func (r *Run) connect(ctx context.Context) error {
	if err := r.connectRegistry(ctx); err != nil {
		return err
	}
	token, err := secretText(ctx, r.config.ForgeToken, "forgeToken")
	if err != nil {
		return refuseInput(err)
	}
	r.hide("", token)
	if err := r.connectForge(token); err != nil {
		return err
	}
	if e, ok := r.config.environments[staging]; ok && len(r.config.images) > 0 {
		r.access.staging = &stagingServer{Run: r, environment: e}
	}
	return r.connectRemote(token)
}

func (r *Run) connectRegistry(ctx context.Context) error {
	if r.config.Registry == "" || len(r.config.images) == 0 {
		return nil
	}
	token, err := secretText(ctx, r.config.RegistryToken, "registryToken")
	if err != nil {
		return refuseInput(err)
	}
	r.hide(r.config.RegistryUser, token)
	client, err := registry.New(r.config.Registry, registry.Auth{User: r.config.RegistryUser, Token: token})
	if err != nil {
		return refuseInput(err)
	}
	r.access.registry, r.access.registryToken = client, token
	return nil
}

// noRemote says whether the repository is nowhere but here.
func (r *Run) noRemote() bool { return r.source.remote == "" && r.config.Repository == "" }

// connectForge finds the forge, without which everything goes on but the release on it.
func (r *Run) connectForge(token string) error {
	if r.noRemote() {
		return nil
	}
	repository, err := forge.Detect(r.source.remote, r.config.Forge, r.config.Repository)
	if err != nil {
		if token == "" {
			r.notCheckedf("the forge: %v", err)
			return nil
		}
		return refuseInput(err)
	}
	r.access.repository, r.access.forge, r.access.writable = repository, forge.New(repository, token), token != ""
	if token == "" {
		r.notCheckedf("the release on %s: no forgeToken is set", repository.Web)
	}
	return nil
}

func (r *Run) connectRemote(token string) error {
	switch {
	case r.noRemote():
		r.access.noGit = "the repository has no remote"
		return nil
	case token == "":
		r.access.noGit = "no forgeToken is set"
		return nil
	}
	address, user, err := gitremote.Address(r.source.remote, r.config.Forge, r.config.Repository)
	if err != nil {
		return refuseInput(err)
	}
	r.access.remote = gitremote.New(gitContainer{r.remoteGit(user, token)}, address, r.signature())
	r.access.remote.Incomplete = r.source.shallow || r.source.partial
	r.access.git = r.access.remote
	if r.access.asIf != "" {
		r.access.git = pushed{r.access.remote, r.access.asIf, r.source.commit}
	}
	return nil
}

// signature is whom tags and commits are by. Their time is the commit's, so that trying again makes the same.
func (r *Run) signature() gitremote.Signature {
	return gitremote.Signature{Name: r.config.committer.name, Email: r.config.committer.email, At: r.source.time}
}

// world is what a release of this run writes to.
func (r *Run) world() release.World {
	w := release.World{Clock: retry.Real, Together: release.Parallel, NoGit: r.access.noGit, NoForge: r.access.noGit}
	if r.access.registry != nil {
		w.Registry = r.access.registry
	}
	if r.access.git != nil {
		w.Git = r.access.git
	}
	if r.access.writable {
		w.Forge = r.access.forge
	}
	if r.access.staging != nil {
		w.Staging = r.access.staging
	}
	if r.signs() {
		w.Signatures = signatures{r}
	}
	return w
}

// request is what this run asks for.
func (r *Run) request() release.Request {
	q := release.Request{Version: r.Version, Commit: r.source.commit, Prefix: r.config.tagPrefix, Local: r.source.tags, Branches: r.config.branches, Until: r.goal.until}
	for _, i := range r.config.images {
		q.Images = append(q.Images, i.Name)
	}
	q.Platforms, q.Assets = r.platformNames(), r.assets()
	q.Attest, q.Signed = r.kinds(), r.signs()
	return q
}

// holder is this run to others who want the lock.
func (r *Run) holder() gitremote.Holder {
	return gitremote.Holder{Run: r.nonce, Who: r.who(), Version: r.Version.String(), Commit: r.source.commit}
}

// askpass answers git's two questions. The token is only in the environment, where the engine masks it: never in an
// argument, a URL or a file.
const askpass = `#!/bin/sh
case $1 in
Username*) printf '%s\n' "$SLIPWAY_GIT_USER" ;;
*) printf '%s\n' "$SLIPWAY_GIT_TOKEN" ;;
esac
`

// bareRepository is where git talks to the remote from.
const bareRepository = "/bare"

// remoteGit is git in a repository of its own that borrows the source's objects: hooks and settings of the source, and
// credentials that a checkout has left there, take no part in what is done with the token.
func (r *Run) remoteGit(user, token string) *dagger.Container {
	return r.tool("git").
		WithMountedDirectory("/src", r.config.Source).
		WithExec([]string{"git", "init", "--quiet", "--bare", bareRepository}).
		WithNewFile(bareRepository+"/objects/info/alternates", "/src/.git/objects\n").
		WithNewFile("/askpass", askpass, dagger.ContainerWithNewFileOpts{Permissions: 0o755}).
		WithWorkdir(bareRepository).
		WithEnvVariable("GIT_ASKPASS", "/askpass").
		WithEnvVariable("GIT_TERMINAL_PROMPT", "0").
		// A connection that hangs ends after a minute, and is then tried again.
		WithEnvVariable("GIT_HTTP_LOW_SPEED_LIMIT", "1").
		WithEnvVariable("GIT_HTTP_LOW_SPEED_TIME", "60").
		WithEnvVariable("SLIPWAY_GIT_USER", user).
		WithSecretVariable("SLIPWAY_GIT_TOKEN", r.dag.SetSecret("forgeToken", token))
}

// gitContainer runs git in the engine.
type gitContainer struct{ *dagger.Container }

var _ gitremote.Executor = gitContainer{}

// Run implements gitremote.Executor. What is printed comes through a file, because it may be long.
func (c gitContainer) Run(ctx context.Context, files, env map[string]string, commands ...[]string) (string, error) {
	git := again(c.Container) // L7
	for _, name := range sortedKeys(files) {
		git = git.WithNewFile(name, files[name])
	}
	for _, name := range sortedKeys(env) {
		git = git.WithEnvVariable(name, env[name])
	}
	for _, args := range commands {
		git = git.WithExec(args, dagger.ContainerWithExecOpts{RedirectStdout: "/tmp/out"})
	}
	out, err := git.File("/tmp/out").Contents(ctx)
	return out, gitFailed(err)
}

// gitError is a command of git that failed.
type gitError struct {
	*failure
	code int
}

var _ gitremote.Printed = (*gitError)(nil)

// Output is what git has printed.
func (e *gitError) Output() string { return e.output }

// gitFailed keeps what git has printed, by which the remote is understood.
func gitFailed(err error) error {
	var exec *dagger.ExecError
	if !errors.As(err, &exec) {
		return err
	}
	return &gitError{failure: explainExec(err), code: exec.ExitCode}
}
