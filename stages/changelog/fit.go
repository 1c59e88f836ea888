package changelog

import "strings"

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

// Fit is a text of Markdown in at most limit bytes, cut between lines, and whether it had to be cut. It is empty if there
// is not even room to say so.
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

// fill joins as many lines as there is room for and leaves no heading without an entry.
func fill(lines []string, room int) string {
	kept := 0
	for kept < len(lines) && len(lines[kept]) <= room {
		room -= len(lines[kept])
		kept++
	}
	for kept > 0 && (strings.HasPrefix(lines[kept-1], "## ") || lines[kept-1] == "\n") {
		kept--
	}
	return strings.Join(lines[:kept], "")
}
