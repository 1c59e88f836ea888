package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/retry"
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
	unread      []string // what could not be asked which versions there are
}

// Rollback brings an older version back.
func (p Pipeline) Rollback(ctx context.Context, options RollbackOptions) (string, error) {
	r, b, err := p.newRollback(options)
	if err != nil {
		return "", plain(err)
	}
	defer func() { _ = r.found.back.End(ctx) }() // it is a lease, and ends by itself
	steps := []stage{
		{name: "Find Forge and Registry", run: b.find},
		{name: b.title(), run: b.server},
	}
	if b.Environment == production {
		steps = append(steps, stage{name: "Withdraw Versions", locks: true, run: b.after(b.withdraw)}, stage{name: "Floating Tags", run: b.after(b.tags)})
	}
	if b.RevertCode {
		steps = append(steps, stage{name: "Revert Code", run: b.after(b.revert)})
	}
	result := r.line(ctx, steps)
	result.Version = b.done.Version
	if result.Outcome == report.RollbackFailed {
		result.Next = "with the same reason, the same line goes no further back"
	}
	if result.Outcome == report.AlreadyRolledBack {
		result.Next = "to go further back, give another --reason or --to=VERSION"
	}
	return r.textKept(ctx, result)
}

// after is a step behind the server's own: the rollback has happened, and is not whole if the step fails.
func (b *rollback) after(step func(*Run, context.Context) (Outcome, error)) func(*Run, context.Context) (Outcome, error) {
	return func(r *Run, ctx context.Context) (Outcome, error) {
		o, err := step(r, ctx)
		if err == nil {
			return o, nil
		}
		f := *explain(err)
		f.outcome = report.RollbackFailed
		return o, &f
	}
}

// backWait is how long a rollback waits for a release to end: the server runs the older version already, and no release may
// move tags meanwhile.
const backWait = 10 * time.Minute

func (p Pipeline) newRollback(options RollbackOptions) (*Run, *rollback, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{kind: notify.Rollback, green: wordOfServer})
	if err != nil {
		return nil, nil, err
	}
	b := &rollback{RollbackOptions: options}
	r.goal.title, r.lockWait = b.title(), backWait
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
	if err := r.prepare(ctx); err != nil {
		return Outcome{}, err
	}
	if err := r.needRegistry(); err != nil {
		return Outcome{}, err
	}
	return passed(), b.askGit(r, ctx)
}

// askGit reads branches and tags. Which version the server goes back to is in its own ledger, so that it does not wait for a
// remote that is down; only the code does.
func (b *rollback) askGit(r *Run, ctx context.Context) (err error) {
	const without = "leave --revert-code out"
	if b.RevertCode && (!r.access.writable || r.access.git == nil) {
		return refuseState("set forgeToken, or "+without, "the code cannot be reverted: %s", r.access.noGit)
	}
	if r.access.git == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	switch r.found.refs, err = gitremote.ReadRefs(ctx, r.access.git, retry.Real); {
	case err != nil && b.RevertCode:
		return refuseState("nothing was changed; mend that, or "+without+": the server is rolled back without git", "the code cannot be reverted: %w", err)
	case err != nil:
		b.unread = append(b.unread, "warning: git was not asked which versions there are: "+err.Error())
	}
	return nil
}

// server rolls the server back, which is what cannot wait.
func (b *rollback) server(r *Run, ctx context.Context) (Outcome, error) {
	env, err := r.server(ctx, b.environment)
	if err != nil {
		return Outcome{}, err
	}
	checkout, err := r.shipped(ctx, &env, r.source.commit)
	if err != nil {
		return Outcome{}, err
	}
	listing := r.listed(ctx, b.environment)
	env.Announce = listing.begin
	b.done, err = server.Rollback(ctx, env, b.back(r, checkout.Scripts))
	figures := listing.end(ctx, err)
	if err != nil {
		r.noteFailure(b.environment, err)
		r.found.deployed.news.Withdrawal = notify.Withdrawal{Reason: b.Reason}
		return Outcome{Figures: figures}, serverFailure(err, report.RollbackFailed, report.RollbackFailed)
	}
	r.noteServer(b.environment, b.done.Version)
	r.found.deployed.news.Withdrawal = notify.Withdrawal{Left: b.done.Left, Versions: b.done.Withdrawn, Reason: b.Reason}
	r.found.deployed.word = report.RolledBack
	if b.done.Unchanged {
		r.found.deployed.word, r.found.deployed.news.Untold = report.AlreadyRolledBack, b.untold(r.keptReport(ctx))
	}
	return passed(slices.Concat([]string{b.word()}, b.done.Figures, figures)...), nil
}

// back is what the server is asked for. Only production takes versions back.
func (b *rollback) back(r *Run, scripts []server.Script) server.Back {
	back := server.Back{
		To: b.To, Database: b.RestoreDB, SchemaAhead: b.AllowSchemaAhead, Scripts: scripts,
		Registry: r.serverRegistry(), By: r.who(), Reason: b.Reason, Exists: r.imageExists,
	}
	if b.Environment == production {
		back.Known = func(ctx context.Context) []string { return b.known(r, ctx) }
	}
	return back
}

// word is the first figure of a server that was rolled back.
func (b *rollback) word() string {
	did := b.done.Left + " was left"
	if b.done.Left == b.done.Version {
		did = "its database was restored"
	}
	switch {
	case b.done.Unchanged:
		return fmt.Sprintf("NOTHING WAS CHANGED on %s: %s is healthy, %s by an earlier run", b.Environment, b.done.Version, did)
	case b.done.Already:
		return fmt.Sprintf("%s is healthy, %s by an earlier run", b.done.Version, did)
	}
	return fmt.Sprintf("%s is healthy, %s", b.done.Version, did)
}

// changed is for a step that has completed what an earlier run had begun.
func (r *Run) changed() { r.found.deployed.word = report.RolledBack }

// untold says whether the last report kept here is of this rollback, and the team does not know that it is done.
func (b *rollback) untold(last report.Report) bool {
	if last.Title != b.title() || last.Version != b.done.Version {
		return false
	}
	return last.Outcome == report.RollbackFailed || slices.ContainsFunc(last.Stages, func(s report.Stage) bool {
		return s.Name == notifyTeam && wasNotTold(s.Figures)
	})
}

func (b *rollback) title() string { return "Roll back " + b.Environment }

func (r *Run) imageExists(ctx context.Context, ref string) (bool, error) {
	at := server.ImageOf("", ref)
	for _, i := range r.config.images {
		if where, err := r.access.registry.Repository(i.Name); err == nil && where == at.Repository {
			_, found, err := r.access.registry.Inspect(ctx, i.Name, at.Digest)
			return found, err
		}
	}
	return false, fmt.Errorf("%s is none of the images of the settings", at.Repository)
}

// revert opens a pull request that takes the release's commits back.
func (b *rollback) revert(r *Run, ctx context.Context) (Outcome, error) {
	if b.done.Left == b.done.Version {
		return passed("no version was left, so no code is taken back"), nil
	}
	if b.done.LeftCommit == "" || b.done.Commit == "" {
		return Outcome{}, errors.New("the ledger does not say which commits the two versions are from")
	}
	proposal := b.proposal(r.config.tagPrefix)
	base, err := r.baseOf(ctx, b.done.LeftCommit)
	if err != nil {
		return Outcome{}, err
	}
	proposal.Base = base
	if r.found.refs.Branch(proposal.Branch) == "" {
		if err := r.pushReverts(ctx, base, proposal.Branch, b.done); err != nil {
			return Outcome{}, err
		}
		r.changed()
	}
	opened, err := r.access.forge.OpenPullRequest(ctx, proposal)
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
