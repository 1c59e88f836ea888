package written

import (
	"regexp"
	"strings"
	"time"

	"dagger/slipway/stages/version"
)

// title is how a heading names a version: [1.2.0] - 2026-01-31, or Shop v1.2.0 (31 January 2026).
type title struct{ before, number, after string }

var (
	// At most one word and a prefix stand before the version.
	versionTitle = regexp.MustCompile(`^((?:[^\s\d]+ )?(?:[^\s\d(]*[^\s\w(])?[vV]?)(\d+\.\d+\.\d+(?:[-.]?[0-9A-Za-z]+)*)(.*)$`)
	// Upgrading 1.2.0 to 1.3.0 is no version's heading.
	goesOn          = regexp.MustCompile(`(?i)^\s*(?:to\b|and\b|or\b|→|->)`)
	unreleasedTitle = regexp.MustCompile(`(?i)^(?:(?:main|master|head|next) )?[\[(]?unreleased(?: changes)?[\])]?(?:[\s(\[:-].*)?$`)
)

func titleOf(text string) (title, bool) {
	m := versionTitle.FindStringSubmatch(text)
	if m == nil || goesOn.MatchString(m[3]) {
		return title{}, false
	}
	return title{m[1], m[2], m[3]}, true
}

// version is the version that a heading names, in SemVer's or in Python's spelling.
func (t title) version() (version.Version, bool) {
	if v, ok := version.FromTag(t.number); ok {
		return v, true
	}
	return version.FromPEP440(t.number)
}

func isOf(v version.Version) func(string) bool {
	return func(text string) bool {
		t, ok := titleOf(text)
		named, valid := t.version()
		return ok && valid && named == v
	}
}

func isUnreleased(text string) bool { return unreleasedTitle.MatchString(text) }

// beginsSection says whether a heading begins a section of its own. One that is deeper than the heading of the section above
// may as well be a part of that, such as Python 3.12.1 support.
func (b block) beginsSection(above block) bool {
	t, ok := titleOf(b.name)
	own, _ := titleOf(above.name)
	return isUnreleased(b.name) || ok && (b.level <= above.level || t.isBare() && t.number != own.number)
}

// nothingElse stands behind a version besides a link and a day.
var nothingElse = regexp.MustCompile(`(?i)^(?:[^\pL\pN]|\b(?:on|yanked|unreleased)\b)*$`)

// isBare says whether a heading is about nothing but a version. A word before it needs a day behind it.
func (t title) isBare() bool {
	rest := t.after[len(linkEnd.FindString(t.after)):]
	undated := rest
	for _, date := range dates {
		undated = date.form.ReplaceAllString(undated, "")
	}
	return nothingElse.MatchString(undated) && (undated != rest || !strings.Contains(t.before, " "))
}

// like is the title of another version in the same style.
func (t title) like(v version.Version, day time.Time) string {
	link := linkEnd.FindString(t.after)
	return t.before + v.String() + movedLink(link, t.number, v.String()) + sameDate(t.after[len(link):], day)
}

// linkEnd is the end of a link around a version.
var linkEnd = regexp.MustCompile(`^[\])*_]*(?:\([^\s()]*\)|\[[^\[\]]*\])?`)

// movedLink leads from the old version to the new one, where the old one's led from the one before.
func movedLink(link, from, to string) string {
	at := strings.LastIndex(link, from)
	if at < 0 {
		return link
	}
	moved := link[:at] + to + link[at+len(from):]
	if m := compared.FindStringSubmatchIndex(link[:at]); m != nil {
		moved = link[:m[2]] + from + link[m[3]:at] + to + link[at+len(from):]
	}
	return moved
}

// compared is the beginning of 1.2.0...v1.3.0 without the second version.
var compared = regexp.MustCompile(`(\d+\.\d+\.\d+[0-9A-Za-z.-]*?)\.{2,3}[^/.]*$`)

// dates are the ways to write a day that can be told from another.
var dates = []struct {
	form    *regexp.Regexp
	layouts []string
}{
	{regexp.MustCompile(`\d{4}-\d{2}-\d{2}`), []string{time.DateOnly}},
	{regexp.MustCompile(`\d{4}/\d{2}/\d{2}`), []string{"2006/01/02"}},
	{regexp.MustCompile(`\d{4}\.\d{2}\.\d{2}`), []string{"2006.01.02"}},
	{regexp.MustCompile(`\d{2}\.\d{2}\.\d{4}`), []string{"02.01.2006"}},
	{regexp.MustCompile(`[A-Z][a-z]+ \d{1,2}, \d{4}`), []string{"January 2, 2006", "Jan 2, 2006"}},
	{regexp.MustCompile(`\d{1,2} [A-Z][a-z]+ \d{4}`), []string{"2 January 2006", "2 Jan 2006"}},
}

// dateEnd closes what is opened before a date.
var dateEnd = regexp.MustCompile(`^[)\]*_]*`)

// sameDate is what stands behind a version, with another day. Whatever else is said there is about the old version.
func sameDate(text string, day time.Time) string {
	for _, date := range dates {
		at := date.form.FindStringIndex(text)
		if at == nil {
			continue
		}
		for _, layout := range date.layouts {
			if _, err := time.Parse(layout, text[at[0]:at[1]]); err == nil {
				return text[:at[0]] + day.Format(layout) + dateEnd.FindString(text[at[1]:])
			}
		}
	}
	return ""
}

// firstTitle is the title of a version where no other one shows how.
func firstTitle(unreleased string, v version.Version, day time.Time) string {
	text := v.String()
	if strings.HasPrefix(unreleased, "[") {
		text = "[" + text + "]"
	}
	return text + " - " + day.Format(time.DateOnly)
}
