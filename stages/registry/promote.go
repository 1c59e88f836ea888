package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/slipway/stages/retry"
)

// putBackTime bounds the way back, which has to be gone even when the time for the way there is over.
const putBackTime = 5 * time.Minute

// Promote moves floating tags, each tag on all images before the next tag, in the order in which the tags first
// appear. If one cannot be moved, all are put back in reverse order, also when ctx has ended; the error then holds the
// first failure and every tag that could not be put back. The result has one entry a move, in the order of the moves
// made, and is nil if nothing was tried.
func Promote(ctx context.Context, s Store, clock retry.Clock, moves []Move) ([]Moved, error) {
	moves, err := tagByTag(moves)
	if err != nil {
		return nil, err
	}
	t := tagger{s, clock}
	steps, err := t.prepare(ctx, moves)
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		if err := t.set(ctx, s); err != nil {
			err = t.putBack(ctx, steps[:i+1], err)
			return moved(steps), err
		}
	}
	return moved(steps), nil
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

// putBack undoes the steps, the last one first, and adds to the first failure what could not be undone.
func (t tagger) putBack(ctx context.Context, steps []*step, first error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer cancel()
	failures := []error{first}
	for _, s := range slices.Backward(steps) {
		if s.Old == s.New {
			continue
		}
		if err := t.restore(ctx, s); err != nil {
			failures = append(failures, fmt.Errorf("%s is not put back: %w", s.name, err))
		}
	}
	if len(failures) == 1 {
		return fmt.Errorf("%w; no tag was left moved", first)
	}
	return errors.Join(failures...)
}

// restore brings one tag back to where it was, whatever became of the attempt to move it.
func (t tagger) restore(ctx context.Context, s *step) error {
	now, err := t.Resolve(ctx, s.Image, s.Tag)
	if err == nil && now == s.Old && !s.accepted {
		s.Final = now
		return nil
	}
	if err == nil && now != "" && now != s.Old && now != s.New {
		s.Final = now
		return fmt.Errorf("it points to %s, which another writer has set", now)
	}
	err = t.undo(ctx, s)
	s.Final = s.Old
	if err != nil {
		s.Final = t.pointsToNow(ctx, s)
	}
	if err != nil && s.Final == s.Old && s.accepted && !s.seen {
		s.Final = Unknown // the new digest may be there and not be seen yet
	}
	if s.Final != s.Old {
		return err
	}
	return t.checkKept(ctx, s)
}

func (t tagger) undo(ctx context.Context, s *step) error {
	if s.Old != "" {
		return t.point(ctx, s, s.Old)
	}
	if err := t.Remove(ctx, s.Image, s.Tag); err != nil {
		return fmt.Errorf("it did not exist before, and %w", err)
	}
	return t.settle(ctx, s, "")
}

func (t tagger) pointsToNow(ctx context.Context, s *step) string {
	digest, err := t.Resolve(ctx, s.Image, s.Tag)
	if err != nil {
		return Unknown
	}
	return digest
}

// checkKept guards against registries that take the removal of a tag for the removal of the image.
func (t tagger) checkKept(ctx context.Context, s *step) error {
	if s.Old != "" {
		return nil
	}
	there, err := t.Resolve(ctx, s.Image, s.New)
	if there != "" || err != nil {
		return err
	}
	repository, _ := t.Repository(s.Image) // it was valid when the tag was set
	return fmt.Errorf("the registry removed %s@%s together with the tag: push the image again", repository, s.New)
}
