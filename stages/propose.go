package stages

import (
	"context"
	"fmt"
	"strings"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/version"
)

// proposal is what the commits since the last release call for.
type proposal struct {
	current version.Version // what the files say
	last    version.Version // the last release before it; none if it is the first
	next    version.Version
	call    changelog.Call
}

// propose reads the commits since the last release.
func (r *Run) propose(ctx context.Context) (proposal, error) {
	if r.source.shallow {
		return proposal{}, refuseState("fetch everything first: git fetch --unshallow --tags --force", "the clone is shallow, so the commits since the last release are not known")
	}
	files, err := r.carriers()
	if err != nil {
		return proposal{}, err
	}
	p := proposal{}
	if p.current, err = r.current(files); err != nil {
		return proposal{}, err
	}
	p.last = lastRelease(p.current, r.tagged())
	tag, _ := r.tagOf(p.last)
	notes, err := r.notesBetween(ctx, tag, r.source.commit, "HEAD")
	if err != nil {
		return proposal{}, err
	}
	p.call = notes.Calls(p.last.String())
	p.next, err = p.suggested()
	return p, err
}

// lastRelease is the current version if it has been released, else the one before it.
func lastRelease(current version.Version, known []version.Version) version.Version {
	for _, v := range known {
		if v == current {
			return v
		}
	}
	previous, _ := version.Previous(current, known)
	return previous
}

// suggested is the lowest version that the commits allow: the one in the files when it is not released yet and high
// enough, else the last release raised.
func (p proposal) suggested() (version.Version, error) {
	if p.last == (version.Version{}) {
		return p.current, nil
	}
	needed, err := version.Bump(p.last, version.Kind(p.call.Kind), "")
	if err == nil && p.current != p.last && p.current.Compare(needed) >= 0 {
		return p.current, nil
	}
	return needed, err
}

// firstVersion is what SemVer advises to begin with.
var firstVersion, _ = version.Parse("0.1.0")

// text says what to release next, and why.
func (p proposal) text() string {
	if p.current == (version.Version{}) {
		return fmt.Sprintf("No version file and no tag says a version: this is the first release, say %s.\n", firstVersion)
	}
	if p.last == (version.Version{}) {
		return fmt.Sprintf("%s: nothing has been released yet, and the version files say it.\n", p.next)
	}
	text := fmt.Sprintf("%s: the commits since %s call for a %s version (%s).\n", p.next, p.last, p.call.Kind, p.call.Reason)
	if p.current != p.last {
		text += fmt.Sprintf("The version files say %s, which is not released yet.\n", p.current)
	}
	return text
}

// choices lists every kind of bump with the line that makes it.
func (p proposal) choices() string {
	var b strings.Builder
	line := func(name string, v version.Version, flags string) {
		mark := ""
		if v == p.next {
			mark = "   <- what the commits call for"
		}
		fmt.Fprintf(&b, "  %-10s  %-14s  dagger call create-release %s%s\n", name, v, flags, mark)
	}
	if p.current == (version.Version{}) {
		line("first", firstVersion, "--version="+firstVersion.String())
		return b.String()
	}
	if p.current != p.last {
		line("as it is", p.current, "--version="+p.current.String())
	}
	for _, kind := range version.Kinds {
		flags, preid := "--kind="+string(kind), ""
		if kind == version.Prerelease && !p.current.IsPrerelease() {
			preid = "rc"
			flags += " --preid=" + preid
		}
		if v, err := version.Bump(p.current, kind, preid); err == nil {
			line(string(kind), v, flags)
		}
	}
	return b.String()
}
