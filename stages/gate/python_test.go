package gate

import (
	"strings"
	"testing"
)

func file(t testing.TB, name string) File { return File{name, data(t, "locks/"+name)} }

func pyproject(content string) File { return File{"backend/pyproject.toml", []byte(content)} }

func requirements(content string) File { return File{"backend/requirements.txt", []byte(content)} }

func requirementsDev(content string) File {
	return File{"backend/requirements-dev.txt", []byte(content)}
}

func TestPythonLocksOfRealFiles(t *testing.T) {
	manifest := file(t, "pyproject.toml")
	t.Run("uv, both files", func(t *testing.T) {
		check(t, PythonLocks(manifest, file(t, "requirements.txt"), file(t, "requirements-dev.txt")), Pass, "", "6 dependencies in step")
	})
	t.Run("uv, no development file", func(t *testing.T) {
		check(t, PythonLocks(manifest, file(t, "requirements.txt"), File{Path: "requirements-dev.txt"}), Pass, "", "6 dependencies in step")
	})
	t.Run("pip-tools", func(t *testing.T) {
		check(t, PythonLocks(manifest, file(t, "requirements-pip-tools.txt"), File{}), Pass, "", "6 dependencies in step")
	})
	t.Run("a dependency was raised, one added, one taken from the lock", func(t *testing.T) {
		raised := strings.NewReplacer(">=0.27,<1", ">=0.29", `"typing_extensions",`, `"typing_extensions", "Pydantic.Core>=2",`, "pytest>=8", "pytest<8").Replace(string(manifest.Content))
		got := PythonLocks(File{manifest.Path, []byte(raised)}, file(t, "requirements-pip-tools.txt"), file(t, "requirements-dev.txt"))
		const run = `: run "pip-compile pyproject.toml -o requirements-pip-tools.txt"`
		const runDev = `: run "pip-compile pyproject.toml --extra dev -o requirements-dev.txt"`
		check(t, got, Fail, `manifest and lock file are out of step: pyproject.toml wants "httpx[http2]>=0.29", requirements-pip-tools.txt has 0.28.1`+run+" (and 3 more)", "4 out of step")
		finding := func(id, name, installed, wanted, file string, line int, title string) Finding {
			return Finding{Tool: "locks", ID: id, Package: name, Installed: installed, Fixed: wanted, File: file, Line: line, Title: title, Gates: true}
		}
		checkFindings(t, got.Findings,
			finding("out-of-step", "httpx", "0.28.1", "httpx[http2]>=0.29", "requirements-pip-tools.txt", 22, `pyproject.toml wants "httpx[http2]>=0.29", requirements-pip-tools.txt has 0.28.1`+run),
			finding("out-of-step", "httpx", "0.28.1", "httpx[http2]>=0.29", "requirements-dev.txt", 29, `pyproject.toml wants "httpx[http2]>=0.29", requirements-dev.txt has 0.28.1`+runDev),
			finding("missing", "pydantic-core", "", "Pydantic.Core>=2", "requirements-pip-tools.txt", 0, `pyproject.toml wants "Pydantic.Core>=2", requirements-pip-tools.txt does not have it`+run),
			finding("out-of-step", "pytest", "9.2.0", "pytest<8", "requirements-dev.txt", 216, `pyproject.toml wants "pytest<8", requirements-dev.txt has 9.2.0`+runDev))
	})
}

func TestPythonLocks(t *testing.T) {
	none := requirementsDev("")
	none.Content = nil
	const project = "[project]\nname='shop'\ndependencies="
	for name, c := range map[string]struct {
		manifest, lock, dev File
		ids                 string // of the findings
	}{
		"pinned":                               {pyproject(project + "['a']"), requirements("a==1"), none, ""},
		"another spelling of the name":         {pyproject(project + "['Flask_Login.x']"), requirements("flask-login-x==1"), none, ""},
		"with hashes, options and a comment":   {pyproject(project + "['a>=1']"), requirements("--index-url x\r\n-r b.txt\r\na==1.2 \\\r\n    --hash=sha256:0 \\\r\n    --hash=sha256:1  # why\r\n"), none, ""},
		"arbitrary equality":                   {pyproject(project + "['a']"), requirements("a===1-x"), none, ""},
		"a URL in both":                        {pyproject(project + "['a @ https://example.com/a.whl']"), requirements("a @ https://example.com/a.whl"), none, ""},
		"missing":                              {pyproject(project + "['a','b']"), requirements("b==1"), none, "missing a"},
		"missing because it is a comment":      {pyproject(project + "['a']"), requirements("#a==1"), none, "missing a"},
		"only in the development file":         {pyproject(project + "['a']"), requirements("b==1"), requirementsDev("a==1"), "missing a"},
		"a name that only starts alike":        {pyproject(project + "['a']"), requirements("a-b==1"), none, "missing a"},
		"not pinned":                           {pyproject(project + "['a>=1']"), requirements("a>=1"), none, "not-pinned a"},
		"pinned to a series":                   {pyproject(project + "['a>=1']"), requirements("a==1.*"), none, "not-pinned a"},
		"pinned and limited":                   {pyproject(project + "['a>=1']"), requirements("a==1,<2"), none, "not-pinned a"},
		"no version at all":                    {pyproject(project + "['a']"), requirements("a"), none, "not-pinned a"},
		"too old":                              {pyproject(project + "['a>=1.10']"), requirements("a==1.9"), none, "out-of-step a"},
		"too old for the development file":     {pyproject(project + "['a>=1.10']"), requirements("a==1.10"), requirementsDev("a==1.9"), "out-of-step a"},
		"one pin of two is too old":            {pyproject(project + "['a>=2']"), requirements("a==1 ; python_version<'3.12'\na==2 ; python_version>='3.12'"), none, "out-of-step a"},
		"a prerelease is not judged":           {pyproject(project + "['a<1']"), requirements("a==2.0rc1"), none, ""},
		"another platform, not locked":         {pyproject(project + "['b','a; sys_platform==\"win32\"']"), requirements("b==1"), none, ""},
		"another platform, locked otherwise":   {pyproject(project + "['b','a>2; sys_platform==\"win32\"']"), requirements("a==2\nb==1"), none, ""},
		"a variant does not excuse the plain":  {pyproject(project + "['a<2','a>=2; python_version>=\"3.12\"']"), requirements("a==2"), none, "out-of-step a"},
		"an extra that is not locked":          {pyproject(project + "['a']\n[project.optional-dependencies]\ndocs=['d']\ndev=['e']"), requirements("a==1"), none, ""},
		"an extra that is locked wrong":        {pyproject(project + "['a']\n[project.optional-dependencies]\ndocs=['d>1']"), requirements("a==1\nd==1"), none, "out-of-step d"},
		"extra dev, missing":                   {pyproject(project + "['a']\n[project.optional-dependencies]\ndev=['e']"), requirements("a==1"), requirementsDev("a==1"), "missing e"},
		"group dev, missing":                   {pyproject(project + "['a']\n[dependency-groups]\ndev=['e', {include-group='x'}]"), requirements("a==1"), requirementsDev("a==1"), "missing e"},
		"group dev, in the first file":         {pyproject(project + "['a']\n[dependency-groups]\ndev=['e']"), requirements("a==1\ne==1"), requirementsDev("-r requirements.txt"), ""},
		"an extra that refers to the project":  {pyproject(project + "['a']\n[project.optional-dependencies]\ndev=['Shop[x]']"), requirements("a==1"), requirementsDev(""), ""},
		"the lock is missing":                  {pyproject(project + "['a']"), File{Path: "backend/requirements.txt"}, none, "missing "},
		"the lock is empty":                    {pyproject(project + "['a']"), requirements(""), none, "missing a"},
		"packages by path or address are left": {pyproject(project + "['a']"), requirements("./libs/x\nhttps://example.com/a.whl\n-e .\na==1"), none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := PythonLocks(c.manifest, c.lock, c.dev)
			var ids []string
			for _, f := range got.Findings {
				ids = append(ids, f.ID+" "+f.Package)
			}
			if strings.Join(ids, " ") != c.ids {
				t.Errorf("got %q, want %q", ids, c.ids)
			}
			if want := map[bool]Verdict{true: Pass, false: Fail}[c.ids == ""]; got.Verdict != want {
				t.Errorf("got %s %q, want %s", got.Verdict, got.Reason, want)
			}
		})
	}
}

func TestPythonLocksErrors(t *testing.T) {
	for name, c := range map[string]struct {
		manifest File
		verdict  Verdict
		reason   string
	}{
		"no manifest":               {File{Path: "pyproject.toml"}, Skipped, "there is no pyproject.toml to compare a lock file with"},
		"no TOML":                   {pyproject("[project"), Error, "backend/pyproject.toml is not readable: toml: line 1: expected '.' or ']' to end table name, but got '\\x00' instead"},
		"dependencies of Poetry":    {pyproject("[tool.poetry.dependencies]\na='^1'"), Skipped, "backend/pyproject.toml names no dependencies that could be compared"},
		"dependencies not in words": {pyproject("[project]\ndependencies=[1]"), Error, "backend/pyproject.toml is not readable: toml: line 2 (last key \"project.dependencies\"): incompatible types: TOML value has type int64; destination has type string"},
		"not a requirement":         {pyproject("[project]\ndependencies=['a b']"), Error, `backend/pyproject.toml: "a b" is not a requirement such as name>=1.2`},
		"a caret as in Poetry":      {pyproject("[project]\ndependencies=['a^1']"), Error, `backend/pyproject.toml: "a^1" is not a requirement such as name>=1.2`},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, PythonLocks(c.manifest, requirements("a==1"), File{}), c.verdict, c.reason)
		})
	}
	t.Run("how to write a missing lock", func(t *testing.T) {
		got := PythonLocks(pyproject("[project]\ndependencies=['a']"), File{Path: "backend/requirements.txt"}, File{})
		check(t, got, Fail, `manifest and lock file are out of step: backend/requirements.txt is missing: run "uv pip compile backend/pyproject.toml -o backend/requirements.txt"`, "1 out of step")
	})
}

func TestRequirementAllows(t *testing.T) {
	for _, c := range []struct {
		requirement, version string
		want                 bool
	}{
		{"a==1.0", "1", true}, {"a==1.0", "1.0.0", true}, {"a==1.0", "1.0.1", false}, {"a==1.0", "10", false},
		{"a==1.2.*", "1.2.9", true}, {"a==1.2.*", "1.20", false}, {"a!=1.2.*", "1.2.9", false}, {"a!=1.2.*", "1.3", true},
		{"a!=1.2", "1.2.0", false}, {"a!=1.2", "1.2.1", true},
		{"a>=1.10", "1.9", false}, {"a>=1.0.1", "1", false}, {"a==1.0.1", "1", false}, {"a>=1.10", "1.10", true}, {"a<=1.10", "1.9", true}, {"a<=1.10", "1.11", false},
		{"a>1", "1.0", false}, {"a>1", "1.0.1", true}, {"a<2", "2.0", false}, {"a<2", "1.99", true},
		{"a~=1.4", "1.9", true}, {"a~=1.4", "1.3", false}, {"a~=1.4", "2.0", false},
		{"a~=1.4.2", "1.4.9", true}, {"a~=1.4.2", "1.5", false}, {"a~=1.4.2", "1.4.1", false}, {"a~=1", "7", true},
		{"a (>=1,<2)", "1.5", true}, {"a (>=1,<2)", "2.5", false}, {"a >= 1 , < 2 ,", "2.5", false}, {"a[x,y]>=1", "0.9", false},
		{"a===1.0", "1.0", true}, {"a===1.0", "1", false},
		{"a==2.3", "2.3+cu121", true}, {"a==2.3+cpu", "2.3+cu121", true}, {"a>=3", "2.3+cu121", false},
		{"a<1", "2.0rc1", true}, {"a<1", "2.0.post1", true}, {"a<1rc1", "2", true}, {"a<1", "1!0.5", true}, {"a", "whatever", true},
	} {
		t.Run(c.requirement+" has "+c.version, func(t *testing.T) {
			r, err := parseRequirement(c.requirement)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.allows(c.version); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
