package stages

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// deployStaging brings the images that were pushed to the staging server (stage 8).
func (r *Run) deployStaging(ctx context.Context) (Outcome, error) {
	e, ok := r.config.environments[staging]
	switch {
	case !ok:
		return notConfigured("no staging server"), nil
	case len(r.config.images) == 0:
		return notConfigured("no images are set"), nil
	case r.newer != (version.Version{}):
		return skipped(fmt.Sprintf("staging runs %s, which is higher", r.newer)), nil
	case r.DryRun:
		return Outcome{Ending: report.DryRun, Reason: "would deploy to " + e.target.String(), Figures: rolloutOf(r.preview)}, nil
	}
	if err := r.checkLock(ctx); err != nil {
		return Outcome{}, err
	}
	var images []server.Image
	for _, i := range r.config.images {
		at, _, found, err := r.imageAt(ctx, i, r.images[i.Name].digest)
		if err == nil && !found {
			err = fmt.Errorf("%s@%s, which was just pushed, is not in the registry", at.Repository, r.images[i.Name].digest)
		}
		if err != nil {
			return Outcome{}, err
		}
		images = append(images, at)
	}
	o, err := r.deploy(ctx, e, r.source.commit, images)
	if err != nil {
		return o, r.blame(err)
	}
	return o, nil
}

// checkStaging looks at the staging server before an hour of work (stage 1).
func (r *Run) checkStaging(ctx context.Context) error {
	e, ok := r.config.environments[staging]
	if !ok || len(r.config.images) == 0 {
		return nil
	}
	env, err := r.server(ctx, e)
	if err != nil {
		return r.unlessDry("the staging server", err)
	}
	release, err := r.shipped(ctx, &env, r.source.commit)
	if err != nil {
		return err
	}
	if release.Images, err = r.futureImages(); err != nil {
		return err
	}
	r.preview, err = server.Preflight(ctx, env, release)
	if r.newer = r.higherThere(r.preview.Ledger); r.newer != (version.Version{}) {
		return nil // nothing is deployed there
	}
	if refused, ok := asFailure(err); ok {
		return r.refuse("mend it, and run the same line again", "%v", refused)
	}
	if err != nil {
		return r.unlessDry("the staging server", refuseState("nothing was written; mend it, and run the same line again", "%w", err))
	}
	return nil
}

// higherThere is the version that runs on a server, if it is higher than this one.
func (r *Run) higherThere(ledger server.Ledger) version.Version {
	current, _ := ledger.Current()
	running, err := version.Parse(current.Version)
	if err != nil || running.Compare(r.Version) <= 0 {
		return version.Version{}
	}
	return running
}

// futureImages are the images that will be pushed, by their names only. A dry run without a registry has none.
func (r *Run) futureImages() ([]server.Image, error) {
	if r.registry == nil {
		r.notCheckedf("the compose file on staging: no registry is set, so it is not known what its services are to run")
		return nil, nil
	}
	var images []server.Image
	for _, i := range r.config.images {
		repository, err := r.registry.Repository(i.Name)
		if err != nil {
			return nil, err
		}
		images = append(images, server.Image{Name: i.Name, Repository: repository})
	}
	return r.withBuilds(images), nil
}

// withBuilds adds what the images are built from, by which services are known that name no image.
func (r *Run) withBuilds(images []server.Image) []server.Image {
	for n := range images {
		for _, i := range r.config.images {
			if i.Name == images[n].Name {
				images[n].Build = server.Build{Context: i.Context, Dockerfile: i.Dockerfile, Target: i.Target}
			}
		}
	}
	return images
}

// deploy runs the deployment of what is known: version, commit and digests.
func (r *Run) deploy(ctx context.Context, e environment, commit string, images []server.Image) (Outcome, error) {
	env, err := r.server(ctx, e)
	if err != nil {
		return Outcome{}, err
	}
	release, err := r.shipped(ctx, &env, commit)
	if err != nil {
		return Outcome{}, err
	}
	release.Images = r.withBuilds(images)
	listing := r.listed(ctx, e)
	env.Announce = listing.begin
	result, err := server.Deploy(ctx, env, release)
	figures := listing.end(ctx, err)
	if err != nil {
		r.noteFailure(e, err)
		return Outcome{Figures: figures}, serverFailure(err, report.DeployRestored, report.DeployNotRestored)
	}
	r.noteServer(e, result.Version)
	r.success = report.Deployed
	if result.Already {
		r.success = report.AlreadyDeployed
	}
	o := passed(append(deployFigures(result), figures...)...)
	o.Environment = e.name
	return o, nil
}

func deployFigures(result server.Result) []string {
	switch {
	case result.Already:
		return []string{result.Version + " runs there already and is healthy"}
	case result.Previous == "":
		return append([]string{result.Version + " is healthy, first deployment"}, result.Figures...)
	}
	return append([]string{result.Version + " is healthy, after " + result.Previous}, result.Figures...)
}

// shipped is what of the commit goes to the server: the compose file with what it needs, and the database's scripts.
func (r *Run) shipped(ctx context.Context, env *server.Environment, commit string) (server.Release, error) {
	release := server.Release{Version: r.Version.String(), Commit: commit, By: r.who(), Reason: r.Reason}
	release.Tree = func(ctx context.Context, paths []string) ([]server.File, error) { return r.filesAt(ctx, commit, paths) }
	release.Registry = r.serverRegistry()
	var found bool
	var err error
	if release.Compose, found, err = r.fileAt(ctx, commit, env.ComposeFile); err != nil {
		return release, err
	}
	if !found {
		return release, refuseState("add and commit it, or correct the setting composeFile", "%s is not in commit %s", env.ComposeFile, commit[:7])
	}
	for _, s := range []struct {
		setting, name, standard string
		where                   *string
	}{
		{"backupScript", r.config.BackupScript, defaultBackupScript, &env.Backup},
		{"restoreScript", r.config.RestoreScript, defaultRestoreScript, &env.Restore},
	} {
		file := orDefault(s.name, s.standard)
		text, found, err := r.fileAt(ctx, commit, file)
		switch {
		case err != nil:
			return release, err
		case found:
			*s.where = file
			release.Scripts = append(release.Scripts, server.Script{Path: file, Text: text})
		case file != s.standard:
			return release, refuseState("correct the setting", "setting %s: %s is not in commit %s", s.setting, file, commit[:7])
		}
	}
	return release, nil
}

// serverRegistry is how the server gets at the images: with the caller's own token, or what it is set up for.
func (r *Run) serverRegistry() server.Registry {
	host, _, _ := strings.Cut(r.config.Registry, "/")
	return server.Registry{Host: host, User: r.config.RegistryUser, Token: r.registryToken}
}

// fileAt reads a file of any commit of the source.
func (r *Run) fileAt(ctx context.Context, commit, file string) ([]byte, bool, error) {
	read := r.source.git.WithExec([]string{"git", "-c", "safe.directory=*", "cat-file", "blob", commit + ":" + file},
		dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny, RedirectStdout: "/tmp/file"})
	code, err := read.ExitCode(ctx)
	if err != nil || code != 0 {
		return nil, false, err
	}
	text, err := read.File("/tmp/file").Contents(ctx)
	return []byte(text), err == nil, err
}

// treeScript lists the files of a commit at the paths that it is given, and then writes them all. A link counts as the file
// that it leads to inside the repository.
const treeScript = `set -eu
git() { command git -c safe.directory='*' -c core.quotePath=false "$@"; }
commit=$(git rev-parse --verify --quiet --end-of-options "$1^{commit}")
shift
mkdir /out
git ls-tree -r --full-tree "$commit" -- "$@" > /out/list
cut -f 2- /out/list | sed "s/^/$commit:/" | git cat-file --batch --follow-symlinks | base64 > /out/files`

// filesAt reads the files of any commit of the source at the paths or below them.
func (r *Run) filesAt(ctx context.Context, commit string, paths []string) ([]server.File, error) {
	read := r.source.git.WithExec(append([]string{"sh", "-c", treeScript, "sh", commit}, paths...)).Directory("/out")
	list, err := read.File("list").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	encoded, err := read.File("files").Contents(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return parseTree(list, encoded)
}

// parseTree puts together what git ls-tree and git cat-file say.
func parseTree(list, encoded string) ([]server.File, error) {
	batch := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(encoded)))
	var files []server.File
	for line := range strings.Lines(list) {
		about, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		kind, content, err := parseObject(batch)
		if err != nil {
			return nil, fmt.Errorf("git's answer about the file %s is cut off: %w", name, err)
		}
		if kind == "blob" {
			files = append(files, server.File{Path: name, Text: content, Executable: strings.HasPrefix(about, "100755 ")})
		}
	}
	return files, nil
}

// DeployOptions are what a caller says about one deployment.
type DeployOptions struct {
	Environment string
	Version     string
}

// Deploy brings a published version to a server.
func (p Pipeline) Deploy(ctx context.Context, options DeployOptions) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: options.Version})
	if err != nil {
		return "", plain(err)
	}
	e, err := r.environment(options.Environment)
	if err != nil {
		return "", plain(err)
	}
	r.news.Kind = notify.Deploy
	var commit string
	var images []server.Image
	result := r.line(ctx, "Deploy "+r.Version.String()+" to "+e.name, []stage{
		{name: "Find " + r.Version.String(), run: func(r *Run, ctx context.Context) (o Outcome, err error) {
			commit, images, err = r.deployable(ctx, e)
			return passed(imageFigures(images)...), err
		}},
		{name: "Deploy to " + e.name, run: func(r *Run, ctx context.Context) (Outcome, error) {
			return r.deploy(ctx, e, commit, images)
		}},
	})
	return r.textKept(ctx, result)
}

// textKept is the report of a run that changes something: kept for a later `report`, as those of releases are.
func (r *Run) textKept(ctx context.Context, result report.Report) (string, error) {
	note := ""
	if err := r.keep(ctx, result); err != nil {
		note = "\nThis report could not be kept for a later `report`: " + explain(err).Error() + "\n"
	}
	return textOrError(result, note)
}

// line runs stages one after the other, each only if those before it have passed, and tells the team in the end.
func (r *Run) line(ctx context.Context, title string, stages []stage) report.Report {
	for n := range stages {
		run := stages[n].run
		stages[n].run = func(r *Run, ctx context.Context) (Outcome, error) {
			o, err := run(r, ctx)
			return o, r.blame(err)
		}
		if n > 0 {
			stages[n].after = []string{stages[n-1].name}
		}
	}
	if r.news.Kind != notify.Stage {
		stages = append(stages, stage{name: notifyTeam, after: []string{stages[len(stages)-1].name}, always: true, run: (*Run).notify})
	}
	r.partial, r.title = true, title
	r.parts = r.graph(stages)
	runAll(ctx, r.parts)
	return r.report(r.parts)
}

func imageFigures(images []server.Image) []string {
	var figures []string
	for _, i := range images {
		figures = append(figures, i.Name+" "+strings.TrimPrefix(i.Digest, "sha256:")[:min(7, len(i.Digest))])
	}
	return figures
}

// deployable finds what the version is made of: for staging in the registry, for production where staging ran it healthy.
func (r *Run) deployable(ctx context.Context, e environment) (commit string, images []server.Image, err error) {
	if err := r.load(ctx); err != nil {
		return "", nil, err
	}
	if err := r.needRegistry(ctx); err != nil {
		return "", nil, err
	}
	r.findForge(ctx)
	if e.name == production {
		commit, images, err = r.staged(ctx)
	} else {
		commit, images, err = r.published(ctx)
	}
	if err != nil {
		return "", nil, err
	}
	if _, found, err := r.fileAt(ctx, commit, e.composeFile); err != nil || !found {
		return "", nil, refuseState("fetch everything (git fetch --tags), and see the setting composeFile",
			"%s of commit %s, which %s was built from, is not in this repository", e.composeFile, commit[:min(7, len(commit))], r.Version)
	}
	return commit, images, r.mayRun(ctx, e)
}

// askingTime is what a deployment or a rollback waits for somebody without whom it can go on.
const askingTime = time.Minute

// findForge asks git and the forge which versions were taken back. A deployment goes on without them, and says so.
func (r *Run) findForge(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	err := cmp.Or(r.openForge(ctx), r.readRemote(ctx))
	if err == nil && r.page != nil && r.page.writable {
		var releases []forge.Release
		releases, err = r.page.forge.Releases(ctx)
		r.withdrawn = r.withdrawnOf(releases)
	}
	if err != nil {
		r.notCheckedf("whether git and the forge say that %s was withdrawn: %v", r.Version, err)
	}
}

func (r *Run) needRegistry(ctx context.Context) error {
	if r.config.Registry == "" || len(r.config.images) == 0 {
		return refuseInput(errors.New("the settings registry and images are needed: they say what runs on the server"))
	}
	return r.connectRegistry(ctx)
}

// published are the images under the version's tag, all of one commit.
func (r *Run) published(ctx context.Context) (commit string, images []server.Image, err error) {
	for _, i := range r.config.images {
		at, revision, found, err := r.imageAt(ctx, i, r.Version.String())
		if err != nil {
			return "", nil, err
		}
		switch {
		case !found:
			return "", nil, refuseState("release it first: dagger call release --version="+r.Version.String(), "%s:%s is not in the registry", at.Repository, r.Version)
		case commit != "" && revision != commit || revision == "":
			return "", nil, refuseState("release the next patch version", "the images of %s are not of one commit: %s says %q", r.Version, at.Repository, revision)
		}
		commit = revision
		images = append(images, at)
	}
	return commit, images, nil
}

// imageAt is an image as a server needs it, and the commit that it says it is from.
func (r *Run) imageAt(ctx context.Context, i Image, ref string) (at server.Image, revision string, found bool, err error) {
	at.Name = i.Name
	if at.Repository, err = r.registry.Repository(i.Name); err != nil {
		return at, "", false, err
	}
	held, found, err := r.registry.Inspect(ctx, i.Name, ref)
	at.Digest, at.Size = held.Digest, held.Size
	return at, held.Revision(), found, err
}

// staged are the very digests that staging ran healthy. Nobody may deploy anything else to production, force or not.
func (r *Run) staged(ctx context.Context) (string, []server.Image, error) {
	from, err := r.environment(staging)
	if err != nil {
		return "", nil, err
	}
	env, err := r.server(ctx, from)
	if err != nil {
		return "", nil, err
	}
	ledger, err := server.Look(ctx, env)
	if err != nil {
		return "", nil, refuseState("nothing was changed", "staging, which says what production may run: %w", err)
	}
	ran, ok := ledger.Find(r.Version.String())
	if !ok {
		return "", nil, refuseState("deploy it to staging first: dagger call deploy --environment=staging --version="+r.Version.String(),
			"staging never ran %s healthy, so production may not", r.Version)
	}
	var images []server.Image
	for _, name := range sortedKeys(ran.Images) {
		images = append(images, server.ImageOf(name, ran.Images[name]))
	}
	return ran.Commit, images, nil
}

// mayRun keeps what must not run there out (D3).
func (r *Run) mayRun(ctx context.Context, e environment) error {
	if e.name == production && r.Version.IsPrerelease() {
		return refuseState("release and deploy the stable version", "%s is a prerelease, which production does not run", r.Version)
	}
	if err := r.refuseWithdrawn(); err != nil {
		return err
	}
	env, err := r.server(ctx, e)
	if err != nil {
		return err
	}
	ledger, err := server.Look(ctx, env)
	if err != nil {
		return refuseState("nothing was changed", "%w", err)
	}
	current, _ := ledger.Current()
	running, err := version.Parse(current.Version)
	switch {
	case err == nil && running.Compare(r.Version) > 0:
		return refuseState("to go back, use rollback", "%s runs %s, which is higher than %s", e.name, running, r.Version)
	case slices.Contains(ledger.WithdrawnVersions(), r.Version.String()):
		return refuseState("use the next patch version", "%s was withdrawn by a rollback", r.Version)
	}
	return nil
}
