package stages

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/written"
)

const keptChangelog = `# Changelog

## [Unreleased]

- new

## [1.2.3] - 2026-01-31

- old
`

// TestWritten: what is not released yet is not shown for a version that was.
func TestWritten(t *testing.T) {
	for name, c := range map[string]struct{ tag, commit, want string }{
		"the next version":          {"v1.3.0", "this", "- new"},
		"a candidate of it":         {"v1.3.0-rc.1", "this", "- new"},
		"no version":                {"HEAD", "this", "- new"},
		"its own section":           {"v1.2.3", "that", "- old"},
		"its own, of this commit":   {"v1.2.3", "this", "- old"},
		"an old one without a text": {"v1.2.2", "that", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := carried(t, nil)
			r.source.files["CHANGELOG.md"] = []byte(keptChangelog)
			got, err := r.written(t.Context(), release.Tag{}, release.Tag{Commit: c.commit}, c.tag)
			if err != nil || got.Markdown() != c.want {
				t.Errorf("got %q, %v, want %q", got.Markdown(), err, c.want)
			}
		})
	}
	r := carried(t, nil)
	r.source.files[".changie.yaml"] = []byte("\t")
	if _, err := r.written(t.Context(), release.Tag{}, r.head(), "v1.3.0"); err == nil || !strings.Contains(err.Error(), ".changie.yaml cannot be read") {
		t.Errorf("got %v", err)
	}
}

// fragments runs the script as withFragments does.
func (c clone) fragments(tree, before string, folders ...string) map[string][]byte {
	c.t.Helper()
	script := here(c.t.TempDir()).Replace(fragmentScript)
	files, err := parseFragments(c.run("sh", append([]string{"-c", script, "sh", tree, before}, folders...)...))
	if err != nil {
		c.t.Fatal(err)
	}
	return files
}

// TestFragments: what lay in the tree of the release before belongs to no release.
func TestFragments(t *testing.T) {
	c := newClone(t)
	c.write("news/1.feature.md", "old\n")
	c.write("news/README.md", "read me\n")
	c.commit()
	before := strings.TrimSpace(c.git("rev-parse", "HEAD"))
	for name, text := range map[string]string{
		"news/2.feature.md": "new\n\n", "news/späte Änderung.fix.md": "late\n", "news/*": "pattern\n", "news/deep/3.feature.md": "deep\n",
		"news/1.feature.md": "old, and changed\n", "-o/4.fix": "option\n", "news-letter/5.fix": "other\n",
	} {
		c.write(name, text)
	}
	c.commit()
	tree := strings.TrimSpace(c.git("rev-parse", "HEAD^{tree}"))
	want := map[string]string{"news/2.feature.md": "new\n\n", "news/späte Änderung.fix.md": "late\n", "news/*": "pattern\n", "-o/4.fix": "option\n"}
	same := func(got []byte, want string) bool { return string(got) == want }
	if got := c.fragments(tree, before, "news", "-o", "nowhere"); !maps.EqualFunc(got, want, same) {
		t.Errorf("got %q, want %q", got, want)
	}
	want["news/1.feature.md"], want["news/README.md"] = "old, and changed\n", "read me\n"
	for _, unknown := range []string{"", strings.Repeat("1", 40)} {
		if got := c.fragments(tree, unknown, "news", "-o"); !maps.EqualFunc(got, want, same) {
			t.Errorf("after %q: got %q, want %q", unknown, got, want)
		}
	}
	if _, err := parseFragments("new a\n"); err == nil {
		t.Error("a short answer is taken")
	}
}

// TestBumpMovesWhatIsWritten is about which change a bump is; what a move does to the text is tested with it.
func TestBumpMovesWhatIsWritten(t *testing.T) {
	for name, c := range map[string]struct{ version, changelog, manifest, changed string }{
		"a stable version":       {"1.3.0", keptChangelog, numbered, "package.json CHANGELOG.md"},
		"a prerelease":           {"1.3.0-rc.1", keptChangelog, numbered, "package.json"},
		"nothing is unreleased":  {"1.3.0", "## Unreleased\n", numbered, "package.json"},
		"done already":           {"1.2.3", keptChangelog, numbered, ""},
		"no file with a version": {"1.3.0", keptChangelog, "", "CHANGELOG.md"},
		"neither of both":        {"1.3.0", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			if c.manifest != "" {
				files["package.json"] = c.manifest
			}
			r := carried(t, files)
			r.started = time.Date(2026, 2, 3, 23, 30, 0, 0, time.FixedZone("", -3600))
			r.source.files["CHANGELOG.md"] = []byte(c.changelog)
			b, err := r.bump(t.Context(), Next{Version: c.version})
			if got := strings.Join(b.paths(), " "); err != nil || got != c.changed {
				t.Fatalf("changed are %s, %v, want %s", got, err, c.changed)
			}
			at := slices.Index(b.paths(), "CHANGELOG.md")
			if want := "## [Unreleased]\n\n## [1.3.0] - 2026-02-04\n\n- new\n"; at >= 0 && !strings.Contains(string(b.changed[at].Content), want) {
				t.Errorf("got\n%s", b.changed[at].Content)
			}
			nothing := c.manifest == "" && c.changed == ""
			if err := r.checkBump(b); (err != nil) != nothing {
				t.Errorf("checked: %v", err)
			}
		})
	}
}

// TestBumpThatOnlyRemoves: an empty changeset is a change, though no reader is told of it.
func TestBumpThatOnlyRemoves(t *testing.T) {
	if err := carried(t, nil).checkBump(bumped{removed: []string{".changeset/a.md"}}); err != nil {
		t.Error(err)
	}
}

// TestCommitRemovals commits as create-release does, by the names of all files, those that are gone as well.
func TestCommitRemovals(t *testing.T) {
	c := newClone(t)
	c.write("CHANGELOG.md", "a\n")
	c.write(".changeset/a*b.md", "b\n")
	c.write(".changeset/a--b.md", "c\n")
	c.commit()
	b := bumped{version: mustVersion(t, "1.3.0"), removed: []string{".changeset/a*b.md"}}
	c.run("rm", filepath.Join(c.dir, ".changeset/a*b.md"))
	args := b.commit()
	c.run(args[0], args[1:]...)
	if got := c.git("show", "--format=%s", "--name-status", "HEAD"); got != "chore: bump version to 1.3.0\n\nD\t.changeset/a*b.md\n" {
		t.Errorf("the commit is %q", got)
	}
}

func TestRaisedBy(t *testing.T) {
	commits := changelog.Call{Kind: "minor", Reason: "Features: a"}
	by := func(kind version.Kind) changelog.Call {
		return changelog.Call{Kind: string(kind), Reason: ".changeset/a.md says " + string(kind)}
	}
	for name, c := range map[string]struct {
		text        version.Kind
		least       bool
		want        changelog.Call
		wantAtLeast bool
	}{
		"no fragments":                     {"", true, commits, true},
		"lower":                            {version.Patch, true, commits, true},
		"the same":                         {version.Minor, false, commits, false},
		"the same, and commits say little": {version.Minor, true, by(version.Minor), false},
		"higher":                           {version.Major, false, by(version.Major), false},
		"higher, and commits say little":   {version.Major, true, by(version.Major), false},
	} {
		t.Run(name, func(t *testing.T) {
			got, least := raisedBy(written.Text{Calls: c.text, CalledBy: ".changeset/a.md"}, commits, c.least)
			if got != c.want || least != c.wantAtLeast {
				t.Errorf("got %+v, %v", got, least)
			}
		})
	}
}
