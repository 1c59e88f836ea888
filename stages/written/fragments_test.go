package written

import (
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/version"
)

// filesOf are files written one below the other, each behind a line with its name: == a/b.md
func filesOf(text string) Files {
	files := Files{}
	for _, part := range strings.Split(text, "== ")[1:] {
		name, content, _ := strings.Cut(part, "\n")
		files[name] = []byte(content)
	}
	return files
}

func TestFragments(t *testing.T) {
	for name, c := range map[string]struct {
		files, want, folders, consumed string
		calls                          version.Kind
		by                             string
	}{
		"towncrier": {
			files: `== pyproject.toml
[tool.towncrier]
directory = "news"
filename = "NEWS.md"
== news/README.md
no news
== news/123.feature.md
A feature
in two lines.

- with a list
== news/9.feature.md
First.
== news/gh-7.feature.2.md
By name.
== news/+anything.bugfix.md
Belongs to nothing.
== news/10.misc
not shown
== news/0011.misc.md
== news/12.feature.md
First.
== news/13.unknown.md
no type
`,
			want:    "### Features\n\n- By name. (gh-7)\n- First. (#9, #12)\n- A feature\n  in two lines.\n\n  - with a list\n\n  (#123)\n\n### Bugfixes\n\n- Belongs to nothing.\n\n### Misc\n\n- #10, #11",
			folders: "news", consumed: "news/gh-7.feature.2.md news/9.feature.md news/10.misc news/0011.misc.md news/12.feature.md news/123.feature.md news/+anything.bugfix.md",
		},
		"towncrier, its own types and sections": {
			files: `== towncrier.toml
[tool.towncrier]
package = "shop"
package_dir = "src"
issue_format = "[gh{issue}](https://forge.example/{issue})"
orphan_prefix = "~"
ignore = ["*.draft.*"]
[[tool.towncrier.section]]
path = ""
[[tool.towncrier.section]]
name = "Web"
path = "web"
[[tool.towncrier.type]]
directory = "security"
name = "Security"
showcontent = true
[[tool.towncrier.type]]
directory = "add"
name = "Added"
showcontent = true
== pyproject.toml
[tool.towncrier]
directory = "elsewhere"
== src/shop/newsfragments/1.add.rst
See :func:` + "`run` and `the docs <https://docs.example>`__" + `.
== src/shop/newsfragments/2.draft.add.rst
Not yet.
== src/shop/newsfragments/~x.security
Safe.
== src/shop/web/newsfragments/3.add
Page.
`,
			want:    "### Security\n\n- Safe.\n\n### Added\n\n- See `run` and [the docs](https://docs.example). ([gh1](https://forge.example/1))\n\n### Web: Added\n\n- Page. ([gh3](https://forge.example/3))",
			folders: "src/shop/newsfragments src/shop/web/newsfragments", consumed: "src/shop/newsfragments/1.add.rst src/shop/newsfragments/~x.security src/shop/web/newsfragments/3.add",
		},
		"towncrier, types in tables": {
			files: `== pyproject.toml
[tool.towncrier.fragment.fix]
[tool.towncrier.fragment.chore]
name = "Chores"
showcontent = false
== newsfragments/1.fix
a
== newsfragments/2.chore
b
`,
			want: "### Chores\n\n- #2\n\n### Fix\n\n- a (#1)", folders: "newsfragments", consumed: "newsfragments/1.fix newsfragments/2.chore",
		},
		"changie": {
			files: `== .changie.yaml
changesDir: .changes
unreleasedDir: unreleased
kinds:
- label: ✨ Added
  key: added
  auto: minor
- label: Fixed
  auto: patch
- label: Internal
  auto: none
== .changes/unreleased/a.yaml
kind: Fixed
body: later
time: 2026-02-01T10:00:00+01:00
== .changes/unreleased/b.yaml
kind: Fixed
body: earlier
component: API
time: 2026-01-01T10:00:00Z
custom:
  Issue: "12"
  Author: jane
== .changes/unreleased/c.yaml
kind: added
body: |
  first line
  second line
time: 2026-01-02T10:00:00Z
custom:
  PR: 7
== .changes/unreleased/d.yaml
kind: Other
body: of no kind
== .changes/v1.2.0.md
old
`,
			want:    "### ✨ Added\n\n- first line\n  second line (#7)\n\n### Fixed\n\n- **API:** earlier (#12)\n- later\n\n### Other\n\n- of no kind",
			folders: ".changes/unreleased", consumed: ".changes/unreleased/d.yaml .changes/unreleased/b.yaml .changes/unreleased/c.yaml .changes/unreleased/a.yaml",
			calls: version.Minor, by: ".changes/unreleased/c.yaml",
		},
		"changesets": {
			files: "== .changeset/config.json\n{}\n== .changeset/README.md\nhello\n== .changeset/b-c.md\n---\n'shop': patch\n---\n\nA fix\n" +
				"== .changeset/a-b.md\n---\r\n\"shop\": patch\r\n\"@shop/ui\": major\r\n---\r\n\r\nBreaks\r\n\r\n#### How\r\n\r\nread\r\n" +
				"== .changeset/empty.md\n---\n---\n== .changeset/none.md\n---\nshop: none\n---\nhidden\n== .changeset/pre/d.md\n---\nshop: minor\n---\nMore",
			want:    "### Major Changes\n\n- **@shop/ui, shop:** Breaks\n\n  #### How\n\n  read\n\n### Minor Changes\n\n- **shop:** More\n\n### Patch Changes\n\n- **shop:** A fix",
			folders: ".changeset .changeset/pre", consumed: ".changeset/a-b.md .changeset/b-c.md .changeset/empty.md .changeset/none.md .changeset/pre/d.md",
			calls: version.Major, by: ".changeset/a-b.md",
		},
		"changesets of one package": {
			files:   "== .changeset/config.json\n{}\n== .changeset/a.md\n---\nshop: patch\n---\nA fix\n",
			want:    "### Patch Changes\n\n- A fix",
			folders: ".changeset .changeset/pre", consumed: ".changeset/a.md", calls: version.Patch, by: ".changeset/a.md",
		},
		"changesets that say nothing": {
			files:   "== .changeset/config.json\n{}\n== .changeset/a.md\n---\n---\n== .changeset/b.md\n---\nshop: minor\n---\n",
			folders: ".changeset .changeset/pre", consumed: ".changeset/a.md .changeset/b.md",
		},
		"no tool":                       {files: "== .changeset/a.md\n---\nshop: patch\n---\nA fix\n== pyproject.toml\n[project]\nname = \"x\"\n"},
		"what lies outside is not read": {files: "== towncrier.toml\n[tool.towncrier]\ndirectory = \"../news\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			files := filesOf(c.files)
			got, err := Upcoming(files)
			if err != nil || got.Markdown() != c.want {
				t.Errorf("got\n%s\n%v, want\n%s", got.Markdown(), err, c.want)
			}
			if all := strings.Join(got.Fragments, " "); all != c.consumed {
				t.Errorf("consumed are %s", all)
			}
			if got.Calls != c.calls || got.CalledBy != c.by {
				t.Errorf("%s calls for %q", got.CalledBy, got.Calls)
			}
			if folders, err := Folders(files); err != nil || !slices.Equal(folders, strings.Fields(c.folders)) {
				t.Errorf("folders are %q, %v", folders, err)
			}
		})
	}
}

func TestUnreadableFragments(t *testing.T) {
	for name, files := range map[string]string{
		"towncrier.toml":    "== towncrier.toml\n[tool.towncrier\n",
		".changie.yaml":     "== .changie.yaml\n\t- a\n",
		"unreleased/a.yaml": "== .changie.yaml\nunreleasedDir: unreleased\n== unreleased/a.yaml\nbody: [a\n",
		".changeset/a.md":   "== .changeset/config.json\n{}\n== .changeset/a.md\nno front matter\n",
		".changeset/b.md":   "== .changeset/config.json\n{}\n== .changeset/b.md\n---\n- a\n---\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Upcoming(filesOf(files)); err == nil || !strings.HasPrefix(err.Error(), name+" cannot be read, and with it what people wrote for this version: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}
