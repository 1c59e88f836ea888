package stages

import (
	"cmp"
	"context"
	"fmt"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// checkBetween refuses two releases the wrong way round, between which nothing was changed.
func (r *Run) checkBetween(from, to string) error {
	if from == "" || to == "" {
		return nil
	}
	after, errFrom := r.config.tagPrefix.Parse(from)
	end, errTo := r.config.tagPrefix.Parse(to)
	switch {
	case errFrom != nil || errTo != nil:
		return refuseInput(cmp.Or(errFrom, errTo))
	case after.Compare(end) >= 0:
		return refuseInput(fmt.Errorf("expected a version before %s in --from, found %s", end, after))
	}
	return nil
}

// changelogBetween makes notes outside of a release: from one tag (the release before `to` when it is not given) to
// another (the last commit when it is not given).
func (r *Run) changelogBetween(ctx context.Context, from, to string) (changelog.Notes, error) {
	if r.source.shallow {
		return changelog.Notes{}, refuseState("fetch everything first: git fetch --unshallow --tags --force", "the clone is shallow, so the notes would be cut short")
	}
	end, title := r.head(), r.source.commit[:7]
	if to != "" {
		tag, err := r.releaseTag(to)
		if err != nil {
			return changelog.Notes{}, err
		}
		end, title = tag, tag.Name
	}
	if from == "" {
		return r.notesBetween(ctx, r.tagBefore(to), end, title)
	}
	tag, err := r.releaseTag(from)
	if err != nil {
		return changelog.Notes{}, err
	}
	return r.notesBetween(ctx, tag, end, title)
}

// releaseTag finds the tag of a version that was released.
func (r *Run) releaseTag(text string) (release.Tag, error) {
	v, err := r.config.tagPrefix.Parse(text)
	if err != nil {
		return release.Tag{}, refuseInput(err)
	}
	tag, ok := r.tagOf(v)
	if !ok {
		return release.Tag{}, refuseState("name one of git's tags, or fetch them: git fetch --tags", "git has no tag for version %s", v)
	}
	return tag, nil
}

// tagBefore is the tag that notes up to a version start after; the highest stable one for the last commit.
func (r *Run) tagBefore(to string) release.Tag {
	known := r.tagged()
	var before version.Version
	if v, err := r.config.tagPrefix.Parse(to); err == nil {
		before, _ = version.Previous(v, known)
	} else if highest, ok := version.Floating(known)["latest"]; ok {
		before = highest
	}
	tag, _ := r.tagOf(before)
	return tag
}
