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
			got := ""
			for _, p := range links(link{"Run", test.in}) {
				got = slackLinks(p.links)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLifeless(t *testing.T) {
	const g = "\u200b"
	for name, c := range map[string]struct{ in, plain, markdown string }{
		"words":             {"1.3.0 is healthy", "1.3.0 is healthy", "1.3.0 is healthy"},
		"everybody":         {"@everyone @here @all", "@" + g + "everyone @" + g + "here @" + g + "all", "@" + g + "everyone @" + g + "here @" + g + "all"},
		"an at in an at":    {"@@here", "@" + g + "@" + g + "here", "@" + g + "@" + g + "here"},
		"Slack's":           {"<!channel> <@U1>", "<" + g + "!channel> <" + g + "@" + g + "U1>", "<" + g + "!channel> <" + g + "@" + g + "U1>"},
		"a name in Discord": {"<@123> <#4> </kick:5>", "<" + g + "@" + g + "123> <" + g + "#" + g + "4> <" + g + "/kick:5>", "<" + g + "@" + g + "123> <" + g + "#" + g + "4> <" + g + "/kick:5>"},
		"an address":        {"https://evil.example www.evil.example", "https:" + g + "//evil." + g + "example w" + g + "ww." + g + "evil." + g + "example", "https:" + g + "//evil.example w" + g + "ww.evil.example"},
		"a domain":          {"evil.example.com README.md .py", "evil." + g + "example." + g + "com README." + g + "md ." + g + "py", "evil.example.com README.md .py"},
		"a domain in China": {"例子.中国", "例子." + g + "中国", "例子.中国"},
		"figures":           {"1.3.0-rc.1 and 203.0.113.5.6.7", "1.3.0-rc.1 and 203." + g + "0." + g + "113." + g + "5.6.7", "1.3.0-rc.1 and 203.0.113.5.6.7"},
		"a share":           {"$ABC $x^2$ 5 $", "$" + g + "ABC $" + g + "x^2$ 5 $", "$" + g + "ABC $" + g + "x^2$ 5 $"},
		"a link":            {"[ok](x)", "[ok]" + g + "(x)", `\[ok]` + g + "(x)"},
		"emoji":             {":a:b:c:", ":" + g + "a:" + g + "b:" + g + "c:", ":" + g + "a:" + g + "b:" + g + "c:"},
		"an entity":         {"&#64;here &commat;all a&b", "&#" + g + "64;here &" + g + "commat;all a&b", "&#" + g + "64;here &" + g + "commat;all a&b"},
		"a time":            {"at 12:30", "at 12:30", "at 12:30"},
		"a command":         {"/start see /etc/passwd /stop", "/" + g + "start see /etc/passwd /" + g + "stop", "/" + g + "start see /etc/passwd /" + g + "stop"},
		"a channel":         {"~town #general", "~" + g + "town #" + g + "general", "~" + g + "town #" + g + "general"},
		"formatting":        {"*a* _b_ ~~c~~ `d` ||e|| \\", "*a* _b_ ~" + g + "~" + g + "c~" + g + "~ `d` ||e|| \\", `\*a\* \_b\_ ~` + g + "~" + g + "c~" + g + "~ \\`d\\` \\|\\|e\\|\\| \\\\"},
		"a heading":         {"# a", "# a", g + "# a"},
		"a list":            {"- a", "- a", g + "- a"},
		"a numbered list":   {"1. a", "1. a", g + "1. a"},
		"small letters":     {"-# a", "-# a", g + "-# a"},
		"a quotation":       {"> a", "> a", g + "> a"},
		"no list":           {"-1 of 1.2", "-1 of 1.2", "-1 of 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := unformatted.inert(c.in); got != c.plain {
				t.Errorf("in text %q, want %q", got, c.plain)
			}
			if got := markdown.inert(c.in); got != c.markdown {
				t.Errorf("in Markdown %q, want %q", got, c.markdown)
			}
			if got := mailed.inert(c.in); got != c.in {
				t.Errorf("in a mail %q", got)
			}
		})
	}
}

func FuzzLifeless(f *testing.F) {
	f.Add("@@a <@b> :c:d: [e](f) https://www.g /h ~~i #j $K l.m.n 1.2.3.4")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range []style{markdown, unformatted} {
			shown := s.foreign(text, 500)
			wantLifeless(t, shown)
			if found := aliveInTelegram.FindString(shown); found != "" && s.bold == "" {
				t.Errorf("%q becomes a link in %q", found, shown)
			}
			if words := strings.NewReplacer("\u200b", "", `\`, "").Replace(shown); words != strings.NewReplacer("\u200b", "", `\`, "").Replace(cut(text, 500)) {
				t.Errorf("%q became %q", text, words)
			}
		}
	})
}

// FuzzText: a message fits whatever is in it, and its links are whole.
func FuzzText(f *testing.F) {
	f.Add("1.3.0", "it broke", 3)
	f.Add("@a&", "😀_*", 5000)
	f.Fuzz(func(t *testing.T, a, b string, n int) {
		m := hostile()
		long := strings.Repeat(b, max(0, min(n, 20000/max(1, len(b)))))
		m.By, m.Report.Version, m.Aftermath, m.Report.Source, m.RunPage = a, b, long, long, "https://ci.example/(a)"
		for range 20 {
			m.Report.Stages = append(m.Report.Stages, m.Report.Stages[0])
			m.Report.Stages[0].Reason = long
		}
		for _, s := range []style{markdown, unformatted, mailed} {
			text := m.text(s, true, func(text string) bool { return len(text) <= 4096 })
			if len(text) > 4096 || !utf8.ValidString(text) || !strings.Contains(text, s.link(link{"Run", "https://ci.example/(a)"})) {
				t.Errorf("%d bytes of\n%s", len(text), text)
			}
		}
	})
}
