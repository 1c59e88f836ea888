package stages

import (
	"context"
	"errors"
	"fmt"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
	"dagger/slipway/stages/written"
)

// Next is what a caller says about the next version: a kind, or the version itself.
type Next struct {
	Kind    string
	Version string
	Preid   string
}

func (n Next) empty() bool { return n == Next{} }

// of is the version that comes next. A given one may be the name of its tag.
func (n Next) of(l lineage, prefix version.TagPrefix) (version.Version, error) {
	switch {
	case n.Kind != "" && n.Version != "":
		return version.Version{}, errors.New("both a kind and a version are given: leave one of them out")
	case n.Version != "" && n.Preid != "":
		return version.Version{}, errors.New("the version is given, so leave the preid out, or put it into the version")
	case n.Version != "":
		return prefix.Parse(n.Version)
	case n.Kind == "":
		return version.Version{}, errors.New("expected --kind=major, minor, patch or prerelease, or --version, found none of them")
	}
	kind, err := version.ParseKind(n.Kind)
	if err != nil {
		return version.Version{}, err
	}
	if l.from(kind) == (version.Version{}) {
		return version.Version{}, fmt.Errorf("no version file and no tag says what to raise: give the first version itself, --version=0.1.0")
	}
	return l.raised(kind, n.Preid)
}

// bumped is the next version, the files that say one now, and what then differs: nothing, when they say it already.
type bumped struct {
	version version.Version
	files   []versionfile.Source
	changed []versionfile.Source
	removed []string // fragments, whose text is in the changelog now
}

func (r *Run) bump(ctx context.Context, next Next) (bumped, error) {
	c, err := r.carriers()
	if err != nil {
		return bumped{}, err
	}
	for _, lock := range c.wrong {
		_, end := step(ctx, lock) // the result is a change, which has no place for words
		end(nil)
	}
	v, err := r.nextAfter(c.files, next)
	if err != nil {
		return bumped{}, err
	}
	b := bumped{version: v, files: c.files}
	if len(c.files) > 0 {
		after, err := versionfile.RewriteAll(c.files, v)
		if err != nil {
			return bumped{}, refuseState("nothing was changed", "%w", err)
		}
		b.changed = differing(c.files, after)
	}
	err = r.moveWritten(ctx, &b)
	return b, err
}

// moveWritten gives a stable version its section in the changelog that people write. Prereleases show what is unreleased,
// which is collected up to the stable one.
func (r *Run) moveWritten(ctx context.Context, b *bumped) error {
	if b.version.IsPrerelease() {
		return nil
	}
	text, err := r.written(ctx, r.tagBefore(b.version.String()), r.head(), r.config.tagPrefix.Tag(b.version))
	if err != nil {
		return err
	}
	moved, _ := written.Move(r.source.files, text, b.version, r.started.UTC())
	if moved.Path != "" {
		b.changed = append(b.changed, versionfile.Source{Path: moved.Path, Content: moved.Content})
	}
	b.removed = moved.Consumed
	return nil
}

// nextAfter is the next version, which has no tag if only its kind is given. One that is given itself may align the files
// with what is released.
func (r *Run) nextAfter(files []versionfile.Source, next Next) (version.Version, error) {
	var l lineage
	var err error
	if next.Kind != "" {
		if l, err = r.lineage(files); err != nil {
			return version.Version{}, err
		}
	}
	v, err := next.of(l, r.config.tagPrefix)
	switch {
	case err != nil:
		return version.Version{}, refuseInput(err)
	case next.Kind != "":
		return v, r.checkGitTagFree(v)
	}
	return v, nil
}

func differing(before, after []versionfile.Source) (changed []versionfile.Source) {
	for i := range after {
		if string(before[i].Content) != string(after[i].Content) {
			changed = append(changed, after[i])
		}
	}
	return changed
}

// in makes the changes in a folder.
func (b bumped) in(dir *dagger.Directory) *dagger.Directory {
	for _, file := range b.changed {
		dir = dir.WithNewFile(file.Path, string(file.Content))
	}
	for _, name := range b.removed {
		dir = dir.WithoutFile(name)
	}
	return dir
}

// paths are the files that differ.
func (b bumped) paths() (all []string) {
	for _, file := range b.changed {
		all = append(all, file.Path)
	}
	return append(all, b.removed...)
}

// checkBump refuses a bump of nothing.
func (r *Run) checkBump(b bumped) error {
	if len(b.files) > 0 || len(b.paths()) > 0 {
		return nil
	}
	_, silent, err := r.versionFiles()
	if err != nil {
		return err
	}
	return refuseState("the tag alone is the version: dagger call create-release --version="+b.version.String(),
		"no version file says a version, so there is nothing to bump: %s", silent)
}

// Bump returns the change that makes the version files say the next version.
func (p Pipeline) Bump(ctx context.Context, next Next) (*dagger.Changeset, error) {
	r, err := p.loaded(ctx)
	if err != nil {
		return nil, plain(err)
	}
	b, err := r.bump(ctx, next)
	if err == nil {
		err = r.checkBump(b)
	}
	if err != nil {
		return nil, plain(err)
	}
	return b.in(r.config.Source).Changes(r.config.Source), nil
}

// NextVersion says what the commits since the last release call for.
func (p Pipeline) NextVersion(ctx context.Context) (string, error) {
	r, err := p.loaded(ctx)
	if err != nil {
		return "", plain(err)
	}
	found, err := r.propose(ctx)
	if err != nil {
		return "", plain(err)
	}
	return found.text(), nil
}

// loaded is a run that has read its source and has no version yet.
func (p Pipeline) loaded(ctx context.Context) (*Run, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return nil, err
	}
	return r, r.load(ctx)
}
