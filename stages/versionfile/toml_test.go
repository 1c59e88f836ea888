package versionfile

import (
	"strings"
	"testing"
)

// In these documents ‹› stand around the version, and nowhere else: they say what is found and what is replaced.
func unmark(doc string) (content, spelled string) {
	_, rest, _ := strings.Cut(doc, "‹")
	spelled, _, _ = strings.Cut(rest, "›")
	return strings.NewReplacer("‹", "", "›", "").Replace(doc), spelled
}

func replaceMarked(doc, spelled string) string {
	var all strings.Builder
	for {
		before, rest, found := strings.Cut(doc, "‹")
		all.WriteString(before)
		if !found {
			return all.String()
		}
		all.WriteString(spelled)
		_, doc, _ = strings.Cut(rest, "›")
	}
}

// checkMarked asks that the marked version is read, and that rewriting changes it and nothing else.
func checkMarked(t *testing.T, path, doc, v, spelled string) {
	t.Helper()
	content, old := unmark(doc)
	file, err := Read(path, []byte(content))
	if err != nil || file.State != Found || file.Version != old {
		t.Fatalf("read %q, %q, %v, want %q", file.State, file.Version, err, old)
	}
	got, err := rewriteOne(path, []byte(content), must(t, v))
	if want := replaceMarked(doc, spelled); err != nil || string(got) != want {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

var tomlDocuments = []struct{ name, doc string }{
	{"standard", "[project]\nname = \"shop\"\nversion = \"‹1.2.0›\"\n"},
	{"Poetry", "[tool.poetry]\nname = \"shop\"\nversion = \"‹1.2.0›\"\n"},
	{"standard and Poetry", "[project]\nversion = \"‹1.2.0›\"\n[tool.poetry]\nversion = '‹1.2.0›'\n"},
	{"Poetry before standard", "[tool.poetry]\nversion = '‹1.2.0›'\n[project]\nversion = \"‹1.2.0›\"\n"},
	{"declared dynamic, kept by Poetry", "[project]\ndynamic = [\"version\"]\n[tool.poetry]\nversion = \"‹1.2.0›\"\n"},
	{"Poetry plugin in an array table", "[[tool]]\npoetry-dynamic-versioning.enable = true\n[project]\nversion='‹1.2.0›'\n"},
	{"Poetry plugin switched off", "[tool.poetry]\nversion='‹1.2.0›'\n[tool.poetry-dynamic-versioning]\nenable = false\n"},
	{"literal string", "[project]\nversion = '‹1.2.0›'\n"},
	{"empty string", "[project]\nversion = \"‹›\"\n"},
	{"longer and shorter", "[project]\nversion = \"‹0.0.0.dev20240101000000›\"\nname = 'x'\n"},
	{"no line break at the end", "[project]\nversion = \"‹1.2.0›\""},
	{"Windows line ends", "[project]\r\nname = \"shop\"\r\nversion = \"‹1.2.0›\"\r\n\r\n[tool.x]\r\ny = 1\r\n"},
	{"mixed line ends", "[project]\r\nname = \"shop\"\nversion = \"‹1.2.0›\"\r\n\n"},
	{"byte order mark", "\ufeff[project]\nversion = \"‹1.2.0›\"\n"},
	{"comments", "# version = \"0\"\n[project] # version = \"0\"\n# [other]\nversion = \"‹1.2.0›\" # \"old\" 'v'\n"},
	{"spacing", "\t[ project ]\n\n  version\t=   \"‹1.2.0›\"\t \n"},
	{"no spacing", "[project]\nversion=\"‹1.2.0›\"#x\n"},
	{"dotted key", "project.version = \"‹1.2.0›\"\n[other]\nversion = \"9\"\n"},
	{"dotted key with spaces", "project . \"version\" = \"‹1.2.0›\"\n"},
	{"dotted key in a table", "[tool]\npoetry.version = \"‹1.2.0›\"\n"},
	{"quoted keys", "[\"project\"]\n'version' = \"‹1.2.0›\"\n"},
	{"escaped key", "[project]\n\"v\\u0065rsion\" = \"‹1.2.0›\"\n"},
	{"inline table", "project = { name = \"x\", version = \"‹1.2.0›\", keywords = [\"}\"] }\n"},
	{"nested inline table", "tool = { poetry = { version = '‹1.2.0›' }, other = { version = '9' } }\n"},
	{"inline table over lines", "project = {\n  name = 'x', # version = '9'\n  version = '‹1.2.0›',\n}\n"},
	{"other tables", "[tool.other]\nversion = \"9\"\n[project]\nversion = \"‹1.2.0›\"\n[project.optional-dependencies]\nversion = [\"9\"]\n" +
		"[project.urls]\nversion = \"9\"\n[tool.poetry.group]\nversion = \"9\"\n"},
	{"after a sub-table", "[project.urls]\nversion = \"9\"\n[project]\nversion = \"‹1.2.0›\"\n"},
	{"keys that look alike", "\"project.version\" = \"9\"\nversion = \"9\"\n[project]\nversions = \"9\"\n\"version \" = \"9\"\nVersion = \"9\"\nversion = \"‹1.2.0›\"\n"},
	{"headers that look alike", "[\"tool.poetry\"]\nversion = \"9\"\n[project-x]\nversion = \"9\"\n[tool.project]\nversion = \"9\"\n[tool.poetry]\nversion = \"‹1.2.0›\"\n"},
	{"multi-line basic string", "[project]\nreadme = \"\"\"\n[project]\nversion = \"9\" \\\"\"\"\n\"\" # \\\\\"\"\"\nversion = \"‹1.2.0›\"\n"},
	{"multi-line literal string", "[project]\nreadme = '''\n[project]\nversion = '9' \\'''\nversion = '‹1.2.0›'\n"},
	{"quotes before closing quotes", "[project]\na = \"\"\"x\"\"\"\"\"\nb = '''x'''''\nversion = \"‹1.2.0›\"\n"},
	{"empty multi-line string", "[project]\na = \"\"\"\"\"\"\nb = ''''''\nversion = \"‹1.2.0›\"\n"},
	{"quotes in strings", "[project]\na = \"\\\"\\\\\"\nb = 'a\"b\\'\nc = \"it's # \\\\\\\" [x]\"\nversion = \"‹1.2.0›\"\n"},
	{"array over lines", "[project]\ndependencies = [\n  \"a[b]>=1\", # version = \"9\"\n  'version = \"9\"',\n\n  [\"]\"], {version = \"9\"},\n]\nversion = \"‹1.2.0›\"\n"},
	{"empty containers", "[project]\na = []\nb = {}\nc = [ ]\nd = [[], {}]\nversion = \"‹1.2.0›\"\n"},
	{"other values", "[project]\na = -1_000.5e+3\nb = inf\nc = 0xFF\nd = 1979-05-27 07:32:00.5-07:00 # x\ne = 1979-05-27T07:32:00Z\nf = true\nversion = \"‹1.2.0›\"\n"},
	{"array tables before", "[[tool.uv.index]]\nname = \"x\"\nversion = \"9\"\n[[tool.uv.index]]\nversion = \"9\"\n[project]\nversion = \"‹1.2.0›\"\n"},
	{"array tables of the same name", "[[tool]]\nx = 1\n[tool.poetry]\nversion = \"9\"\n[project]\nversion = \"‹1.2.0›\"\n"},
	{"other dynamic fields", "[project]\ndynamic = [\"readme\"]\nversion = \"‹1.2.0›\"\n"},
	{"space at the end of the file", "project.version = '‹1.2.0›'\na = 1 "},
	{"keys of all bare characters", "[project]\n0-9_azAZ = 4\nversion = \"‹1.2.0›\"\n"},
	{"not only ASCII", "[project]\nname = \"été 😀\" # naïve\nversion = \"‹1.2.0›\"\n"},
}

func TestPyproject(t *testing.T) {
	for _, c := range tomlDocuments {
		t.Run(c.name, func(t *testing.T) {
			checkMarked(t, "pyproject.toml", c.doc, "1.3.0-rc.1", "1.3.0rc1")
		})
	}
}

func TestPyprojectDecodesEscapes(t *testing.T) {
	content := "[project]\nversion = \"1.\\u0032.0\" # x\n"
	file, err := Read("pyproject.toml", []byte(content))
	if err != nil || file.Version != "1.2.0" {
		t.Errorf("read %q, %v", file.Version, err)
	}
	got, err := rewriteOne("pyproject.toml", []byte(content), must(t, "1.2.1"))
	if want := "[project]\nversion = \"1.2.1\" # x\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPyprojectWithoutAVersionOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          State
	}{
		{"empty", "", Missing},
		{"only tools", "[tool.ruff]\nversion = \"9\"\n", Missing},
		{"project without version", "[project]\nname = \"x\"\n", Missing},
		{"only in a comment", "[project]\n# version = \"1.2.0\"\n", Missing},
		{"only in a text", "[project]\nreadme = '''\nversion = \"1.2.0\"\n'''\n", Missing},
		{"only in an array table", "[[project]]\nversion = \"1.2.0\"\n", Missing},
		{"only in a list", "project = [{ version = \"1.2.0\" }]\n", Missing},
		{"a table of that name", "[project.version]\nfile = \"x\"\n", Missing},
		{"dynamic", "[project]\nname = \"x\"\ndynamic = [\"readme\", 'version']\n", Dynamic},
		{"dynamic over lines", "[project]\ndynamic = [ # x\n\"version\" ]\n", Dynamic},
		{"dynamic in an inline table", "project = { dynamic = [\"version\"] }\n", Dynamic},
		{"other field dynamic", "[project]\ndynamic = [\"readme\"]\n", Missing},
		{"dynamic of another table", "[tool.x]\ndynamic = [\"version\"]\n", Missing},
		{"dynamic in an array table", "[[project]]\ndynamic = [\"version\"]\n", Missing},
		{"how the build computes it", "[project]\ndynamic = [\"version\"]\n[tool.hatch.version]\npath = \"x.py\"\n", Dynamic},
		{"Poetry plugin", "[tool.poetry]\nversion = \"0.0.0\"\n[tool.poetry-dynamic-versioning]\nenable = true\n", Dynamic},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Read("pyproject.toml", []byte(c.content))
			if err != nil || file.State != c.want || file.Version != "" {
				t.Errorf("got %q, %q, %v, want %q", file.State, file.Version, err, c.want)
			}
		})
	}
}

func TestPyprojectRefuses(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"two equal keys", "[project]\nversion = '1'\nversion = '1'\n", "expected project.version once, found it 2 times; remove the others"},
		{"the same key twice in two ways", "project.version = '1'\n[project]\nversion = '1'\n", "expected project.version once, found it 2 times; remove the others"},
		{"standard and Poetry differ", "[project]\nversion = '1.2.0'\n[tool.poetry]\nversion = '1.1.0'\n",
			`expected one version in [project].version and [tool.poetry].version, found "1.2.0" and "1.1.0"; make them equal`},
		{"number", "[project]\nversion = 1.2\n", "expected project.version to be a string on one line, found 1.2; write it in plain quotes"},
		{"table", "[project]\nversion = { file = 'x' }\n", "expected project.version to be a string on one line, found { file = 'x' }; write it in plain quotes"},
		{"list", "[project]\nversion = [\n'1' ]\n", "expected project.version to be a string on one line, found […; write it in plain quotes"},
		{"multi-line string", "[project]\nversion = \"\"\"1.2.0\"\"\"\n", `expected project.version to be a string on one line, found """1.2.0"""; write it in plain quotes`},
		{"multi-line literal", "[tool.poetry]\nversion = '''1.2.0'''\n", `expected tool.poetry.version to be a string on one line, found '''1.2.0'''; write it in plain quotes`},
		{"unknown escape", "[project]\nversion = \"1.\\q\"\n", `expected project.version to be a string on one line, found "1.\q"; write it in plain quotes`},
		{"unclosed string", "[project]\nversion = \"1.2.0\n", `line 2: expected a closing quote, found "\"1.2.0"; correct the file`},
		{"string over a line break", "a = \"x\\\ny\"\n", `line 1: expected a closing quote, found "\"x\\"; correct the file`},
		{"unclosed literal", "\nversion = '1.2.0", `line 2: expected a closing quote, found "'1.2.0"; correct the file`},
		{"unclosed multi-line string", "a = \"\"\"x\\\"\"\"\n", "line 1: expected closing quotes, found \"x\\\\\\\"\\\"\\\"\"; correct the file"},
		{"unclosed list", "a = [1,\n", `line 1: expected a closing ], found "[1,"; correct the file`},
		{"unclosed table", "a = {b = 1\n", `line 2: expected a comma or }, found the end of the file; correct the file`},
		{"no comma", "a = [1 'x']\n", `line 1: expected a comma or ], found "'x']"; correct the file`},
		{"no value", "[project]\nversion =\n", `line 2: expected a value, found ""; correct the file`},
		{"no value at the end", "a =", "line 1: expected a value, found the end of the file; correct the file"},
		{"no equals sign", "[project]\nversion \"1\"\n", `line 2: expected =, found "\"1\""; correct the file`},
		{"no key", "= 1\n", `line 1: expected a key, found "= 1"; correct the file`},
		{"bad escape in a key", "\"\\q\" = 1\n", `line 1: expected a key, found "\"\\q\" = 1"; correct the file`},
		{"multi-line key", "\"\"\"a\"\"\" = 1\n", `line 1: expected =, found "\"a\"\"\" = 1"; correct the file`},
		{"empty part of a key", "a. = 1\n", `line 1: expected a key, found "= 1"; correct the file`},
		{"unclosed header", "[project\nversion = '1'\n", `line 1: expected ], found ""; correct the file`},
		{"half closed array header", "[[project]\n", `line 1: expected ]], found "]"; correct the file`},
		{"two statements on a line", "a = 1 b = 2\n", `line 1: expected the end of the line, found "b = 2"; correct the file`},
		{"lone carriage return", "a = 1\rb = 2\n", `line 1: expected the end of the line, found "\rb = 2"; correct the file`},
		{"JSON", `{"version": "1.2.0"}`, `line 1: expected a key, found "{\"version\": \"1.2.0\"}"; correct the file`},
		{"long line", strings.Repeat("a b ", 30), `line 1: expected =, found "b a b a b a b a b a b a b a b a b a b a …"; correct the file`},
		{"deep nesting", "a = " + strings.Repeat("[", 200000), `line 1: expected at most 100 nested values, found "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[…"; correct the file`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("b/pyproject.toml", []byte(c.content))
			wantError(t, err, "b/pyproject.toml: "+c.want)
		})
	}
}

func TestNestingWithinTheLimit(t *testing.T) {
	doc := "a = " + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting) + "\nb = [[]]\nproject.version = '‹1.2.0›'\n"
	checkMarked(t, "pyproject.toml", doc, "1.2.1", "1.2.1")
}

func TestCut(t *testing.T) {
	forty := strings.Repeat("a", 40)
	for _, c := range []struct{ name, raw, want string }{
		{"short", "1.2", "1.2"},
		{"forty bytes", forty, forty},
		{"longer", forty + "b", forty + "…"},
		{"second line", "[\n1]", "[…"},
		{"inside a character", forty[1:] + "é", forty[1:] + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := cut(c.raw); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// uvLock is a lock file as uv writes it, with the project between two dependencies.
func uvLock(v string) string {
	return `version = 1
requires-python = ">=3.12"

[[package]]
name = "anyio"
version = "4.4.0"
source = { registry = "https://pypi.example/simple" }
wheels = [
    { url = "https://pypi.example/anyio-4.4.0.whl", hash = "sha256:00", size = 86780 },
]

[[package]]
name = "shop"
version = "` + v + `"
source = { editable = "." }
dependencies = [
    { name = "anyio", version = "4.4.0", source = { editable = "." } },
]

[package.optional-dependencies]
dev = [
    { name = "pytest" },
]

[package.metadata]
requires-dist = [{ name = "anyio", specifier = ">=4" }]

[[package]]
name = "tool"
version = "2.0.0"
source = { editable = "tools/tool" }
`
}

func TestUVLock(t *testing.T) {
	marked := uvLock("‹1.2.0›")
	for _, c := range []struct{ name, doc string }{
		{"editable", marked},
		{"virtual", strings.Replace(marked, `source = { editable = "." }`, `source = { virtual = "." }`, 1)},
		{"Windows line ends", strings.ReplaceAll(marked, "\n", "\r\n")},
		{"source in a table", "[[package]]\nname='a'\nversion='9'\n[[package]]\nversion='‹1.2.0›'\n[package.source]\neditable='.'\n[[package]]\nversion='9'\n"},
		{"source before the version", "[[package]]\nsource = {virtual = '.'}\nversion = '‹1.2.0›'\n"},
		{"array tables inside the entry", "[[package]]\nversion='‹1.2.0›'\n[[package.x]]\nversion='9'\n[package.source]\nvirtual='.'\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkMarked(t, "b/uv.lock", c.doc, "1.3.0-rc.1", "1.3.0rc1")
		})
	}
}

// TestUVLockOfMembers: a workspace has one lock for the packages in several folders.
func TestUVLockOfMembers(t *testing.T) {
	lock := uvLock("1.2.0")
	for _, c := range []struct{ member, want string }{{"tools/tool", "2.0.0"}, {".", "1.2.0"}, {"tools", ""}} {
		if file, err := Read("uv.lock", []byte(lock), c.member); err != nil || file.Version != c.want || (file.State == Found) != (c.want != "") {
			t.Errorf("%s: got %q, %q, %v", c.member, file.State, file.Version, err)
		}
	}
	if file, err := Read("uv.lock", []byte(lock), "tools/tool", "."); err != nil || file.Version != "1.2.0 and 2.0.0" {
		t.Errorf("got %q, %v", file.Version, err)
	}
}

func TestUVLockWithoutAVersionOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          State
	}{
		{"no packages", "version = 1\n", Missing},
		{"only others", "[[package]]\nname='a'\nversion='9'\nsource={registry='.'}\n", Missing},
		{"member in a folder", "[[package]]\nname='a'\nversion='9'\nsource={editable='a'}\n", Missing},
		{"computed by the build", "[[package]]\nname='a'\nsource={editable='.'}\n[[package]]\nversion='9'\n", Dynamic},
		{"not an array table", "[package]\nversion='9'\nsource={editable='.'}\n", Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Read("uv.lock", []byte(c.content))
			if err != nil || file.State != c.want || file.Version != "" {
				t.Errorf("got %q, %q, %v, want %q", file.State, file.Version, err, c.want)
			}
		})
	}
}

func TestUVLockRefuses(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"two entries for the project", "[[package]]\nversion='1'\nsource={editable='.'}\n[[package]]\nversion='1'\nsource={virtual='.'}\n",
			`expected one [[package]] with the source ".", found 2; run uv lock`},
		{"two versions in the entry", "[[package]]\nversion='1'\nversion='1'\nsource={editable='.'}\n",
			"expected package.version once, found it 2 times; remove the others"},
		{"broken", "[[package]\n", `line 1: expected ]], found "]"; correct the file`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("uv.lock", []byte(c.content))
			wantError(t, err, "uv.lock: "+c.want)
		})
	}
}

// FuzzRewriteTOML cuts the old version out before and the new one after: what is left must be the same bytes.
func FuzzRewriteTOML(f *testing.F) {
	for _, c := range tomlDocuments {
		content, _ := unmark(c.doc)
		f.Add("pyproject.toml", content, uint8(3))
	}
	f.Add("uv.lock", uvLock("1.2.0"), uint8(0))
	f.Add("pyproject.toml", "a = "+strings.Repeat("[", 99), uint8(9))
	f.Fuzz(func(t *testing.T, name, content string, n uint8) {
		if name == "pyproject.toml" || name == "uv.lock" {
			checkRewrite(t, name, content, n)
		}
	})
}
