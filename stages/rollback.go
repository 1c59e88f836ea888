package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// RollbackOptions are what a caller says about one rollback.
type RollbackOptions struct {
	Environment      string
	Reason           string
	To               string
	RestoreDB        string
	AllowSchemaAhead bool
	RevertCode       bool
}

// rollback is one on its way.
type rollback struct {
	RollbackOptions
	environment environment
	done        server.RolledResult
}

// Rollback brings an older version back.
func (p Pipeline) Rollback(ctx context.Context, options RollbackOptions) (string, error) {
	r, b, err := p.newRollback(options)
	if err != nil {
		return "", plain(err)
	}
	defer r.releaseLock(context.WithoutCancel(ctx)) //nolint:errcheck // it is a lease, and ends by itself
	steps := []stage{
		{name: "Find Forge and Registry", run: b.find},
		{name: "Roll back " + b.Environment, run: b.server},
	}
	if b.Environment == production {
		steps = append(steps, stage{name: "Withdraw Versions", run: b.after(b.withdraw)}, stage{name: "Floating Tags", run: b.after(b.tags)})
	}
	if b.RevertCode {
		steps = append(steps, stage{name: "Revert Code", run: b.after(b.revert)})
	}
	r.news.Kind = notify.Rollback
	result := r.line(ctx, "Roll back "+b.Environment, steps)
	result.Version = b.done.Version
	if result.Outcome == report.RollbackFailed {
		result.Next = "mend what is named above, then run the same line again: with the same reason it goes no further back"
	}
	return r.textKept(ctx, result)
}

// after is a step behind the server's own: the rollback has happened, and is not whole if the step fails.
func (b *rollback) after(step func(*Run, context.Context) (Outcome, error)) func(*Run, context.Context) (Outcome, error) {
	return func(r *Run, ctx context.Context) (Outcome, error) {
		o, err := step(r, ctx)
		if err != nil {
			r.setOutcome(report.RollbackFailed)
		}
		return o, err
	}
}

func (p Pipeline) newRollback(options RollbackOptions) (*Run, *rollback, error) {
	r, err := newStageRun(p.Dag, p.Settings)
	if err != nil {
		return nil, nil, err
	}
	r.DryRun = false // newStageRun only reads; from here on the run is a real one
	b := &rollback{RollbackOptions: options}
	b.environment, err = r.environment(options.Environment)
	var to version.Version
	var toErr error
	if options.To != "" {
		to, toErr = r.config.tagPrefix.Parse(options.To)
		b.To = to.String()
	}
	reason, reasonErr := forceReason(true, options.Reason)
	if reasonErr != nil {
		reasonErr = fmt.Errorf("expected --reason with at least %d visible characters, found %q: the ledger, the forge and the team will show it", minReason, options.Reason)
	}
	b.Reason = reason
	return r, b, inputError(err, toErr, reasonErr)
}

// find reads everything that the later steps need, before anything is changed.
func (b *rollback) find(r *Run, ctx context.Context) (Outcome, error) {
	if err := r.load(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.needRegistry(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.openForge(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.readRemote(ctx); err != nil {
		return Outcome{}, err
	}
	if b.RevertCode && (r.page == nil || !r.page.writable || !r.remote.read) {
		return Outcome{}, refuseState("set forgeToken, or leave --revert-code out", "the code cannot be reverted: %s", r.whyNotRead())
	}
	return passed(), nil
}

// server rolls the server back, which is what cannot wait.
func (b *rollback) server(r *Run, ctx context.Context) (Outcome, error) {
	env, err := r.server(ctx, b.environment)
	if err != nil {
		return Outcome{}, err
	}
	if _, err := r.shipped(ctx, &env, r.source.commit); err != nil {
		return Outcome{}, err
	}
	b.done, err = server.Rollback(ctx, env, server.Back{
		To: b.To, Database: b.RestoreDB, SchemaAhead: b.AllowSchemaAhead, Withdraws: b.Environment == production,
		Registry: r.serverRegistry(), By: r.config.committer.name, Reason: b.Reason, Exists: r.imageExists,
	})
	if err != nil {
		r.noteFailure(b.environment, err)
		r.news.Withdrawal = notify.Withdrawal{Reason: b.Reason}
		return Outcome{}, serverFailure(err, report.RollbackFailed, report.RollbackFailed)
	}
	r.noteServer(b.environment, b.done.Version)
	r.news.Withdrawal = notify.Withdrawal{Left: b.done.Left, Versions: b.done.Withdrawn, Reason: b.Reason}
	r.success = report.RolledBack
	word := "%s is healthy, %s was left"
	if b.done.Already {
		word = "%s is healthy, %s was left by an earlier run"
	}
	figures := append([]string{fmt.Sprintf(word, b.done.Version, b.done.Left)}, b.done.Figures...)
	return passed(figures...), nil
}

func (r *Run) imageExists(ctx context.Context, ref string) (bool, error) {
	at := server.ImageOf("", ref)
	for _, i := range r.config.images {
		if where, err := r.registry.Repository(i.Name); err == nil && where == at.Repository {
			_, found, err := r.registry.Inspect(ctx, i.Name, at.Digest)
			return found, err
		}
	}
	return false, fmt.Errorf("%s is none of the images of the settings", at.Repository)
}

// withdraw says on the forge which versions were taken back (B4). Their tags and releases stay.
func (b *rollback) withdraw(r *Run, ctx context.Context) (Outcome, error) {
	for _, text := range b.done.Withdrawn {
		v, err := version.Parse(text)
		if err != nil {
			return Outcome{}, err
		}
		r.withdrawn = append(r.withdrawn, v)
	}
	figures := []string{strings.Join(b.done.Withdrawn, ", ") + " withdrawn"}
	if r.page == nil || !r.page.writable {
		return passed(append(figures, "warning: no forge says so, so a later release may count them")...), nil
	}
	releases, err := r.page.forge.Releases(ctx)
	if err != nil {
		return Outcome{}, err
	}
	for _, release := range releases {
		if v, ok := r.config.tagPrefix.FromTag(release.Tag); !ok || !slices.Contains(r.withdrawn, v) {
			continue
		}
		if _, err := r.page.forge.UpdateRelease(ctx, forge.Withdraw(release, changelog.EscapeMarkdown(b.Reason))); err != nil {
			return Outcome{}, err
		}
	}
	r.withdrawn = slices.Concat(r.withdrawn, r.withdrawnOf(releases))
	return passed(figures...), nil
}

// tags sets the floating tags that pointed at a withdrawn version to the highest that is left.
func (b *rollback) tags(r *Run, ctx context.Context) (Outcome, error) {
	r.Version, _ = version.Parse(b.done.Version)
	if err := r.acquireLock(ctx); err != nil {
		return Outcome{}, err
	}
	moves, stay, err := b.moves(r, ctx)
	if err != nil {
		return Outcome{}, err
	}
	if len(moves) > 0 {
		if r.moved, err = r.registry.Promote(ctx, moves); err != nil {
			return Outcome{}, err
		}
	}
	figures := []string{fmt.Sprintf("%d tags set", len(moves))}
	for _, tag := range stay {
		figures = append(figures, tag+" stays: no version is left for it")
	}
	return passed(figures...), nil
}

// moves compares where floating tags belong with and without the withdrawn versions.
func (b *rollback) moves(r *Run, ctx context.Context) (moves []registry.Move, stay []string, err error) {
	if r.state.known, err = r.knownImages(ctx); err != nil {
		return nil, nil, err
	}
	var withdrawn []version.Version
	for _, text := range b.done.Withdrawn {
		v, err := version.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		withdrawn = append(withdrawn, v)
	}
	left := version.Floating(r.stable())
	for _, tag := range sortedKeys(version.Floating(withdrawn)) {
		v, ok := left[tag]
		if !ok {
			stay = append(stay, tag)
			continue
		}
		for _, i := range r.config.images {
			at, found, err := r.registry.Inspect(ctx, i.Name, v.String())
			if err == nil && !found {
				err = fmt.Errorf("%s belongs to %s, whose image %s is not in the registry", tag, v, i.Name)
			}
			if err != nil {
				return nil, nil, err
			}
			moves = append(moves, registry.Move{Image: i.Name, Tag: tag, Digest: at.Digest})
		}
	}
	return moves, stay, nil
}

// knownImages are the versions in the registry.
func (r *Run) knownImages(ctx context.Context) ([]version.Version, error) {
	var known []version.Version
	for _, i := range r.config.images {
		tags, err := r.registry.Tags(ctx, i.Name)
		if err != nil {
			return nil, err
		}
		known = append(known, versionsAmong(tags)...)
	}
	return known, nil
}

// revert opens a pull request that takes the release's commits back.
func (b *rollback) revert(r *Run, ctx context.Context) (Outcome, error) {
	left, target := b.done.LeftCommit, b.done.Commit
	if left == "" || target == "" {
		return Outcome{}, errors.New("the ledger does not say which commits the two versions are from")
	}
	proposal := b.proposal(r.config.tagPrefix)
	base, err := r.baseOf(ctx, left)
	if err != nil {
		return Outcome{}, err
	}
	proposal.Base = base
	if r.remote.refs[branchPrefix+proposal.Branch] == "" {
		if err := r.pushReverts(ctx, base, proposal.Branch, target, left); err != nil {
			return Outcome{}, err
		}
	}
	opened, err := r.page.forge.OpenPullRequest(ctx, proposal)
	if err != nil {
		return Outcome{}, err
	}
	return passed(fmt.Sprintf("pull request #%d from %s", opened.Number, proposal.Branch)), nil
}

// proposal is the pull request that takes the code back, with the versions under the names of their tags.
func (b *rollback) proposal(prefix version.TagPrefix) forge.Proposal {
	left, target := string(prefix)+b.done.Left, string(prefix)+b.done.Version
	return forge.Proposal{
		Branch: "hotfix/rollback-" + left, Title: "revert: release " + left,
		Body: fmt.Sprintf("Takes back what %s brought after %s.\n\n%s was rolled back: %s\n", left, target, b.Environment, changelog.EscapeMarkdown(b.Reason)),
	}
}
