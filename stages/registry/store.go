package registry

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/attest"
)

// Store is the few requests by which tags are read and written. Each one may be repeated.
type Store interface {
	// Tags are all tags of an image, sorted; one that does not exist has none.
	Tags(ctx context.Context, image string) ([]string, error)
	// Inspect is what stands under a tag or digest; false: definitely nothing.
	Inspect(ctx context.Context, image, ref string) (Image, bool, error)
	// Resolve is the digest that a tag or digest stands for, empty if there is definitely nothing.
	Resolve(ctx context.Context, image, ref string) (string, error)
	// Put writes the manifest of a digest that the registry has under a tag.
	Put(ctx context.Context, image, tag, digest string) error
	// Remove takes a tag away.
	Remove(ctx context.Context, image, tag string) error
	// Attach hangs a statement below a digest. The same one again changes nothing.
	Attach(ctx context.Context, image, digest string, a attest.Artifact) error
	// Attached are the statements that hang below a digest.
	Attached(ctx context.Context, image, digest string) ([]attest.Artifact, error)
	// Repository is the full name of an image.
	Repository(image string) (string, error)
}

var _ Store = (*Client)(nil)

// Resolve implements Store. It keeps the manifest, so that Put need not read it again, and can still write it when the
// registry has thrown it away for want of a tag.
func (c *Client) Resolve(ctx context.Context, image, ref string) (string, error) {
	where, err := c.reference(image, ref)
	if err != nil {
		return "", err
	}
	found, err := c.get(ctx, where)
	if found == nil || err != nil {
		return "", err
	}
	digest := found.Digest.String()
	c.manifests.Store(key{image, digest}, found)
	return digest, nil
}

// Put implements Store. It writes the manifest's own bytes, so that the digest stays the same.
func (c *Client) Put(ctx context.Context, image, tag, digest string) error {
	where, err := c.tag(image, tag)
	if err != nil {
		return err
	}
	manifest, err := c.manifest(ctx, image, digest)
	if err != nil {
		return err
	}
	if err := c.pusher.Put(ctx, where, manifest); err != nil {
		return c.fail("setting "+where.Name(), err)
	}
	return nil
}

// manifest is the one that was resolved before, or read now.
func (c *Client) manifest(ctx context.Context, image, digest string) (*remote.Descriptor, error) {
	if kept, ok := c.manifests.Load(key{image, digest}); ok {
		return kept.(*remote.Descriptor), nil
	}
	where, err := c.digest(image, digest)
	if err != nil {
		return nil, err
	}
	found, err := c.get(ctx, where)
	if err == nil && found == nil {
		err = notPushed(where.Context().Name(), digest)
	}
	return found, err
}

// Remove implements Store. A tag that is gone already is no fault: the answer to the first try may have been lost.
func (c *Client) Remove(ctx context.Context, image, tag string) error {
	where, err := c.tag(image, tag)
	if err != nil {
		return err
	}
	if err := c.pusher.Delete(ctx, where); err != nil && !absent(err, where.Context()) {
		return c.fail("removing "+where.Name(), err)
	}
	return nil
}

// key finds a manifest again: a digest is one only within its repository, since the blobs of others are not there.
type key struct{ image, digest string }

func notPushed(repository, digest string) error {
	return fmt.Errorf("%s@%s is not in the registry: push the image before tagging it", repository, digest)
}
