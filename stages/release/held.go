package release

import (
	"context"
	"errors"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
)

// pass lets one write through, with a context that ends with the lock, or says why not. It stands directly before each
// write, however long what came before has taken: a laptop may have slept in between (L2).
type pass func(ctx context.Context) (held context.Context, done context.CancelFunc, err error)

// through does one write.
func through[T any](ctx context.Context, may pass, write func(context.Context) (T, error)) (T, error) {
	held, done, err := may(ctx)
	if err != nil {
		var nothing T
		return nothing, err
	}
	defer done()
	result, err := write(held)
	if lost := lockLost(held); err != nil && lost != nil {
		return result, lost
	}
	return result, err
}

// lockLost is why a write's context has ended, if that is the loss of the lock.
func lockLost(held context.Context) error {
	if lost := context.Cause(held); errors.Is(lost, gitremote.ErrLost) {
		return lost
	}
	return nil
}

// through1 is through for what returns nothing.
func through1(ctx context.Context, may pass, write func(context.Context) error) error {
	_, err := through(ctx, may, func(ctx context.Context) (struct{}, error) { return struct{}{}, write(ctx) })
	return err
}

// passOf is the pass of whoever has the lock. Without a remote there is none, and everybody passes.
func passOf(lock *gitremote.Lock) pass {
	return func(ctx context.Context) (context.Context, context.CancelFunc, error) {
		if lock == nil {
			return ctx, func() {}, nil
		}
		if err := lock.Check(ctx); err != nil {
			return nil, nil, err
		}
		held, done := lock.Context(ctx)
		return held, done, nil
	}
}

// under is the world in which every write needs a pass. Staging has no write of its own: what runs already stays.
func (w World) under(may pass) World {
	if w.Registry != nil {
		w.Registry = heldStore{w.Registry, may}
	}
	if w.Git != nil {
		w.Git = heldGit{w.Git, may}
	}
	if w.Forge != nil {
		w.Forge = heldForge{w.Forge, may}
	}
	return w
}

type heldStore struct {
	registry.Store
	may pass
}

func (h heldStore) Put(ctx context.Context, image, tag, digest string) error {
	return through1(ctx, h.may, func(ctx context.Context) error { return h.Store.Put(ctx, image, tag, digest) })
}

func (h heldStore) Remove(ctx context.Context, image, tag string) error {
	return through1(ctx, h.may, func(ctx context.Context) error { return h.Store.Remove(ctx, image, tag) })
}

func (h heldStore) Attach(ctx context.Context, image, digest string, s attest.Artifact) error {
	return through1(ctx, h.may, func(ctx context.Context) error { return h.Store.Attach(ctx, image, digest, s) })
}

type heldGit struct {
	gitremote.Server
	may pass
}

func (h heldGit) Tag(ctx context.Context, name, commit string) error {
	return through1(ctx, h.may, func(ctx context.Context) error { return h.Server.Tag(ctx, name, commit) })
}

func (h heldGit) Note(ctx context.Context, text string, refs map[string]string) (string, error) {
	return through(ctx, h.may, func(ctx context.Context) (string, error) { return h.Server.Note(ctx, text, refs) })
}

func (h heldGit) Remove(ctx context.Context, ref, blob string) error {
	return through1(ctx, h.may, func(ctx context.Context) error { return h.Server.Remove(ctx, ref, blob) })
}

type heldForge struct {
	Forge
	may pass
}

func (h heldForge) CreateDraft(ctx context.Context, r forge.Release) (forge.Release, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Release, error) { return h.Forge.CreateDraft(ctx, r) })
}

func (h heldForge) AdoptDraft(ctx context.Context, standing, as forge.Release) (forge.Release, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Release, error) { return h.Forge.AdoptDraft(ctx, standing, as) })
}

func (h heldForge) UpdateRelease(ctx context.Context, r forge.Release) (forge.Release, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Release, error) { return h.Forge.UpdateRelease(ctx, r) })
}

func (h heldForge) Publish(ctx context.Context, r forge.Release) (forge.Release, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Release, error) { return h.Forge.Publish(ctx, r) })
}

func (h heldForge) UploadAsset(ctx context.Context, r forge.Release, f forge.File) (forge.Asset, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Asset, error) { return h.Forge.UploadAsset(ctx, r, f) })
}

func (h heldForge) MakeLabel(ctx context.Context, name string) (forge.Label, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Label, error) { return h.Forge.MakeLabel(ctx, name) })
}

func (h heldForge) AddLabel(ctx context.Context, at forge.Place, label forge.Label) (bool, error) {
	return through(ctx, h.may, func(ctx context.Context) (bool, error) { return h.Forge.AddLabel(ctx, at, label) })
}

func (h heldForge) AddComment(ctx context.Context, at forge.Place, sign forge.Sign) (bool, error) {
	return through(ctx, h.may, func(ctx context.Context) (bool, error) { return h.Forge.AddComment(ctx, at, sign) })
}

func (h heldForge) Hide(ctx context.Context, r forge.Release) (forge.Release, error) {
	return through(ctx, h.may, func(ctx context.Context) (forge.Release, error) { return forge.KeepHidden(ctx, h.Forge, r) })
}
