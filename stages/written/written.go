// Package written finds what people wrote for a version: its section in a changelog that they keep by hand, or the fragments
// that towncrier, changie or changesets collect in the repository. It has no input or output of its own.
package written

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/version"
)

// Files are files of a repository by their paths: those of Names, and those in Folders.
type Files map[string][]byte

// Names are the files to look at first, besides what lies in Folders.
var Names = slices.Concat(changelogs, []string{towncrierFile, pyproject}, changieFiles, []string{changesetsFile})

// changelogs are the names of a changelog that is kept by hand, the most usual first.
var changelogs = []string{"CHANGELOG.md", "Changelog.md", "changelog.md", "CHANGES.md", "HISTORY.md"}

// Text is what people wrote for a version.
type Text struct {
	// Own is the section of the changelog, as it is written there.
	Own string
	// Fragments are the files that the rest comes from.
	Fragments []string
	// Calls is the kind of version that the fragments call for, empty if they don't say; CalledBy is the file that does.
	Calls    version.Kind
	CalledBy string

	groups []group
}

// Section is what stands in the changelog under a version's own heading, if there is one.
func Section(files Files, v version.Version) (Text, bool) {
	for _, name := range changelogs {
		p := parse(files.text(name))
		if s, ok := p.section(isOf(v)); ok {
			return Text{Own: p.own(s)}, true
		}
	}
	return Text{}, false
}

// Upcoming is what is written for the next version, whichever that is: what the changelog calls unreleased, and the fragments.
func Upcoming(files Files) (Text, error) {
	var t Text
	if _, p, s, ok := files.unreleased(); ok {
		t.Own = p.own(s)
	}
	all, err := tools(files)
	if err != nil {
		return Text{}, err
	}
	for _, tool := range all {
		changes, err := tool.changes(files)
		if err != nil {
			return Text{}, err
		}
		t.add(tool, changes)
	}
	return t, nil
}

// Mentioning is the changelog that mentions a version, or one that does not; without a name there is none.
func Mentioning(files Files, v version.Version) (name string, mentions bool) {
	// Not 11.2.3, 1.2.3.4 or 1.2.3-rc.1 for 1.2.3.
	alone := regexp.MustCompile(`(?:^|[^\d.]|\.\.)` + regexp.QuoteMeta(v.String()) + `(?:$|[^\dA-Za-z.+-]|\.(?:\D|$))`)
	for _, changelog := range changelogs {
		text, found := files[changelog]
		if alone.Match(text) {
			return changelog, true
		}
		if found && name == "" {
			name = changelog
		}
	}
	return name, false
}

// unreleased is the first changelog with a place for what is unreleased.
func (f Files) unreleased() (name string, p page, s section, ok bool) {
	for _, name := range changelogs {
		p := parse(f.text(name))
		if s, ok := p.section(isUnreleased); ok {
			return name, p, s, true
		}
	}
	return "", page{}, section{}, false
}

// byteOrderMark begins a file that some editors save.
const byteOrderMark = "\ufeff"

// text is the content of a file, without what is no text in it.
func (f Files) text(name string) string {
	return strings.TrimPrefix(string(f[name]), byteOrderMark)
}

// Markdown is the whole text, without a heading of its own.
func (t Text) Markdown() string {
	return strings.Trim(t.Own+"\n\n"+t.list(3), "\n")
}

func unreadable(name string, err error) error {
	return fmt.Errorf("%s cannot be read, and with it what people wrote for this version: %w", name, err)
}
