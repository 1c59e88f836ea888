package forge

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNextPage(t *testing.T) {
	tests := []struct {
		name, link, want string
		fails            bool
	}{
		{"none", "", "", false},
		{"GitHub", `<https://api.github.com/repositories/1/issues?page=2>; rel="next", <https://api.github.com/repositories/1/issues?page=5>; rel="last"`, "page=2", false},
		{"the last page", `<https://x/?page=1>; rel="first", <https://x/?page=4>; rel="prev"`, "", false},
		{"without quotes, other order", `<https://x/?page=1>; rel=prev,<https://x/?after=abc&page=3>; rel=next`, "after=abc&page=3", false},
		{"relative", `</x?page=2>; rel="next"`, "page=2", false},
		{"no query", `<https://x/>; rel="next"`, "", true},
		{"no URL", `<:>; rel="next"`, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := nextPage(http.Header{"Link": {test.link}})
			if got.Encode() != test.want || (err != nil) != test.fails {
				t.Errorf("got %q, %v; want %q", got.Encode(), err, test.want)
			}
		})
	}
}

func FuzzNextPage(f *testing.F) {
	f.Add(`<https://x/?page=2>; rel="next"`)
	f.Add(`<a>,<b?c>; rel=next,,;`)
	f.Fuzz(func(t *testing.T, link string) {
		if next, err := nextPage(http.Header{"Link": {link}}); err != nil && next != nil {
			t.Errorf("%q: both a page and an error", link)
		}
	})
}

func FuzzDetail(f *testing.F) {
	f.Add(`{"message":"Validation Failed","errors":[{"resource":"Release","code":"already_exists"},"x"]}`)
	f.Add(`{"message":{"base":["a","b"]},"error":1,"error_description":null}`)
	f.Add("<html>")
	f.Fuzz(func(t *testing.T, body string) {
		got := detail([]byte(body))
		if utf8.RuneCountInString(got) > longestDetail+1 || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q gives %q", body, got)
		}
		if got != detail([]byte(body)) {
			t.Errorf("%q gives different texts", body)
		}
	})
}

// FuzzPatterns looks for a tag or pattern that breaks the matching; a tag without special characters matches itself.
func FuzzPatterns(f *testing.F) {
	f.Add("v*", "v1.2.3")
	f.Add("/(/", "v1")
	f.Add("v{1,[!2]}", "v1")
	f.Fuzz(func(t *testing.T, pattern, tag string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(tag) || strings.Contains(tag, "\n") {
			return // JSON and Git's rules for tags exclude them.
		}
		_, _, _ = tagProtection{Pattern: pattern}.matches(tag), matchesWildcard(pattern, tag), matchesRef(pattern, tag)
		if plainTag := !strings.ContainsAny(tag, `*?[]{}\,/`); plainTag && tag != "" &&
			!(tagProtection{Pattern: tag}.matches(tag) && matchesWildcard(tag, tag) && matchesRef("refs/tags/"+tag, tag)) {
			t.Errorf("%q does not match itself", tag)
		}
	})
}
