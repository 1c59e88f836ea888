package stages

import (
	"context"
	"errors"
	"fmt"
	"path"
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
	r.previous, _ = version.Previous(r.Version, r.stable())
	return passed(r.summary()...), nil
}

// checkAll returns what each check has found.
func (r *Run) checkAll(ctx context.Context) []error {
	var found []error
	for _, check := range []func(context.Context) error{
		r.checkClean, r.checkHistory, r.checkTestFolders, r.checkDockerfiles, r.checkVersionFiles,
		r.checkGitTag, r.checkRemote, r.checkRegistry, r.checkForge, r.checkStaging, r.checkWebhook,
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
	if len(r.edited) > 0 {
		words = append(words, "warning: changed on staging, and will be replaced there: "+listOf(r.edited))
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

// checkTestFolders tells a folder that was never there from one that was named and is missing. Where nothing is built,
// nothing need be tested.
func (r *Run) checkTestFolders(context.Context) error {
	missing := 0
	for setting, f := range map[string]folder{"backend": r.config.backend, "frontend": r.config.frontend} {
		if r.source.folders[f.path] != nil {
			continue
		}
		missing++
		if f.named {
			return refuseState("correct the setting", "setting %s: the folder %s is not in the repository", setting, f.path)
		}
	}
	if missing == 2 && len(r.config.images) > 0 {
		return refuseState("name the folders with --backend and --frontend", "neither %s/ nor %s/ is in the repository, so nothing would be tested", defaultBackend, defaultFrontend)
	}
	return nil
}

func (r *Run) checkDockerfiles(context.Context) error {
	return allOf(r.eachImage(func(i Image) error {
		if r.source.folders[i.Context] == nil {
			return noDockerfile("image %s: the folder %s is not in the repository", i.Name, i.Context)
		}
		if _, found := r.source.files[path.Join(i.Context, i.Dockerfile)]; !found {
			return noDockerfile("image %s: %s/%s is not in the repository", i.Name, i.Context, i.Dockerfile)
		}
		return nil
	})...)
}

func noDockerfile(format string, args ...any) error {
	return refuseState("add and commit it, or correct the setting images", format, args...)
}

// checkVersionFiles wants every file that carries the version to say this one (V9).
func (r *Run) checkVersionFiles(context.Context) error {
	var differing []string
	for _, path := range r.config.versionFiles {
		other, err := r.otherVersion(path)
		if err != nil {
			return err
		}
		if other != "" {
			differing = append(differing, other)
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

// otherVersion says what a version file says, if it is not this version.
func (r *Run) otherVersion(path string) (string, error) {
	text, found := r.source.files[path]
	if !found {
		return "", nil
	}
	file, err := versionfile.Read(path, text)
	if err != nil {
		return "", refuseState("correct the file", "%w", err)
	}
	agrees, expected, err := file.Agrees(r.Version)
	switch {
	case err != nil:
		return "", refuseInput(err)
	case agrees:
		return "", nil
	}
	return fmt.Sprintf("%s says %q, expected %q", path, file.Version, expected), nil
}

func (r *Run) checkGitTag(context.Context) error {
	tag, ok := r.source.tagOf(r.Version)
	if !ok || tag.commit == r.source.commit {
		return nil
	}
	return r.refuse("check out that commit to finish its release, or release the next patch version",
		"the tag %s exists and names commit %s, not %s", tag.name, tag.commit, r.source.commit)
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
	return r.bound()
}

func (r *Run) connectRegistry(ctx context.Context) error {
	token, err := secretText(ctx, r.config.RegistryToken, "registryToken")
	if err != nil {
		return refuseInput(err)
	}
	if token == "" {
		r.config.RegistryToken = nil // set and empty means not configured, for the engine too
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

// secretText reads a secret: an unset or empty one counts as not configured, one final line break is removed.
func secretText(ctx context.Context, secret *dagger.Secret, name string) (string, error) {
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
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text != "" && len(text) < minSecret {
		return "", fmt.Errorf("the secret %s has %d characters, expected at least %d: is it the right one?", name, len(text), minSecret)
	}
	return text, nil
}

// listOf shows the first few of a list that may be long.
func listOf(items []string) string {
	const shown = 5
	if len(items) <= shown {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:shown], ", "), len(items)-shown)
}
