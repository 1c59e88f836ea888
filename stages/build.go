package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/report"
)

// built is one image, ready to be pushed.
type built struct {
	Image
	variants []*variant // by platform, in the order of the setting
	reused   bool       // published by an earlier run of this commit
	digest   string
	seconds  float64
}

// variant is an image for one platform, ready to be scanned.
type variant struct {
	Image
	platform  dagger.Platform
	content   string            // digest of its files, or of the image that was published
	archive   *dagger.File      // its layers, shared with the images that have the same
	container *dagger.Container // as it is pushed
	lists     *dagger.Directory // of its contents, once it was scanned
}

// label names variants apart; where there is one platform, it is the image's name alone.
func (c config) label(image string, platform dagger.Platform) string {
	if len(c.platforms) == 1 {
		return image
	}
	return image + "-" + strings.ReplaceAll(string(platform), "/", "-")
}

// buildImages builds every image, or takes the one that an earlier run of this commit has pushed. All failures count.
func (r *Run) buildImages(ctx context.Context) error {
	// Nothing waits for it, so it is read while others work.
	read := make(chan struct{})
	go func() { defer close(read); r.readBefore(ctx) }()
	defer func() { <-read }()
	if err := allOf(r.eachImage(func(image Image) error {
		b, err := r.build(ctx, image)
		if err != nil {
			return r.buildFailure(image, err)
		}
		r.found.mu.Lock()
		defer r.found.mu.Unlock()
		r.found.images[image.Name] = b
		return nil
	})...); err != nil {
		return err
	}
	r.packImages()
	return nil
}

// eachImage works on all images at once and lets the others finish when one fails.
func (r *Run) eachImage(work func(Image) error) []error {
	failures := make([]error, len(r.config.images))
	var group errgroup.Group
	for n, image := range r.config.images {
		group.Go(func() error {
			failures[n] = work(image)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // failures holds them
	return failures
}

func (r *Run) buildFailure(image Image, err error) error {
	f := *explain(err)
	// A command of the Dockerfile may print what it was given.
	f.err, f.output = fmt.Errorf("image %s: %s", image.Name, r.mask(f.Error())), r.mask(f.output)
	f.ending = report.Failed
	if f.next == "" {
		f.next = fmt.Sprintf("build it on its own to see more: dagger call image --name=%s", image.Name)
	}
	return &f
}

func (r *Run) build(ctx context.Context, image Image) (*built, error) {
	if at, ok := r.found.plan.Reused[image.Name]; ok {
		b := &built{Image: image}
		return b, r.reuse(b, at.Digest)
	}
	start := time.Now()
	b := &built{Image: image}
	var group errgroup.Group
	for _, p := range r.config.platforms {
		v := &variant{Image: image, platform: p, container: r.dockerBuild(image, p)}
		b.variants = append(b.variants, v)
		group.Go(func() (err error) {
			v.content, err = v.container.Rootfs().Digest(ctx)
			return err
		})
	}
	err := group.Wait()
	b.seconds = time.Since(start).Seconds()
	return b, err
}

// packImages packs the layers of each image, once for all that have the same files: a worker is often the backend with
// another command.
func (r *Run) packImages() {
	for _, same := range r.sameLayers() {
		if r.found.images[same[0].Name].reused {
			continue
		}
		archive := r.pack(same[0])
		for _, v := range same {
			v.archive = archive
			v.container = r.packed(v)
		}
	}
}

// sameLayers are the variants by platform and files, in the order of the settings, so that every run asks the engine for the
// same.
func (r *Run) sameLayers() [][]*variant {
	var groups [][]*variant
	at := map[string]int{}
	for _, image := range r.config.images {
		for _, v := range r.found.images[image.Name].variants {
			key := string(v.platform) + " " + v.content
			n, seen := at[key]
			if !seen {
				n = len(groups)
				at[key], groups = n, append(groups, nil)
			}
			groups[n] = append(groups[n], v)
		}
	}
	return groups
}

// pack takes the layers alone: the configuration has the version in it, and labels name the commit, so that a commit
// which leaves the layers as they are has nothing to pack and nothing to scan.
func (r *Run) pack(v *variant) *dagger.File {
	return r.on(v.platform).WithRootfs(v.container.Rootfs()).AsTarball()
}

// packed is the image with the layers of its archive, which is what was scanned: the engine may forget layers and build
// them again, with other times in them.
func (r *Run) packed(v *variant) *dagger.Container {
	return r.labelled(v.container.WithRootfs(r.on(v.platform).Import(v.archive).Rootfs()), v.Image)
}

// reuse takes the image that another run of this commit has pushed. Its layers stand for themselves: files that are gone
// in the end are still in them.
func (r *Run) reuse(b *built, digest string) error {
	where, err := r.access.registry.Repository(b.Name)
	if err != nil {
		return err
	}
	b.reused, b.digest, b.variants = true, digest, nil
	for _, p := range r.config.platforms {
		v := &variant{Image: b.Image, platform: p, content: digest, container: r.on(p).From(where + "@" + digest)}
		v.archive = v.container.AsTarball()
		b.variants = append(b.variants, v)
	}
	return nil
}

// gone is for what an earlier run had pushed, as long as this one had not taken the lock.
func (b *built) gone() error {
	return fmt.Errorf("%s was in the registry when this run began, and is not there now as it was: run the same line again to build it", b.Name)
}

func (r *Run) dockerBuild(image Image, platform dagger.Platform) *dagger.Container {
	context, file := r.source.folders[image.Context], image.Dockerfile
	if image.outside() {
		dockerfile, ignore := image.bring(r.source.files)
		context = context.WithNewFile(dockerfile.name, dockerfile.text).WithNewFile(ignore.name, ignore.text)
		file = dockerfile.name
	}
	var args []dagger.BuildArg
	for _, arg := range r.arguments(image) {
		args = append(args, dagger.BuildArg{Name: arg.name, Value: arg.value})
	}
	return context.DockerBuild(dagger.DirectoryDockerBuildOpts{
		Dockerfile: file, Target: image.Target, Platform: platform, BuildArgs: args, Secrets: r.secrets(),
	})
}

// versionText is what an image is told to be: the version, or the commit when it is built outside of a release.
func (r *Run) versionText() string {
	if r.Version.String() == "" {
		return "sha-" + r.source.commit[:7]
	}
	return r.Version.String()
}

const labelPrefix = "org.opencontainers.image."

// forcedLabel is on the images of a release that was forced, and says why.
const forcedLabel = "slipway.forced"

// labelled says in the image itself where it is from. The time is the commit's, so that the same commit gives the same image.
func (r *Run) labelled(c *dagger.Container, image Image) *dagger.Container {
	c = c.
		WithLabel(labelPrefix+"title", path.Base(image.Name)).
		WithLabel(labelPrefix+"version", r.versionText()).
		WithLabel(labelPrefix+"revision", r.source.commit).
		WithLabel(labelPrefix+"created", r.source.time.Format(time.RFC3339))
	if r.source.remote != "" {
		c = c.WithLabel(labelPrefix+"source", r.source.remote)
	}
	if r.Reason != "" {
		c = c.WithLabel(forcedLabel, "skipped "+forceSkips+", by "+r.who()+": "+r.Reason)
	}
	return c
}

// forceSkips is what a forced release leaves out, in the words of every place that has to say so.
const forceSkips = "security scan, dependency check and slow tests"

// image builds one image of the setting, for a look at it.
func (r *Run) image(ctx context.Context, name string) (*dagger.Container, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	var names []string
	for _, image := range r.config.images {
		if names = append(names, image.Name); image.Name != name {
			continue
		}
		if r.source.folders[image.Context] == nil {
			return nil, refuseState("correct the setting images", "the folder %s is not in the repository", image.Context)
		}
		b, err := r.build(ctx, image)
		if err != nil {
			return nil, r.buildFailure(image, err)
		}
		v := b.variants[0]
		v.archive = r.pack(v)
		return r.packed(v), nil
	}
	return nil, refuseInput(errors.New("no image is called " + name + ": the setting images has " + report.Few(names)))
}
