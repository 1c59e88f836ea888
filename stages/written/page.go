package written

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// blocks reads Markdown down to its lines; what stands in a line takes no part here.
var blocks = parser.NewParser(
	parser.WithBlockParsers(parser.DefaultBlockParsers()...),
	parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
)

// span is a part of a text, by byte offsets.
type span struct{ start, end int }

// page is a text of Markdown with its outermost blocks.
type page struct {
	text   string
	blocks []block
}

// block is whole lines of a page. The span of content is not known.
type block struct {
	span
	kind  blockKind
	level int
	name  string // the title of a heading, the label of a definition
	to    string // the destination of a definition
}

type blockKind int

const (
	content blockKind = iota
	nothing           // comments, rules, and lists without a word
	heading
	definition
)

func parse(source string) page {
	p := page{text: source}
	for n := blocks.Parse(text.NewReader([]byte(source))).FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			p.blocks = append(p.blocks, p.headingOf(n))
		case *ast.LinkReferenceDefinition:
			last := n.Lines().At(n.Lines().Len() - 1)
			at := span{p.lineStart(n.Pos()), p.lineEnd(max(last.Start, last.Stop-1))}
			p.blocks = append(p.blocks, block{span: at, kind: definition, name: label(string(n.Label)), to: string(n.Destination)})
		default:
			p.blocks = append(p.blocks, block{kind: p.kindOf(n)})
		}
	}
	return p
}

var atxHeading = regexp.MustCompile(`^ {0,3}#{1,6}(?:[ \t\r\n]|$)`)

func (p page) headingOf(n *ast.Heading) block {
	b := block{kind: heading, level: n.Level}
	b.start = p.lineStart(n.Pos())
	b.end = p.lineEnd(b.start)
	var title []string
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		title = append(title, strings.TrimSpace(p.text[line.Start:line.Stop]))
		if !p.isATX(b) {
			b.end = p.lineEnd(b.end)
		}
	}
	b.name = strings.Join(title, " ")
	return b
}

// isATX tells a heading that begins with # from one that is underlined.
func (p page) isATX(b block) bool { return atxHeading.MatchString(p.text[b.start:]) }

// kindOf tells what a reader sees from what he doesn't.
func (p page) kindOf(n ast.Node) blockKind {
	switch n := n.(type) {
	case *ast.ThematicBreak:
		return nothing
	case *ast.HTMLBlock:
		if n.HTMLBlockType == ast.HTMLBlockType2 {
			return nothing
		}
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			if item.HasChildren() {
				return content
			}
		}
		return nothing
	}
	return content
}

func (p page) lineStart(at int) int { return strings.LastIndexByte(p.text[:at], '\n') + 1 }

// lineEnd is where the next line begins.
func (p page) lineEnd(at int) int {
	if end := strings.IndexByte(p.text[at:], '\n'); end >= 0 {
		return at + end + 1
	}
	return len(p.text)
}

// label is equal for all spellings of a label of a link.
func label(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// section is a heading of a changelog and what stands below it.
type section struct {
	head block
	body span
}

// section is the first whose heading is asked for.
func (p page) section(is func(title string) bool) (section, bool) {
	all := p.sections()
	at := slices.IndexFunc(all, func(s section) bool { return is(s.head.name) })
	if at < 0 {
		return section{}, false
	}
	return all[at], true
}

// sections are those of versions, and of what is unreleased. Each ends with the next one, whose level may be another, or with
// the next heading of its level.
func (p page) sections() (all []section) {
	above, open := block{level: deepest}, false
	for _, b := range p.blocks {
		if b.kind != heading {
			continue
		}
		begins := b.beginsSection(above)
		if open && (begins || b.level <= above.level) {
			all[len(all)-1].body.end, open = b.start, false
		}
		if begins {
			all = append(all, section{head: b, body: span{b.end, len(p.text)}})
			above, open = b, true
		}
	}
	return all
}

const deepest = 6 // of the levels of headings

// own is the text of a section, with the definitions that its links need, wherever in the file they stand.
func (p page) own(s section) string {
	var text strings.Builder
	from := s.body.start
	for _, b := range p.blocks {
		if b.kind == definition && from <= b.start && b.end <= s.body.end {
			text.WriteString(p.text[from:b.start])
			from = b.end
		}
	}
	text.WriteString(p.text[from:s.body.end])
	own := withoutEmpty(text.String())
	if own == "" {
		return ""
	}
	return own + p.definitionsFor(own)
}

func (p page) definitionsFor(own string) string {
	var text strings.Builder
	words := label(own)
	for i, b := range p.blocks {
		same := func(other block) bool { return other.kind == definition && other.name == b.name }
		first := slices.IndexFunc(p.blocks, same) == i // of several with one label the first counts
		if b.kind == definition && first && strings.Contains(words, "["+b.name+"]") {
			text.WriteString(strings.TrimSpace(p.text[b.start:b.end]) + "\n")
		}
	}
	if text.Len() == 0 {
		return ""
	}
	return "\n\n" + strings.TrimSpace(unixLines(text.String()))
}

// withoutEmpty leaves out headings below which nobody wrote anything, as templates have them. It is empty if that was all.
func withoutEmpty(text string) string {
	p := parse(unixLines(text))
	var left strings.Builder
	from := 0
	for i, b := range p.blocks {
		if b.kind == heading && !p.hasContent(i) {
			left.WriteString(p.text[from:b.start])
			from = b.end
		}
	}
	left.WriteString(p.text[from:])
	if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.kind == content }) {
		return ""
	}
	return strings.TrimRight(blankBegin.ReplaceAllString(left.String(), ""), " \t\n")
}

var blankBegin = regexp.MustCompile(`^(?:[ \t]*\n)+`)

// hasContent says whether there is something to read below a heading.
func (p page) hasContent(at int) bool {
	for _, b := range p.blocks[at+1:] {
		if b.kind == heading && b.level <= p.blocks[at].level {
			return false
		}
		if b.kind == content {
			return true
		}
	}
	return false
}

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
