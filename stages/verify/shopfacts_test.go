package verify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
)

// Assets implements Forge.
func (w *shop) Assets(context.Context, forge.Release) (all []forge.Asset, err error) {
	for _, file := range slices.Sorted(maps.Keys(w.files)) {
		all = append(all, forge.Asset{Name: file})
	}
	if w.twice != "" {
		all = append(all, forge.Asset{Name: w.twice, ID: 1})
	}
	return all, nil
}

// DownloadAsset implements Forge.
func (w *shop) DownloadAsset(_ context.Context, a forge.Asset) ([]byte, error) {
	if a.ID == 1 {
		return []byte("another"), nil
	}
	return w.files[a.Name], nil
}

// quiet is a registry that does not say what is attached.
type quiet struct {
	*registry.Client
	err error
}

func (q quiet) Attached(ctx context.Context, image, digest string) ([]attest.Artifact, error) {
	if q.err != nil {
		return nil, q.err
	}
	return q.Client.Attached(ctx, image, digest)
}

// facts are what anybody can read.
func (w *shop) facts() Facts {
	w.t.Helper()
	ctx := w.t.Context()
	f := Facts{Request: w.request, Servers: part(w.runs, nil)}
	var c Checker
	if w.checker != nil {
		f.Signer, c = "key cosign.pub", w.checker
	}
	f.Observed = release.Observe(ctx, release.World{Registry: w.client, Together: release.Parallel, Clock: clock{}, NoGit: "there is none", NoForge: "there is none"}, w.request)
	now := time.Now()
	refs := gitremote.Refs{Of: map[string]string{"refs/tags/v1.1.0": other, "refs/tags/v1.2.3": w.git}}
	f.Observed.Remote = release.Part[release.Remote]{Is: release.Remote{Refs: refs}, At: now}
	f.Observed.Forge = release.Part[[]forge.Release]{Is: []forge.Release{{Tag: "v1.2.3", Draft: w.draft}}, At: now}
	if w.pageless {
		f.Observed.Forge.Is = []forge.Release{{Tag: "v1.1.0"}}
	}
	digests := map[string]string{}
	for image, at := range f.Observed.Registry.Is.Version {
		digests[image] = at.Digest
	}
	f.Images = ReadImages(ctx, quiet{w.client, w.silent}, c, digests)
	f.Floating = ReadFloating(ctx, quiet{w.client, nil}, f.Observed, w.request)
	f.Page = ReadPage(ctx, w, c, f.Observed, w.request)
	return f
}

// clock is the real one.
type clock struct{}

func (clock) Now() time.Time                             { return time.Now() }
func (clock) Sleep(context.Context, time.Duration) error { return errors.New("nothing is waited for") }
