// Package gitremote is how a release reads and writes the repository's Git server: its refs, its tags, the notes that
// Slipway keeps beside branches and tags, and the release lock.
package gitremote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dagger/slipway/stages/retry"
)

// Server is the few requests by which a release reads and writes the remote. Each method is one attempt, and fails with an
// *Error; what the failure means is for the functions of this package.
type Server interface {
	Refs(ctx context.Context) (Refs, error)
	// Note points refs, each from the blob that it is expected to point to ("" for none), to one blob with the text: all or
	// none.
	Note(ctx context.Context, text string, refs map[string]string) (blob string, err error)
	// ReadNote is the text of the blob that a ref points to now.
	ReadNote(ctx context.Context, ref string) (string, error)
	// Remove takes a ref away if it still points to the blob.
	Remove(ctx context.Context, ref, blob string) error
	// Tag pushes an annotated tag of the commit.
	Tag(ctx context.Context, name, commit string) error
	// Containing are those of the branches that the commit is part of.
	Containing(ctx context.Context, branches []string, commit string) ([]string, error)
}

// requestTime bounds one request. A writing step may begin until the lock's last confirmed write is 2 minutes old, and
// nobody takes the lock over before it is 3: what ends within that minute ends under the lock.
const requestTime = time.Minute

// step is a request with all its tries and the looks that judge them: they have one deadline together (L5).
type step struct {
	server Server
	clock  retry.Clock
	until  time.Time // no further try starts after it
}

func begin(ctx context.Context, s Server, clock retry.Clock) step {
	return step{server: s, clock: clock, until: retry.Deadline(ctx, clock)}
}

// ReadRefs asks the remote for its refs.
func ReadRefs(ctx context.Context, s Server, clock retry.Clock) (refs Refs, err error) {
	return begin(ctx, s, clock).refs(ctx)
}

func (s step) refs(ctx context.Context) (refs Refs, err error) {
	err = s.repeat(ctx, bounded(func(ctx context.Context) error {
		refs, err = s.server.Refs(ctx)
		return err
	}))
	return refs, err
}

// note returns the text of the blob that a ref points to now.
func (s step) note(ctx context.Context, ref string) (text string, err error) {
	err = s.repeat(ctx, bounded(func(ctx context.Context) error {
		text, err = s.server.ReadNote(ctx, ref)
		return err
	}))
	return text, err
}

// BranchesWith are those of the branches that the commit is part of. Histories may be long, so only ctx bounds the request.
func BranchesWith(ctx context.Context, s Server, clock retry.Clock, branches []string, commit string) (with []string, err error) {
	if len(branches) == 0 {
		return nil, nil
	}
	err = begin(ctx, s, clock).repeat(ctx, func(ctx context.Context) error {
		with, err = s.Containing(ctx, branches, commit)
		return err
	})
	return with, err
}

// PushTag puts an annotated tag on the commit. One that is there already is success without a push, and *Taken if it is on
// another commit.
func PushTag(ctx context.Context, s Server, clock retry.Clock, name, commit string) (pushed bool, err error) {
	one := begin(ctx, s, clock)
	refs, err := one.refs(ctx)
	if err != nil {
		return false, err
	}
	ref := tagPrefix + name
	if at := refs.Of[ref]; at != "" {
		return false, taken(name, at, commit)
	}
	push := func(ctx context.Context) error { return s.Tag(ctx, name, commit) }
	err = one.write(ctx, bounded(push), func(now Refs) (bool, error) {
		at := now.Of[ref]
		return at != "", taken(name, at, commit)
	})
	return err == nil, err
}

// taken is nil for a tag that is where it is wanted, or nowhere.
func taken(name, at, commit string) error {
	if at == "" || at == commit {
		return nil
	}
	return &Taken{name, at}
}

// WriteNotes points refs, each from the blob that it is expected to point to ("" for none), to one blob with the text: all
// or none.
func WriteNotes(ctx context.Context, s Server, clock retry.Clock, text string, refs map[string]string) (blob string, err error) {
	return begin(ctx, s, clock).writeNotes(ctx, text, refs)
}

func (s step) writeNotes(ctx context.Context, text string, refs map[string]string) (blob string, err error) {
	push := func(ctx context.Context) (err error) {
		blob, err = s.server.Note(ctx, text, refs)
		return err
	}
	err = s.write(ctx, bounded(push), func(now Refs) (bool, error) {
		at, one := sameBlob(now, refs)
		if !one {
			return false, nil
		}
		blob = at
		there, err := s.note(ctx, first(refs))
		return there == text, err
	})
	return blob, err
}

// RemoveNote takes a ref away if it still points to the blob. One that does not any more is success: whoever has removed or
// changed it was not this run.
func RemoveNote(ctx context.Context, s Server, clock retry.Clock, ref, blob string) error {
	remove := func(ctx context.Context) error { return s.Remove(ctx, ref, blob) }
	return begin(ctx, s, clock).write(ctx, bounded(remove), func(now Refs) (bool, error) {
		return now.Of[ref] != blob, nil
	})
}

// sameBlob is what all of the refs point to now, if that is one blob.
func sameBlob(now Refs, refs map[string]string) (blob string, ok bool) {
	blob = now.Of[first(refs)]
	for ref := range refs {
		if now.Of[ref] != blob {
			return "", false
		}
	}
	return blob, blob != ""
}

// first is one of the refs, the same each time.
func first(refs map[string]string) string { return slices.Min(slices.Collect(maps.Keys(refs))) }

// write repeats a push until it has succeeded or was refused. After an error the remote is read before that is judged: it
// may have accepted what it could not confirm (G6).
func (s step) write(ctx context.Context, push func(context.Context) error, arrived func(Refs) (bool, error)) error {
	for try := 0; ; try++ {
		err := push(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return s.again(ctx, try, err)
		}
		now, unread := s.refs(ctx)
		if unread == nil {
			var done bool
			if done, unread = arrived(now); done {
				return unread
			}
		}
		if end := s.again(ctx, try, err); end != nil {
			return unknown(end, unread)
		}
	}
}

// unknown adds to a failed push that nobody could look whether it has arrived.
func unknown(err, unread error) error {
	if unread == nil {
		return err
	}
	return &Error{
		What:   fmt.Sprintf("%v; whether it arrived all the same could not be read: %v", err, unread),
		Next:   "run the same line again: it looks first",
		Output: output(err), Temporary: temporary(err), Err: err,
	}
}

// repeat sends a request again while what went wrong may pass.
func (s step) repeat(ctx context.Context, request func(context.Context) error) error {
	for try := 0; ; try++ {
		err := request(ctx)
		if err == nil {
			return nil
		}
		if end := s.again(ctx, try, err); end != nil {
			return end
		}
	}
}

// again waits before the next try, or returns the error that there is no other after.
func (s step) again(ctx context.Context, try int, err error) error {
	delay := retry.Delay(try)
	if ctx.Err() == nil && (!temporary(err) || try+1 == retry.Tries || delay > s.until.Sub(s.clock.Now())) {
		return err
	}
	if s.clock.Sleep(ctx, delay) == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w (not tried again: %w)", err, cause)
	}
	return err
}

// bounded gives a request its time. One that takes longer is repeated like one without an answer.
func bounded(request func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		one, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		err := request(one)
		if err == nil || one.Err() == nil || ctx.Err() != nil {
			return err
		}
		return &Error{
			What: "the git remote did not answer within " + requestTime.String(), Next: "see that the remote can be reached, and run the same line again",
			Temporary: true, Err: err,
		}
	}
}
