package forge

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Find returns the release or draft of the tag, nil if there is none (P3, P4). A draft must not belong to another commit;
// a published release belongs to whatever its Git tag names, which is for the caller to check. A standing draft is no tag's.
func Find(releases []Release, tag, commit string) (*Release, error) {
	var found []Release
	for _, r := range releases {
		if r.Tag == tag && !r.IsStanding() {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		return nil, fmt.Errorf("there are %d releases and drafts for %s: %s; delete all but the right one and run again",
			len(found), tag, list(found))
	}
	r := found[0]
	if r.Draft && !r.MayBeOf(commit) {
		return nil, fmt.Errorf("the draft release %s belongs to commit %s, this is commit %s: check out the first to finish it, "+
			"or delete the draft", list(found), r.Commit, commit)
	}
	return &r, nil
}

// MayBeOf says whether the draft is of the commit. One that names a branch, because the forge took no commit, is bound by its
// tag alone.
func (r Release) MayBeOf(commit string) bool {
	return r.Commit == commit || !fullHash.MatchString(r.Commit)
}

func list(releases []Release) string {
	var ids []string
	for _, r := range releases {
		state := "published"
		if r.Draft {
			state = "draft"
		}
		ids = append(ids, fmt.Sprintf("%d (%s, %s)", r.ID, state, r.URL))
	}
	return strings.Join(ids, ", ")
}

var assetName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// WithTitle is the title of the release, found or new: one that a person has given it is kept.
func WithTitle(found Release, ours string) string {
	if title := strings.TrimSpace(found.Title); title != "" && title != found.Tag {
		return found.Title
	}
	return ours
}

// check refuses names that a forge would change, because such an asset would not be found again.
func (f File) check() error {
	if !assetName.MatchString(f.Name) {
		return fmt.Errorf("%q is not a name for a release asset: use letters, digits and . _ - between them", f.Name)
	}
	if len(f.Data) == 0 {
		return errors.New(f.Name + " is empty: forges refuse empty release assets")
	}
	return nil
}
