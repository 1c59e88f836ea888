package report

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/redact"
)

var tag = regexp.MustCompile(`<[^>]*>`)

func FuzzHTML(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !shown(text) {
			return
		}
		want := tag.FindAllString(pageOf(t, hostile("word")), -1)
		got := pageOf(t, hostile(text))
		if tags := tag.FindAllString(got, -1); !slices.Equal(tags, want) {
			t.Errorf("the text has changed the page's tags: %q", tags)
		}
		// Of a text that is shown as it is, nothing is lost.
		if plain := html.UnescapeString(tag.ReplaceAllString(got, "\x00")); !strings.Contains(plain, "\x00"+strings.Join(redact.Lines(text), "\n")) {
			t.Errorf("the output of a tool is not on the page")
		}
	})
}

// TestPageNeedsNothingElse holds the policy against the page, and the page against the policy.
func TestPageNeedsNothingElse(t *testing.T) {
	text := pageOf(t, example())
	_, rest, _ := strings.Cut(text, "<style>")
	inline, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(inline))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'"
	if !strings.Contains(html.UnescapeString(text), `content="`+want+`"`) {
		t.Errorf("the page has no policy %s", want)
	}
	if strings.Count(text, "<style") != 1 || len(inline) < 1000 {
		t.Errorf("%d bytes of style", len(inline))
	}
	loads := regexp.MustCompile(`<script|\sstyle=|src=|url\(|@import|\son[a-z]+=`)
	for _, part := range append(tag.FindAllString(text, -1), inline) {
		if found := loads.FindString(part); found != "" {
			t.Errorf("%q in %.80q", found, part)
		}
	}
	if got := regexp.MustCompile(`href="[^"]*"`).FindAllString(text, -1); !slices.Equal(got, []string{`href="data:,"`}) {
		t.Errorf("links: %q", got)
	}
}

// TestPageIsAccessible checks what a reader of the page without eyes relies on.
func TestPageIsAccessible(t *testing.T) {
	for name, r := range map[string]Report{"green": example(), "red": redExample()} {
		text := pageOf(t, r)
		for _, part := range []string{`<html lang="en">`, "<title>" + r.title() + ": " + string(r.Outcome) + "</title>", "<h1>" + r.title() + "</h1>"} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s: not once: %s", name, part)
			}
		}
		for _, head := range regexp.MustCompile(`<th[ >][^>]*`).FindAllString(text, -1) {
			if !strings.Contains(head, "scope=") {
				t.Errorf("%s: a header without scope: %s", name, head)
			}
		}
		for _, svg := range regexp.MustCompile(`<svg[^>]*>`).FindAllString(text, -1) {
			if !strings.Contains(svg, `aria-label="from `) && !strings.Contains(svg, `aria-hidden="true"`) {
				t.Errorf("%s: a picture without words: %s", name, svg)
			}
		}
		for _, of := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			if strings.Count(text, ` id="`+of[1]+`"`) != 1 {
				t.Errorf("%s: the label %s is there %d times", name, of[1], strings.Count(text, ` id="`+of[1]+`"`))
			}
		}
	}
}

func TestBars(t *testing.T) {
	r := Report{Seconds: 100, CriticalPath: []Part{{Name: "b"}}}
	for name, c := range map[string]struct {
		span namedSpan
		want barView
	}{
		"on the path":        {namedSpan{"b", Span{25, 50}}, barView{"25.00%", "50.00%", true}},
		"short, at the end":  {namedSpan{"c", Span{100, 0.01}}, barView{"99.40%", "0.60%", false}},
		"longer than it all": {namedSpan{"c", Span{-5, 300}}, barView{"0.00%", "100.00%", false}},
	} {
		if got := r.bar(c.span); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := (Report{}).bar(namedSpan{"a", Span{0, 1}}); got != (barView{"0.00%", "100.00%", false}) {
		t.Errorf("a run without a time: got %v", got)
	}
}

// TestContrast computes the contrast of every colour of text on what it stands on; 4.5 is what WCAG 2 asks for.
func TestContrast(t *testing.T) {
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(style, -1)
	if len(schemes) != 3 {
		t.Fatalf("%d colour schemes", len(schemes))
	}
	for i, scheme := range schemes {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]+);`).FindAllStringSubmatch(scheme[1], -1) {
			colours[m[1]] = m[2]
		}
		for text, backgrounds := range map[string][]string{
			"ink": {"page", "card"}, "soft": {"page", "card"}, "good": {"page", "good-tint"}, "bad": {"page", "card", "bad-tint"}, "idle": {"page"},
		} {
			for _, background := range backgrounds {
				if c := contrast(luminance(t, colours[text]), luminance(t, colours[background])); c < 4.5 {
					t.Errorf("scheme %d: %s on %s has a contrast of %.1f", i, text, background, c)
				}
			}
		}
	}
}
