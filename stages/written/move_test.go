package written

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/version"
)

var day = time.Date(2026, 2, 3, 23, 59, 0, 0, time.UTC)

// TestMove marks what is put in with «», and what it takes the place of with ‹›.
func TestMove(t *testing.T) {
	const unreleased = "## [Unreleased]\n«\n## [1.3.0] - 2026-02-03\n»\n- a\n"
	for name, marked := range map[string]string{
		"Keep a Changelog": unreleased + "\n## [1.2.0] - 2026-01-31\n\n- b\n\n" +
			"[unreleased]: https://forge.example/acme/shop/compare/‹v1.2.0...HEAD›«v1.3.0...HEAD»\n«[1.3.0]: https://forge.example/acme/shop/compare/v1.2.0...v1.3.0\n»" +
			"[1.2.0]: https://forge.example/acme/shop/compare/v1.1.0...v1.2.0\n",
		"the first version":            unreleased + "\n[unreleased]: https://forge.example/acme/shop/commits/main\n",
		"no version before, no braces": "## Unreleased\n«\n## 1.3.0 - 2026-02-03\n»- a\n",
		"its own day":                  "## Unreleased\n«\n## v1.3.0 (February 3, 2026)\n»\n- a\n\n## v1.2.0 (January 31, 2026)\n",
		"a short month":                "## Unreleased\n«\n## v1.3.0 (3 Feb 2026)\n»\n- a\n\n## v1.2.0 (31 Jan 2026)\n",
		"no day":                       "## Unreleased\n«\n## Shop v1.3.0\n»\n- a\n\n## Shop v1.2.0 \"Bold\"\n",
		"what was withdrawn":           "## [Unreleased]\n«\n## [1.3.0] - 2026.02.03\n»\n- a\n\n## [1.2.0] - 2026.01.31 [YANKED]\n",
		"numbers of others":            strings.Replace(others, "[Unreleased]\n", "[Unreleased]\n«\n## [1.3.0] - 2026-02-03\n»", 1),
		"a version that is deeper":     "## Unreleased\n«\n## v1.3.0\n»- a\n### 1.2.1\n## v1.2.0\n",
		"other levels":                 "# Unreleased\n«\n# 1.3.0 / 2026-02-03\n»\n- a\n\n## 1.2.1 / 2026-01-31\n",
		"links in the headings": "## [Unreleased](https://forge.example/compare/v‹1.2.0›«1.3.0»...HEAD)\n" +
			"«\n## [1.3.0](https://forge.example/compare/v1.2.0...v1.3.0) (2026-02-03)\n»\n- a\n\n## [1.2.0](https://forge.example/compare/v1.1.0...v1.2.0) (2026-01-31)\n",
		"underlined":              "Unreleased\n----------\n«\n1.3.0 - 2026-02-03\n------------------\n»\n- a\n\n1.2.0 - 2026-01-31\n------------------\n",
		"underlined twice":        "Unreleased\n==========\n«\n1.3.0 - 2026-02-03\n==================\n»\n- a\n",
		"labels with v":           "## [Unreleased]\n«\n## [v1.3.0]\n»- a\n## [v1.2.0]\n[unreleased]: <c/‹1.2.0..main›«1.3.0..main»>\n«[v1.3.0]: c/1.2.0..1.3.0\n»[v1.2.0]: x",
		"a definition at the end": "## [Unreleased]\n«\n## [1.3.0] - 2026-02-03\n»- a\n\n[Unreleased]: c/‹1.2.0...HEAD›«1.3.0...HEAD»«\n[1.3.0]: c/1.2.0...1.3.0»",
		"a link in code":          unreleased + "\n```\n[unreleased]: c/1.2.0...HEAD\n```\n",
		"a heading in code":       "```\n## [Unreleased]\n- z\n```\n" + unreleased,
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range []func(string) string{
				func(s string) string { return s },
				func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") },
			} {
				before, want := form(unmarked(marked, "«", "»")), form(strings.NewReplacer("«", "", "»", "").Replace(unmarked(marked, "‹", "›")))
				before = strings.NewReplacer("‹", "", "›", "").Replace(before)
				got := moved(t, Files{"CHANGELOG.md": []byte(before)}, "1.3.0")
				if got != want {
					t.Errorf("got\n%q, want\n%q", got, want)
				}
				if again := moved(t, Files{"CHANGELOG.md": []byte(got)}, "1.3.0"); again != "" {
					t.Errorf("moved again to\n%s", again)
				}
			}
		})
	}
}

// unmarked is a text without what stands between two marks.
func unmarked(text, open, shut string) string {
	for {
		from, to := strings.Index(text, open), strings.Index(text, shut)
		if from < 0 {
			return text
		}
		text = text[:from] + text[to+len(shut):]
	}
}

// moved is the changelog after a move, empty if there was none.
func moved(t *testing.T, files Files, v string) string {
	t.Helper()
	text, err := Upcoming(files)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := Move(files, text, mustVersion(t, v), day)
	return string(m.Content)
}

func TestMoveNothing(t *testing.T) {
	for name, text := range map[string]string{
		"nothing is unreleased":       "## [Unreleased]\n\n### Added\n\n## 1.2.0\n",
		"no place for it":             "# Changelog\n\n## 1.2.0\n",
		"the version has its section": "## [Unreleased]\n- a\n## 1.3.0\n",
		"no changelog":                "",
	} {
		t.Run(name, func(t *testing.T) {
			if got := moved(t, Files{"CHANGELOG.md": []byte(text)}, "1.3.0"); got != "" {
				t.Errorf("moved to\n%s", got)
			}
		})
	}
}

// TestMoveFragments has them behind what the changelog says itself, and before its definitions.
func TestMoveFragments(t *testing.T) {
	set := func(changelog string) Files {
		return Files{"CHANGELOG.md": []byte(changelog), changesetsFile: []byte("{}"), ".changeset/a-b.md": []byte("---\n\"shop\": minor\n---\n\nA feature\n")}
	}
	for name, c := range map[string]struct{ text, want string }{
		"behind a text":   {"## Unreleased\n\n- a\n\n## 1.2.0\n", "## Unreleased\n\n## 1.3.0\n\n- a\n\n### Minor Changes\n\n- A feature\n\n## 1.2.0\n"},
		"others' numbers": {others, strings.NewReplacer("[Unreleased]\n", "[Unreleased]\n\n## [1.3.0] - 2026-02-03\n", "- y\n", "- y\n\n### Minor Changes\n\n- A feature\n").Replace(others)},
		"alone":           {"## Unreleased\n\n## 1.2.0\n", "## Unreleased\n\n## 1.3.0\n\n### Minor Changes\n\n- A feature\n\n## 1.2.0\n"},
		"tight":           {"# Unreleased\n# 1.2.0\n", "# Unreleased\n\n# 1.3.0\n\n## Minor Changes\n\n- A feature\n\n# 1.2.0\n"},
		"at the end":      {"## Unreleased", "## Unreleased\n\n## 1.3.0 - 2026-02-03\n\n### Minor Changes\n\n- A feature\n"},
		"definitions":     {"## Unreleased\n- a\n\n[b]: c\n[d]: e", "## Unreleased\n\n## 1.3.0 - 2026-02-03\n- a\n\n### Minor Changes\n\n- A feature\n\n[b]: c\n[d]: e"},
		"no place":        {"# Changelog\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := moved(t, set(c.text), "1.3.0"); got != c.want {
				t.Errorf("got\n%q, want\n%q", got, c.want)
			}
		})
	}
	files := set("## Unreleased\n")
	text, _ := Upcoming(files)
	m, ok := Move(files, text, mustVersion(t, "1.3.0"), day)
	if !ok || m.Path != "CHANGELOG.md" || !slices.Equal(m.Consumed, []string{".changeset/a-b.md"}) {
		t.Errorf("got %+v", m)
	}
}

// TestMoveSilent: what has no text goes with the rest, and alone as well; the next release would not see it any more.
func TestMoveSilent(t *testing.T) {
	for name, c := range map[string]struct{ changelog, path, consumed string }{
		"with a text":                 {"## Unreleased\n- a\n", "CHANGELOG.md", ".changeset/a.md"},
		"alone":                       {"## Unreleased\n", "", ".changeset/a.md"},
		"no place for a text":         {"# Changelog\n", "", ""},
		"the version has its section": {"## Unreleased\n## 1.3.0\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := Files{"CHANGELOG.md": []byte(c.changelog), changesetsFile: []byte("{}"), ".changeset/a.md": []byte("---\n---\n")}
			text, err := Upcoming(files)
			m, ok := Move(files, text, mustVersion(t, "1.3.0"), day)
			if err != nil || m.Path != c.path || strings.Join(m.Consumed, " ") != c.consumed || ok != (c.consumed != "") {
				t.Errorf("got %+v, %v, %v", m, ok, err)
			}
		})
	}
}

// FuzzMove cuts out what was put in: what is left must be the same bytes. A second move finds nothing to do.
func FuzzMove(f *testing.F) {
	for _, seed := range []string{kept, others, "# Unreleased\n- a\n## Shop 1.2.0\n### 7.8.9 x\n# Shop 1.1.0\n", "## Unreleased\n- a", "Unreleased\n---\n- a\n1.2.0\n---\n", "## [Unreleased]\r\n- a\r\n[unreleased]: c/v1.2.0...HEAD\r\n",
		"## Unreleased\n- a\n## * 1.2.0 - 2026-01-31\n", "## Unreleased\n```\n## 1.2.0\n", "# Unreleased #\n-\n  a\n# [1.2.0][] #\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := Files{"CHANGELOG.md": []byte(text)}
		upcoming, err := Upcoming(files)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := version.Parse("7.8.9")
		m, ok := Move(files, upcoming, v, day)
		if !ok {
			return
		}
		p := parse(files.text("CHANGELOG.md"))
		s, _ := p.section(isUnreleased)
		head := text[:len(text)-len(p.text)+s.head.end]
		if !strings.HasPrefix(string(m.Content), head) {
			t.Fatalf("%q became %q", text, m.Content)
		}
		links := p.movedLinks(s, v)
		left := p.edited(slices.DeleteFunc(slices.Clone(links), func(e edit) bool { return e.start == e.end }))
		if len(links) > 0 {
			left = strings.ReplaceAll(left, "7.8.9", "") // stands there only now
		}
		if !isSubsequence(left, string(m.Content)) {
			t.Fatalf("%q lost bytes and became %q", text, m.Content)
		}
		files["CHANGELOG.md"] = m.Content
		now, ok := Section(files, v)
		if !ok || now.Own != upcoming.Own && len(links) == 0 {
			t.Fatalf("%q became %q, whose section is %q", text, m.Content, now.Own)
		}
		if again, ok := Move(files, upcoming, v, day); ok {
			t.Fatalf("%q became %q, and then %q", text, m.Content, again.Content)
		}
	})
}

// isSubsequence says whether a text can be had from a longer one by leaving bytes out.
func isSubsequence(text, longer string) bool {
	for i := range len(longer) {
		if text != "" && longer[i] == text[0] {
			text = text[1:]
		}
	}
	return text == ""
}
