package release

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
)

// Act is a release that writes: it holds the lock, and carries out the plan that was made under it.
type Act struct {
	Plan   Plan
	Record Record
	Notes  string // the text of the release, once it was made

	world   World // its writes need the lock
	maker   Maker
	git     gitremote.Server
	forge   Forge
	lock    *gitremote.Lock // nil without a remote
	mark    sync.Mutex      // held while begun is written
	begun   string          // the blob behind BegunRef; empty: the ref is not there
	seen    Observed        // under the lock
	page    *forge.Release
	digests map[string]string // by image, once it is pushed
	done    int               // effects of the plan that were carried out
}

// Begin takes the lock, or waits for it for as long as it is allowed to (L3), and decides anew from what is there now. With
// an error, nothing was written but the lock, which was given back.
func Begin(ctx context.Context, w World, q Request, maker Maker, holder gitremote.Holder, wait time.Duration) (*Act, error) {
	a := &Act{maker: maker, git: w.Git, forge: w.Forge, digests: map[string]string{}}
	a.world = w.under(a.pass)
	if w.Git != nil {
		var err error
		if a.lock, err = gitremote.Acquire(ctx, w.Git, w.Clock, holder, wait); err != nil {
			return nil, err
		}
		w.keep(ctx, a.lock)
		a.Record.Waited, a.Record.TookOver = a.lock.Waited(), a.lock.TookOver()
	}
	if err := a.decide(ctx, q); err != nil {
		return nil, errors.Join(err, a.End(ctx))
	}
	return a, nil
}

func (a *Act) decide(ctx context.Context, q Request) error {
	a.seen = Observe(ctx, a.world, q)
	var err error
	if a.Plan, err = Decide(a.seen, q); err != nil {
		return err
	}
	a.begun = a.seen.Remote.Is.Of[BegunRef(q.Prefix, q.Version)]
	return nil
}

// pass stands before each write: the lock is held (L2), and git says that the release has begun.
func (a *Act) pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := a.markBegun(ctx); err != nil {
		return nil, nil, err
	}
	return passOf(a.lock)(ctx)
}

func (a *Act) markBegun(ctx context.Context) error {
	a.mark.Lock()
	defer a.mark.Unlock()
	if a.lock == nil || a.begun != "" {
		return nil
	}
	if err := a.lock.Check(ctx); err != nil {
		return err
	}
	ref := BegunRef(a.Plan.Prefix, a.Plan.Version)
	var err error
	a.begun, err = gitremote.WriteNotes(ctx, heldGit{a.git, passOf(a.lock)}, a.world.Clock, a.lock.Text(), map[string]string{ref: ""})
	return err
}

// Digest is what was pushed of an image; empty before.
func (a *Act) Digest(image string) string {
	if a == nil {
		return ""
	}
	return a.digests[image]
}

// PageURL is the release's web page; empty before there is one.
func (a *Act) PageURL() string {
	if a == nil || a.page == nil {
		return ""
	}
	return a.page.URL
}

// Do carries out the effects of one phase. A phase whose turn it is not is a mistake of the pipeline.
func (a *Act) Do(ctx context.Context, phase Phase) error {
	for a.done < len(a.Plan.Effects) && a.Plan.Effects[a.done].Phase() <= phase {
		e := a.Plan.Effects[a.done]
		if e.Phase() < phase {
			return fmt.Errorf("%q has to be done before phase %d", e, phase)
		}
		if err := a.carryOut(ctx, e); err != nil {
			return err
		}
		a.done++
	}
	return nil
}

func (a *Act) carryOut(ctx context.Context, e Effect) error {
	deeds, err := e.do(ctx, a)
	a.Record.Deeds = append(a.Record.Deeds, deeds...)
	return err
}

// Tell calls send if somebody has to be told of the end: of what this run wrote, or of what an earlier one had begun and
// could not tell. What is sent may arrive although the answer says no, so that it is never sent twice (N3).
func (a *Act) Tell(ctx context.Context, send func(context.Context) error) (told bool, err error) {
	if !a.Due() {
		return false, nil
	}
	if a.begun != "" && a.done == len(a.Plan.Effects) {
		if err := gitremote.RemoveNote(ctx, heldGit{a.git, passOf(a.lock)}, a.world.Clock, BegunRef(a.Plan.Prefix, a.Plan.Version), a.begun); err != nil {
			return false, err
		}
		// A ref that is gone was removed by this run, as long as nobody else can have had the lock.
		if err := a.lock.Check(ctx); err != nil {
			return false, err
		}
		a.begun = ""
		a.Record.Deeds = append(a.Record.Deeds, Deed{What: "notification", Wrote: true})
	}
	return true, send(ctx)
}

// Due says whether somebody has to be told.
func (a *Act) Due() bool { return a.Record.Wrote() || a.begun != "" }

// End gives the lock back, with a lease, so that no run removes another's, and also when ctx has ended.
func (a *Act) End(ctx context.Context) error {
	if a == nil || a.lock == nil {
		return nil
	}
	return a.lock.Release(ctx)
}
