package versionfile

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct{ name, path, doc string }{
		{"usual", "version.txt", "‹1.2.0›\n"},
		{"no line break", "VERSION", "‹1.2.0›"},
		{"blanks and Windows line ends", "a/b/version.txt", "\r\n ‹1.2.0›\t\r\n\r\n"},
		{"byte order mark", "version.txt", "\ufeff‹1.2.0›\n"},
		{"the v of a tag stays", "VERSION", "v‹1.2.0›\n"},
		{"another form", "VERSION.txt", "‹1.2›\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkMarked(t, c.path, c.doc, "1.3.0-rc.1", "1.3.0-rc.1")
		})
	}
}

func TestTextRefuses(t *testing.T) {
	const advice = "; correct the file, or take it out of the version files"
	for content, found := range map[string]string{
		"": "nothing", " \n": "nothing", "1.2.0\n1.3.0\n": `"1.2.0…"`, "version 1.2.0": `"version 1.2.0"`, "fastapi==0.141.1\n": `"fastapi==0.141.1"`, "latest": `"latest"`,
	} {
		_, err := Read("a/version.txt", []byte(content))
		wantError(t, err, "a/version.txt: expected a version and nothing else, found "+found+advice)
	}
}

func TestPython(t *testing.T) {
	for _, c := range []struct{ name, doc string }{
		{"usual", "__version__ = \"‹1.2.0›\"\n"},
		{"other quotes", "__version__='‹1.2.0›'"},
		{"a type, a comment, Windows line ends", "import os\r\n__version__: str = \"‹1.2.0›\"  # \"9\"\r\nx = 1\r\n"},
		{"empty", "__version__ = \"‹›\"\n"},
		{"what looks alike", "\"\"\"Say __version__ = \"9\" in a file.\"\"\"\n__version_info__ = \"9\"\nversion = \"9\"\n__version__ = \"‹1.2.0›\"\n    __version__ = \"9\"\nprint(__version__)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkMarked(t, "app/__init__.py", c.doc, "1.3.0-rc.1", "1.3.0rc1")
		})
	}
}

func TestPythonRefuses(t *testing.T) {
	for content, found := range map[string]string{
		"": "0", "__version__ = version('app')\n": "0", "__version__ = \"1.2\" \".3\"\n": "0", "__version__ = f\"{major}\"\n": "0", "__version__ = \"\"\"1.2.3\"\"\"\n": "0",
		"__version__ = 'a\\'1'\n": "0", "__version__ = \"1.2.0\"\n__version__ = '1.2.0'\n": "2",
	} {
		_, err := Read("app/version.py", []byte(content))
		wantError(t, err, `app/version.py: expected one line __version__ = "1.2.3", found `+found+"; leave one, or take the file out of the version files")
	}
}
