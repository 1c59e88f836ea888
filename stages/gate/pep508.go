package gate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// requirement is one line of a Python manifest or lock file.
type requirement struct {
	text   string
	name   string // normalised
	limits []limit
	marker bool // only for some platforms or Python versions, which are not known here
	direct bool // a URL instead of a version
}

// limit is one part of a version specifier, ">=" and "2.31" say.
type limit struct{ op, version string }

var (
	requirementShape = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(.*)\z`)
	limitShape       = regexp.MustCompile(`^(===|==|~=|!=|<=|>=|<|>)\s*([^\s=<>!~]+)\z`)
	separators       = regexp.MustCompile(`[-_.]+`)
	numeric          = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})*\z`)
)

// normalName is the name under which Python's index knows a package.
func normalName(name string) string { return strings.ToLower(separators.ReplaceAllString(name, "-")) }

// parseRequirement reads a PEP 508 requirement such as `httpx[http2] >=0.27,<1 ; python_version > "3.9"`.
func parseRequirement(text string) (requirement, error) {
	wrong := fmt.Errorf("%q is not a requirement such as name>=1.2", oneLine(text))
	m := requirementShape.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return requirement{}, wrong
	}
	r := requirement{text: text, name: normalName(m[1])}
	if strings.HasPrefix(m[2], "@") {
		r.direct, r.marker = true, strings.Contains(m[2], " ;")
		return r, nil
	}
	versions, _, marked := strings.Cut(m[2], ";")
	r.marker = marked
	versions = strings.TrimSpace(versions)
	if strings.HasPrefix(versions, "(") && strings.HasSuffix(versions, ")") {
		versions = versions[1 : len(versions)-1]
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(versions, ","), ",") {
		if part = strings.TrimSpace(part); part == "" && versions == "" {
			break
		}
		l := limitShape.FindStringSubmatch(part)
		if l == nil {
			return requirement{}, wrong
		}
		r.limits = append(r.limits, limit{l[1], l[2]})
	}
	return r, nil
}

// pinned is the one version that the requirement allows, "" if it allows several.
func (r requirement) pinned() string {
	if len(r.limits) == 1 && strings.HasPrefix(r.limits[0].op, "==") && !strings.HasSuffix(r.limits[0].version, ".*") {
		return r.limits[0].version
	}
	return ""
}

// allows says whether a version satisfies all limits. What cannot be compared (prereleases, other schemes) is
// left to the package manager and does not count against the version.
func (r requirement) allows(version string) bool {
	for _, l := range r.limits {
		if ok, known := l.allows(version); known && !ok {
			return false
		}
	}
	return true
}

func (l limit) allows(version string) (ok, known bool) {
	if l.op == "===" {
		return version == l.version, true
	}
	version, _, _ = strings.Cut(version, "+") // a local build satisfies what its version does
	wanted, wildcard := strings.CutSuffix(l.version, ".*")
	have, okHave := release(version)
	want, okWant := release(wanted)
	if !okHave || !okWant || wildcard && l.op != "==" && l.op != "!=" {
		return false, false
	}
	order := compareReleases(have, want)
	switch l.op {
	case "==":
		return order == 0 || wildcard && hasPrefix(have, want), true
	case "!=":
		return order != 0 && !(wildcard && hasPrefix(have, want)), true
	case ">=":
		return order >= 0, true
	case "<=":
		return order <= 0, true
	case ">":
		return order > 0, true
	case "<":
		return order < 0, true
	}
	if len(want) < 2 { // "~=2" is not valid
		return false, false
	}
	return order >= 0 && hasPrefix(have, want[:len(want)-1]), true
}

// release reads a version that is only numbers and dots.
func release(version string) ([]int, bool) {
	if !numeric.MatchString(version) {
		return nil, false
	}
	var parts []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		parts = append(parts, n)
	}
	return parts, true
}

// compareReleases orders versions by their numbers; 2.0 and 2.0.0 are the same version.
func compareReleases(a, b []int) int {
	for i := range max(len(a), len(b)) {
		if d := at(a, i) - at(b, i); d != 0 {
			return d
		}
	}
	return 0
}

// hasPrefix says whether a version lies within a series such as 2.31.
func hasPrefix(version, series []int) bool {
	for i := range series {
		if at(version, i) != series[i] {
			return false
		}
	}
	return true
}

// at is a number of a version, which has zeros without end.
func at(version []int, i int) int {
	if i < len(version) {
		return version[i]
	}
	return 0
}
