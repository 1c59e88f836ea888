package notify

import (
	"regexp"
	"strings"

	"dagger/slipway/stages/redact"
)

// style is how a service that knows no blocks shows a message.
type style struct {
	inert func(string) string // makes nothing but words of a text that others have written
	bold  string              // stands around words of ours
	link  func(link) string
}

var (
	// markdown is for Discord, Mattermost and Teams, of which each reads a dialect of its own.
	markdown = style{inert: withoutMarkdown, bold: "**", link: func(l link) string {
		return "[" + l.label + "](" + brackets.Replace(l.address) + ")"
	}}
	// unformatted is for Telegram, which finds names and commands in text all the same.
	unformatted = style{inert: withoutDomains, link: bare}
	// mailed is for programs that find nothing but addresses.
	mailed = style{inert: redact.OneLine, link: bare}
)

// brackets would end a link of Markdown.
var brackets = strings.NewReplacer("(", "%28", ")", "%29")

func bare(l link) string { return l.label + ": " + l.address }

// text is the title and all parts, or only the parts; each paragraph is cut as far as it takes to make the whole fit.
func (m Message) text(s style, withTitle bool, fits func(string) bool) string {
	for limit := maxSection; ; limit /= 2 {
		if text := m.cutTo(limit, s, withTitle); fits(text) || limit <= 1 {
			return text
		}
	}
}

func (m Message) cutTo(limit int, s style, withTitle bool) string {
	var paragraphs []string
	if withTitle {
		paragraphs = append(paragraphs, s.bold+s.foreign(m.title(), min(limit, maxHeader))+s.bold)
	}
	for _, p := range m.parts() {
		paragraphs = append(paragraphs, s.part(p, limit))
	}
	return strings.Join(paragraphs, "\n\n")
}

func (s style) part(p part, limit int) string {
	var lines []string
	for _, f := range p.facts {
		lines = append(lines, s.bold+f.name+":"+s.bold+" "+s.foreign(f.value, limit))
	}
	for _, l := range p.links {
		lines = append(lines, s.link(l))
	}
	for _, n := range p.notes {
		lines = append(lines, s.foreign(n, limit))
	}
	if p.text != "" {
		lines = append(lines, s.foreign(p.text, limit))
	}
	return strings.Join(lines, "\n")
}

func (s style) foreign(text string, limit int) string { return s.inert(cut(text, limit)) }

// cut makes one line of at most limit characters, "…" included.
func cut(text string, limit int) string {
	all := []rune(redact.OneLine(text))
	if len(all) <= limit {
		return string(all)
	}
	return string(all[:limit-1]) + "…"
}

// gap has no width, and no service takes what it stands in for a name, a command, an emoji, a link or an address.
const gap = "\u200b"

// live are the signs from which services make something, each with what has to follow it directly.
var live = []*regexp.Regexp{
	regexp.MustCompile(`(@|#|<|\$)([^\s\x{200b}])`),
	regexp.MustCompile(`(~)([\w~])`),
	regexp.MustCompile(`((?:^|\s)/)(\w+(?:[\s@]|$))`),
	regexp.MustCompile(`(&)(#?\w+;)`),
	regexp.MustCompile(`(:)(//|[\w+-]+:)`),
	regexp.MustCompile(`(?i)(\bw)(ww\.)`),
	regexp.MustCompile(`(\])(\()`),
}

// domains are links to Telegram's programs without a scheme as well, also README.md, and so is an address in figures.
var domains = []*regexp.Regexp{
	regexp.MustCompile(`(\.)(\pL)`),
	regexp.MustCompile(`(\d\.)(\d+\.\d+\.\d)`),
}

// lifeless parts each of the live signs from what follows it.
func lifeless(text string) string { return parted(text, live) }

func withoutDomains(text string) string { return parted(lifeless(text), domains) }

func parted(text string, signs []*regexp.Regexp) string {
	for before := ""; before != text; { // again, because two signs may share what is between them
		before = text
		for _, sign := range signs {
			text = sign.ReplaceAllString(text, "${1}"+gap+"${2}")
		}
	}
	return text
}

var (
	// formatting is escaped by a backslash.
	formatting = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "|", `\|`)
	// lineStart makes a heading, a list, a quotation or a rule of a line.
	lineStart = regexp.MustCompile(`^(?:[#>=]|[-+](?:[\s#-]|$)|\d+[.)](?:\s|$))`)
)

func withoutMarkdown(text string) string {
	text = formatting.Replace(lifeless(text))
	if lineStart.MatchString(text) {
		return gap + text
	}
	return text
}
