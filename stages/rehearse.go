package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	oci "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
)

// rehearsal is a throw-away server and what is deployed to it.
type rehearsal struct {
	envFile *dagger.Secret
	env     server.Environment
	images  map[string]v1.Image
	commit  string
	stop    []func()
}

// Rehearse runs the very deployment against a server that lives as long as the call: a first one, an upgrade, one that
// fails, and a rollback with the database.
func (p Pipeline) Rehearse(ctx context.Context, version string, envFile *dagger.Secret) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: version}, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	h := &rehearsal{envFile: envFile, images: map[string]v1.Image{}}
	defer h.end()
	r.goal.title = "Rehearse " + r.Version.String()
	result := r.line(ctx, []stage{
		{name: "Build Images", run: h.build},
		{name: "Start a Server", run: h.start},
		{name: "First Deployment", run: h.deploys(1)},
		{name: "Upgrade", run: h.deploys(2)},
		{name: "Failing Deployment", run: h.fails},
		{name: "Rollback with Database", run: h.rollsBack},
	})
	return textOrError(result, "")
}

func (h *rehearsal) end() {
	for _, stop := range h.stop {
		stop()
	}
}

// version of the n-th deployment: the versions of a rehearsal are prereleases of the one that is rehearsed.
func (h *rehearsal) version(r *Run, n int) string {
	core, _, _ := strings.Cut(r.Version.String(), "-")
	return fmt.Sprintf("%s-rehearsal.%d", core, n)
}

// build makes the images and keeps them where the throw-away server can pull them from: here.
func (h *rehearsal) build(r *Run, ctx context.Context) (Outcome, error) {
	if err := r.load(ctx); err != nil {
		return Outcome{}, err
	}
	if len(r.config.images) == 0 {
		return Outcome{}, refuseInput(errors.New("there are no images to deploy: see the setting images"))
	}
	if err := r.checkDockerfiles(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.buildImages(ctx); err != nil {
		return Outcome{}, err
	}
	for _, i := range r.config.images {
		file := "/tmp/" + strings.ReplaceAll(i.Name, "/", "-") + ".tar"
		if _, err := r.found.images[i.Name].variants[0].container.AsTarball().Export(ctx, file); err != nil {
			return Outcome{}, err
		}
		var err error
		if h.images[i.Name], err = tarball.ImageFromPath(file, nil); err != nil {
			return Outcome{}, err
		}
	}
	h.commit = r.source.commit
	return passed(r.buildFigures()...), nil
}

// push puts the images into the registry as those of the n-th version: the same files, told apart by a label.
func (h *rehearsal) push(ctx context.Context, version string, change func(*v1.Config)) ([]server.Image, error) {
	var images []server.Image
	for _, imageName := range sortedKeys(h.images) {
		config, err := h.images[imageName].ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		if config.Config.Labels == nil {
			config.Config.Labels = map[string]string{}
		}
		config.Config.Labels["slipway.rehearsal"] = version
		if change != nil {
			change(&config.Config)
		}
		image, err := mutate.ConfigFile(h.images[imageName], config)
		if err != nil {
			return nil, err
		}
		where := path.Join(rehearsalRegistry, imageName)
		tag, err := name.NewTag(where + ":" + version)
		if err != nil {
			return nil, err
		}
		if err := oci.Write(tag, image, oci.WithContext(ctx)); err != nil {
			return nil, err
		}
		digest, err := image.Digest()
		if err != nil {
			return nil, err
		}
		images = append(images, server.Image{Name: imageName, Repository: where, Digest: digest.String()})
	}
	return images, nil
}

// deploy is what stage 8 does.
func (h *rehearsal) deploy(r *Run, ctx context.Context, n int, change func(*v1.Config)) (server.Result, error) {
	images, err := h.push(ctx, h.version(r, n), change)
	if err != nil {
		return server.Result{}, err
	}
	release, err := r.shipped(ctx, &h.env, h.commit)
	if err != nil {
		return server.Result{}, err
	}
	release.Version, release.Images, release.Registry = h.version(r, n), r.withBuilds(images), server.Registry{}
	return server.Deploy(ctx, h.env, release)
}

func (h *rehearsal) deploys(n int) func(*Run, context.Context) (Outcome, error) {
	return func(r *Run, ctx context.Context) (Outcome, error) {
		result, err := h.deploy(r, ctx, n, nil)
		if err != nil {
			return Outcome{}, serverFailure(err, report.DeployRestored, report.DeployNotRestored)
		}
		return passed(deployFigures(result)...), nil
	}
}

// fails deploys images that end at once, and is content if the version before keeps running.
func (h *rehearsal) fails(r *Run, ctx context.Context) (Outcome, error) {
	_, err := h.deploy(r, ctx, 3, func(c *v1.Config) { c.Entrypoint, c.Cmd = []string{"/bin/false"}, nil })
	var found *server.Failure
	switch {
	case err == nil:
		return Outcome{}, errors.New("images that cannot run were found healthy: do the services of the compose file have their own entrypoint and no health check?")
	case !errors.As(err, &found):
		return Outcome{}, err
	case found.State != server.Kept && found.State != server.Restored:
		return Outcome{}, serverFailure(err, report.DeployRestored, report.DeployNotRestored)
	}
	return passed("refused as it should be: " + found.Found), nil
}

// rollsBack goes to the first version, with the database from before the second.
func (h *rehearsal) rollsBack(r *Run, ctx context.Context) (Outcome, error) {
	checkout, err := r.shipped(ctx, &h.env, h.commit)
	if err != nil {
		return Outcome{}, err
	}
	back := server.Back{
		To: h.version(r, 1), SchemaAhead: true, Scripts: checkout.Scripts, By: r.who(), Reason: "rehearsal",
		Exists: func(context.Context, string) (bool, error) { return true, nil },
	}
	if h.env.Backup != "" && h.env.Restore != "" {
		back.Database = server.Recorded
	}
	result, err := server.Rollback(ctx, h.env, back)
	if err != nil {
		return Outcome{}, serverFailure(err, report.RollbackFailed, report.RollbackFailed)
	}
	return passed(append([]string{result.Version + " is healthy"}, result.Figures...)...), nil
}
