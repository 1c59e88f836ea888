package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// DeployOptions are what a caller says about one deployment.
type DeployOptions struct {
	Environment string
	Version     string
}

// Deploy brings a published version to a server.
func (p Pipeline) Deploy(ctx context.Context, options DeployOptions) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: options.Version}, goal{kind: notify.Deploy, green: wordOfServer})
	if err != nil {
		return "", plain(err)
	}
	e, err := r.environment(options.Environment)
	if err != nil {
		return "", plain(err)
	}
	r.goal.title = "Deploy " + r.Version.String() + " to " + e.name
	var next release.Rollout
	var images []server.Image
	result := r.line(ctx, []stage{
		{name: "Find " + r.Version.String(), run: func(r *Run, ctx context.Context) (o Outcome, err error) {
			next, images, err = r.deployable(ctx, e)
			return passed(imageFigures(images)...), err
		}},
		{name: "Deploy to " + e.name, run: func(r *Run, ctx context.Context) (Outcome, error) {
			done, figures, err := r.deploy(ctx, e, next.Commit, images)
			r.found.deployed.word = report.Deployed
			if done.Already {
				r.found.deployed.word = report.AlreadyDeployed
			}
			return Outcome{Ending: report.Passed, Figures: figures, Measured: Measured{Environment: e.name}}, err
		}},
	})
	return r.textKept(ctx, result)
}

func imageFigures(images []server.Image) []string {
	var figures []string
	for _, i := range images {
		figures = append(figures, i.Name+" "+strings.TrimPrefix(i.Digest, "sha256:")[:min(7, len(i.Digest))])
	}
	return figures
}

// deployable finds what the version is made of, and that it may run there: for staging in the registry, for production where
// staging ran it healthy.
func (r *Run) deployable(ctx context.Context, e environment) (next release.Rollout, images []server.Image, err error) {
	if err := r.prepare(ctx); err != nil {
		return next, nil, err
	}
	if err := r.needRegistry(); err != nil {
		return next, nil, err
	}
	q := release.Deployment{Request: r.request(), Environment: e.name, Production: e.name == production}
	if q.Target, _, err = r.ran(ctx, e); err != nil {
		return next, nil, err
	}
	if q.Production {
		if q.Ran, err = r.ranOnStaging(ctx); err != nil {
			return next, nil, err
		}
	}
	if next, err = release.DecideDeploy(r.observeFor(ctx), q); err != nil {
		return next, nil, err
	}
	if q.Production {
		if err := r.checkSigned(ctx, next); err != nil {
			return next, nil, err
		}
	}
	_, found, err := r.fileAt(ctx, next.Commit, e.composeFile)
	if err := r.checkCompose(e.composeFile, next.Commit, found, err); err != nil {
		return next, nil, err
	}
	images, err = r.serverImages(ctx, next)
	return next, images, err
}

// checkCompose tells a compose file that is not there from one that could not be read, which has another way out.
func (r *Run) checkCompose(file, commit string, found bool, err error) error {
	if err != nil || found {
		return err
	}
	return refuseState("fetch everything (git fetch --tags), and see the setting composeFile",
		"%s of commit %s, which %s was built from, is not in this repository", file, commit[:min(7, len(commit))], r.Version)
}

// askingTime is what a deployment or a rollback waits for somebody without whom it can go on.
const askingTime = time.Minute

// observeFor asks everybody but the servers. A deployment goes on without git and the forge, and says so.
func (r *Run) observeFor(ctx context.Context) release.Observed {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	w := r.world()
	w.Staging = nil
	o := release.Observe(ctx, w, r.request())
	for _, err := range []error{o.Remote.Err, o.Forge.Err} {
		if err != nil {
			r.notCheckedf("whether git and the forge say that %s was withdrawn: %v", r.Version, err)
		}
	}
	r.found.refs = o.Remote.Is.Refs
	return o
}

func (r *Run) needRegistry() error {
	if r.access.registry == nil {
		return refuseInput(errors.New("the settings registry and images are needed: they say what runs on the server"))
	}
	return nil
}

// ran is what a server says about itself.
func (r *Run) ran(ctx context.Context, e environment) (release.Running, server.Ledger, error) {
	env, err := r.server(ctx, e)
	if err != nil {
		return release.Running{}, nil, err
	}
	ledger, err := server.Look(ctx, env)
	if err != nil {
		return release.Running{}, nil, refuseState("nothing was changed", "%s: %w", e.name, err)
	}
	return running(ledger), ledger, nil
}

// ranOnStaging are the very digests that staging ran healthy, nil if it never did. Nobody may deploy anything else to
// production, force or not.
func (r *Run) ranOnStaging(ctx context.Context) (*release.Rollout, error) {
	from, err := r.environment(staging)
	if err != nil {
		return nil, err
	}
	_, ledger, err := r.ran(ctx, from)
	if err != nil {
		return nil, err
	}
	ran, ok := ledger.Find(r.Version.String())
	if !ok {
		return nil, nil
	}
	next := &release.Rollout{Version: r.Version, Commit: ran.Commit, Digests: map[string]string{}, Repositories: map[string]string{}}
	for name, ref := range ran.Images {
		at := server.ImageOf(name, ref)
		next.Digests[name], next.Repositories[name] = at.Digest, at.Repository
	}
	return next, nil
}

// serverImages are the images as a server needs them.
func (r *Run) serverImages(ctx context.Context, next release.Rollout) ([]server.Image, error) {
	var images []server.Image
	for _, name := range sortedKeys(next.Digests) {
		if where := next.Repositories[name]; where != "" {
			images = append(images, server.Image{Name: name, Repository: where, Digest: next.Digests[name]})
			continue
		}
		where, err := r.access.registry.Repository(name)
		if err != nil {
			return nil, err
		}
		held, found, err := r.access.registry.Inspect(ctx, name, next.Digests[name])
		if err == nil && !found {
			err = fmt.Errorf("%s@%s is not in the registry", where, next.Digests[name])
		}
		if err != nil {
			return nil, err
		}
		images = append(images, server.Image{Name: name, Repository: where, Digest: held.Digest, Size: held.Size})
	}
	return images, nil
}

// deploy runs the deployment of what is known: version, commit and digests.
func (r *Run) deploy(ctx context.Context, e environment, commit string, images []server.Image) (result server.Result, figures []string, err error) {
	env, err := r.server(ctx, e)
	if err != nil {
		return result, nil, err
	}
	next, err := r.shipped(ctx, &env, commit)
	if err != nil {
		return result, nil, err
	}
	next.Images = r.withBuilds(images)
	listing := r.listed(ctx, e)
	env.Announce = listing.begin
	result, err = server.Deploy(ctx, env, next)
	figures = listing.end(ctx, err)
	if err != nil {
		r.noteFailure(e, err)
		return result, figures, serverFailure(err, report.DeployRestored, report.DeployNotRestored)
	}
	r.noteServer(e, result.Version)
	return result, append(deployFigures(result), figures...), nil
}

func deployFigures(result server.Result) []string {
	switch {
	case result.Already:
		return append([]string{result.Version + " runs there already and is healthy"}, result.Figures...)
	case result.Previous == "":
		return append([]string{result.Version + " is healthy, first deployment"}, result.Figures...)
	}
	return append([]string{result.Version + " is healthy, after " + result.Previous}, result.Figures...)
}
