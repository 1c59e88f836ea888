package version

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says which part of a version a bump raises.
type Kind string

// The kinds of bump. Major, Minor and Patch of a prerelease that already leads there finish it: 2.0.0-rc.1 is 2.0.0.
const (
	Major      Kind = "major"
	Minor      Kind = "minor"
	Patch      Kind = "patch"
	Prerelease Kind = "prerelease"
)

// Kinds lists every kind of bump.
var Kinds = []Kind{Major, Minor, Patch, Prerelease}

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	if kind := Kind(name); slices.Contains(Kinds, kind) {
		return kind, nil
	}
	return "", fmt.Errorf("expected the bump to be major, minor, patch or prerelease, found %s; pass one of these", quote(name))
}

// Bump returns the next version, which is always higher. The preid names the series of a Prerelease (alpha, beta, rc or
// dev); without one the series of the current prerelease goes on. The other kinds take none.
func Bump(current Version, kind Kind, preid string) (Version, error) {
	if _, err := ParseKind(string(kind)); err != nil {
		return Version{}, err
	}
	if fault := wrongPreid(current, kind, preid); fault != "" {
		return Version{}, fmt.Errorf("cannot bump %s: %s", current, fault)
	}
	next, err := Parse(nextText(current, kind, preid))
	if err != nil {
		return Version{}, err
	}
	if next.Compare(current) <= 0 {
		return Version{}, fmt.Errorf("cannot bump %s: expected a higher version, found %s; pass the next version yourself",
			current, next)
	}
	return next, nil
}

func wrongPreid(current Version, kind Kind, preid string) string {
	_, _, numbered := current.numberedPrerelease()
	switch {
	case kind != Prerelease && preid != "":
		return fmt.Sprintf("expected no preid with %s, found %s; leave it out or bump prerelease", kind, quote(preid))
	case kind == Prerelease && preid == "" && !numbered:
		return "expected a preid, because there is no series to go on with, found none; pass alpha, beta, rc or dev"
	case preid != "" && pep440Marks[preid] == "":
		return fmt.Sprintf("expected the preid to be alpha, beta, rc or dev, found %s; pass one of these", quote(preid))
	}
	return ""
}

// nextText may overflow a number; Bump sees that by the result not being higher.
func nextText(current Version, kind Kind, preid string) string {
	major, minor, patch := current.Major(), current.Minor(), current.Patch()
	unfinished := current.IsPrerelease()
	switch {
	case kind == Prerelease:
		return nextPrerelease(current, preid)
	case kind == Major && !(unfinished && minor == 0 && patch == 0):
		return fmt.Sprintf("%d.0.0", major+1)
	case kind == Minor && !(unfinished && patch == 0):
		return fmt.Sprintf("%d.%d.0", major, minor+1)
	case kind == Patch && !unfinished:
		return fmt.Sprintf("%d.%d.%d", major, minor, patch+1)
	}
	return finished(current)
}

func nextPrerelease(current Version, preid string) string {
	if !current.IsPrerelease() {
		return fmt.Sprintf("%d.%d.%d-%s.1", current.Major(), current.Minor(), current.Patch()+1, preid)
	}
	name, number, _ := current.numberedPrerelease()
	if preid == "" || preid == name {
		return fmt.Sprintf("%s-%s.%d", finished(current), name, number+1)
	}
	return fmt.Sprintf("%s-%s.1", finished(current), preid)
}

func finished(v Version) string {
	text, _, _ := strings.Cut(v.String(), "-")
	return text
}
