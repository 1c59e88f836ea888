package version

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// pep440Marks maps the prerelease names that Python can express to its spelling of them.
var pep440Marks = map[string]string{"alpha": "a", "beta": "b", "rc": "rc", "dev": ".dev"}

// pep440Names maps every spelling that PEP 440 takes as equal to the name in SemVer.
var pep440Names = map[string]string{
	"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta", "dev": "dev",
	"c": "rc", "rc": "rc", "pre": "rc", "preview": "rc",
}

// pep440Form matches the part of PEP 440 that has a counterpart here: no post-release, local label or other epoch.
var pep440Form = regexp.MustCompile(`(?i)^\s*v?(?:0+!)?0*([0-9]+)\.0*([0-9]+)\.0*([0-9]+)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|rc|c|dev)[-_.]?0*([0-9]*))?\s*$`)

// PEP440 returns the version as Python spells it: 1.3.0-rc.1 is 1.3.0rc1. Prereleases other than alpha.N, beta.N, rc.N
// and dev.N are refused: Python has no form for them, or reads them as a later version.
func (v Version) PEP440() (string, error) {
	if !v.IsPrerelease() {
		return v.String(), nil
	}
	name, number, ok := v.numberedPrerelease()
	if !ok {
		return "", fmt.Errorf("version %s has no Python form (PEP 440): expected the prerelease to be alpha.N, beta.N, "+
			"rc.N or dev.N, found %s; pass one like %d.%d.%d-rc.1",
			quote(v.String()), quote(v.sem.Prerelease()), v.Major(), v.Minor(), v.Patch())
	}
	return fmt.Sprintf("%d.%d.%d%s%d", v.Major(), v.Minor(), v.Patch(), pep440Marks[name], number), nil
}

// FromPEP440 reads a version of a Python project in any spelling that means the same: 1.3.0rc1 and 1.3.0-RC.1 are
// 1.3.0-rc.1. What has no counterpart, such as 1.3 or 1.3.0.post1, is none.
func FromPEP440(text string) (Version, bool) {
	m := pep440Form.FindStringSubmatch(text)
	if m == nil {
		return Version{}, false
	}
	semantic := strings.Join(m[1:4], ".")
	if name := strings.ToLower(m[4]); name != "" {
		semantic += "-" + pep440Names[name] + "." + orZero(m[5])
	}
	return FromTag(semantic)
}

// orZero fills in the number that PEP 440 lets one leave out.
func orZero(digits string) string {
	if digits == "" {
		return "0"
	}
	return digits
}

// InSeries says whether a bump can go on from the prerelease: after rc.1 comes rc.2, and after nightly.20260101 nothing.
func (v Version) InSeries() bool {
	_, _, ok := v.numberedPrerelease()
	return ok
}

// numberedPrerelease splits rc.1, and answers false for a prerelease of any other kind.
func (v Version) numberedPrerelease() (name string, number uint64, ok bool) {
	name, digits, _ := strings.Cut(v.sem.Prerelease(), ".")
	if pep440Marks[name] == "" || !isNumber(digits) {
		return "", 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return name, number, err == nil
}
