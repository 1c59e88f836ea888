package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/retry"
)

// Move says that a tag of an image shall point to a digest which the registry has already.
type Move struct {
	Image, Tag, Digest string
}

// step is a move with what the registry says about it.
type step struct {
	tag      name.Tag
	manifest *remote.Descriptor // what the tag shall point to
	old      *remote.Descriptor // what it pointed to, nil if it did not exist
	verified bool               // the tag was read back and points to the manifest
	final    string
}

func (s *step) newDigest() string { return s.manifest.Digest.String() }

func (s *step) oldDigest() string {
	if s.old == nil {
		return ""
	}
	return s.old.Digest.String()
}

// Tag points a tag to a digest by writing the same manifest under it, and reads it back. It writes nothing if the
// tag points there already.
func (c *Client) Tag(ctx context.Context, move Move) error {
	steps, err := c.prepare(ctx, []Move{move})
	if err != nil {
		return err
	}
	return c.set(ctx, steps[0])
}

// TagOnce does what Tag does for tags that never move again: if one of them points elsewhere already, no tag is
// written. What was written before a failure stays, so that the next run completes it.
func (c *Client) TagOnce(ctx context.Context, moves ...Move) error {
	steps, err := c.prepare(ctx, moves)
	if err != nil {
		return err
	}
	var taken []error
	for _, s := range steps {
		if s.old != nil && s.oldDigest() != s.newDigest() {
			taken = append(taken, fmt.Errorf("%s already points to %s and not to %s: a released version is never "+
				"overwritten; release the next patch version", s.tag.Name(), s.oldDigest(), s.newDigest()))
		}
	}
	if len(taken) > 0 {
		return errors.Join(taken...)
	}
	for _, s := range steps {
		if err := c.set(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// prepare reads, for every move, the manifest to write and the one that the tag points to now. It writes nothing.
func (c *Client) prepare(ctx context.Context, moves []Move) ([]*step, error) {
	steps := make([]*step, len(moves))
	for i, move := range moves {
		tag, err := c.tag(move.Image, move.Tag)
		if err != nil {
			return nil, err
		}
		digest, err := c.digest(move.Image, move.Digest)
		if err != nil {
			return nil, err
		}
		manifest, err := c.get(ctx, digest)
		if err != nil {
			return nil, err
		}
		if manifest == nil {
			return nil, fmt.Errorf("%s is not in the registry: push the image before tagging it", digest.Name())
		}
		old, err := c.get(ctx, tag)
		if err != nil {
			return nil, err
		}
		steps[i] = &step{tag: tag, manifest: manifest, old: old}
		steps[i].final = steps[i].oldDigest()
	}
	return steps, nil
}

// set carries out a step, unless there is nothing to do.
func (c *Client) set(ctx context.Context, s *step) error {
	if s.oldDigest() == s.newDigest() {
		return nil
	}
	if err := c.put(ctx, s.tag, s.manifest); err != nil {
		return err
	}
	s.verified, s.final = true, s.newDigest()
	return nil
}

// put writes the manifest's own bytes under the tag, so that the digest stays the same, and reads them back.
func (c *Client) put(ctx context.Context, tag name.Tag, manifest *remote.Descriptor) error {
	if err := c.pusher.Put(ctx, tag, manifest); err != nil {
		return c.fail("setting "+tag.Name(), err)
	}
	return c.settle(ctx, tag, manifest.Digest.String())
}

// settle reads the tag until it points to the digest, "" meaning that it is gone. Reads just after a write can be stale.
func (c *Client) settle(ctx context.Context, tag name.Tag, want string) error {
	var got string
	for read := range retry.Tries {
		if read > 0 {
			if err := c.sleep(ctx, retry.Delay(read-1)); err != nil {
				return err
			}
		}
		var err error
		if got, err = c.pointsTo(ctx, tag); err != nil {
			return err
		}
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("the registry accepted the change of %s, but read back it is %s and not %s: look for another writer "+
		"of this tag, then run again", tag.Name(), orNothing(got), orNothing(want))
}

// pointsTo returns the digest that the tag points to, "" if it does not exist.
func (c *Client) pointsTo(ctx context.Context, tag name.Tag) (string, error) {
	found, err := c.get(ctx, tag)
	if found == nil || err != nil {
		return "", err
	}
	return found.Digest.String(), nil
}

func orNothing(digest string) string {
	if digest == "" {
		return "absent"
	}
	return digest
}
