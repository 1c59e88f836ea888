package stages

import (
	"strings"
	"testing"

	"dagger/slipway/stages/registry"
)

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
