package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Unknown stands for a digest that could not be read any more.
const Unknown = "unknown"

// putBackTime bounds the way back, which has to be gone even when the time for the way there is over.
const putBackTime = 5 * time.Minute

// Moved is what became of one move: the digests that the tag pointed to before, should and does point to.
// An empty digest means that the tag does not exist, Unknown that the registry did not say.
type Moved struct {
	Image, Tag, Old, New, Final string
}

// Promote moves floating tags, each tag on all images before the next tag, in the order in which the tags first
// appear. If one cannot be moved, all are put back in reverse order, also when ctx has ended; the error then holds the
// first failure and every tag that could not be put back. The result has one entry a move, in the order of the moves
// made, and is nil if nothing was tried.
func (c *Client) Promote(ctx context.Context, moves []Move) ([]Moved, error) {
	moves, err := tagByTag(moves)
	if err != nil {
		return nil, err
	}
	steps, err := c.prepare(ctx, moves)
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		if err := c.set(ctx, s); err != nil {
			err = c.putBack(ctx, steps[:i+1], err)
			return moved(moves, steps), err
		}
	}
	return moved(moves, steps), nil
}

// tagByTag orders the moves so that each tag moves on all images before the next one does.
func tagByTag(moves []Move) ([]Move, error) {
	rank := map[string]int{}
	seen := map[[2]string]bool{}
	for _, m := range moves {
		if _, ok := rank[m.Tag]; !ok {
			rank[m.Tag] = len(rank)
		}
		key := [2]string{m.Image, m.Tag}
		if seen[key] {
			return nil, fmt.Errorf("the tag %s of %s is to be moved twice", m.Tag, m.Image)
		}
		seen[key] = true
	}
	return slices.SortedStableFunc(slices.Values(moves), func(a, b Move) int { return rank[a.Tag] - rank[b.Tag] }), nil
}

func moved(moves []Move, steps []*step) []Moved {
	result := make([]Moved, len(moves))
	for i, m := range moves {
		result[i] = Moved{m.Image, m.Tag, steps[i].oldDigest(), m.Digest, steps[i].final}
	}
	return result
}

// putBack undoes the steps, the last one first, and adds to the first failure what could not be undone.
func (c *Client) putBack(ctx context.Context, steps []*step, first error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer cancel()
	failures := []error{first}
	for _, s := range slices.Backward(steps) {
		if s.oldDigest() == s.newDigest() {
			continue
		}
		if err := c.restore(ctx, s); err != nil {
			failures = append(failures, fmt.Errorf("%s is not put back: %w", s.tag.Name(), err))
		}
	}
	if len(failures) == 1 {
		return fmt.Errorf("%w; no tag was left moved", first)
	}
	return errors.Join(failures...)
}

// restore brings one tag back to where it was, whatever became of the attempt to move it.
func (c *Client) restore(ctx context.Context, s *step) error {
	now, err := c.pointsTo(ctx, s.tag)
	if err == nil && now == s.oldDigest() && !s.verified {
		s.final = now
		return nil
	}
	if err == nil && now != "" && now != s.oldDigest() && now != s.newDigest() {
		s.final = now
		return fmt.Errorf("it points to %s, which another writer has set", now)
	}
	err = c.undo(ctx, s)
	s.final = s.oldDigest()
	if err != nil {
		s.final = c.pointsToNow(ctx, s)
	}
	if s.final != s.oldDigest() {
		return err
	}
	return c.checkKept(ctx, s)
}

func (c *Client) undo(ctx context.Context, s *step) error {
	if s.old != nil {
		return c.put(ctx, s.tag, s.old)
	}
	if err := c.pusher.Delete(ctx, s.tag); err != nil {
		return c.fail("it did not exist before, and removing it", err)
	}
	return c.settle(ctx, s.tag, "")
}

func (c *Client) pointsToNow(ctx context.Context, s *step) string {
	digest, err := c.pointsTo(ctx, s.tag)
	if err != nil {
		return Unknown
	}
	return digest
}

// checkKept guards against registries that take the removal of a tag for the removal of the image.
func (c *Client) checkKept(ctx context.Context, s *step) error {
	if s.old != nil {
		return nil
	}
	image := s.tag.Digest(s.newDigest())
	if kept, err := c.get(ctx, image); kept != nil || err != nil {
		return err
	}
	return fmt.Errorf("the registry removed %s together with the tag: push the image again", image.Name())
}
