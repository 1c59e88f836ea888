package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
)

// validate finds everything that can be known to fail before work begins, and writes nothing.
func (r *Run) validate(ctx context.Context) (Outcome, error) {
	if err := r.load(ctx); err != nil {
		return Outcome{}, r.blame(err)
	}
	if err := allOf(r.checkAll(ctx)...); err != nil {
		return Outcome{}, r.blame(err)
	}
	if err := r.findPrevious(); err != nil {
		return Outcome{}, r.blame(err)
	}
	return passed(r.summary()...), nil
}

// findPrevious finds the release before this one. One that only the registry knows, because its run died or nobody tagged
// it, counts; its commits are among this one's.
func (r *Run) findPrevious() error {
	r.previous, _ = version.Previous(r.Version, r.stable())
	if _, here := r.tagOf(r.previous); here || r.previous == (version.Version{}) {
		return nil
	}
	if tag, there := tagOf(r.config.tagPrefix, r.remote.tags(), r.previous); there {
		return r.refuse("fetch the tags: git fetch --tags", "the tag %s of the previous release is on the remote and not in this clone", tag.name)
	}
	start := "at the beginning"
	if from := r.notesFrom(); from != "" {
		start = "after " + from
	}
	r.notCheckedf("which commit %s is from: it is in the registry and git has no tag for it, so these notes start %s", r.previous, start)
	return nil
}

// checkAll returns what each check has found.
func (r *Run) checkAll(ctx context.Context) []error {
	var found []error
	for _, check := range []func(context.Context) error{
		r.checkClean, r.checkHistory, r.checkSides, r.checkDockerfiles, r.checkBuildArgs, r.checkFetched, r.checkVersionFiles,
		r.checkGitTag, r.checkRemote, r.noteNearMisses, r.checkRegistry, r.checkForge, r.checkStaging, r.checkWebhook,
	} {
		found = append(found, check(ctx))
	}
	return found
}

// blame remembers that the run was refused, and not just red.
func (r *Run) blame(err error) error {
	if err == nil {
		return nil
	}
	f := explain(err)
	if f.outcome != "" {
		r.setOutcome(f.outcome)
	}
	return err
}

// joinFailures keeps the first advice of several failures.
func joinFailures(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	first := *explain(errs[0])
	var texts, advice []string
	for _, err := range errs {
		f := explain(err)
		texts = append(texts, f.Error())
		if f.next != "" && !slices.Contains(advice, f.next) {
			advice = append(advice, f.next)
		}
	}
	first.err, first.next = errors.New(strings.Join(texts, "; ")), strings.Join(advice, "; ")
	return &first
}

func (r *Run) summary() []string {
	words := []string{"commit " + r.source.commit[:7]}
	if r.previous == (version.Version{}) {
		words = append(words, "first release")
	} else {
		words = append(words, "after "+r.previous.String())
	}
	if len(r.preview.Edited) > 0 {
		words = append(words, "warning: changed on staging, and will be replaced there: "+listOf(r.preview.Edited))
	}
	return words
}

func (r *Run) checkClean(context.Context) error {
	if len(r.source.dirty) == 0 {
		return nil
	}
	return r.refuse("commit or stash them", "the working tree has changes: %s", listOf(r.source.dirty))
}

func (r *Run) checkHistory(context.Context) error {
	if !r.source.shallow {
		return nil
	}
	return r.refuse("fetch everything first: git fetch --unshallow --tags --force (in GitHub Actions: fetch-depth: 0)",
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
		missing := r.config.missingArgs(i, r.source.files[i.path()])
		if len(missing) == 0 {
			return nil
		}
		return r.refuse(fmt.Sprintf("give it with the setting buildArgs (%s:%s=value; an empty value counts too), or give the ARG a default", i.Name, missing[0]),
			"image %s: %s uses build arguments that have no value: %s", i.Name, i.path(), listOf(missing))
	})...)
}

// checkFetched finds what the clone has left out of the build contexts.
func (r *Run) checkFetched(context.Context) error {
	return allOf(r.eachImage(func(i Image) error {
		if files := i.sees(r.source.pointers, r.source.files); len(files) > 0 {
			return r.refuse("git lfs pull (in GitHub Actions: lfs: true)",
				"image %s: the content of files in Git LFS was not fetched: %s", i.Name, listOf(files))
		}
		if folders := i.sees(r.source.submodules, r.source.files); len(folders) > 0 {
			return r.refuse("git submodule update --init --recursive (in GitHub Actions: submodules: recursive)",
				"image %s: submodules were not fetched: %s", i.Name, listOf(folders))
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
	return r.refuse("change the files and commit", "%s", text)
}

// versionFiles are those that say a version, and in words why the others say none.
func (r *Run) versionFiles() (files []versionfile.File, silent string, err error) {
	var why []string
	for _, path := range r.config.versionFiles {
		text, found := r.source.files[path]
		if !found {
			why = append(why, path+" is not there")
			continue
		}
		file, err := versionfile.Read(path, text)
		switch {
		case err != nil:
			return nil, "", refuseState("correct the file", "%w", err)
		case file.State == versionfile.Found:
			files = append(files, file)
		case file.State == versionfile.Dynamic:
			why = append(why, path+" leaves it to the build")
		default:
			why = append(why, path+" says none")
		}
	}
	return files, orDefault(strings.Join(why, ", "), "there are none, see the setting versionFiles"), nil
}

func (r *Run) checkGitTag(context.Context) error {
	for _, tag := range r.source.tags {
		if v, ok := r.config.tagPrefix.FromTag(tag.name); ok && v == r.Version && tag.commit != r.source.commit {
			return r.refuse("check out that commit to finish its release, or release the next patch version",
				"the tag %s exists and names commit %s, not %s", tag.name, tag.commit, r.source.commit)
		}
	}
	return nil
}

// noteNearMisses names what looks like a version among git's tags and does not count as one.
func (r *Run) noteNearMisses(context.Context) error {
	tags := map[string]string{}
	for _, t := range slices.Concat(r.source.tags, r.remote.tags()) {
		tags[t.name] = t.commit
	}
	if near := r.config.tagPrefix.NearMisses(tags); len(near) > 0 {
		r.notCheckedf("tags that look like versions and do not count (%d): %s; the tag of a version is %s1.2.3, see the setting tagPrefix", len(near), listOf(near), r.config.tagPrefix)
	}
	return nil
}

// checkRegistry reads how far this version has got. A dry run goes on without a registry.
func (r *Run) checkRegistry(ctx context.Context) error {
	if len(r.config.images) == 0 {
		return nil
	}
	if r.config.Registry == "" {
		if r.DryRun {
			r.refuse("", "images are to be released and no registry is set") //nolint:errcheck // a dry run notes it
			r.notCheckedf("which tags would move: no registry is set, so only git's tags are known")
			return nil
		}
		return &failure{
			err:     errors.New("images are to be released and no registry is set"),
			outcome: report.RefusedInput, ending: report.Failed,
			next: "set one (--registry=ghcr.io/acme), or leave images out (--images=), or try it with --dry-run",
		}
	}
	if err := r.connectRegistry(ctx); err != nil {
		return err
	}
	state, err := r.readState(ctx)
	if err != nil {
		if r.DryRun {
			r.notCheckedf("the registry was not read: %v", err)
			return nil
		}
		return &failure{err: err, outcome: report.RefusedState, ending: report.Broken, next: "nothing was written; see that the registry can be reached and the token may read and write"}
	}
	r.state = state
	return allOf(r.bound(), r.checkPlatforms())
}

func (r *Run) connectRegistry(ctx context.Context) error {
	token, err := secretText(ctx, r.config.RegistryToken, "registryToken")
	if err != nil {
		return refuseInput(err)
	}
	client, err := registry.New(r.config.Registry, registry.Auth{User: r.config.RegistryUser, Token: token})
	if err != nil {
		return refuseInput(err)
	}
	r.registry, r.registryToken = client, token
	return nil
}

// minSecret keeps masking from blackening every word of a log.
const minSecret = 8

// secretText reads a secret: an unset or empty one counts as not configured, and a line break at the end is none of it.
// Programs get what was read here, and not the secret as it was set.
func secretText(ctx context.Context, secret *dagger.Secret, name string) (string, error) {
	text, err := plaintext(ctx, secret, name)
	if err == nil && text != "" && len(text) < minSecret {
		return "", fmt.Errorf("the secret %s has %d characters, expected at least %d: is it the right one?", name, len(text), minSecret)
	}
	return text, err
}

// plaintext is what stands in a secret, of whatever length.
func plaintext(ctx context.Context, secret *dagger.Secret, name string) (string, error) {
	if secret == nil {
		return "", nil
	}
	text, err := secret.Plaintext(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "secret env var not found") {
			return "", nil
		}
		return "", fmt.Errorf("the secret %s cannot be read: give it as env://NAME or file://PATH", name)
	}
	return withoutLineBreak(text), nil
}

// withoutLineBreak leaves out what an editor adds to a file.
func withoutLineBreak(text string) string { return strings.TrimRight(text, "\r\n") }

// listOf shows the first few of a list that may be long.
func listOf(items []string) string {
	const shown = 5
	if len(items) <= shown {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:shown], ", "), len(items)-shown)
}
