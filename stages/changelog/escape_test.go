package changelog

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dagger/slipway/stages/redact"
)

// TestEscapeMarkdown has C12 and fault case 31.
func TestEscapeMarkdown(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "Größe: 1,5 \"x\" 'y' 🚀", "Größe: 1,5 \"x\" 'y' 🚀"},
		{"entities", "a < b > c & d &amp;", "a &lt; b &gt; c &amp; d &amp;amp;"},
		{"backslashes", "\\ ` * _ [ ] ( ) ! | ~", "\\\\ \\` \\* \\_ \\[ \\] \\( \\) \\! \\| \\~"},
		{"mention", "@everyone jane@acme.example", "@<!---->everyone jane@<!---->acme.example"},
		{"issue", "#1 acme/shop#2", "#<!---->1 acme/shop#<!---->2"},
		{"script", "</details><script>alert(1)</script>", `&lt;/details&gt;&lt;script&gt;alert\(1\)&lt;/script&gt;`},
		{"image", "![x](y)", `\!\[x\]\(y\)`},
		{"Slack link", `<http://evil.example|ok>`, `&lt;http:<!---->//evil.example\|ok&gt;`},
		{"Slack channel", "<!channel>", `&lt;\!channel&gt;`},
		{"bare address", "https://evil.example www.evil.example", "https:<!---->//evil.example www<!---->.evil.example"},
		{"code fence", "```go ~~~", "\\`\\`\\`go \\~\\~\\~"},
		{"table", "|a|b|", `\|a\|b\|`},
		{"lines", "a\nb\r\nc\td\u2028e\u0085f", "a b c d e f"},
		{"spaces around", "  a   b ", "a b"},
		{"control characters", "a\x00b\x1b[31mc\x7f\u009b", "abc"},
		{"direction of writing", "a\u202eb\u2066c\u200ed\u061ce\ufeff", "abcde"},
		{"joined emoji", "👩‍💻", "👩‍💻"},
		{"not UTF-8", "a\xffb", "a\ufffdb"},
		{"rule", "---", `\---`},
		{"list", "- a", `\- a`},
		{"plus list", "+ a", `\+ a`},
		{"numbered list", "1. a", `1\. a`},
		{"heading underline", "===", `\===`},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := EscapeMarkdown(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// unescape is what a reader sees of escaped text.
func unescape(s string) string {
	s = strings.ReplaceAll(s, guard, "")
	s = regexp.MustCompile(`\\([[:punct:]])`).ReplaceAllString(s, "$1")
	return html.UnescapeString(s)
}

var (
	unescaped = regexp.MustCompile("(?:^|[^\\\\])(?:\\\\\\\\)*[`*_\\[\\]()!|~]")
	active    = regexp.MustCompile(`[<>\n\r\t]|[@#]|://|www\.|WWW\.`)
)

func FuzzEscapeMarkdown(f *testing.F) {
	for _, seed := range []string{"<script>", "@a #1", "[x](http://y)", "\\`*_|!", "- a", "1. a", "a\x00\u202e\xff", "wWw.a", "&lt;", "<!---->", "@<!---->a", "#", "://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := EscapeMarkdown(s)
		if !utf8.ValidString(got) {
			t.Fatalf("invalid UTF-8: %q", got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Fatalf("control characters: %q", got)
		}
		// After a guard, neither a bracket nor a mention or address is left over.
		safe := strings.NewReplacer("@"+guard, " ", "#"+guard, " ", ":"+guard+"//", " ", "www"+guard+".", " ", "WWW"+guard+".", " ").Replace(got)
		if found := active.FindString(safe); found != "" {
			t.Fatalf("%q is left in %q", found, got)
		}
		if found := unescaped.FindString(strings.ReplaceAll(got, guard, "")); found != "" {
			t.Fatalf("%q is not escaped in %q", found, got)
		}
		if seen, want := unescape(got), redact.OneLine(s); seen != want {
			t.Fatalf("a reader sees %q of %q", seen, want)
		}
	})
}

func TestWebAddress(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"https://forge.example/acme/shop/pull/5", "https://forge.example/acme/shop/pull/5"},
		{"http://forge.example:3000/a", "http://forge.example:3000/a"},
		{"https://user:word@forge.example/a?token=x#y", "https://forge.example/a"},
		{"https://forge.example/a b(c)<d>\"e\"", "https://forge.example/a%20b%28c%29%3Cd%3E%22e%22"},
		{"https://forge.example/a%28b", "https://forge.example/a%28b"},
		{"javascript:alert(1)", ""},
		{"ftp://forge.example/a", ""},
		{"https:///a", ""},
		{"https://a)b/c", ""},
		{"https://[::1]:3000/c", "https://[::1]:3000/c"},
		{"/a", ""},
		{"https://forge.example/\n", ""},
		{"", ""},
	} {
		t.Run(test.in, func(t *testing.T) {
			if got := webAddress(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzWebAddress(f *testing.F) {
	f.Add("https://a.example/(b)")
	f.Add("https://a)b/c d")
	f.Add("http://[::1]/x")
	f.Fuzz(func(t *testing.T, raw string) {
		got := webAddress(raw)
		if strings.ContainsAny(got, " ()<>\"\\\n\r\t`") || !utf8.ValidString(got) {
			t.Fatalf("unsafe in a link: %q", got)
		}
		if again := webAddress(got); got != again {
			t.Fatalf("%q, and again %q", got, again)
		}
	})
}
