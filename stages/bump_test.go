package stages

import (
	"strings"
	"testing"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
)

func mustVersion(t *testing.T, text string) version.Version {
	t.Helper()
	if text == "" {
		return version.Version{}
	}
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNextOf(t *testing.T) {
	for name, c := range map[string]struct {
		next          Next
		current, want string
	}{
		"patch":                {Next{Kind: "patch"}, "1.2.3", "1.2.4"},
		"a prerelease goes on": {Next{Kind: "prerelease"}, "1.3.0-rc.1", "1.3.0-rc.2"},
		"a new series":         {Next{Kind: "prerelease", Preid: "beta"}, "1.2.3", "1.2.4-beta.1"},
		"the version itself":   {Next{Version: "v2.0.0"}, "1.2.3", "2.0.0"},
		"the name of a tag":    {Next{Version: "shop-v2.0.0"}, "1.2.3", "2.0.0"},
		"the first version":    {Next{Version: "0.1.0"}, "", "0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := c.next.of(lineage{files: mustVersion(t, c.current)}, "shop-v"); err != nil || got.String() != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestNextRefuses(t *testing.T) {
	for reason, c := range map[string]struct {
		next    Next
		current string
	}{
		"both a kind and a version are given":           {Next{Kind: "patch", Version: "1.2.4"}, "1.2.3"},
		"leave the preid out":                           {Next{Version: "1.2.4", Preid: "rc"}, "1.2.3"},
		"found none of them":                            {Next{Preid: "rc"}, "1.2.3"},
		`found "huge"`:                                  {Next{Kind: "huge"}, "1.2.3"},
		"no version file and no tag says what to raise": {Next{Kind: "patch"}, ""},
		`version "1.2" is refused`:                      {Next{Version: "1.2"}, "1.2.3"},
		"there is no series to go on with":              {Next{Kind: "prerelease"}, "1.2.3"},
	} {
		t.Run(reason, func(t *testing.T) {
			if got, err := c.next.of(lineage{files: mustVersion(t, c.current)}, "shop-v"); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// carried is a run whose source has these files, all of them version files.
func carried(t *testing.T, files map[string]string) *Run {
	t.Helper()
	r := prefixed(t, "v", "")
	r.source.files, r.config.versionFiles = map[string][]byte{}, nil
	for _, name := range sortedKeys(files) {
		r.source.files[name] = []byte(files[name])
		if !versionfile.IsLock(name) {
			r.config.versionFiles = append(r.config.versionFiles, name)
		}
	}
	return r
}

func paths(files []versionfile.Source) string {
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return strings.Join(all, " ")
}

func TestCarriersLeaveOutFilesWithoutAVersion(t *testing.T) {
	r := carried(t, map[string]string{
		"a/package.json": `{"name": "x"}`, "a/package-lock.json": `{"version": "0.0.1"}`,
		"b/package.json": `{"version": "1.2.3"}`, "b/package-lock.json": `{"version": "1.2.3"}`,
		"c/pyproject.toml":    "[project]\nname = \"x\"\ndynamic = [\"version\"]\n",
		"d/package-lock.json": `{"version": "0.0.1"}`,
	})
	r.config.versionFiles = append(r.config.versionFiles, "d/package.json")
	c, err := r.carriers()
	if got := paths(c.files); err != nil || got != "b/package.json b/package-lock.json" || c.wrong != nil {
		t.Errorf("got %s, %q, %v", got, c.wrong, err)
	}
	if _, err := carried(t, map[string]string{"package.json": "{"}).carriers(); err == nil {
		t.Error("a broken manifest is left out")
	}
}

// TestWrongLock: it is named, and the rest goes on.
func TestWrongLock(t *testing.T) {
	for name, c := range map[string]struct{ lock, wrong, changed string }{
		"another version": {`{"version": "1.0.0"}`,
			`package-lock.json says "1.0.0" and package.json says "1.2.3": a bump makes them equal.`, "package.json package-lock.json"},
		"two versions": {`{"version": "1.0.0", "packages": {"": {"version": "1.2.3"}}}`,
			`package-lock.json says "1.0.0 and 1.2.3" and package.json says "1.2.3": a bump makes them equal.`, "package.json package-lock.json"},
		"not readable": {"<<<<<<< HEAD\n",
			"A bump leaves a lock out that cannot be read. package-lock.json: expected a JSON object, found invalid character '<' looking for beginning of value; correct the file", "package.json"},
	} {
		t.Run(name, func(t *testing.T) {
			r := carried(t, map[string]string{"package.json": numbered, "package-lock.json": c.lock})
			found, err := r.carriers()
			if got := strings.Join(found.wrong, "\n"); err != nil || got != c.wrong {
				t.Errorf("got %q, %v, want %q", got, err, c.wrong)
			}
			b, err := r.bump(t.Context(), Next{Kind: "patch"})
			if got := paths(b.changed); err != nil || got != c.changed || b.version.String() != "1.2.4" {
				t.Errorf("%s changes %s, %v, want %s", b.version, got, err, c.changed)
			}
		})
	}
}

// TestBumpWhereTagsAreAhead has the inputs with which a bump led to a version that exists.
func TestBumpWhereTagsAreAhead(t *testing.T) {
	for name, c := range map[string]struct{ tags, merged, kind, want, refused string }{
		"the file is behind":                  {"v1.2.3 v1.8.5", "v1.2.3 v1.8.5", "minor", "1.9.0", ""},
		"patch versions of another branch":    {"v1.2.3 v1.2.4 v1.2.5", "v1.2.3", "patch", "1.2.6", ""},
		"minor versions of another branch":    {"v1.2.3 v1.3.0", "v1.2.3", "minor", "", "the tag v1.3.0 exists and names v1.3.0"},
		"a prerelease in the history goes on": {"v1.2.3 v1.3.0-rc.1 v1.3.0-rc.2", "v1.2.3 v1.3.0-rc.1", "prerelease", "1.3.0-rc.3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := carried(t, map[string]string{"package.json": numbered})
			r.source.tags, r.source.merged = tagsNamed(c.tags), strings.Fields(c.merged)
			b, err := r.bump(t.Context(), Next{Kind: c.kind})
			if (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused || b.version.String() != c.want {
				t.Errorf("got %s, %v, want %s, %q", b.version, err, c.want, c.refused)
			}
		})
	}
}

// tagsNamed are tags that each name a commit of their own.
func tagsNamed(names string) (tags []release.Tag) {
	for name := range strings.FieldsSeq(names) {
		tags = append(tags, release.Tag{Name: name, Commit: name})
	}
	return tags
}

func TestDiffering(t *testing.T) {
	same, before, after := versionfile.Source{Path: "a", Content: []byte("1")}, versionfile.Source{Path: "b", Content: []byte("1")}, versionfile.Source{Path: "b", Content: []byte("2")}
	got := differing([]versionfile.Source{same, before}, []versionfile.Source{same, after})
	if len(got) != 1 || got[0].Path != "b" || string(got[0].Content) != "2" {
		t.Errorf("got %v", got)
	}
}
