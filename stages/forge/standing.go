package forge

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// standingMark makes a draft the one that is kept for whatever is released next. It is found by it whatever its version is.
const standingMark = "<!-- slipway: standing draft -->"

var standingLine = regexp.MustCompile(regexp.QuoteMeta(standingMark) + `(\r?\n)*`)

// IsStanding says whether the release is a draft that is kept for whatever is released next. One that a person has published
// is a release like any other.
func (r Release) IsStanding() bool { return r.Draft && strings.Contains(r.Body, standingMark) }

// AsStanding is the draft as one that is kept for whatever is released next.
func AsStanding(r Release) Release {
	r.Draft = true
	if !strings.Contains(r.Body, standingMark) {
		r.Body = standingMark + "\n" + r.Body
	}
	return r
}

// NotStanding is the draft as one of a release.
func NotStanding(r Release) Release {
	r.Body = replacingLine.ReplaceAllString(standingLine.ReplaceAllString(r.Body, ""), "")
	return r
}

// replacingLine names a standing draft in the text of the one that takes its place, until all of it has come over.
var replacingLine = regexp.MustCompile(`<!-- slipway: takes the place of draft (\d+) -->(\r?\n)*`)

// Replacing is the draft as one that takes the place of a standing one, so that a run that is cut off at it can be finished.
func Replacing(r, standing Release) Release {
	r.Body = fmt.Sprintf("<!-- slipway: takes the place of draft %d -->\n", standing.ID) + NotStanding(r).Body
	return r
}

// Replaces says whether the release was made to take the place of the standing draft, and has not wholly done so.
func Replaces(r, standing Release) bool {
	named := replacingLine.FindStringSubmatch(r.Body)
	return named != nil && named[1] == strconv.FormatInt(standing.ID, 10)
}

// Replaced returns the standing draft of which not everything has come over into the release yet, nil if there is none.
func Replaced(releases []Release, r Release) *Release {
	at := slices.IndexFunc(releases, func(one Release) bool { return one.IsStanding() && Replaces(r, one) })
	if at < 0 {
		return nil
	}
	return &releases[at]
}

// Standing returns the standing draft of a product, nil if there is none. Its tags are those that ours says yes to.
func Standing(releases []Release, ours func(tag string) bool) (*Release, error) {
	found := slices.DeleteFunc(slices.Clone(releases), func(r Release) bool { return !r.IsStanding() || !ours(r.Tag) })
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	return nil, fmt.Errorf("there are %d standing drafts: %s; delete all but the right one and run again", len(found), list(found))
}

// FindLike returns what is there of a release that is to be made: a standing draft of its tag for a standing one, and else
// what Find returns.
func FindLike(releases []Release, r Release) (*Release, error) {
	if r.IsStanding() {
		return Standing(releases, func(tag string) bool { return tag == r.Tag })
	}
	return Find(releases, r.Tag, r.Commit)
}
