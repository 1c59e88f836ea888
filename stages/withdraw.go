package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// known are the versions that git, the registry and staging know of. What does not answer is named: a rollback does not wait
// for it.
func (b *rollback) known(r *Run, ctx context.Context) []string {
	images, err := r.knownImages(ctx)
	if err != nil {
		b.unread = append(b.unread, "warning: the registry was not asked which versions there are: "+err.Error())
	}
	ran, err := r.stagingLedger(ctx)
	if err != nil {
		b.unread = append(b.unread, "warning: staging was not asked which versions it ran: "+err.Error())
	}
	known := texts(slices.Concat(r.tagged(), release.VersionsOf(r.config.tagPrefix, release.TagsOf(r.found.refs)), images))
	for _, e := range ran {
		known = append(known, e.Version)
	}
	return known
}

// stagingLedger is empty without a staging server.
func (r *Run) stagingLedger(ctx context.Context) (server.Ledger, error) {
	e, ok := r.config.environments[staging]
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	env, err := r.server(ctx, e)
	if err != nil {
		return nil, err
	}
	return server.Look(ctx, env)
}

// withdraw says on the forge, and in git where the forge has no release, which versions were taken back (B4). Their tags and
// releases stay.
func (b *rollback) withdraw(r *Run, ctx context.Context) (Outcome, error) {
	q, err := b.request(r)
	if err != nil {
		return Outcome{}, err
	}
	if r.found.back, err = release.BeginBack(ctx, r.world(), q, r.holder(), r.lockWait); err != nil {
		return Outcome{}, err
	}
	if err := r.found.back.Mark(ctx); err != nil {
		return Outcome{}, err
	}
	figures := append([]string{orDefault(report.Few(b.done.Withdrawn), "nothing") + " withdrawn"}, b.unread...)
	if len(b.done.Above) > 0 {
		figures = append(figures, fmt.Sprintf("not withdrawn, because higher than %s: %s", b.done.Left, report.Few(b.done.Above)))
	}
	figures = append(figures, b.tellGit(r, ctx)...)
	return passed(append(figures, r.lockFigures(r.found.back.Record)...)...), nil
}

// request is what takes versions back.
func (b *rollback) request(r *Run) (release.BackRequest, error) {
	text, err := json.Marshal(note{r.who(), r.started.UTC(), b.Reason, b.Environment, b.done.Left, b.done.Version})
	q := release.BackRequest{Request: r.request(), Withdrawn: release.VersionsAmong(b.done.Withdrawn), Reason: changelog.EscapeMarkdown(b.Reason), Note: string(text)}
	q.Version, _ = version.Parse(b.done.Version)
	return q, err
}

// tellGit notes in git what no release speaks for. A server that takes no such ref is no reason to fail.
func (b *rollback) tellGit(r *Run, ctx context.Context) []string {
	names := report.Few(texts(r.found.back.Plan.Silent))
	const unknown = "so a later release may count it: set forgeToken, and run the same line again"
	switch err := r.found.back.Write(ctx); {
	case names == "":
		return nil
	case r.access.git == nil:
		return []string{fmt.Sprintf("warning: neither git nor a forge says that %s was withdrawn (%s), %s", names, r.access.noGit, unknown)}
	case err != nil:
		return []string{fmt.Sprintf("warning: git does not say that %s was withdrawn (%v), so a later release may count it: %s", names, explain(err), orDefault(explain(err).next, "run the same line again"))}
	}
	return []string{"noted in git, without a release on the forge: " + names}
}

func texts(versions []version.Version) (all []string) {
	for _, v := range versions {
		all = append(all, v.String())
	}
	return all
}

// note is what the blob of a version that was taken back says.
type note struct {
	Who         string    `json:"who"`
	When        time.Time `json:"when"`
	Why         string    `json:"why"`
	Environment string    `json:"environment"`
	Left        string    `json:"left"`
	Target      string    `json:"target"`
}

// tags sets the floating tags that pointed at a withdrawn version to the highest that is left, and the forge's mark with
// them.
func (b *rollback) tags(r *Run, ctx context.Context) (Outcome, error) {
	back := r.found.back
	if err := back.Move(ctx); err != nil {
		return Outcome{}, err
	}
	var figures []string
	for _, f := range back.Plan.Tags {
		figures = append(figures, f.Tag+" is "+f.Version.String())
	}
	for _, tag := range back.Plan.Stay {
		figures = append(figures, tag+" stays: no version is left for it")
	}
	for _, kept := range back.Kept {
		figures = append(figures, fmt.Sprintf("warning: %s; remove that tag, or leave it to the next release", kept))
	}
	if err := back.MarkLatest(ctx); err != nil {
		return Outcome{Figures: figures}, err
	}
	if latest := back.Plan.Latest; latest != nil && r.access.forge.Capabilities().Latest {
		figures = append(figures, "the latest release on the forge is "+latest.Tag)
	}
	if back.Record.Wrote() {
		r.changed()
	}
	return passed(figures...), nil
}

// knownImages are the versions in the registry.
func (r *Run) knownImages(ctx context.Context) ([]version.Version, error) {
	var known []version.Version
	for _, i := range r.config.images {
		tags, err := r.access.registry.Tags(ctx, i.Name)
		if err != nil {
			return known, err
		}
		known = append(known, release.VersionsAmong(tags)...)
	}
	return known, nil
}
