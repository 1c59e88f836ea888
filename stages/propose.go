package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/written"
)

// proposal is what the commits since the last release call for.
type proposal struct {
	lineage
	next  version.Version
	call  changelog.Call
	least bool     // most commits do not say what they are, so they may call for more
	locks []string // what is wrong with which lock
	in    changelog.Input
}

// propose reads the commits since the last release.
func (r *Run) propose(ctx context.Context) (proposal, error) {
	if r.source.shallow {
		return proposal{}, refuseState("fetch everything first: git fetch --unshallow --tags --force", "the clone is shallow, so the commits since the last release are not known")
	}
	c, err := r.carriers()
	if err != nil {
		return proposal{}, err
	}
	l, err := r.lineage(c.files)
	if err != nil {
		return proposal{}, err
	}
	tag, _ := r.tagOf(l.last)
	in, err := r.inputBetween(ctx, tag, r.head())
	if err != nil {
		return proposal{}, err
	}
	text, err := r.written(ctx, tag, r.head(), "")
	if err != nil {
		return proposal{}, err
	}
	p := proposal{lineage: l, locks: c.wrong, in: in}
	p.call, p.least = calledFor(r.notesOf(in, "HEAD"), l.last)
	p.call, p.least = raisedBy(text, p.call, p.least)
	p.next, err = l.suggested(version.Kind(p.call.Kind))
	return p, err
}

// calledFor is what the notes call for. Where most commits do not say what they are, nobody knows that nothing in them breaks.
func calledFor(notes changelog.Notes, last version.Version) (call changelog.Call, least bool) {
	call = notes.Calls(last.String())
	silent, all := notes.Untyped()
	if call.Kind == changelog.Major || 2*silent <= all {
		return call, false
	}
	unsaid := fmt.Sprintf("%d of %d commits do not say what they are", silent, all)
	if call.Kind == changelog.Minor {
		unsaid = call.Reason + "; " + unsaid
	}
	return changelog.Call{Kind: call.Kind, Reason: unsaid}, true
}

// raisedBy is the call of the fragments, where it is the higher one or the commits say little.
func raisedBy(text written.Text, call changelog.Call, least bool) (changelog.Call, bool) {
	rank := func(kind version.Kind) int { return slices.Index(version.Kinds, kind) } // the highest first
	byText, byCommits := rank(text.Calls), rank(version.Kind(call.Kind))
	if byText < 0 || byText > byCommits || byText == byCommits && !least {
		return call, least
	}
	return changelog.Call{Kind: string(text.Calls), Reason: fmt.Sprintf("%s says %s", text.CalledBy, text.Calls)}, false
}

// firstVersion is what SemVer advises to begin with.
var firstVersion, _ = version.Parse("0.1.0")

// text says what to release next, and why.
func (p proposal) text() string {
	lines := append([]string{p.reason()}, p.remarks()...)
	return strings.Join(append(lines, p.locks...), "\n") + "\n"
}

func (p proposal) reason() string {
	switch {
	case p.first():
		return fmt.Sprintf("No version file and no tag says a version: this is the first release, say %s.", firstVersion)
	case p.last == (version.Version{}):
		return fmt.Sprintf("%s: nothing has been released yet, and the version files say it.", p.next)
	case p.least:
		return fmt.Sprintf("%s: the commits since %s call for at least a %s version (%s).", p.next, p.last, p.call.Kind, p.call.Reason)
	}
	return fmt.Sprintf("%s: the commits since %s call for a %s version (%s).", p.next, p.last, p.call.Kind, p.call.Reason)
}

// first says whether there is nothing to go on from.
func (p proposal) first() bool {
	none := version.Version{}
	return (p.files == none || p.files == unversioned) && p.last == none
}

// remarks are what a reader has to know of the versions besides.
func (p proposal) remarks() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if p.last == (version.Version{}) {
		return nil
	}
	if !slices.Contains(p.merged, p.last) {
		add("The tag of %s is not in the history of this commit.", p.last)
	}
	if kind := version.Kind(p.call.Kind); p.room(kind) != kind && p.next != p.planned() {
		top, _ := highest(p.known, stable)
		add("Other branches have released up to %s, which leaves a %s version here.", top, p.room(kind))
	}
	switch {
	case p.behind():
		add("The version files say %s, which is behind. create-release sets them; to align them before: dagger call bump --version=%s", p.files, p.last)
	case p.files == p.planned() && p.files != (version.Version{}):
		add("The version files say %s, which is not released yet.", p.files)
	case p.next == p.planned():
		add("The version files say %s, which this finishes.", p.files)
	}
	return lines
}

// choices lists every kind of bump that leads to a free version, with the line that makes it.
func (p proposal) choices() string {
	var b strings.Builder
	line := func(name string, v version.Version, flags string) {
		mark := ""
		switch {
		case v == p.next && p.least:
			mark = "   <- the least that the commits call for"
		case v == p.next:
			mark = "   <- what the commits call for"
		}
		fmt.Fprintf(&b, "  %-10s  %-14s  dagger call create-release %s%s\n", name, v, flags, mark)
	}
	if p.first() {
		line("first", firstVersion, "--version="+firstVersion.String())
		return b.String()
	}
	if p.files == p.planned() && p.files != (version.Version{}) {
		line("as it is", p.files, "--version="+p.files.String())
	}
	for _, kind := range version.Kinds {
		flags, preid := "--kind="+string(kind), ""
		if kind == version.Prerelease && !p.from(kind).InSeries() {
			preid = "rc"
			flags += " --preid=" + preid
		}
		if v, err := p.raised(kind, preid); err == nil && !p.released(v) {
			line(string(kind), v, flags)
		}
	}
	return b.String()
}
