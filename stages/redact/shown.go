package redact

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	colours   = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]`)
	lineBreak = regexp.MustCompile(`\r\n|[\v\f\r\x{85}\x{2028}\x{2029}]`)
)

// Shown is a text as a terminal or page may get it: without colours, without characters that move the cursor or turn the
// direction of writing, and with line breaks of one kind.
func Shown(text string) string {
	text = lineBreak.ReplaceAllString(colours.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), ""), "\n")
	return strings.Map(func(r rune) rune {
		if hidden(r) {
			return -1
		}
		return r
	}, text)
}

func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == '\uFEFF'
}

// Lines takes a tool's output apart, without empty lines at its end.
func Lines(output string) []string {
	all := strings.Split(strings.ReplaceAll(Shown(output), "\t", " "), "\n")
	for i, line := range all {
		all[i] = strings.TrimRight(line, " ")
	}
	for len(all) > 0 && all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// OneLine is Shown with every run of white space as one space.
func OneLine(text string) string { return strings.Join(strings.Fields(Shown(text)), " ") }
