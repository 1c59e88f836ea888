package forge

import (
	"strings"

	"dagger/slipway/stages/changelog"
)

// The markers are HTML comments: invisible on the page, and release notes cannot contain them because < is escaped.
const blockBegin, blockEnd = "<!-- slipway: begin -->", "<!-- slipway: end -->"

// markers is the room that they and their line breaks take.
const markers = len(blockBegin) + len("\n\n") + len(blockEnd)

// WithNotes puts the notes into a release's text: in place of the notes of an earlier run, else after what people wrote.
// If it becomes longer than a forge takes, the notes are cut, and never what people wrote.
func WithNotes(text, notes string) string {
	body, _ := withNotes(text, notes)
	return body
}

// CutsNotes says whether WithNotes has to cut the notes. Then they are to be attached in full, as changelog.NotesFile.
func CutsNotes(text, notes string) bool {
	_, cut := withNotes(text, notes)
	return cut
}

// HasNotes says whether a release's text holds the notes of a run.
func HasNotes(text string) bool {
	_, _, found := findBlock(text)
	return found
}

func withNotes(text, notes string) (body string, cut bool) {
	before, after := around(text)
	room := changelog.BodyLimit - len(before) - len(after) - markers
	fitted, cut := changelog.Fit(strings.TrimSpace(notes), room)
	if cut && fitted == "" {
		return text, true // people have filled it up
	}
	return before + blockBegin + "\n" + strings.TrimSpace(fitted) + "\n" + blockEnd + after, cut
}

// around is what people wrote before and after the notes, with the space between.
func around(text string) (before, after string) {
	if begin, end, found := findBlock(text); found {
		return text[:begin], text[end:]
	}
	if strings.TrimSpace(text) == "" {
		return "", ""
	}
	return strings.TrimRight(text, " \t\r\n") + "\n\n", ""
}

// findBlock is where the notes begin and end, with their markers.
func findBlock(text string) (begin, end int, found bool) {
	for ; ; end += len(blockEnd) {
		at := strings.Index(text[end:], blockEnd)
		if at < 0 {
			return 0, 0, false
		}
		end += at
		// The last begin before the end, so that a lone marker further up costs nobody their text.
		if begin := strings.LastIndex(text[:end], blockBegin); begin >= 0 {
			return begin, end + len(blockEnd), true
		}
	}
}

const withdrawnMark = "<!-- slipway: withdrawn -->"

// Withdraw is the release with a notice above its text that it was taken back, and why. The reason is Markdown.
func Withdraw(r Release, reason string) Release {
	if !strings.Contains(r.Body, withdrawnMark) {
		r.Title += " (withdrawn)"
		r.Body = refit(withdrawnMark + "\n**This version was withdrawn:** " + reason + "\n\n" + r.Body)
	}
	r.Latest = false
	return r
}

// refit cuts the notes in a text that has become longer.
func refit(text string) string {
	begin, end, found := findBlock(text)
	if !found {
		return text
	}
	return WithNotes(text, text[begin+len(blockBegin):end-len(blockEnd)])
}

// Withdrawn lists the tags of the releases that were taken back.
func Withdrawn(releases []Release) []string {
	var tags []string
	for _, r := range releases {
		if strings.Contains(r.Body, withdrawnMark) {
			tags = append(tags, r.Tag)
		}
	}
	return tags
}
