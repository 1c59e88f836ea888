package stages

import (
	"context"
	"errors"
	"fmt"
	"path"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
)

// Next is what a caller says about the next version: a kind, or the version itself.
type Next struct {
	Kind    string
	Version string
	Preid   string
}

func (n Next) empty() bool { return n == Next{} }

// of is the version that comes after the current one. A given one may be the name of its tag.
func (n Next) of(current version.Version, prefix version.TagPrefix) (version.Version, error) {
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
	if current == (version.Version{}) {
		return version.Version{}, fmt.Errorf("no version file and no tag says what to raise: give the first version itself, --version=0.1.0")
	}
	return version.Bump(current, kind, n.Preid)
}

// twins are lock files that stand beside a version file and repeat its version.
var twins = map[string]string{"package.json": "package-lock.json", "pyproject.toml": "uv.lock"}

// carrierNames are a version file and the lock file beside it.
func carrierNames(file string) []string {
	names := []string{file}
	if lock := twins[path.Base(file)]; lock != "" {
		names = append(names, path.Join(path.Dir(file), lock))
	}
	return names
}

// carriers are the version files, and the lock files beside them, that say a version.
func (r *Run) carriers() ([]versionfile.Source, error) {
	var found []versionfile.Source
	for _, name := range r.config.versionFiles {
		for _, name := range carrierNames(name) {
			if text, ok := r.source.files[name]; ok {
				found = append(found, versionfile.Source{Path: name, Content: text})
			}
		}
	}
	return carrying(found)
}

// carrying leaves out the files in which there is nothing to change.
func carrying(sources []versionfile.Source) ([]versionfile.Source, error) {
	var found []versionfile.Source
	for _, s := range sources {
		file, err := versionfile.Read(s.Path, s.Content)
		if err != nil {
			return nil, refuseState("correct the file", "%w", err)
		}
		if file.State == versionfile.Found {
			found = append(found, s)
		}
	}
	return found, nil
}

// current is the version that the files say; without any, the highest that git's tags say.
func (r *Run) current(files []versionfile.Source) (version.Version, error) {
	if len(files) == 0 {
		return highest(r.tagged()), nil
	}
	file, err := versionfile.Read(files[0].Path, files[0].Content)
	if err != nil {
		return version.Version{}, err
	}
	v, ok := file.Current()
	if !ok {
		return version.Version{}, refuseState("give the next version itself, with --version", "%s says %q, which is no version that can be released", file.Path, file.Version)
	}
	return v, nil
}

func highest(known []version.Version) (top version.Version) {
	for _, v := range known {
		if top == (version.Version{}) || v.Compare(top) > 0 {
			top = v
		}
	}
	return top
}

// bumped is the next version, the files that say one now, and what of them then differs: nothing, when they say it already.
type bumped struct {
	version version.Version
	files   []versionfile.Source
	changed []versionfile.Source
}

func (r *Run) bump(ctx context.Context, next Next) (bumped, error) {
	files, err := r.carriers()
	if err != nil {
		return bumped{}, err
	}
	current := version.Version{}
	if next.Kind != "" {
		if current, err = r.current(files); err != nil {
			return bumped{}, err
		}
	}
	v, err := next.of(current, r.config.tagPrefix)
	if err != nil {
		return bumped{}, refuseInput(err)
	}
	if len(files) == 0 {
		return bumped{version: v}, nil
	}
	after, err := versionfile.RewriteAll(files, v)
	if err != nil {
		return bumped{}, refuseState("nothing was changed", "%w", err)
	}
	return bumped{version: v, files: files, changed: differing(files, after)}, nil
}

func differing(before, after []versionfile.Source) (changed []versionfile.Source) {
	for i := range after {
		if string(before[i].Content) != string(after[i].Content) {
			changed = append(changed, after[i])
		}
	}
	return changed
}

// in writes the changed files into a folder.
func (b bumped) in(dir *dagger.Directory) *dagger.Directory {
	for _, file := range b.changed {
		dir = dir.WithNewFile(file.Path, string(file.Content))
	}
	return dir
}

// checkBump refuses a bump of nothing.
func (r *Run) checkBump(b bumped) error {
	if len(b.files) > 0 {
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
