package stages

import (
	"context"
	_ "embed"
	"fmt"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/redact"
)

// codecovRequirements pin Codecov's own uploader and everything it needs (N4).
//
//go:embed codecov-requirements.txt
var codecovRequirements string

// uploadCoverage sends each side's report to Codecov. A failure is a warning that everybody sees, and no more.
func (r *Run) uploadCoverage(ctx context.Context) []string {
	token, err := secretText(ctx, r.config.CodecovToken, "codecovToken")
	sides, wrong := r.toUpload(token, err)
	if len(sides) == 0 {
		return wrong
	}
	secret, service := r.dag.SetSecret("codecovToken", token), r.codecovService()
	results := make([]string, len(sides))
	var group errgroup.Group
	for n, side := range sides {
		group.Go(func() error {
			results[n] = side + " coverage uploaded"
			if err := r.uploadSide(ctx, secret, service, side); err != nil {
				f := explain(err)
				results[n] = fmt.Sprintf("warning: %s coverage was not uploaded: %s: %s", side, f.Error(), redact.URLs(lastLine(f.output)))
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // results carry the errors
	return results
}

// wouldUploadCoverage shows what uploadCoverage would do.
func (r *Run) wouldUploadCoverage(ctx context.Context) []string {
	sides, figures := r.toUpload(secretText(ctx, r.config.CodecovToken, "codecovToken"))
	for _, side := range sides {
		figures = append(figures, "would upload "+side+" coverage")
	}
	return figures
}

// toUpload are the sides whose coverage goes to Codecov with this token, or why that of none does.
func (r *Run) toUpload(token string, err error) (sides, wrong []string) {
	switch {
	case err != nil:
		return nil, []string{"warning: coverage was not uploaded: " + err.Error()}
	case token == "" || len(r.found.coverage) == 0:
		return nil, nil
	case r.codecovService() == "":
		return nil, []string{"warning: coverage was not uploaded: Codecov knows GitHub and GitLab only, and this repository is on neither"}
	}
	return sortedKeys(r.found.coverage), nil
}

// codecovService is Codecov's word for the forge, empty for one that it does not know.
func (r *Run) codecovService() string {
	if r.access.forge == nil {
		return ""
	}
	enterprise := map[bool]string{true: "_enterprise"}
	switch at := r.access.repository; at.Kind {
	case forge.GitHub:
		return "github" + enterprise[at.API != "https://api.github.com"]
	case forge.GitLab:
		return "gitlab" + enterprise[at.Web != "https://gitlab.com/"+at.Path]
	}
	return ""
}

// uploadSide runs the uploader. Without the arguments for git, telemetry and plugins it would start programs that are not
// there, or ours would be told to others; without --fail-on-error a refusal would look like success.
func (r *Run) uploadSide(ctx context.Context, token *dagger.Secret, service, side string) error {
	args := []string{"timeout", "300", "codecovcli", "--disable-telem", "--auto-load-params-from", "local"}
	if r.config.CodecovURL != "" {
		args = append(args, "--enterprise-url", r.config.CodecovURL)
	}
	args = append(args, "upload-coverage", "--fail-on-error", "--git-service", service, "--slug", r.access.repository.Path,
		"--sha", r.source.commit, "--branch", orDefault(r.source.branch, "HEAD"), "--flag", side, "--name", "slipway-"+side,
		"--disable-search", "--dir", "/coverage", "--file", "/coverage/"+side+".xml", "--network-root-folder", "/src", "--plugin", "noop")
	c := r.tool("python").WithNewFile("/requirements.txt", codecovRequirements)
	_, err := r.pipInstall(c, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", "/requirements.txt").
		WithMountedDirectory("/src", r.source.folders[wholeTree]).
		WithMountedFile("/coverage/"+side+".xml", r.found.coverage[side]).
		WithWorkdir("/src").
		WithEnvVariable("SLIPWAY_RUN", r.nonce).
		WithSecretVariable("CODECOV_TOKEN", token).
		WithExec(args).
		Sync(ctx)
	return err
}
