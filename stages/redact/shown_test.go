package redact

import (
	"slices"
	"testing"
)

func TestShown(t *testing.T) {
	for _, test := range []struct{ name, in, want, oneLine string }{
		{"plain", "Größe: 1 🚀", "Größe: 1 🚀", "Größe: 1 🚀"},
		{"colours", "a\x1b[31mred\x1b[0mb", "aredb", "aredb"},
		{"the screen is cleared", "a\x1b[2J\x1b[Hb", "ab", "ab"},
		{"a lone escape", "a\x1bcb", "acb", "acb"},
		{"a title is set", "a\x1b]0;x\x07b", "a]0;xb", "a]0;xb"},
		{"one byte that begins a sequence", "a\u009b31mb", "a31mb", "a31mb"},
		{"control characters", "a\x00b\x08c\x7f", "abc", "abc"},
		{"direction of writing", "a\u202eb\u2066c\u200ed\u061ce\ufeff", "abcde", "abcde"},
		{"line breaks", "a\r\nb\rc\vd\fe\u0085f\u2028g\u2029h\ni", "a\nb\nc\nd\ne\nf\ng\nh\ni", "a b c d e f g h i"},
		{"white space", " a\t  b \n", " a\t  b \n", "a b"},
		{"joined emoji", "👩‍💻", "👩‍💻", "👩‍💻"},
		{"not UTF-8", "a\xffb", "a\ufffdb", "a\ufffdb"},
		{"empty", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Shown(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := OneLine(test.in); got != test.oneLine {
				t.Errorf("in one line %q, want %q", got, test.oneLine)
			}
		})
	}
}

func TestLines(t *testing.T) {
	if got, want := Lines("a  \r\n\tb\n\n \n"), []string{"a", " b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Lines(" \n"); len(got) != 0 {
		t.Errorf("got %q of nothing", got)
	}
}
