package stages

import (
	"context"
	"fmt"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// stagingServer is staging as a release sees it.
type stagingServer struct {
	*Run
	environment environment
	refusal     error // what keeps the release from being deployed there, once it was looked at
	looked      bool
}

var _ release.Staging = (*stagingServer)(nil)

// Look implements release.Staging. The first time it also finds out, on the server, whether the release could be deployed.
func (s *stagingServer) Look(ctx context.Context) (release.Running, error) {
	env, err := s.server(ctx, s.environment)
	if err != nil {
		return release.Running{}, err
	}
	if s.looked {
		ledger, err := server.Look(ctx, env)
		return running(ledger), err
	}
	s.looked = true
	shipped, err := s.shipped(ctx, &env, s.source.commit)
	if err != nil {
		s.refusal = err
		return release.Running{}, nil
	}
	shipped.Images = s.futureImages()
	preview, err := server.Preflight(ctx, env, shipped)
	s.found.preview = preview
	if refused, ok := asFailure(err); ok {
		s.refusal = refuse(orDefault(refused.Next, "mend it, and run the same line again"), "%v", refused)
		err = nil
	}
	return running(preview.Ledger), err
}

// running is what a ledger says about now.
func running(ledger server.Ledger) release.Running {
	current, _ := ledger.Current()
	return release.Running{Version: current.Version, Withdrawn: ledger.WithdrawnVersions()}
}

// Deploy implements release.Staging.
func (s *stagingServer) Deploy(ctx context.Context, next release.Rollout) (already bool, err error) {
	images, err := s.serverImages(ctx, next)
	if err != nil {
		return false, err
	}
	result, figures, err := s.deploy(ctx, s.environment, next.Commit, images)
	s.found.deployed.figures = figures
	return result.Already, err
}

// deployStaging brings the images that were pushed to the staging server (stage 8).
func (r *Run) deployStaging(ctx context.Context) (Outcome, error) {
	if o, idle := r.noDeployment(r.plan()); idle {
		return o, nil
	}
	err := r.found.act.Do(ctx, release.PhaseStaging)
	// Somebody may have brought up a higher version while the images were pushed.
	if o, idle := r.noDeployment(r.plan()); idle && err == nil {
		return o, nil
	}
	return Outcome{Ending: report.Passed, Figures: r.found.deployed.figures, Measured: Measured{Environment: staging}}, err
}

// wouldDeploy shows what deployStaging would do.
func (r *Run) wouldDeploy(context.Context) (Outcome, error) {
	if o, idle := r.noDeployment(r.found.plan); idle {
		return o, nil
	}
	where := r.config.environments[staging].target.String()
	return Outcome{Ending: report.DryRun, Reason: "would deploy to " + where, Figures: rolloutOf(r.found.preview)}, nil
}

// noDeployment says why there is none.
func (r *Run) noDeployment(plan release.Plan) (Outcome, bool) {
	switch _, ok := r.config.environments[staging]; {
	case !ok:
		return notConfigured("no staging server"), true
	case len(r.config.images) == 0:
		return notConfigured("no images are set"), true
	case plan.Newer != (version.Version{}):
		return skipped(fmt.Sprintf("staging runs %s, which is higher", plan.Newer)), true
	}
	return Outcome{}, false
}

// futureImages are the images that will be pushed, by their names only. A dry run without a registry has none.
func (r *Run) futureImages() []server.Image {
	if r.access.registry == nil {
		r.notCheckedf("the compose file on staging: no registry is set, so it is not known what its services are to run")
		return nil
	}
	var images []server.Image
	for _, i := range r.config.images {
		repository, _ := r.access.registry.Repository(i.Name)
		images = append(images, server.Image{Name: i.Name, Repository: repository})
	}
	return r.withBuilds(images)
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
