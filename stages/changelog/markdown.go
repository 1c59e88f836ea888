package changelog

import "strings"

// BodyLimit is the most bytes a forge takes as the text of a release (C13).
const BodyLimit = 125_000

// piece is a part of the text that is never cut in two.
type piece struct {
	text    string
	heading bool
}

// Markdown renders the notes in at most limit bytes, cut between entries; a limit of 0 or less means uncut.
func (n Notes) Markdown(limit int) string {
	pieces, foot := n.pieces(), n.foot()
	var whole strings.Builder
	for _, p := range pieces {
		whole.WriteString(p.text)
	}
	if limit <= 0 || whole.Len()+len(foot) <= limit {
		return whole.String() + foot
	}
	tail := "\nThe notes are cut here: " + n.fullText() + ".\n"
	if len(tail)+len(foot) <= limit {
		tail += foot
	}
	if len(tail) > limit {
		return ""
	}
	return fit(pieces, limit-len(tail)) + tail
}

// fit joins as many pieces as there is room for and leaves no heading without an entry.
func fit(pieces []piece, room int) string {
	kept := 0
	for kept < len(pieces) && len(pieces[kept].text) <= room {
		room -= len(pieces[kept].text)
		kept++
	}
	for kept > 0 && pieces[kept-1].heading {
		kept--
	}
	var text strings.Builder
	for _, p := range pieces[:kept] {
		text.WriteString(p.text)
	}
	return text.String()
}

func (n Notes) pieces() []piece {
	var pieces []piece
	block := func(text string, heading bool) {
		if len(pieces) > 0 {
			text = "\n" + text
		}
		pieces = append(pieces, piece{text, heading})
	}
	if n.Degraded != "" {
		block("> **Degraded notes.** "+EscapeMarkdown(n.Degraded)+"\n", false)
	}
	if len(n.Sections) == 0 {
		block("No user-visible changes.\n", false)
	}
	for _, section := range n.Sections {
		block("## "+section.Title+"\n\n", true)
		for _, entry := range section.Entries {
			pieces = append(pieces, piece{text: entry.line()})
		}
	}
	if len(n.Contributors) > 0 {
		block("## Contributors\n\n", true)
	}
	for _, contributor := range n.Contributors {
		pieces = append(pieces, piece{text: contributor.line()})
	}
	return pieces
}

func (e Entry) line() string {
	scope := ""
	if e.Scope != "" {
		scope = "**" + EscapeMarkdown(e.Scope) + ":** "
	}
	by := ""
	if e.Author != "" {
		by = " by " + EscapeMarkdown(e.Author)
	}
	return "- " + scope + EscapeMarkdown(e.Title) + " (" + link(e.Ref.Text, e.Ref.URL) + ")" + by + "\n"
}

func (c Contributor) line() string {
	line := "- " + link(EscapeMarkdown(c.Name), c.URL)
	if c.First {
		line += " (first contribution)"
	}
	return line + "\n"
}

func (n Notes) foot() string {
	if n.Compare == nil {
		return ""
	}
	return "\n**Full changelog:** " + link(EscapeMarkdown(n.Compare.Text), n.Compare.URL) + "\n"
}

func (n Notes) fullText() string {
	if n.Full == "" {
		return "the full text is attached to the release"
	}
	return link("read the full text", n.Full)
}
