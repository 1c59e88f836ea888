package stages

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
)

// TestCoverageWithoutImages: what is no image's business goes to Codecov from every project. Without an engine the token cannot
// be read, which is as far as this gets.
func TestCoverageWithoutImages(t *testing.T) {
	for name, stage := range map[string]func(*Run, context.Context) (Outcome, error){"a release": (*Run).push, "a dry run": (*Run).wouldPush} {
		t.Run(name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.3")
			r.nonce, r.access.git = "run", branches{refs: gitremote.Refs{Default: "main", Of: map[string]string{"refs/heads/main": "this"}}}
			r.config.CodecovToken = dagger.Connect().SetSecret("codecovToken", "upload-token")
			r.found.coverage = map[string]*dagger.File{"backend": nil}
			got, err := stage(r, t.Context())
			defer r.found.act.End(t.Context()) //nolint:errcheck // it goes with the remote
			if err != nil || got.Ending != report.NotConfigured || got.Reason != "no images are set" {
				t.Fatalf("got %+v, %v", got, err)
			}
			if len(got.Figures) != 1 || !strings.HasPrefix(got.Figures[0], "warning: coverage was not uploaded: ") {
				t.Errorf("nobody has tried to upload the coverage: %q", got.Figures)
			}
		})
	}
}

func TestCoverageToUpload(t *testing.T) {
	const warning = "warning: coverage was not uploaded: "
	hub := access{
		forge:      forge.New(forge.Repository{Kind: forge.GitHub, API: "https://api.github.com", Path: "acme/shop"}, ""),
		repository: forge.Repository{Kind: forge.GitHub, API: "https://api.github.com", Path: "acme/shop"},
	}
	both := map[string]*dagger.File{"frontend": nil, "backend": nil}
	for _, c := range []struct {
		name     string
		at       access
		measured map[string]*dagger.File
		token    string
		err      error
		sides    string
		wrong    string
	}{
		{name: "both sides", at: hub, measured: both, token: "upload-token", sides: "backend frontend"},
		{name: "no token", at: hub, measured: both},
		{name: "nothing was measured", at: hub, token: "upload-token"},
		{name: "a token that cannot be read", at: hub, measured: both, err: errors.New("is it the right one?"), wrong: warning + "is it the right one?"},
		{name: "no forge", measured: both, token: "upload-token", wrong: warning + "Codecov knows GitHub and GitLab only, and this repository is on neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.3")
			r.access, r.found.coverage = c.at, c.measured
			sides, wrong := r.toUpload(c.token, c.err)
			if got := strings.Join(sides, " "); got != c.sides || strings.Join(wrong, " ") != c.wrong {
				t.Errorf("got %q and %q", got, wrong)
			}
		})
	}
}

// TestForcedImageAppears: an image that a forced release has pushed meanwhile was scanned by nobody whose verdict counts.
func TestForcedImageAppears(t *testing.T) {
	forced, plain := map[string]string{"slipway.forced": "skipped security scan, by Ann: the shop is down"}, map[string]string{}
	for _, c := range []struct {
		name    string
		found   *built
		labels  map[string]string
		reason  string // of this run
		refused string
	}{
		{name: "of a run that was not forced", found: &built{}, labels: plain},
		{name: "of a forced one", found: &built{}, labels: forced, refused: "api was pushed by a forced release while this one worked, which has scanned another image"},
		{name: "of a forced one, and so is this", found: &built{}, labels: forced, reason: "the shop is down"},
		{name: "it was there when this run began, and was scanned", found: &built{reused: true, digest: "sha256:now"}, labels: forced},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := prefixed(t, "v", "1.2.3")
			r.Reason, c.found.Name = c.reason, "api"
			err := r.unscanned(c.found, registry.Image{Name: "api", Digest: "sha256:now", Labels: c.labels})
			if (err == nil) != (c.refused == "") || err != nil && !strings.HasPrefix(err.Error(), c.refused) {
				t.Errorf("got %v", err)
			}
			if err != nil && explain(err).next != "run the same line again, which scans it" {
				t.Errorf("next: %q", explain(err).next)
			}
		})
	}
}
