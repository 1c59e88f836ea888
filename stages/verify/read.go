package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// Registry is what is asked of one.
type Registry interface {
	// Resolve is the digest that a tag stands for, empty if there is definitely nothing.
	Resolve(ctx context.Context, image, ref string) (string, error)
	// Inspect is what stands under a tag or digest; false: definitely nothing.
	Inspect(ctx context.Context, image, ref string) (registry.Image, bool, error)
	// Attached are the statements that hang below a digest.
	Attached(ctx context.Context, image, digest string) ([]attest.Artifact, error)
}

// Forge is where the files of a release are read.
type Forge interface {
	Assets(ctx context.Context, r forge.Release) ([]forge.Asset, error)
	DownloadAsset(ctx context.Context, a forge.Asset) ([]byte, error)
}

// ReadImages reads what hangs below the digests, by image. The checker is nil if nobody is known who has to have signed.
func ReadImages(ctx context.Context, r Registry, c Checker, digests map[string]string) release.Part[map[string]Image] {
	images, failures := map[string]Image{}, []error{}
	var mu sync.Mutex
	var work []func()
	for name, digest := range digests {
		work = append(work, func() {
			image, err := readImage(ctx, r, c, name, digest)
			mu.Lock()
			defer mu.Unlock()
			images[name], failures = image, append(failures, err)
		})
	}
	release.Parallel(work...)
	return part(images, errors.Join(failures...))
}

func part[T any](is T, err error) release.Part[T] {
	if err != nil {
		return release.Part[T]{Err: err}
	}
	return release.Part[T]{Is: is, At: time.Now()}
}

func readImage(ctx context.Context, r Registry, c Checker, name, digest string) (Image, error) {
	about, found, err := r.Inspect(ctx, name, digest)
	if err == nil && !found {
		err = fmt.Errorf("%s@%s is not in the registry", name, digest)
	}
	if err != nil {
		return Image{}, err
	}
	i := Image{Digest: digest, Manifests: about.Manifests}
	checked := map[string]error{} // the same bundle hangs below each of its subjects
	for _, at := range i.digests() {
		artifacts, err := r.Attached(ctx, name, at)
		if err != nil {
			return Image{}, err
		}
		for _, one := range artifacts {
			a := Attached{Artifact: one, At: at}
			if a.Says, err = one.Statement(); err != nil {
				return Image{}, err
			}
			if _, known := checked[string(one.Data)]; !known {
				checked[string(one.Data)] = doubt(ctx, c, a)
			}
			a.Doubt = checked[string(one.Data)]
			i.Attached = append(i.Attached, a)
		}
	}
	return i, nil
}

// doubt is why a statement is not by the expected signer. One about something else is not looked at: it counts for nothing.
func doubt(ctx context.Context, c Checker, a Attached) error {
	switch {
	case c == nil:
		return errors.New(noSigner)
	case a.Type != attest.BundleType:
		return errors.New("it is not signed")
	case !a.Says.Of(a.At):
		return errors.New("it is about something else")
	}
	return c.Envelope(ctx, a.Data, a.At, a.Kind)
}

// ReadFloating reads where the floating tags point that the version may have, and where they belong (T1 to T3, T8).
func ReadFloating(ctx context.Context, r Registry, o release.Observed, q release.Request) release.Part[[]Tag] {
	known := o.Known(q)
	if !o.IsWithdrawn(q.Prefix, q.Version) {
		known = append(known, q.Version)
	}
	top := version.Floating(known)
	var tags []Tag
	for _, d := range version.FloatingTags(q.Version, known) {
		for _, image := range q.Images {
			t := Tag{Image: image, Tag: d.Tag}
			var err error
			if belongs, ok := top[d.Tag]; ok {
				t.Belongs = belongs.String()
				t.Want, err = r.Resolve(ctx, image, t.Belongs)
			}
			if err == nil {
				t.Is, err = r.Resolve(ctx, image, t.Tag)
			}
			if err != nil {
				return part(tags, err)
			}
			tags = append(tags, t)
		}
	}
	return part(tags, nil)
}

// ReadPage reads the files of the version's release, and whether their checksums are signed. Without one it is the zero page.
func ReadPage(ctx context.Context, f Forge, c Checker, o release.Observed, q release.Request) release.Part[Page] {
	var page Page
	for _, r := range o.Forge.Is {
		ours := slices.Contains(q.Prefix.Tags(q.Version), r.Tag) && !r.IsStanding()
		if ours && (page.Release.Tag == "" || page.Release.Draft) {
			page.Release = r
		}
	}
	if page.Release.Tag == "" || page.Release.Draft {
		return part(page, nil)
	}
	var err error
	if page.Files, err = readFiles(ctx, f, page.Release); err != nil {
		return part(page, err)
	}
	sums, signature := page.Files[forge.ChecksumsFile], page.Files[forge.SignatureFile]
	if c != nil && signature != nil {
		page.Doubt = c.File(ctx, forge.ChecksumsFile, sums, signature)
	}
	return part(page, nil)
}

// readFiles reads all files. Where a forge allows two of one name, the second has no name that anybody has listed.
func readFiles(ctx context.Context, f Forge, r forge.Release) (map[string][]byte, error) {
	assets, err := f.Assets(ctx, r)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, a := range assets {
		data, err := f.DownloadAsset(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("reading %s of the release: %w", a.Name, err)
		}
		name := a.Name
		for files[name] != nil {
			name += " again"
		}
		files[name] = data
	}
	return files, nil
}
