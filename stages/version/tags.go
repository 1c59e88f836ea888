package version

import (
	"fmt"
	"slices"
	"strings"
)

// latest is the floating tag whose scope is every stable version.
const latest = "latest"

// noMajor is the MAJOR tag that never exists: 0.x promises no compatibility.
const noMajor = "0"

// Decision says what a release does to one floating tag, and why in a few words.
type Decision struct {
	Tag    string
	Moves  bool
	Reason string
}

// FloatingTags decides on MAJOR.MINOR, MAJOR and latest, in the order of promotion. The known versions may hold
// prereleases and v itself; withdrawn ones are the caller's to leave out.
func FloatingTags(v Version, known []Version) []Decision {
	top := Floating(append([]Version{v}, known...))
	var decisions []Decision
	for _, tag := range scopes(v) {
		decisions = append(decisions, decide(v, tag, top[tag]))
	}
	return decisions
}

// Floating returns where every floating tag belongs: at the highest stable version of its scope. A tag that is not in
// the answer has no such version.
func Floating(known []Version) map[string]Version {
	top := map[string]Version{}
	for _, v := range known {
		if v.IsPrerelease() {
			continue
		}
		for _, tag := range scopes(v) {
			if best, ok := top[tag]; !ok || v.Compare(best) > 0 {
				top[tag] = v
			}
		}
	}
	delete(top, noMajor)
	return top
}

func decide(v Version, tag string, top Version) Decision {
	switch {
	case v.IsPrerelease():
		return Decision{Tag: tag, Reason: "prerelease"}
	case tag == noMajor:
		return Decision{Tag: tag, Reason: "no tag 0 before 1.0.0"}
	case top != v:
		return Decision{Tag: tag, Reason: top.String() + " is higher"}
	}
	return Decision{Tag: tag, Moves: true, Reason: "no stable version is higher"}
}

// scopes go from narrow to wide, so that a failed promotion leaves the tags that most people follow untouched.
func scopes(v Version) []string {
	return []string{fmt.Sprintf("%d.%d", v.Major(), v.Minor()), fmt.Sprint(v.Major()), latest}
}

// ShaTag returns the tag that names a commit: sha- and its first 7 digits, or more while taken says that something
// else stands there. Without the prefix, a name of digits only would read as a version.
func ShaTag(revision string, taken func(tag string) bool) (string, error) {
	if !isRevision(revision) {
		return "", fmt.Errorf("expected a full commit id of 40 or 64 lower-case hex digits, found %s; "+
			"pass what git rev-parse HEAD prints", quote(revision))
	}
	for length := 7; length <= len(revision); length++ {
		if tag := "sha-" + revision[:length]; !taken(tag) {
			return tag, nil
		}
	}
	return "", fmt.Errorf("expected the image tag sha-%s to be free or of this release, found another image; "+
		"remove that tag from the registry", revision)
}

func isRevision(text string) bool {
	return slices.Contains([]int{40, 64}, len(text)) && strings.Trim(text, "0123456789abcdef") == ""
}
