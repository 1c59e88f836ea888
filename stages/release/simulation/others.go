package simulation

import (
	"context"
	"errors"
	"time"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// dry observes and decides, which is all that a dry run does.
func dry(l Line) func(*process) {
	return func(p *process) {
		q := p.world.toRelease(l)
		_, err := release.Decide(release.Observe(context.Background(), p.world.as(p), q), q)
		p.say("ends: dry run (%v)", err)
	}
}

// deploy brings a version that is released to a server.
func deploy(l Line, production bool) func(*process) {
	return func(p *process) {
		w, ctx := p.world, context.Background()
		world, q := w.as(p), w.request(l)
		target := hostClient{p, w.staging}
		next := release.Deployment{Request: q, Environment: "staging", Production: production}
		if production {
			target.host, next.Environment = w.production, "production"
			if e, ok := w.staging.was(q.Version); ok {
				next.Ran = &e.Rollout
			}
		}
		var err error
		if next.Target, err = target.Look(ctx); err != nil {
			p.say("ends: %v", err)
			return
		}
		world.Staging = nil
		rollout, err := release.DecideDeploy(release.Observe(ctx, world, q), next)
		if err != nil {
			p.say("ends: refused (%v)", err)
			return
		}
		_, err = target.Deploy(ctx, rollout)
		p.say("ends: deployed (%v)", err)
	}
}

// keepDraft is what the CI of the main branch does after a merge.
func keepDraft(l Line) func(*process) {
	return func(p *process) {
		w := p.world
		if !w.forge.can.Drafts {
			return
		}
		l.Version = w.comes()
		u := release.Upcoming{Request: w.request(l), Branch: "main", Notes: "Notes so far, of " + l.Version}
		holder := gitremote.Holder{Run: p.run(), Who: p.name, Version: l.Version, Commit: l.Commit}
		done, err := release.KeepDraft(context.Background(), w.as(p), u, holder)
		p.say("ends: draft of %s, wrote %t, %s (%v)", l.Version, done.Wrote, done.Left, err)
	}
}

// comes is the version after the last one that has a tag.
func (w *World) comes() string {
	tags := release.TagsOf(gitremote.Refs{Of: w.git.refs})
	last := version.Floating(release.VersionsOf(version.DefaultTagPrefix, tags))["latest"]
	next, _ := version.Bump(last, version.Patch, "")
	return next.String()
}

// back is a rollback of production.
type back struct {
	p    *process
	done entry
	err  error
}

func (b *back) run(p *process) {
	w, ctx := p.world, context.Background()
	known, err := b.known(ctx)
	if err == nil {
		b.done, err = hostClient{p, w.production}.rollBack(ctx, known)
	}
	if err == nil {
		err = b.follow(ctx)
	}
	b.err = err
	p.say("ends: rolled back to %s (%v)", b.done.Version, err)
}

// known are the versions that there are.
func (b *back) known(ctx context.Context) (known []version.Version, err error) {
	w := b.p.world
	for _, image := range w.story.Images {
		tags, err := registryClient{b.p}.Tags(ctx, image)
		if err != nil {
			return nil, err
		}
		known = append(known, release.VersionsAmong(tags)...)
	}
	for _, e := range w.staging.ledger {
		known = append(known, e.Version)
	}
	if !w.story.Git {
		return known, nil
	}
	refs, _ := gitremote.ReadRefs(ctx, gitClient{b.p}, b.p) // the server does not wait for git
	for _, tag := range release.TagsOf(refs) {
		if v, ok := version.DefaultTagPrefix.FromTag(tag.Name); ok {
			known = append(known, v)
		}
	}
	return known, nil
}

// follow takes the versions back everywhere.
func (b *back) follow(ctx context.Context) error {
	w, p := b.p.world, b.p
	q := release.BackRequest{Request: w.request(Line{Version: b.done.Version.String(), Commit: b.done.Commit}), Reason: "it was slow", Note: "it was slow"}
	for _, text := range b.done.withdrawn {
		v, _ := version.Parse(text)
		q.Withdrawn = append(q.Withdrawn, v)
	}
	holder := gitremote.Holder{Run: p.run(), Who: p.name, Version: "rollback", Commit: b.done.Commit}
	act, err := release.BeginBack(ctx, w.as(p), q, holder, time.Hour)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{act.Mark, act.Write, act.Move, act.MarkLatest} {
		if err := step(ctx); err != nil {
			return errors.Join(err, act.End(ctx))
		}
	}
	return act.End(ctx)
}
