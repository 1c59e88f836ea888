package registry

import (
	"context"
	"errors"
	"fmt"

	"dagger/slipway/stages/retry"
)

// Move says that a tag of an image shall point to a digest which the registry has already.
type Move struct {
	Image, Tag, Digest string
}

// Unknown stands for a digest that could not be read any more.
const Unknown = "unknown"

// Moved is what became of one move: the digests that the tag pointed to before, should and does point to.
// An empty digest means that the tag does not exist, Unknown that the registry did not say.
type Moved struct {
	Image, Tag, Old, New, Final string
}

// Changed says whether the tag points elsewhere than before.
func (m Moved) Changed() bool { return m.Final != m.Old }

// tagger sets tags in a store.
type tagger struct {
	Store
	clock retry.Clock
}

// step is a move with what the registry says about it.
type step struct {
	Moved
	name     string // such as ghcr.io/acme/backend:1.2
	accepted bool   // the registry has taken a change, whatever it says when it is read
	seen     bool   // it was read back and pointed to the new digest
}

// Tag points a tag to a digest by writing the same manifest under it, and reads it back. It writes nothing if the
// tag points there already.
func Tag(ctx context.Context, s Store, clock retry.Clock, move Move) (Moved, error) {
	t := tagger{s, clock}
	steps, err := t.prepare(ctx, []Move{move})
	if err != nil {
		return Moved{}, err
	}
	err = t.set(ctx, steps[0])
	return steps[0].Moved, err
}

// TagOnce does what Tag does for tags that never move again: if one of them points elsewhere already, no tag is
// written. What was written before a failure stays, so that the next run completes it. The result has one entry a
// move, and is nil if nothing was tried.
func TagOnce(ctx context.Context, s Store, clock retry.Clock, moves ...Move) ([]Moved, error) {
	t := tagger{s, clock}
	steps, err := t.prepare(ctx, moves)
	if err != nil {
		return nil, err
	}
	var taken []error
	for _, s := range steps {
		if s.Old != "" && s.Old != s.New {
			taken = append(taken, fmt.Errorf("%s already points to %s and not to %s: a released version is never "+
				"overwritten; release the next patch version", s.name, s.Old, s.New))
		}
	}
	if len(taken) > 0 {
		return nil, errors.Join(taken...)
	}
	for _, s := range steps {
		if err := t.set(ctx, s); err != nil {
			return moved(steps), err
		}
	}
	return moved(steps), nil
}

// prepare reads, for every move, whether the digest is there and what the tag points to now. It writes nothing.
func (t tagger) prepare(ctx context.Context, moves []Move) ([]*step, error) {
	steps := make([]*step, len(moves))
	for i, move := range moves {
		repository, err := t.check(move)
		if err != nil {
			return nil, err
		}
		there, err := t.Resolve(ctx, move.Image, move.Digest)
		if err != nil {
			return nil, err
		}
		if there != move.Digest {
			return nil, notPushed(repository, move.Digest)
		}
		old, err := t.Resolve(ctx, move.Image, move.Tag)
		if err != nil {
			return nil, err
		}
		steps[i] = &step{Moved{move.Image, move.Tag, old, move.Digest, old}, repository + ":" + move.Tag, false, false}
	}
	return steps, nil
}

// check refuses what is no tag or digest before a request is made.
func (t tagger) check(move Move) (repository string, err error) {
	if repository, err = t.Repository(move.Image); err != nil {
		return "", err
	}
	if err := checkTag(move.Tag); err != nil {
		return "", err
	}
	return repository, checkDigest(move.Digest)
}

// set carries out a step, unless there is nothing to do.
func (t tagger) set(ctx context.Context, s *step) error {
	if s.Old == s.New {
		return nil
	}
	if err := t.point(ctx, s, s.New); err != nil {
		return err
	}
	s.seen, s.Final = true, s.New
	return nil
}

// point writes the tag and reads it back.
func (t tagger) point(ctx context.Context, s *step, digest string) error {
	if err := t.Put(ctx, s.Image, s.Tag, digest); err != nil {
		return err
	}
	s.accepted = true
	return t.settle(ctx, s, digest)
}

// settle reads the tag until it points to the digest, "" meaning that it is gone. Reads just after a write can be stale.
func (t tagger) settle(ctx context.Context, s *step, want string) error {
	var got string
	for read := range retry.Tries {
		if read > 0 {
			if err := t.clock.Sleep(ctx, retry.Delay(read-1)); err != nil {
				return err
			}
		}
		var err error
		if got, err = t.Resolve(ctx, s.Image, s.Tag); err != nil {
			return err
		}
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("the registry accepted the change of %s, but read back it is %s and not %s: look for another writer "+
		"of this tag, then run again", s.name, orNothing(got), orNothing(want))
}

func orNothing(digest string) string {
	if digest == "" {
		return "absent"
	}
	return digest
}

func moved(steps []*step) []Moved {
	result := make([]Moved, len(steps))
	for i, s := range steps {
		result[i] = s.Moved
	}
	return result
}
