package changelog

import (
	"regexp"
	"strings"

	"dagger/slipway/stages/written"
)

const (
	// BodyLimit is the most bytes a forge takes as the text of a release (C13).
	BodyLimit = 125_000
	// NotesFile is the name under which notes that had to be cut are attached in full.
	NotesFile = "notes.md"
)

// tail is the last line of cut notes.
const tail = "\nThe notes are cut here: the full text is attached to the release as " + NotesFile + ".\n"

// footBegin is how the line with the link to all changes begins. It is kept when notes are cut.
const footBegin = "**Full changelog:** "

// Fit is a text of Markdown in at most limit bytes, cut between lines, and whether it had to be cut. What people wrote comes
// first and so is cut last. It is empty if there is not even room to say so.
func Fit(text string, limit int) (fitted string, cut bool) {
	if len(text) <= limit {
		return text, false
	}
	lines := strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1] // what is after the last line break
	last := tail
	if foot := lines[len(lines)-1]; strings.HasPrefix(foot, footBegin) && len(tail)+1+len(foot) <= limit {
		last += "\n" + foot
	}
	if len(last) > limit {
		return "", true
	}
	return fill(lines, limit-len(last)) + last, true
}

// headingLine begins a part of the notes, or of what people wrote.
var headingLine = regexp.MustCompile(`^#{1,6} `)

// fill joins as many lines as there is room for and leaves no heading without an entry, and nothing open.
func fill(lines []string, room int) string {
	kept, left := 0, room
	for kept < len(lines) && len(lines[kept]) <= left {
		left -= len(lines[kept])
		kept++
	}
	for ; ; kept-- {
		for kept > 0 && (headingLine.MatchString(lines[kept-1]) || lines[kept-1] == "\n") {
			kept--
		}
		text := strings.Join(lines[:kept], "")
		if text += written.Closing(text); len(text) <= room || kept == 0 {
			return text
		}
	}
}
