package written

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// Contained is a text of Markdown that can stand on a page of ours: none of our markers is in it, and what follows is not
// inside of it.
func Contained(markdown string) string {
	markdown = strings.ReplaceAll(strings.ToValidUTF8(unixLines(markdown), "\ufffd"), ourMarker, "<!-- slipway :")
	return markdown + Closing(markdown)
}

// ourMarker is how the comments begin by which Slipway knows its notes again.
const ourMarker = "<!-- slipway:"

// Closing is what has to stand behind a text of Markdown that leaves something open, so that the page goes on as itself.
func Closing(markdown string) string {
	closing := ""
	ends := []string{fence(markdown, '`'), fence(markdown, '~'), "-->", "</pre>", "?>", "]]>", ">"}
	for _, end := range ends {
		if !isOpen(markdown + closing) {
			break
		}
		if !isOpen(markdown + "\n" + end + "\n") {
			closing = "\n" + end + "\n"
		}
	}
	html := strings.ToLower(rawHTML(markdown + closing))
	if strings.LastIndex(html, "<!--") > strings.LastIndex(html, "-->") { // in a list, which ends before the comment does
		closing += "\n\n<!-- -->\n"
	}
	html = comment.ReplaceAllString(html, "")
	if left := strings.Count(html, "<details") - strings.Count(html, "</details>"); left > 0 {
		closing += "\n\n" + strings.Repeat("</details>\n", left)
	}
	return closing
}

var comment = regexp.MustCompile(`(?s)<!--.*?-->`)

// fence is as long as the longest run of the character in a text, so that it closes whatever one opens.
func fence(text string, char rune) string {
	longest, run := 3, 0
	for _, c := range text {
		run++
		if c != char {
			run = 0
		}
		longest = max(longest, run)
	}
	return strings.Repeat(string(char), longest)
}

// isOpen says whether a paragraph that follows would not be one of the page.
func isOpen(markdown string) bool {
	source := []byte(markdown + "\n\nend\n")
	last := blocks.Parse(text.NewReader(source)).LastChild()
	return last == nil || !ast.IsParagraph(last) || string(last.Lines().Value(source)) != "end"
}

// rawHTML is the HTML that stands between the paragraphs of a text. What is shown as code is none.
func rawHTML(markdown string) string {
	source := []byte(markdown)
	var html strings.Builder
	_ = ast.Walk(blocks.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if block, ok := n.(*ast.HTMLBlock); ok && entering {
			html.Write(block.Lines().Value(source))
			if block.HasClosure() {
				html.Write(block.ClosureLine.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	return html.String()
}
