package stages

import (
	"context"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"dagger/slipway/stages/dockerfile"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
)

func (r *Run) checkClean(context.Context) error {
	if len(r.source.dirty) == 0 {
		return nil
	}
	return refuse("commit or stash them", "the working tree has changes: %s", report.Few(r.source.dirty))
}

func (r *Run) checkHistory(context.Context) error {
	if !r.source.shallow {
		return nil
	}
	return refuse("fetch everything first: git fetch --unshallow --tags --force (in GitHub Actions: fetch-depth: 0)",
		"the clone is shallow, so that its tags and its history are incomplete")
}

func (r *Run) checkDockerfiles(context.Context) error {
	return allOf(r.eachImage(func(i Image) error {
		if r.source.folders[i.Context] == nil {
			return noDockerfile("image %s: the folder %s is not in the repository", i.Name, i.Context)
		}
		if _, found := r.source.files[i.path()]; !found {
			return noDockerfile("image %s: %s is not in the repository", i.Name, i.path())
		}
		return nil
	})...)
}

// checkBuildArgs finds what would be built with nothing where a value belongs: the build itself does not mind.
func (r *Run) checkBuildArgs(context.Context) error {
	return allOf(r.eachImage(func(i Image) error {
		missing, bundled := r.missingArgs(i)
		if len(bundled) > 0 {
			r.notCheckedf("that image %s does without a value for %s: set buildArgs (%s) if it does not", i.Name, report.Few(bundled), example(i.Name, bundled))
		}
		if len(missing) == 0 {
			return nil
		}
		return refuse(fmt.Sprintf("give it with the setting buildArgs (%s; an empty value counts too), or give the ARG a default", example(i.Name, missing)),
			"image %s: %s uses build arguments that have no value: %s", i.Name, i.path(), report.Few(missing))
	})...)
}

// checkHealthchecks tells what the engine leaves out of images. Servers would call such containers healthy because they run.
func (r *Run) checkHealthchecks(ctx context.Context) error {
	var images []string
	for _, i := range r.config.images {
		if dockerfile.HasHealthcheck(r.source.files[i.path()], i.Target) {
			images = append(images, i.Name)
		}
	}
	if len(images) == 0 || len(r.config.environments) == 0 {
		return nil
	}
	version, err := r.dag.Version(ctx)
	if err == nil && !keepsHealthcheck(version) {
		r.notCheckedf("the HEALTHCHECK of %s: Dagger %s leaves it out of images, v0.20 keeps it; give those services a healthcheck in the compose file", report.Few(images), version)
	}
	return err
}

// keepsHealthcheck says what Dagger has done since dagger/dagger#11951.
func keepsHealthcheck(version string) bool {
	v, err := semver.NewVersion(version)
	return err != nil || v.Major() > 0 || v.Minor() >= 20
}

// checkFetched finds what the clone has left out of the build contexts.
func (r *Run) checkFetched(context.Context) error {
	return allOf(r.eachImage(func(i Image) error {
		if files := i.sees(r.source.pointers, r.source.files); len(files) > 0 {
			return refuse("git lfs pull (in GitHub Actions: lfs: true)",
				"image %s: the content of files in Git LFS was not fetched: %s", i.Name, report.Few(files))
		}
		if folders := i.sees(r.source.submodules, r.source.files); len(folders) > 0 {
			return refuse("git submodule update --init --recursive (in GitHub Actions: submodules: recursive)",
				"image %s: submodules were not fetched: %s", i.Name, report.Few(folders))
		}
		return nil
	})...)
}

func noDockerfile(format string, args ...any) error {
	return refuseState("add and commit it, or correct the setting images", format, args...)
}

// checkVersionFiles wants every file that carries the version to say this one (V9).
func (r *Run) checkVersionFiles(context.Context) error {
	files, silent, err := r.versionFiles()
	if err != nil {
		return err
	}
	if len(r.config.versionFiles) == 0 {
		return nil // the tag alone says it
	}
	if len(files) == 0 {
		r.notCheckedf("that the version files say %s: %s", r.Version, silent)
		return nil
	}
	var differing []string
	for _, file := range files {
		agrees, expected, err := file.Agrees(r.Version)
		if err != nil {
			return refuseInput(err)
		}
		if !agrees {
			differing = append(differing, fmt.Sprintf("%s says %q, expected %q", file.Path, file.Version, expected))
		}
	}
	if len(differing) == 0 {
		return nil
	}
	text := "the version files do not say " + r.Version.String() + ": " + strings.Join(differing, "; ")
	if r.Reason != "" {
		r.notCheckedf("%s (forced)", text)
		return nil
	}
	return refuse("change the files and commit, or name in the setting versionFiles those that carry the version ("+project.Off+": the tag alone does)", "%s", text)
}
