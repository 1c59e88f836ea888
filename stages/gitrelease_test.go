package stages

import (
	"slices"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
)

func TestAssetsOfARelease(t *testing.T) {
	r := &Run{config: config{platforms: []dagger.Platform{"linux/amd64"}, images: []Image{{Name: "backend"}, {Name: "team/api"}}}}
	if got, want := r.assets(), []string{"checksums.txt", "report.json", "backend.cdx.json", "team-api.cdx.json"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestForcedReleaseSaysSo(t *testing.T) {
	r := &Run{Reason: "the shop is *down*", actor: "ann_b", found: &found{notes: changelog.Notes{Current: "v1.2.3"}}}
	if want, got := "**Forced release** by ann\\_b, skipped security scan, dependency check and slow tests: the shop is \\*down\\*\n\n", r.noteText(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	if r.Reason = ""; strings.Contains(r.noteText(), "Forced") {
		t.Errorf("got %q", r.noteText())
	}
}
