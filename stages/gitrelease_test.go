package stages

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

var emptyNotes = changelog.Build(changelog.Input{}, changelog.Options{})

func mustParse(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestIsLatest: the forge's mark follows the tag latest, whichever of git, the remote and the registry knows of a higher one.
func TestIsLatest(t *testing.T) {
	for _, c := range []struct {
		version string
		run     *Run
		want    bool
	}{
		{"1.2.3", &Run{}, true},
		{"1.2.3-rc.1", &Run{}, false},
		{"1.1.9", &Run{source: source{tags: []gitTag{{name: "v1.2.0"}}}}, false},
		{"1.1.9", &Run{remote: remote{refs: map[string]string{"refs/tags/v1.2.0": "c"}}}, false},
		{"1.1.9", &Run{remote: remote{refs: map[string]string{"refs/heads/v1.2.0": "c"}}}, true},
		{"1.1.9", &Run{state: state{known: []version.Version{mustParse(t, "1.2.0")}}}, false},
		{"1.2.3", &Run{source: source{tags: []gitTag{{name: "v1.2.3"}, {name: "v2.0.0-rc.1"}, {name: "nightly"}}}}, true},
	} {
		t.Run(c.version, func(t *testing.T) {
			c.run.Version, c.run.config.tagPrefix = mustParse(t, c.version), "v"
			if got := c.run.isLatest(); got != c.want {
				t.Errorf("latest is %v, want %v", got, c.want)
			}
		})
	}
}

func TestMissingAssets(t *testing.T) {
	r := &Run{config: config{platforms: []dagger.Platform{"linux/amd64"}, images: []Image{{Name: "backend"}, {Name: "team/api"}}}}
	found := &forge.Release{Assets: []forge.Asset{{Name: "backend.cdx.json"}, {Name: "report.json"}, {Name: "by-hand.zip"}}}
	if got, want := r.missingAssets(found), []string{"checksums.txt", "team-api.cdx.json"}; !slices.Equal(got, want) {
		t.Errorf("missing %v, want %v", got, want)
	}
}

func TestChecksums(t *testing.T) {
	sum := sha256.Sum256([]byte("text"))
	got := checksums([]forge.File{{Name: "a", Data: []byte("text")}, {Name: "b"}})
	if want := hex.EncodeToString(sum[:]) + "  a\n"; got.Name != checksumsFile || !strings.HasPrefix(string(got.Data), want) || strings.Count(string(got.Data), "\n") != 2 {
		t.Errorf("got %s: %s", got.Name, got.Data)
	}
}

func TestForcedReleaseSaysSo(t *testing.T) {
	r := &Run{Reason: "the shop is *down*", actor: "ann_b"}
	body := r.releaseBody(emptyNotes)
	if want := "**Forced release** by ann\\_b, skipped security scan, dependency check and slow tests: the shop is \\*down\\*\n\n"; !strings.HasPrefix(body, want) {
		t.Errorf("got %q", body)
	}
	if body := (&Run{}).releaseBody(emptyNotes); strings.Contains(body, "Forced") {
		t.Errorf("got %q", body)
	}
}
