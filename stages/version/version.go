// Package version says what a version is, how it is spelled for images, Git and Python, and which tags it moves.
package version

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Version is one accepted version. Equal versions are ==, and the zero value is no version.
type Version struct{ sem semver.Version }

// Parse accepts SemVer 2.0.0 without build metadata, after removing one leading v, and repairs nothing.
// The error names the rule that the input breaks.
func Parse(input string) (Version, error) {
	return parse(input, strings.TrimPrefix(input, "v"))
}

// parse reads the text that is left of an input.
func parse(input, text string) (Version, error) {
	fault := firstFault(text)
	sem, err := semver.StrictNewVersion(text)
	if fault == "" && err != nil {
		fault = err.Error()
	}
	if fault != "" {
		return Version{}, fmt.Errorf("version %s is refused: %s; pass one like 1.2.3 or 1.2.3-rc.1", quote(input), fault)
	}
	return Version{*sem}, nil
}

// FromTag reads an existing image tag. A tag that is not strictly a version, such as v1 or nightly, is none.
func FromTag(tag string) (Version, bool) {
	v, err := Parse(tag)
	return v, err == nil
}

// String returns the version as image tags spell it: 1.2.3.
func (v Version) String() string { return v.sem.Original() }

// Major returns the first number.
func (v Version) Major() uint64 { return v.sem.Major() }

// Minor returns the second number.
func (v Version) Minor() uint64 { return v.sem.Minor() }

// Patch returns the third number.
func (v Version) Patch() uint64 { return v.sem.Patch() }

// IsPrerelease says whether something like -rc.1 follows the numbers.
func (v Version) IsPrerelease() bool { return v.sem.Prerelease() != "" }

// Compare orders by SemVer precedence, which is not the order of PEP 440: -1 if v is lower, 0 if equal, 1 if higher.
func (v Version) Compare(other Version) int { return v.sem.Compare(&other.sem) }

// Previous returns the version that the notes of v start from, or false for the first one. A stable version starts
// from the highest lower stable one, a prerelease from an earlier prerelease of the same numbers if there is one.
func Previous(v Version, known []Version) (Version, bool) {
	if v.IsPrerelease() {
		if previous, ok := highestBelow(v, known, v.sameNumbers); ok {
			return previous, true
		}
	}
	return highestBelow(v, known, func(k Version) bool { return !k.IsPrerelease() })
}

// sameNumbers says whether both are X.Y.Z of one release, prereleases included.
func (v Version) sameNumbers(other Version) bool { return v.numbers() == other.numbers() }

func (v Version) numbers() [3]uint64 { return [3]uint64{v.Major(), v.Minor(), v.Patch()} }

func highestBelow(v Version, known []Version, wanted func(Version) bool) (highest Version, ok bool) {
	for _, k := range known {
		if k.Compare(v) < 0 && wanted(k) && (!ok || k.Compare(highest) > 0) {
			highest, ok = k, true
		}
	}
	return highest, ok
}
