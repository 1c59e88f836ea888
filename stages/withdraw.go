package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// withdrawnRefs are refs outside of branches and tags, each pointing to a blob that says who has taken the version back, and
// why. They speak for versions that have no release on the forge.
const withdrawnRefs = "refs/slipway/withdrawn/"

func withdrawnRef(prefix version.TagPrefix, v version.Version) string {
	return withdrawnRefs + prefix.Tag(v)
}

// isWithdrawn says whether a rollback has taken the version back, by the forge or by git.
func (r *Run) isWithdrawn(v version.Version) bool {
	return r.remote.refs[withdrawnRef(r.config.tagPrefix, v)] != "" || slices.Contains(r.withdrawn, v)
}

// refuseWithdrawn keeps a version that was taken back from being used again.
func (r *Run) refuseWithdrawn() error {
	if !r.isWithdrawn(r.Version) {
		return nil
	}
	return r.refuse("use the next patch version", "%s was withdrawn by a rollback", r.Version)
}

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
	known := texts(slices.Concat(r.tagged(), versionsOf(r.config.tagPrefix, r.remote.tags()), images))
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
	r.withdrawn = versionsAmong(b.done.Withdrawn)
	figures := append([]string{orDefault(listOf(b.done.Withdrawn), "nothing") + " withdrawn"}, b.unread...)
	if len(b.done.Above) > 0 {
		figures = append(figures, fmt.Sprintf("not withdrawn, because higher than %s: %s", b.done.Left, listOf(b.done.Above)))
	}
	told, err := b.tellForge(r, ctx)
	if err != nil {
		return Outcome{}, err
	}
	return passed(append(figures, b.tellGit(r, ctx, told)...)...), nil
}

// tellForge marks the releases of what was taken back, and returns the versions that have one.
func (b *rollback) tellForge(r *Run, ctx context.Context) (told []version.Version, err error) {
	if r.page == nil || !r.page.writable {
		return nil, nil
	}
	if b.releases, err = r.page.forge.Releases(ctx); err != nil {
		return nil, err
	}
	for _, release := range b.releases {
		v, ok := r.config.tagPrefix.FromTag(release.Tag)
		if !ok || !slices.Contains(r.withdrawn, v) {
			continue
		}
		told = append(told, v)
		next := forge.Withdraw(release, changelog.EscapeMarkdown(b.Reason))
		if next.Body == release.Body && !release.Latest {
			continue // an earlier run has done it
		}
		if _, err := r.page.forge.UpdateRelease(ctx, next); err != nil {
			return nil, err
		}
		r.changed()
	}
	r.withdrawn = slices.Concat(r.withdrawn, r.withdrawnOf(b.releases))
	return told, nil
}

// tellGit notes in git what no release speaks for. A server that takes no such ref is no reason to fail.
func (b *rollback) tellGit(r *Run, ctx context.Context, told []version.Version) (figures []string) {
	silent := slices.DeleteFunc(versionsAmong(b.done.Withdrawn), func(v version.Version) bool { return slices.Contains(told, v) })
	names := listOf(texts(silent))
	switch {
	case len(silent) == 0:
		return nil
	case !r.remote.read:
		return []string{fmt.Sprintf("warning: neither git nor a forge says that %s was withdrawn (%s), so a later release may count it", names, r.whyNotRead())}
	}
	if err := b.noteInGit(r, ctx, silent); err != nil {
		return []string{fmt.Sprintf("warning: git does not say that %s was withdrawn (%v), so a later release may count it", names, explain(err))}
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

// noteInGit pushes one blob under a ref for each version that has none yet.
func (b *rollback) noteInGit(r *Run, ctx context.Context, versions []version.Version) error {
	missing := slices.DeleteFunc(versions, func(v version.Version) bool { return r.remote.refs[withdrawnRef(r.config.tagPrefix, v)] != "" })
	if len(missing) == 0 {
		return nil
	}
	text, err := json.Marshal(note{r.who(), r.started.UTC(), b.Reason, b.Environment, b.done.Left, b.done.Version})
	if err != nil {
		return err
	}
	git := r.git.WithNewFile("/tmp/withdrawn", string(text))
	hash := []string{"git", "hash-object", "-w", "/tmp/withdrawn"}
	out, err := git.WithExec(hash).Stdout(ctx)
	if err != nil {
		return err
	}
	want := withdrawnNotes(r.config.tagPrefix, missing, strings.TrimSpace(out))
	if err := r.pushRefs(ctx, git, want, hash, r.pushCommand(refspecs(want)...)); err != nil {
		return err
	}
	r.changed()
	return nil
}

// withdrawnNotes are the refs of the versions, all pointing to the blob.
func withdrawnNotes(prefix version.TagPrefix, versions []version.Version, blob string) map[string]string {
	refs := map[string]string{}
	for _, v := range versions {
		refs[withdrawnRef(prefix, v)] = blob
	}
	return refs
}

// refspecs push each object to its ref.
func refspecs(refs map[string]string) (all []string) {
	for _, ref := range sortedKeys(refs) {
		all = append(all, refs[ref]+":"+ref)
	}
	return all
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
	if slices.ContainsFunc(r.moved, func(m registry.Moved) bool { return m.Old != m.New }) {
		r.changed()
	}
	figures := []string{fmt.Sprintf("%d tags set", len(moves))}
	for _, tag := range stay {
		figures = append(figures, tag+" stays: no version is left for it")
	}
	marked, err := b.markLatest(r, ctx)
	return passed(append(figures, marked...)...), err
}

// markLatest lets the forge's mark follow the tag latest, where a forge has such a mark.
func (b *rollback) markLatest(r *Run, ctx context.Context) ([]string, error) {
	latest, ok := r.latestRelease(b.releases)
	if !ok || !r.page.forge.Capabilities().Latest {
		return nil, nil
	}
	latest.Latest = true
	if _, err := r.page.forge.UpdateRelease(ctx, latest); err != nil {
		return nil, err
	}
	r.changed()
	return []string{"the latest release on the forge is " + latest.Tag}, nil
}

// latestRelease is the published release that the tag latest means, unless it has the mark already.
func (r *Run) latestRelease(releases []forge.Release) (forge.Release, bool) {
	latest, ok := version.Floating(r.stable())["latest"]
	for _, release := range releases {
		if v, is := r.config.tagPrefix.FromTag(release.Tag); ok && is && v == latest && !release.Draft && !release.Prerelease {
			return release, !release.Latest
		}
	}
	return forge.Release{}, false
}

// moves compares where floating tags belong with and without the withdrawn versions.
func (b *rollback) moves(r *Run, ctx context.Context) (moves []registry.Move, stay []string, err error) {
	if r.state.known, err = r.knownImages(ctx); err != nil {
		return nil, nil, err
	}
	left := version.Floating(r.stable())
	for _, tag := range sortedKeys(version.Floating(versionsAmong(b.done.Withdrawn))) {
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
			return known, err
		}
		known = append(known, versionsAmong(tags)...)
	}
	return known, nil
}
