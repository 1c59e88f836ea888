package notify

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestInert(t *testing.T) {
	for name, test := range map[string]struct {
		in    string
		limit int
		want  string
	}{
		"plain":             {"hello", 150, "hello"},
		"channel":           {"<!channel>", 150, "&lt;!channel&gt;"},
		"user":              {"<@U123>", 150, "&lt;@U123&gt;"},
		"link":              {"<http://evil|ok>", 150, "&lt;http://evil|ok&gt;"},
		"entity":            {"&lt;", 150, "&amp;lt;"},
		"formatting stays":  {"*a* _b_ ~c~ `d`", 150, "*a* _b_ ~c~ `d`"},
		"lines":             {" a\r\n\tb ", 150, "a b"},
		"control":           {"a\x00\x1b[1mb\x7f", 150, "ab"},
		"direction":         {"a\u202eb\u2066\ufeffc", 150, "abc"},
		"not UTF-8":         {"a\xffb", 150, "a\uFFFDb"},
		"exactly":           {"abcd", 4, "abcd"},
		"cut":               {"abcde", 4, "abc…"},
		"cut at an entity":  {"a<b<c", 6, "a&lt;…"},
		"entity exactly":    {"a<b", 6, "a&lt;b"},
		"entity too long":   {"ab&c", 6, "ab…"},
		"cut at a pair":     {"ab😀😀", 5, "ab😀…"},
		"cut before a pair": {"ab😀😀", 4, "ab…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inert(test.in, test.limit); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzInert(f *testing.F) {
	f.Add("<&>😀", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(1, min(limit, 5000))
		got := inert(s, limit)
		if n := size(got); n > limit || !utf8.ValidString(got) {
			t.Errorf("%d of %d: %q", n, limit, got)
		}
		rest := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(got)
		if strings.ContainsAny(rest, "&<>\n\r\x00\x1b") {
			t.Errorf("not inert: %q", got)
		}
	})
}

func TestLink(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"plain":             {"https://ci.example/run/7", "<https://ci.example/run/7|Run>"},
		"http":              {"http://10.0.0.1:3000/run", "<http://10.0.0.1:3000/run|Run>"},
		"query":             {"https://ci.example/?b=2&a=1", "<https://ci.example/?a=1&amp;b=2|Run>"},
		"markup in path":    {"https://ci.example/<!channel>|x", "<https://ci.example/%3C%21channel%3E%7Cx|Run>"},
		"markup in query":   {"https://ci.example/?a=<b>|c", "<https://ci.example/?a=%3Cb%3E%7Cc|Run>"},
		"markup behind it":  {"https://ci.example/#<b>|c", "<https://ci.example/#%3Cb%3E%7Cc|Run>"},
		"user information":  {"https://user:token@ci.example/", "<https://ci.example/|Run>"},
		"longest":           {"https://ci.example/" + strings.Repeat("x", 981), "<https://ci.example/" + strings.Repeat("x", 981) + "|Run>"},
		"too long":          {"https://ci.example/" + strings.Repeat("x", 982), ""},
		"none":              {"", ""},
		"no URL":            {"https://ci.example/%zz", ""},
		"other scheme":      {"javascript:alert(1)", ""},
		"no host":           {"https:///run", ""},
		"markup in host":    {"https://a<b>.example/", ""},
		"relative":          {"/run/7", ""},
		"address with mail": {"mailto:a@ci.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := link("Run", test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
