package registry

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Image is what the registry holds under one tag or digest.
type Image struct {
	Name   string // without the prefix
	Digest string // of the image, or of the index for several platforms
	Labels map[string]string
	// Platforms that it is for, sorted, such as linux/arm64.
	Platforms []string
	Manifests map[string]string // digests by platform; of a single image its own
	Size      int64             // bytes of its layers, packed; for an index those of its first image
}

// Revision returns the commit that the image says it was built from, empty if it says none.
func (i Image) Revision() string { return i.Labels["org.opencontainers.image.revision"] }

// Version returns the version that the image says it is, empty if it says none.
func (i Image) Version() string { return i.Labels["org.opencontainers.image.version"] }

// Tags returns all tags of an image, sorted. An image that does not exist has none; whatever leaves that open, such
// as 401 or 403, is an error.
func (c *Client) Tags(ctx context.Context, image string) ([]string, error) {
	repo, err := c.repository(image)
	if err != nil {
		return nil, err
	}
	tags, err := c.puller.List(ctx, repo)
	if absent(err, repo) {
		return nil, nil
	}
	if err != nil {
		return nil, c.fail("reading the tags of "+repo.Name(), err)
	}
	slices.Sort(tags)
	return tags, nil
}

// Inspect returns the image under a tag or digest, and false if the registry definitely has none. The labels of an
// index are those of its first image.
func (c *Client) Inspect(ctx context.Context, image, ref string) (Image, bool, error) {
	where, err := c.reference(image, ref)
	if err != nil {
		return Image{}, false, err
	}
	found, err := c.get(ctx, where)
	if found == nil || err != nil {
		return Image{}, false, err
	}
	about, err := describe(found)
	if err != nil {
		return Image{}, false, c.fail("reading the labels of "+where.Name(), err)
	}
	about.Name, about.Digest = image, found.Digest.String()
	if len(about.Manifests) == 0 {
		about.Manifests = map[string]string{about.Platforms[0]: about.Digest}
	}
	return about, true, nil
}

func (c *Client) reference(image, ref string) (name.Reference, error) {
	if digestPattern.MatchString(ref) {
		return c.digest(image, ref)
	}
	return c.tag(image, ref)
}

// get reads a manifest, nil if it definitely does not exist. It never asks by HEAD, whose answer has no body to tell
// a registry's not-found from another's, and whose digest the server only claims.
func (c *Client) get(ctx context.Context, where name.Reference) (*remote.Descriptor, error) {
	found, err := c.puller.Get(ctx, where)
	if absent(err, where.Context()) {
		return nil, nil
	}
	if err != nil {
		return nil, c.fail("reading "+where.Name(), err)
	}
	return found, nil
}

// describe reads the labels and the size.
func describe(found *remote.Descriptor) (Image, error) {
	image, manifests, err := imagesOf(found)
	if err != nil {
		return Image{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Image{}, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Image{}, err
	}
	about := Image{Labels: config.Config.Labels, Platforms: slices.Sorted(maps.Keys(manifests)), Manifests: manifests}
	if len(manifests) == 0 {
		about.Platforms = []string{platform(config.Platform())}
	}
	for _, layer := range manifest.Layers {
		about.Size += layer.Size
	}
	return about, nil
}

// imagesOf returns the first image, and for an index the digests of all by their platforms.
func imagesOf(found *remote.Descriptor) (first v1.Image, manifests map[string]string, err error) {
	if !found.MediaType.IsIndex() {
		first, err = found.Image()
		return first, nil, err
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	manifests = map[string]string{}
	for _, m := range manifest.Manifests {
		// Build attestations stand in the index as images of an unknown platform.
		if !m.MediaType.IsImage() || m.Platform != nil && m.Platform.OS == "unknown" {
			continue
		}
		if first == nil {
			if first, err = index.Image(m.Digest); err != nil {
				return nil, nil, err
			}
		}
		if m.Platform != nil {
			manifests[platform(m.Platform)] = m.Digest.String()
		}
	}
	if first == nil {
		return nil, nil, errors.New("the index holds no image")
	}
	return first, manifests, nil
}

// platform is written the short way: v8 is the only variant that arm64 has in practice, and some tools leave it out.
func platform(p *v1.Platform) string {
	if p == nil {
		return "an unknown platform"
	}
	short := v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
	if short.Architecture == "arm64" {
		short.Variant = ""
	}
	return short.String()
}
