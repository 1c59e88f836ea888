package changelog

import (
	"strings"

	"dagger/slipway/stages/written"
)

// Markdown renders the notes: what people wrote, then one line for each entry.
func (n Notes) Markdown() string {
	var blocks []string
	if n.Degraded != "" {
		blocks = append(blocks, "> **Degraded notes.** "+escapeInline(n.Degraded)+"\n")
	}
	if n.Written != "" {
		blocks = append(blocks, strings.TrimRight(written.Contained(n.Written), "\n")+"\n")
	}
	if len(n.Sections) == 0 && n.Written == "" {
		blocks = append(blocks, "No user-visible changes.\n")
	}
	for _, section := range n.Sections {
		line := Entry.line
		if section.Name == Breaking {
			line = breakingLines()
		}
		blocks = append(blocks, "## "+section.Title+"\n\n"+joined(section.Entries, line))
	}
	if len(n.Contributors) > 0 {
		blocks = append(blocks, "## Contributors\n\n"+joined(n.Contributors, Contributor.line))
	}
	if n.Compare != nil {
		blocks = append(blocks, footBegin+link(escapeInline(n.Compare.Text), n.Compare.URL)+"\n")
	}
	return strings.Join(blocks, "\n")
}

func joined[T any](items []T, line func(T) string) string {
	var text strings.Builder
	for _, item := range items {
		text.WriteString(line(item))
	}
	return text.String()
}

func (e Entry) line() string {
	scope := ""
	if e.Scope != "" {
		scope = "**" + escapeInline(e.Scope) + ":** "
	}
	by := ""
	if e.Author != "" {
		by = " by " + escapeInline(e.Author)
	}
	title := EscapeMarkdown(e.Title)
	if scope != "" {
		title = escapeInline(e.Title)
	}
	refs := link(e.Ref.Text, e.Ref.URL)
	for _, more := range e.More {
		refs += ", " + link(more.Text, more.URL)
	}
	return "- " + scope + title + " (" + refs + ")" + by + "\n"
}

// breakingLines puts below an entry what breaks. Several entries may carry one footer, and it is told with the first.
func breakingLines() func(Entry) string {
	told := make(map[string]bool)
	return func(e Entry) string {
		lines := e.line()
		for _, text := range e.Breaks {
			if !told[text] && text != e.Title {
				lines += "  - " + EscapeMarkdown(text) + "\n"
			}
			told[text] = true
		}
		return lines
	}
}

func (c Contributor) line() string {
	name := EscapeMarkdown(c.Name)
	if c.URL != "" {
		name = escapeInline(c.Name)
	}
	line := "- " + link(name, c.URL)
	if c.First {
		line += " (first contribution)"
	}
	return line + "\n"
}
