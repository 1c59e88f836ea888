package changelog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/slipway/stages/redact"
)

func TestParseHeader(t *testing.T) {
	for _, test := range []struct {
		line string
		want header
	}{
		{"feat: a", header{"feat", "", "a", false}},
		{"FEAT(Api)!:  a b ", header{"feat", "Api", "a b", true}},
		{" fix(a, b): x: y", header{"fix", "a, b", "x: y", false}},
		{"feat(): a", header{"feat", "", "a", false}},
		{"feat()!: a", header{"feat", "", "a", true}},
		{"build-deps_2: a", header{"build-deps_2", "", "a", false}},
		{"fix:\u00a0a", header{"fix", "", "a", false}},
		{"correção: a", header{"correção", "", "a", false}},
		{"✨ feat(a): b", header{"feat", "a", "b", false}},
		{":sparkles: feat!: b", header{"feat", "", "b", true}},
		{"fix：修复", header{"fix", "", "修复", false}},
		{"fix(ui)!:修复bug", header{"fix", "ui", "修复bug", true}},
		{"feat（ui）！： x", header{"feat", "ui", "x", true}},
		{"feat(ui)： x", header{"feat", "ui", "x", false}},
		{"feat（ui(a)）：x", header{Title: "feat（ui(a)）：x"}},
		{"✨ b", header{Title: "✨ b"}},
		{"feat:a", header{Title: "feat:a"}},
		{"feat : a", header{Title: "feat : a"}},
		{"feat !: a", header{Title: "feat !: a"}},
		{"feat!!: a", header{Title: "feat!!: a"}},
		{"feat(a)(b): c", header{Title: "feat(a)(b): c"}},
		{"feat(a(b)): c", header{Title: "feat(a(b)): c"}},
		{"feat(a) : c", header{Title: "feat(a) : c"}},
		{"12: a", header{Title: "12: a"}},
		{"two words: a", header{Title: "two words: a"}},
		{": a", header{Title: ": a"}},
		{"", header{}},
	} {
		t.Run(test.line, func(t *testing.T) {
			if got := parseHeader(test.line); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCutNumber(t *testing.T) {
	for _, test := range []struct {
		title, mark, rest string
		number            int
	}{
		{"a (#5)", "#", "a", 5},
		{"a (#5) ", "#", "a", 5},
		{"a(#5)", "#", "a", 5},
		{"a (#5) (#6)", "#", "a (#5)", 6},
		{"(#5)", "#", "", 5},
		{"a (!5)", "!", "a", 5},
		{"a (!5)", "#", "a (!5)", 0},
		{"a (#5) b", "#", "a (#5) b", 0},
		{"a (#5, #6)", "#", "a (#5, #6)", 0},
		{"a (#0)", "#", "a (#0)", 0},
		{"a (#05)", "#", "a (#05)", 0},
		{"a (#-5)", "#", "a (#-5)", 0},
		{"a (#٣)", "#", "a (#٣)", 0},
		{"a (#999999999)", "#", "a", 999999999},
		{"a (#1000000000)", "#", "a (#1000000000)", 0},
		{"a (#)", "#", "a (#)", 0},
		{"a (#", "#", "a (#", 0},
	} {
		t.Run(test.title, func(t *testing.T) {
			rest, number := cutNumber(test.title, test.mark)
			if rest != test.rest || number != test.number {
				t.Errorf("got %q %d, want %q %d", rest, number, test.rest, test.number)
			}
		})
	}
}

func TestBreaks(t *testing.T) {
	for _, test := range []struct {
		body string
		want []string
	}{
		{"BREAKING CHANGE: the file is gone", []string{"the file is gone"}},
		{"Text.\n\nBREAKING-CHANGE: the file\nis gone\n\nMore.", []string{"the file is gone"}},
		{"BREAKING CHANGE:\n\nbelow\n\nmore", []string{"below"}},
		{"BREAKING CHANGE: a\nReviewed-by: Ann <ann@acme.example>", []string{"a"}},
		{"BREAKING CHANGE: a\nCloses #5", []string{"a"}},
		{"BREAKING CHANGE: a\nBREAKING CHANGE: b", []string{"a", "b"}},
		{"* feat!: one\n\nBREAKING CHANGE: a\n* fix: two", []string{"a"}},
		{"BREAKING CHANGE: a\nNote: still a", []string{"a Note: still a"}},
		{"BREAKING CHANGE: a,\nsee the guide", []string{"a, see the guide"}},
		{"BREAKING CHANGE:", nil},
		{"no BREAKING CHANGE: here", nil},
		{"BREAKING CHANGE: " + strings.Repeat("é", 2000), []string{strings.Repeat("é", 999) + "…"}},
	} {
		t.Run(test.body, func(t *testing.T) {
			if got := breaks(test.body); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCloses(t *testing.T) {
	for _, test := range []struct {
		body string
		want []int
	}{
		{"close #1 closes #2 closed #3", []int{1, 2, 3}},
		{"Fix #1, fixes: #2; FIXED #3", []int{1, 2, 3}},
		{"resolve #1\nresolves #2\r\nresolved #3", []int{1, 2, 3}},
		{"Closing #1, fixing #2, resolving #3", []int{1, 2, 3}},
		{"Fixes\n#4", []int{4}},
		{"closes acme/shop#5 and closes ACME/Shop#6", []int{5, 6}},
		{"closes https://github.com/acme/shop/issues/7", []int{7}},
		{"closes https://github.com/acme/shop/-/issues/8", []int{8}},
		{"Fixes: http://GitHub.com/acme/shop/issues/7#issuecomment-1", []int{7}},
		{"closes https://github.com/acme/shop/-/work_items/8", []int{8}},
		{"closes other/shop#5, closes https://github.com/other/shop/issues/7, closes https://evil.example/acme/shop/issues/7", nil},
		{"closes #0, closes #x, closes 5, encloses #6, bugfix #7, close#8", nil},
		{"closes #5x, closes #1234567890", nil},
		{"<!-- closes #5\ncloses #6 --> closes #7", []int{7}},
		{"closes https://github.com/acme/shop/pull/9", nil},
	} {
		t.Run(test.body, func(t *testing.T) {
			got := PullRequest{Body: test.body}.Closes(Links{Repository: "https://github.com/acme/shop.git"})
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{"feat: a", "feat(a, b)!: c", "feat!(s): a", "été(x): y (#3)", "a\x00\xff: b", "feat(a:b)): c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h := parseHeader(line)
		if !utf8.ValidString(h.Title + h.Scope + h.Type) {
			t.Fatalf("invalid UTF-8 in %+v", h)
		}
		if h.Type == "" {
			if h.Title != redact.OneLine(line) || h.Scope != "" || h.Breaking {
				t.Fatalf("no type, but the line changed: %+v", h)
			}
			return
		}
		scope, mark := "", ""
		if h.Scope != "" {
			scope = "(" + h.Scope + ")"
		}
		if h.Breaking {
			mark = "!"
		}
		if again := parseHeader(h.Type + scope + mark + ": " + h.Title); again != h {
			t.Fatalf("%+v, and written again %+v", h, again)
		}
		if !strings.HasSuffix(redact.OneLine(line), h.Title) {
			t.Fatalf("%q is not the end of %q", h.Title, line)
		}
	})
}

func FuzzCutNumber(f *testing.F) {
	for _, seed := range []string{"a (#5)", "(#5) (#6)", "(#", ")", "a (#99999999999)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, title string) {
		rest, number := cutNumber(title, "#")
		if number == 0 {
			if rest != strings.TrimSpace(title) {
				t.Fatalf("no number, but %q became %q", title, rest)
			}
			return
		}
		if want := fmt.Sprintf("(#%d)", number); !strings.HasPrefix(title, rest) && !strings.HasSuffix(title, want) {
			t.Fatalf("%q was cut to %q and %d", title, rest, number)
		}
	})
}
