package written

import (
	"strings"
	"testing"

	"dagger/slipway/stages/version"
)

func mustVersion(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const kept = `# Changelog

## [Unreleased]

### Added

- a *new* thing, see [the guide] and [1.2.0]

### Fixed

## [1.2.0] - 2026-01-31

### Fixed

- a bug
  - in detail

## [1.1.0] - 2025-12-01 [YANKED]

- old

[Unreleased]: https://forge.example/acme/shop/compare/v1.2.0...HEAD
[1.2.0]: https://forge.example/acme/shop/compare/v1.1.0...v1.2.0
[the guide]: docs/guide.md
`

// others has a subheading that begins as the one of a version.
const others = "## [Unreleased]\n\n### Python 3.12.1 support\n\n- x\n\n### Fixed\n\n- y\n\n## [1.2.0] - 2026-01-31\n"

// TestSection wants what stands below a version's heading, and nothing of its neighbours.
func TestSection(t *testing.T) {
	for name, c := range map[string]struct {
		text, version, want string
		missing             bool
	}{
		"Keep a Changelog":           {text: kept, version: "1.2.0", want: "### Fixed\n\n- a bug\n  - in detail"},
		"the last one":               {text: kept, version: "1.1.0", want: "- old"},
		"no section":                 {text: kept, version: "1.3.0", missing: true},
		"a longer number":            {text: "## 1.2.10\n- a\n## 1.2.1\n- b\n", version: "1.2.1", want: "- b"},
		"its candidate":              {text: "## 1.2.1-rc.1\n- a\n## 1.2.1\n- b\n", version: "1.2.1", want: "- b"},
		"a candidate as Python says": {text: "## 1.2.1rc1\n- a\n## 1.2.1\n- b\n", version: "1.2.1-rc.1", want: "- a"},
		"with v and date":            {text: "## v1.2.3 (2026-01-31)\n\n- a\n", version: "1.2.3", want: "- a"},
		"changie's date":             {text: "## v1.2.3 on 2026-01-31\n\n- a\n", version: "1.2.3", want: "- a"},
		"a link in the heading":      {text: "## [1.2.3](https://forge.example/compare/v1.2.2...v1.2.3) (2026-01-31)\n- a\n", version: "1.2.3", want: "- a"},
		"below a link from it":       {text: "## [Unreleased](https://forge.example/compare/1.2.3...HEAD)\n- a\n## 1.2.3\n- b\n", version: "1.2.3", want: "- b"},
		"a product's tag":            {text: "## shop-v1.2.3\n- a\n", version: "1.2.3", want: "- a"},
		"a word before it":           {text: "# Shop 1.2.3 (2026-01-31)\n\n## Features\n\n- a\n\n# Shop 1.2.2\n- b\n", version: "1.2.3", want: "## Features\n\n- a"},
		"several levels":             {text: "# 1.3.0\n- a\n## 1.2.1\n- b\n## 1.2.0\n- c\n", version: "1.3.0", want: "- a"},
		"underlined":                 {text: "1.2.3 / 2026-01-31\n==================\n\n- a\n\n1.2.2\n=====\n- b\n", version: "1.2.3", want: "- a"},
		"a heading in code":          {text: "## 1.2.3\n\n```\n## 1.2.2\n```\n\n- a\n## 1.2.1\n- b\n", version: "1.2.3", want: "```\n## 1.2.2\n```\n\n- a"},
		"a heading in a comment":     {text: "## 1.2.3\n<!--\n## 1.2.2\n-->\n- a\n", version: "1.2.3", want: "<!--\n## 1.2.2\n-->\n- a"},
		"a section in code":          {text: "```\n## 1.2.3\n- a\n```\n## 1.2.2\n- b\n", version: "1.2.3", missing: true},
		"the way from it to another": {text: "## From 1.2.3 to 1.3.0\n- a\n", version: "1.2.3", missing: true},
		"twice":                      {text: "## 1.2.3\n- a\n## 1.2.3\n- b\n", version: "1.2.3", want: "- a"},
		"its number again below":     {text: "## 1.2.3\n### Since 1.2.3\n- a\n## 1.2.2\n", version: "1.2.3", want: "### Since 1.2.3\n- a"},
		"another number below":       {text: "## 1.3.0\n### Since 1.2.0\n- a\n## 1.2.0\n- b\n", version: "1.3.0", want: "### Since 1.2.0\n- a"},
		"its number below another":   {text: "## 1.3.0\n### Since 1.2.0\n- a\n## 1.2.0\n- b\n", version: "1.2.0", want: "- b"},
		"only below another":         {text: "## 1.3.0\n### Shop 1.2.0 \"Bold\"\n- a\n", version: "1.2.0", missing: true},
		"deeper, with a word":        {text: "# 1.3.0\n- a\n## Shop v1.2.0 (31 January 2026)\n- b\n", version: "1.2.0", want: "- b"},
		"deeper, as changie says":    {text: "# 1.3.0\n- a\n## v1.2.0 on 2026-01-31\n- b\n", version: "1.3.0", want: "- a"},
		"deeper, withdrawn":          {text: "# 1.3.0\n- a\n## [1.2.1][] [YANKED]\n- b\n", version: "1.3.0", want: "- a"},
		"below a chapter of it":      {text: "# 1.3.0\n## Python\n### 3.12.1 is supported\n- a\n", version: "1.3.0", want: "## Python\n### 3.12.1 is supported\n- a"},
		"below a chapter behind it":  {text: "# 1.3.0\n- a\n# More\n## Shop 1.2.0 again\n- b\n", version: "1.2.0", missing: true},
		"empty":                      {text: "## 1.2.3\n\n### Added\n\n### Fixed\n<!-- nothing yet -->\n\n-\n\n## 1.2.2\n- b\n", version: "1.2.3", want: ""},
		"empty headings":             {text: "## 1.2.3\n\n### Added\n\n### Fixed\n- a\n\n#### More\n### Removed\n", version: "1.2.3", want: "### Fixed\n- a"},
		"Windows":                    {text: "\ufeff# Changelog\r\n\r\n## 1.2.3\r\n\r\n- a\r\n- b [c]\r\n\r\n[c]: d\r\n", version: "1.2.3", want: "- a\n- b [c]\n\n[c]: d"},
		"code at its beginning":      {text: "## 1.2.3\n\n    code\n", version: "1.2.3", want: "    code"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Section(Files{"CHANGELOG.md": []byte(c.text)}, mustVersion(t, c.version))
			if got.Own != c.want || ok == c.missing {
				t.Errorf("got %q, %v, want %q", got.Own, ok, c.want)
			}
		})
	}
}

func TestUpcoming(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"with the definitions that it needs": {kept, "### Added\n\n- a *new* thing, see [the guide] and [1.2.0]\n\n[1.2.0]: https://forge.example/acme/shop/compare/v1.1.0...v1.2.0\n[the guide]: docs/guide.md"},
		"with numbers of others":             {others, "### Python 3.12.1 support\n\n- x\n\n### Fixed\n\n- y"},
		"a version deeper":                   {"# Unreleased\n- a\n## Shop 1.2.0 (2026-01-31)\n- b\n", "- a"},
		"none":                               {"## 1.2.0\n- a\n", ""},
		"empty":                              {"## Unreleased\n\n## 1.2.0\n- a\n", ""},
		"no brackets, a day to come":         {"## Unreleased - YYYY-MM-DD\n- a\n", "- a"},
		"a branch":                           {"## master (unreleased)\n- a\n", "- a"},
		"a link":                             {"## [Unreleased](https://forge.example/compare/v1.2.0...HEAD)\n- a\n", "- a"},
		"a word that begins so":              {"## Unreleasedness\n- a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Upcoming(Files{"CHANGELOG.md": []byte(c.text)})
			if err != nil || got.Markdown() != c.want {
				t.Errorf("got %q, %v, want %q", got.Markdown(), err, c.want)
			}
		})
	}
	got, _ := Upcoming(Files{"CHANGES.md": []byte("# Changes\n"), "HISTORY.md": []byte("## Unreleased\n- a\n")})
	if got.Own != "- a" {
		t.Errorf("of several changelogs: %q", got.Own)
	}
}

func TestContained(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"as it is":                 {"### Added\n\n- a <b>c</b> @jane\n", "### Added\n\n- a <b>c</b> @jane\n"},
		"our markers":              {"<!-- slipway: end -->\n`<!-- slipway: withdrawn -->`", "<!-- slipway : end -->\n`<!-- slipway : withdrawn -->`"},
		"a fence that stays open":  {"```go\na := 1\n", "```go\na := 1\n\n```\n"},
		"a long fence":             {"~~~~\n~~~\n", "~~~~\n~~~\n\n~~~~\n"},
		"a fence in a list":        {"- ```\n  a\n", "- ```\n  a\n"},
		"a comment that stays so":  {"a\n\n<!-- b\n\n## c\n", "a\n\n<!-- b\n\n## c\n\n-->\n"},
		"a comment in a list":      {"- <!-- a\n", "- <!-- a\n\n\n<!-- -->\n"},
		"a comment in a tag":       {"<div><!--\n\nb", "<div><!--\n\nb\n\n<!-- -->\n"},
		"comments that end":        {"- <!-- a -->\n- <!--\n  b\n  -->\n", "- <!-- a -->\n- <!--\n  b\n  -->\n"},
		"a comment with a fence":   {"```\n<!--\n", "```\n<!--\n\n```\n"},
		"preformatted":             {"<pre>\na\n\nb\n", "<pre>\na\n\nb\n\n</pre>\n"},
		"a fold":                   {"<details>\n<summary>a</summary>\n\nb\n", "<details>\n<summary>a</summary>\n\nb\n\n\n</details>\n"},
		"a fold that ends":         {"<details>\n\nb\n\n</details>\n", "<details>\n\nb\n\n</details>\n"},
		"a fold in a comment":      {"<!-- <details> -->\n", "<!-- <details> -->\n"},
		"a fold that is shown":     {"```\n<details>\n```\n", "```\n<details>\n```\n"},
		"what is not UTF-8":        {"a\xff", "a\ufffd"},
		"line breaks from Windows": {"a\r\nb\r\n", "a\nb\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Contained(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzContained wants what follows to be of the page, whatever stands before it.
func FuzzContained(f *testing.F) {
	for _, seed := range []string{kept, "```", "~~~~\n```", "<!--", "<details>", "<script>", "- ```\n\n  a", "> ```", "<?", "<![CDATA[", "<!A", "# a\n===", "[a]:", "<pre>```\n<!--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Contained(text)
		if isOpen(got) || Closing(got) != "" || strings.Contains(got, "<!-- slipway:") {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
