package versionfile

import (
	"bytes"
	"strings"
	"testing"

	"dagger/slipway/stages/version"
)

func must(t testing.TB, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	for _, name := range []string{"setup.cfg", "poetry.lock", "backend/PyProject.toml", "pyproject.toml/x", "version", "README.md", "a.txt/b", ""} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(name, []byte("[project]\nversion = \"1.2.0\"\n"))
			wantError(t, err, "expected a pyproject.toml, package.json, their lock, a VERSION, .txt or .py, found \""+name+
				"\"; take it out of the version files")
		})
	}
}

func TestReadRefusesOtherEncodings(t *testing.T) {
	for name, content := range map[string]string{
		"a/pyproject.toml": "[project]\nname = \"\xe9\"\nversion = \"1.2.0\"\n",
		"a/package.json":   "\xff\xfe{\x00}\x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(name, []byte(content))
			wantError(t, err, name+": expected UTF-8, found other bytes; save the file as UTF-8")
		})
	}
}

func TestReadKeepsPathAndKind(t *testing.T) {
	file, err := Read("web/app/package.json", []byte(`{"version":"1.2.0"}`))
	if err != nil || file.Path != "web/app/package.json" || file.Kind != "package.json" || file.State != Found || file.Version != "1.2.0" {
		t.Errorf("got %+v, %v", file, err)
	}
}

func TestAgrees(t *testing.T) {
	pyproject := func(v string) string { return "[project]\nversion = '" + v + "'\n" }
	packageJSON := func(v string) string { return `{"version": "` + v + `"}` }
	for _, c := range []struct {
		name, path, content, v string
		ok                     bool
		expected               string
	}{
		{"equal", "pyproject.toml", pyproject("1.2.1"), "1.2.1", true, "1.2.1"},
		{"behind", "pyproject.toml", pyproject("1.2.0"), "1.2.1", false, "1.2.1"},
		{"Python prerelease", "pyproject.toml", pyproject("1.3.0rc1"), "1.3.0-rc.1", true, "1.3.0rc1"},
		{"Python prerelease in SemVer", "pyproject.toml", pyproject("1.3.0-rc.1"), "1.3.0-rc.1", true, "1.3.0rc1"},
		{"Python prerelease of another number", "pyproject.toml", pyproject("1.3.0rc2"), "1.3.0-rc.1", false, "1.3.0rc1"},
		{"Python development version", "pyproject.toml", pyproject("1.3.0.dev4"), "1.3.0-dev.4", true, "1.3.0.dev4"},
		{"Python prerelease against stable", "pyproject.toml", pyproject("1.3.0rc1"), "1.3.0", false, "1.3.0"},
		{"Python post-release", "pyproject.toml", pyproject("1.3.0-1"), "1.3.0", false, "1.3.0"},
		{"no version in quotes", "pyproject.toml", pyproject(""), "1.3.0", false, "1.3.0"},
		{"dynamic", "pyproject.toml", "[project]\ndynamic = ['version']\n", "1.2.1", true, ""},
		{"dynamic with a version Python does not know", "pyproject.toml", "[project]\ndynamic = ['version']\n", "1.2.1-hotfix.1", true, ""},
		{"no version", "package.json", `{"private": true}`, "1.2.1", true, ""},
		{"JavaScript equal", "package.json", packageJSON("1.2.1"), "1.2.1", true, "1.2.1"},
		{"JavaScript with v", "package.json", packageJSON("v1.2.1"), "1.2.1", true, "1.2.1"},
		{"JavaScript behind", "package.json", packageJSON("1.2.0"), "1.2.1", false, "1.2.1"},
		{"JavaScript prerelease", "package.json", packageJSON("1.3.0-hotfix.1"), "1.3.0-hotfix.1", true, "1.3.0-hotfix.1"},
		{"JavaScript prerelease in Python", "package.json", packageJSON("1.3.0rc1"), "1.3.0-rc.1", false, "1.3.0-rc.1"},
		{"not a version", "package.json", packageJSON("workspace"), "1.2.1", false, "1.2.1"},
		{"uv.lock", "uv.lock", uvLock("1.3.0rc1"), "1.3.0-rc.1", true, "1.3.0rc1"},
		{"Python module", "app/__init__.py", "__version__ = '1.3.0rc1'\n", "1.3.0-rc.1", true, "1.3.0rc1"},
		{"Python module behind", "app/__init__.py", "__version__ = '1.2.0'\n", "1.2.1", false, "1.2.1"},
		{"text", "version.txt", "1.3.0-rc.1\n", "1.3.0-rc.1", true, "1.3.0-rc.1"},
		{"text in Python", "VERSION", "1.3.0rc1\n", "1.3.0-rc.1", false, "1.3.0-rc.1"},
		{"package-lock.json", "package-lock.json", `{"version": "1.2.0", "packages": {"": {"version": "1.2.0"}}}`, "1.2.1", false, "1.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Read(c.path, []byte(c.content))
			if err != nil {
				t.Fatal(err)
			}
			if ok, expected, err := file.Agrees(must(t, c.v)); ok != c.ok || expected != c.expected || err != nil {
				t.Errorf("got %v, %q, %v, want %v, %q", ok, expected, err, c.ok, c.expected)
			}
		})
	}
}

func TestAgreesRefusesWhatPythonCannotExpress(t *testing.T) {
	for _, pre := range []string{"hotfix.1", "1"} {
		t.Run(pre, func(t *testing.T) {
			file, err := Read("backend/pyproject.toml", []byte("[project]\nversion = \"1.3.0-"+pre+"\"\n"))
			if err != nil {
				t.Fatal(err)
			}
			ok, expected, err := file.Agrees(must(t, "1.3.0-"+pre))
			if ok || expected != "" {
				t.Errorf("got %v, %q", ok, expected)
			}
			wantError(t, err, `backend/pyproject.toml: version "1.3.0-`+pre+`" has no Python form (PEP 440): expected the `+
				`prerelease to be alpha.N, beta.N, rc.N or dev.N, found "`+pre+`"; pass one like 1.3.0-rc.1`)
		})
	}
}

func TestCurrent(t *testing.T) {
	for _, c := range []struct{ name, path, content, want string }{
		{"Python", "pyproject.toml", "project.version = '1.3.0rc1'", "1.3.0-rc.1"},
		{"JavaScript", "package.json", `{"version":"1.3.0-rc.1"}`, "1.3.0-rc.1"},
		{"none", "package.json", `{}`, ""},
		{"none that could be released", "package.json", `{"version":"1.3"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Read(c.path, []byte(c.content))
			if v, ok := file.Current(); err != nil || v.String() != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, %v, want %q", v, ok, err, c.want)
			}
		})
	}
}

func TestIsPlaceholder(t *testing.T) {
	for text, want := range map[string]bool{"0.0.0": true, "0.0.0-development": true, "0.0.0.dev0": true, "0.0.0+dirty": true, "0.0.01": false, "0.0.1": false, "10.0.0": false, "": false} {
		file, err := Read("package.json", []byte(`{"version":"`+text+`"}`))
		if got := file.IsPlaceholder(); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	for _, c := range []struct{ name, path, content, v, want string }{
		{"pyproject without version", "b/pyproject.toml", "[project]\nname = 'x'\n", "1.2.1",
			"b/pyproject.toml: expected a version to replace, found none; looked for [project].version and " +
				"[tool.poetry].version, so add it there or take the file out of the version files"},
		{"package.json without version", "f/package.json", `{"name": "x"}`, "1.2.1",
			`f/package.json: expected a version to replace, found none; looked for "version" at the top, ` +
				"so add it there or take the file out of the version files"},
		{"uv.lock of others only", "uv.lock", "[[package]]\nname = 'x'\nversion = '1'\n", "1.2.1",
			`uv.lock: expected a version to replace, found none; looked for the version of the [[package]] whose source is the project's folder, ` +
				"so add it there or take the file out of the version files"},
		{"version that Python does not know", "pyproject.toml", "project.version = '1.2.0'", "1.3.0-1",
			`pyproject.toml: version "1.3.0-1" has no Python form (PEP 440): expected the prerelease to be alpha.N, ` +
				`beta.N, rc.N or dev.N, found "1"; pass one like 1.3.0-rc.1`},
		{"file that cannot be read", "package.json", `{"version": 1}`, "1.2.1",
			`package.json: expected "version" to be a string, found 1; put it in quotes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed, err := rewriteOne(c.path, []byte(c.content), must(t, c.v))
			if changed != nil {
				t.Errorf("got %q beside the error", changed)
			}
			wantError(t, err, c.want)
		})
	}
}

func TestRewriteLeavesADynamicVersionAlone(t *testing.T) {
	content := "[project]\r\ndynamic = [\"version\"]\r\n"
	for _, v := range []string{"1.3.0", "1.3.0-hotfix.1"} {
		t.Run(v, func(t *testing.T) {
			if changed, err := rewriteOne("pyproject.toml", []byte(content), must(t, v)); err != nil || string(changed) != content {
				t.Errorf("got %q, %v", changed, err)
			}
		})
	}
}

// sources makes files of lines "path content", in order.
func sources(lines ...string) []Source {
	var all []Source
	for _, line := range lines {
		name, content, _ := strings.Cut(line, " ")
		all = append(all, Source{Path: name, Content: []byte(content)})
	}
	return all
}

func TestRewriteAll(t *testing.T) {
	for _, c := range []struct {
		name, v      string
		before, want []Source
	}{
		{"two languages", "1.3.0-rc.1",
			sources("b/pyproject.toml project.version = '1.2.0'", `f/package.json {"version":"1.2.0"}`),
			sources("b/pyproject.toml project.version = '1.3.0rc1'", `f/package.json {"version":"1.3.0-rc.1"}`)},
		{"one prerelease in two spellings", "1.3.0",
			sources("pyproject.toml project.version = '1.3.0rc1'", `package.json {"version":"1.3.0-rc.1"}`),
			sources("pyproject.toml project.version = '1.3.0'", `package.json {"version":"1.3.0"}`)},
		{"a bump that stopped halfway", "1.2.1",
			sources("pyproject.toml project.version = '1.2.1'", `package.json {"version":"1.2.0"}`),
			sources("pyproject.toml project.version = '1.2.1'", `package.json {"version":"1.2.1"}`)},
		{"all done before", "1.2.1",
			sources("pyproject.toml project.version = '1.2.1'", `package.json {"version":"1.2.1"}`),
			sources("pyproject.toml project.version = '1.2.1'", `package.json {"version":"1.2.1"}`)},
		{"locks that contradict their manifests and themselves", "1.2.1",
			sources(`f/package.json {"version":"1.2.0"}`, `f/package-lock.json {"version":"1.0.0","packages":{"":{"version":"1.1.0"}}}`,
				"b/pyproject.toml project.version = '1.2.0'", "b/uv.lock [[package]]\nversion = '0.1.0'\nsource = { editable = '.' }\n"),
			sources(`f/package.json {"version":"1.2.1"}`, `f/package-lock.json {"version":"1.2.1","packages":{"":{"version":"1.2.1"}}}`,
				"b/pyproject.toml project.version = '1.2.1'", "b/uv.lock [[package]]\nversion = '1.2.1'\nsource = { editable = '.' }\n")},
		{"one is dynamic", "1.2.1",
			sources("pyproject.toml project.dynamic = ['version']", `package.json {"version":"1.2.0"}`),
			sources("pyproject.toml project.dynamic = ['version']", `package.json {"version":"1.2.1"}`)},
		{"equal versions of no known form", "1.2.1",
			sources(`a/package.json {"version":"1.2"}`, `b/package.json {"version":"1.2"}`),
			sources(`a/package.json {"version":"1.2.1"}`, `b/package.json {"version":"1.2.1"}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RewriteAll(c.before, must(t, c.v))
			if err != nil {
				t.Fatal(err)
			}
			if !equalSources(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestRewriteAllRefuses(t *testing.T) {
	const noVersion = `: expected a version to replace, found none; looked for "version" at the top, ` +
		"so add it there or take the file out of the version files"
	for _, c := range []struct {
		name, want string
		sources    []Source
	}{
		{"the third has no version", "c/package.json" + noVersion,
			sources("a/pyproject.toml project.version = '1.2.0'", `b/package.json {"version":"1.2.0"}`, `c/package.json {}`)},
		{"the third has another version",
			`expected one version in all files, found "1.2.0" in a/pyproject.toml, "1.2.0" in b/package.json, "1.1.9" in c/package.json; make them equal, or name those that count in the setting versionFiles, then bump again`,
			sources("a/pyproject.toml project.version = '1.2.0'", `b/package.json {"version":"1.2.0"}`, `c/package.json {"version":"1.1.9"}`)},
		{"two obstacles", "a/package.json" + noVersion + "\nb/package.json" + noVersion,
			sources(`a/package.json {}`, `b/package.json {"name":"x"}`, `c/package.json {"version":"1.2.0"}`)},
		{"only dynamic ones", "expected at least one file with a version, found none; name one in the version files",
			sources("pyproject.toml project.dynamic = ['version']")},
		{"no files", "expected at least one file with a version, found none; name one in the version files", nil},
		{"a file of another kind", `expected a pyproject.toml, package.json, their lock, a VERSION, .txt or .py, found "Chart.yaml"; take it out of the version files`,
			sources(`a/package.json {"version":"1.2.0"}`, "Chart.yaml 1.2.0")},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := copySources(c.sources)
			got, err := RewriteAll(c.sources, must(t, "1.2.1"))
			wantError(t, err, c.want)
			if got != nil || !equalSources(c.sources, before) {
				t.Errorf("changed %q, input is now %q", got, c.sources)
			}
		})
	}
}

func TestRewriteAllLeavesItsInputAlone(t *testing.T) {
	input := sources(`a/package.json {"version":"1.2.0"}`)
	before := copySources(input)
	if _, err := RewriteAll(input, must(t, "1.2.1")); err != nil || !equalSources(input, before) {
		t.Errorf("input is now %q, %v", input, err)
	}
}

func copySources(all []Source) []Source {
	var copies []Source
	for _, s := range all {
		copies = append(copies, Source{Path: s.Path, Content: bytes.Clone(s.Content)})
	}
	return copies
}

func equalSources(a, b []Source) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Path != b[i].Path || !bytes.Equal(a[i].Content, b[i].Content) {
			return false
		}
	}
	return true
}

// rewriteOne is RewriteAll for one file, which may have no version of its own.
func rewriteOne(name string, content []byte, v version.Version) ([]byte, error) {
	file, err := Read(name, content)
	if err != nil {
		return nil, err
	}
	return file.rewrite(content, v)
}
