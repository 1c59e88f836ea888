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

// What uv and bun write for a package of a workspace, in the lock at its root.
const (
	uvMember  = "[project]\nname = \"app\"\nversion = \"1.2.3\"\n"
	uvMembers = "version = 1\n\n[manifest]\nmembers = [\n    \"app\",\n]\n\n" +
		"[[package]]\nname = \"anyio\"\nversion = \"1.2.3\"\nsource = { registry = \"https://pypi.example/simple\" }\n\n" +
		"[[package]]\nname = \"app\"\nversion = \"1.2.3\"\nsource = { editable = \"backend\" }\n\n" +
		"[[package]]\nname = \"lib\"\nversion = \"1.2.3\"\nsource = { virtual = \"packages/lib\" }\n"
	npmMembers = `{"name": "root", "version": "1.2.3", "packages": {"": {"version": "1.2.3"}, "frontend": {"version": "1.2.3"}, "node_modules/frontend": {"link": true}}}`
	bunMembers = "{\n  \"workspaces\": {\n    \"\": {\n      \"name\": \"root\",\n    },\n    \"frontend\": {\n      \"name\": \"frontend\",\n" +
		"      \"version\": \"1.2.3\",\n    },\n  },\n  \"packages\": {\n    \"frontend\": [\"frontend@workspace:frontend\"],\n  }\n}\n"
)

// TestBumpInAWorkspace: the lock at the root repeats the version of each member, which a locked installation compares.
func TestBumpInAWorkspace(t *testing.T) {
	const member = `"frontend": {"version": "1.2.3"}`
	for name, c := range map[string]struct {
		files     map[string]string
		lock      string
		old, want string // of the lock's text
	}{
		"uv": {map[string]string{"backend/pyproject.toml": uvMember, "uv.lock": uvMembers}, "uv.lock",
			"\"1.2.3\"\nsource = { editable = \"backend\" }", "\"1.2.4\"\nsource = { editable = \"backend\" }"},
		"uv, a member two folders below": {map[string]string{"packages/lib/pyproject.toml": uvMember, "uv.lock": uvMembers}, "uv.lock",
			"\"1.2.3\"\nsource = { virtual = \"packages/lib\" }", "\"1.2.4\"\nsource = { virtual = \"packages/lib\" }"},
		"uv, the lock of another version file's project": {map[string]string{"backend/pyproject.toml": uvMember, "shared/pyproject.toml": uvMember,
			"backend/uv.lock": "[[package]]\nname = \"shared\"\nversion = \"1.2.3\"\nsource = { directory = \"../shared\" }\n"}, "backend/uv.lock", "1.2.3", "1.2.4"},
		"npm": {map[string]string{"frontend/package.json": numbered, "package-lock.json": npmMembers}, "package-lock.json",
			member, `"frontend": {"version": "1.2.4"}`},
		"npm, shrinkwrapped": {map[string]string{"package.json": numbered, "npm-shrinkwrap.json": `{"version": "1.2.3"}`}, "npm-shrinkwrap.json", "1.2.3", "1.2.4"},
		"bun":                {map[string]string{"frontend/package.json": numbered, "bun.lock": bunMembers}, "bun.lock", "1.2.3", "1.2.4"},
	} {
		t.Run(name, func(t *testing.T) {
			r := carried(t, c.files)
			b, err := r.bump(t.Context(), Next{Kind: "patch"})
			if err != nil {
				t.Fatal(err)
			}
			after := ""
			for _, file := range b.changed {
				if file.Path == c.lock {
					after = string(file.Content)
				}
			}
			if want := strings.Replace(c.files[c.lock], c.old, c.want, 1); after != want {
				t.Errorf("%s is now\n%s\nwant\n%s", c.lock, after, want)
			}
		})
	}
}

// TestBumpOfSeveralMembers: one lock repeats the versions of all of them.
func TestBumpOfSeveralMembers(t *testing.T) {
	r := carried(t, map[string]string{"backend/pyproject.toml": uvMember, "packages/lib/pyproject.toml": uvMember, "uv.lock": uvMembers})
	b, err := r.bump(t.Context(), Next{Kind: "patch"})
	if got := paths(b.changed); err != nil || got != "backend/pyproject.toml packages/lib/pyproject.toml uv.lock" {
		t.Fatalf("changed %s, %v", got, err)
	}
	if text := string(b.changed[2].Content); strings.Count(text, "1.2.4") != 2 || strings.Count(text, "1.2.3") != 1 {
		t.Errorf("the lock is now\n%s", text)
	}
}

// TestNamedLock: a lock among the version files is looked at for the members that are named with it.
func TestNamedLock(t *testing.T) {
	for name, c := range map[string]struct{ manifest, lock, text, refused, changed string }{
		"it agrees":   {"backend/pyproject.toml", "uv.lock", uvMembers, "", "backend/pyproject.toml uv.lock"},
		"it differs":  {"backend/pyproject.toml", "uv.lock", strings.ReplaceAll(uvMembers, "1.2.3", "1.2.2"), `the version files do not say 1.2.3: uv.lock says "1.2.2", expected "1.2.3"`, "backend/pyproject.toml uv.lock"},
		"it is alone": {"", "package-lock.json", `{"version": "1.2.2"}`, `the version files do not say 1.2.3: package-lock.json says "1.2.2", expected "1.2.3"`, "package-lock.json"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{c.lock: c.text}
			if c.manifest != "" {
				files[c.manifest] = uvMember
			}
			r := carried(t, files)
			r.Version, r.config.versionFiles = mustVersion(t, "1.2.3"), append(r.config.versionFiles, c.lock)
			if err := r.checkVersionFiles(t.Context()); (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
				t.Errorf("got %v, want %q", err, c.refused)
			}
			if b, err := r.bump(t.Context(), Next{Version: "1.2.4"}); err != nil || paths(b.changed) != c.changed {
				t.Errorf("changed %s, %v, want %s", paths(b.changed), err, c.changed)
			}
		})
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
