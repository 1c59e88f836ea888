package simulation

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's name of a blob
	"errors"
	"fmt"
	"maps"
	"slices"

	"dagger/slipway/stages/gitremote"
)

// gitServer has refs, and blobs and tags behind them.
type gitServer struct {
	refs  map[string]string
	texts map[string]string // of blobs
	moved bool              // main was forced to where it does not have our commits
}

// gitClient is the remote as one process reaches it. Each method is one attempt.
type gitClient struct{ p *process }

var _ gitremote.Server = gitClient{}

func (c gitClient) server() *gitServer { return c.p.world.git }

// asked is the error as the real client would say it.
func asked(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return &gitremote.Error{What: "the git remote: " + f.what, Temporary: f.temporary, Err: err}
	}
	return err
}

// Refs implements gitremote.Server.
func (c gitClient) Refs(ctx context.Context) (refs gitremote.Refs, err error) {
	err = c.p.send(ctx, request{what: "git: read the refs", renews: true}, func(Kind) error {
		refs = gitremote.Refs{Default: "main", Of: maps.Clone(c.server().refs)}
		return nil
	})
	return refs, asked(err)
}

// Note implements gitremote.Server.
func (c gitClient) Note(ctx context.Context, text string, refs map[string]string) (string, error) {
	blob := fmt.Sprintf("%x", sha1.Sum([]byte(text))) //nolint:gosec // see above
	_, lock := refs[gitremote.LockRef]
	names := slices.Sorted(maps.Keys(refs))
	err := c.p.send(ctx, request{what: fmt.Sprintf("git: note %v", names), writes: true, renews: lock}, func(Kind) error {
		for _, ref := range names {
			if c.server().refs[ref] != refs[ref] {
				return &fault{"stale info", false}
			}
		}
		for _, ref := range names {
			c.server().refs[ref] = blob
		}
		c.server().texts[blob] = text
		if lock {
			c.p.holds[blob] = true
		}
		return nil
	})
	return blob, asked(err)
}

// ReadNote implements gitremote.Server.
func (c gitClient) ReadNote(ctx context.Context, ref string) (text string, err error) {
	err = c.p.send(ctx, request{what: "git: read a note", renews: true}, func(Kind) error {
		blob := c.server().refs[ref]
		if blob == "" {
			return &fault{"couldn't find remote ref " + ref, false}
		}
		text = c.server().texts[blob]
		return nil
	})
	return text, asked(err)
}

// Remove implements gitremote.Server.
func (c gitClient) Remove(ctx context.Context, ref, blob string) error {
	lock := ref == gitremote.LockRef
	return asked(c.p.send(ctx, request{what: "git: remove " + ref, writes: true, renews: lock}, func(Kind) error {
		if c.server().refs[ref] != blob {
			return &fault{"stale info", false}
		}
		delete(c.server().refs, ref)
		return nil
	}))
}

// Tag implements gitremote.Server.
func (c gitClient) Tag(ctx context.Context, name, commit string) error {
	r := request{what: "git: push the tag " + name, writes: true, guarded: true, tags: true}
	return asked(c.p.send(ctx, r, func(f Kind) error {
		if c.server().refs["refs/tags/"+name] != "" {
			return &fault{"already exists", false}
		}
		if c.p.world.story.Protected {
			return &fault{"protected", false}
		}
		c.server().refs["refs/tags/"+name] = commit
		if f == SelfPublish {
			c.p.world.forge.selfPublish(c.p.world.now, name)
		}
		return nil
	}))
}

// Containing implements gitremote.Server. All commits are on the branch main, until somebody moves it.
func (c gitClient) Containing(ctx context.Context, branches []string, _ string) (with []string, err error) {
	err = c.p.send(ctx, request{what: "git: which branches have the commit"}, func(Kind) error {
		if !c.server().moved {
			with = branches
		}
		return nil
	})
	return with, asked(err)
}
