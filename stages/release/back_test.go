package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/retry"
	"dagger/slipway/stages/version"
)

// movable is a depot whose tags can be moved.
type movable struct {
	*depot
	unread string // nobody can say what stands under this image:tag
}

func (m movable) Resolve(_ context.Context, image, ref string) (string, error) {
	if image+":"+ref == m.unread {
		return "", errors.New("503 Service Unavailable")
	}
	if strings.HasPrefix(ref, "sha256:") {
		return m.images[ref].Digest, nil
	}
	return m.tags[image+":"+ref], nil
}

func (m movable) Put(_ context.Context, image, tag, digest string) error {
	m.tags[image+":"+tag] = digest
	return nil
}

// TestTagsOfAYoungerImageStay: an image that came after the version gone back to has nothing to go back to itself, and the
// others do not wait for it.
func TestTagsOfAYoungerImageStay(t *testing.T) {
	digest := func(name, v string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name+v))) }
	for _, c := range []struct {
		name   string
		worker map[string]string // its tags, by version
		unread string
		kept   string
		latest string // the worker's
		err    string
	}{
		{name: "it is as old", worker: map[string]string{"1.2.0": "1.2.0 1.2", "1.3.0": "1.3.0 1.3 1 latest"}, latest: "1.2.0"},
		{
			name: "it is younger", worker: map[string]string{"1.3.0": "1.3.0 1.3 1 latest"}, latest: "1.3.0",
			kept: "worker:1 stays at the withdrawn 1.3.0: there is no worker:1.2.0 for it to go back to; worker:latest stays at the withdrawn 1.3.0: there is no worker:1.2.0 for it to go back to",
		},
		{name: "nobody follows it", worker: map[string]string{"1.3.0": "1.3.0"}},
		{name: "its tags stand at what was not taken back", worker: map[string]string{"1.1.0": "1.1.0 1.1 1 latest", "1.3.0": "1.3.0 1.3"}, latest: "1.1.0"},
		{
			name: "it does not say what it is", worker: map[string]string{"": "latest"},
			kept: "worker:latest stays at " + digest("worker", "") + ": there is no worker:1.2.0 for it to go back to",
		},
		{name: "it cannot be read", worker: map[string]string{"1.3.0": "1.3.0 1.3 1 latest"}, unread: "worker:1.2.0", latest: "1.3.0", err: "503 Service Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := movable{&depot{tags: map[string]string{}, images: map[string]registry.Image{}, below: map[string][]attest.Artifact{}}, c.unread}
			put := func(name, v, tags string) { m.put(built(name, digest(name, v), here, v), tags) }
			put("backend", "1.2.0", "1.2.0 1.2")
			put("backend", "1.3.0", "1.3.0 1.3 1 latest")
			for v, tags := range c.worker {
				put("worker", v, tags)
			}
			at := &pages{can: forge.Capabilities{Latest: true}, all: []forge.Release{{ID: 1, Tag: "v1.3.0", Latest: true}, {ID: 2, Tag: "v1.2.0"}}}
			q := BackRequest{
				Request:   Request{Version: parse(t, "1.2.0"), Commit: here, Images: []string{"backend", "worker"}, Prefix: version.DefaultTagPrefix},
				Withdrawn: VersionsAmong([]string{"1.3.0"}), Reason: "slow",
			}
			b, err := BeginBack(t.Context(), World{Clock: retry.Real, Registry: m, Forge: at, Together: Parallel}, q, holder, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []func(context.Context) error{b.Mark, b.Write, b.Move, b.MarkLatest} {
				if err = step(t.Context()); err != nil {
					break
				}
			}
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Fatalf("got %v", err)
			}
			want := map[string]string{"backend": "1.2.0", "worker": c.latest}
			if c.err != "" {
				want["backend"] = "1.3.0"
			}
			for image, v := range want {
				if at := m.images[m.tags[image+":latest"]].Version(); at != v {
					t.Errorf("%s:latest is %q, want %q", image, at, v)
				}
			}
			if marked := slices.IndexFunc(at.all, func(r forge.Release) bool { return r.Latest }); c.err == "" && (marked < 0 || at.all[marked].Tag != "v1.2.0") {
				t.Errorf("the releases are %+v", at.all)
			}
			var kept []string
			for _, k := range b.Kept {
				kept = append(kept, k.String())
			}
			if got := strings.Join(kept, "; "); got != c.kept {
				t.Errorf("kept: %q, want %q", got, c.kept)
			}
		})
	}
}
