package project

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// repository writes files by their paths.
func repository(pairs ...string) Files {
	files := Files{}
	for n := 0; n < len(pairs); n += 2 {
		files[pairs[n]] = []byte(pairs[n+1])
	}
	return files
}

const (
	plain  = "[project]\nname = \"api\"\ndependencies = [\"fastapi\"]\n"
	tested = plain + "[dependency-groups]\ndev = [\"pytest>=8\"]\ndocs = [\"mkdocs\"]\n"
	built  = "[build-system]\nrequires = [\"hatchling\"]\n"
)

func TestPython(t *testing.T) {
	for name, c := range map[string]struct {
		files  Files
		folder string
		extras []string
		want   Python
	}{
		"uv": {
			files:  repository("backend/pyproject.toml", tested, "backend/uv.lock", "", "backend/Dockerfile", ""),
			folder: "backend",
			want: Python{Root: "backend", Manager: UV, Lock: "backend/uv.lock", Runner: Pytest, Groups: []string{"dev"},
				Manifests: []string{"backend/pyproject.toml", "backend/uv.lock"}, Sources: []string{"backend"}},
		},
		"a member of a workspace, whose lock lies above": {
			files: repository("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"backend\", \"libs/*\"]\nexclude = [\"libs/old\"]\n", "uv.lock", "",
				"backend/pyproject.toml", tested+built, "libs/money/pyproject.toml", built, "libs/old/pyproject.toml", built),
			folder: "backend",
			want: Python{Root: ".", Manager: UV, Lock: "uv.lock", Runner: Pytest, Groups: []string{"dev"}, Member: "api", Package: true,
				Manifests: []string{"backend/pyproject.toml", "libs/money/pyproject.toml", "libs/old/pyproject.toml", "pyproject.toml", "uv.lock"},
				Sources:   []string{"backend", "libs/money"}},
		},
		"a folder of a project that lies above": {
			files:  repository("pyproject.toml", tested, "uv.lock", "", "backend/app/__init__.py", ""),
			folder: "backend",
			want: Python{Root: ".", Home: ".", Manager: UV, Lock: "uv.lock", Runner: Pytest, Groups: []string{"dev"},
				Manifests: []string{"pyproject.toml", "uv.lock"}, Sources: []string{"backend"}},
		},
		"not a member of the workspace above, and without a lock": {
			files:  repository("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"libs/*\"]\n", "uv.lock", "", "backend/pyproject.toml", tested),
			folder: "backend",
			want:   Python{Root: "backend", Runner: Pytest, Groups: []string{"dev"}, Manifests: []string{"backend/pyproject.toml"}, Sources: []string{"backend"}},
		},
		"uv's own, not locked, beside requirements": {
			files:  repository("api/pyproject.toml", tested+"[tool.uv]\ndev-dependencies = [\"ruff\"]\n", "api/requirements.txt", "fastapi==1\n"),
			folder: "api",
			want:   Python{Root: "api", Runner: Pytest, Groups: []string{"dev"}, Manifests: []string{"api/pyproject.toml"}, Sources: []string{"api"}},
		},
		"a path dependency": {
			files:  repository("backend/pyproject.toml", tested+"[tool.uv.sources]\nmoney = { path = \"../libs/money\" }\n", "backend/uv.lock", "", "libs/money/pyproject.toml", built),
			folder: "backend",
			want: Python{Root: "backend", Manager: UV, Lock: "backend/uv.lock", Runner: Pytest, Groups: []string{"dev"},
				Manifests: []string{"backend/pyproject.toml", "backend/uv.lock", "libs/money/pyproject.toml"}, Sources: []string{"backend", "libs/money"}},
		},
		"a path dependency of the project that lies above": {
			files:  repository("pyproject.toml", tested+"[tool.uv.sources]\nmoney = { path = \"libs/money\" }\n", "uv.lock", "", "backend/app/__init__.py", ""),
			folder: "backend",
			want: Python{Root: ".", Home: ".", Manager: UV, Lock: "uv.lock", Runner: Pytest, Groups: []string{"dev"},
				Manifests: []string{"pyproject.toml", "uv.lock"}, Sources: []string{"backend", "libs/money"}},
		},
		"poetry, an application": {
			files: repository("backend/pyproject.toml", "[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n"+
				"[tool.poetry.group.test.dependencies]\npytest-asyncio = \"*\"\n[tool.poetry.group.docs.dependencies]\nmkdocs = \"*\"\n"+built, "backend/poetry.lock", ""),
			folder: "backend",
			want: Python{Root: "backend", Manager: Poetry, Lock: "backend/poetry.lock", Runner: Pytest, Groups: []string{"test"},
				Language: Language{"3.13", "backend/pyproject.toml wants ^3.11"}, Manifests: []string{"backend/poetry.lock", "backend/pyproject.toml"}, Sources: []string{"backend"}},
		},
		"poetry, a package": {
			files:  repository("pyproject.toml", "[tool.poetry]\nname = \"my-shop\"\n"+built, "poetry.lock", "", "src/my_shop/__init__.py", ""),
			folder: ".",
			want:   Python{Root: ".", Manager: Poetry, Lock: "poetry.lock", Package: true, Manifests: []string{"poetry.lock", "pyproject.toml"}, Sources: []string{"."}},
		},
		"pdm, with a version from git": {
			files: repository("pyproject.toml", tested+"[build-system]\nrequires = [\"pdm-backend\"]\n[tool.pdm.version]\nsource = \"scm\"\n[project.optional-dependencies]\nfast = [\"uvloop\"]\ntests = [\"httpx\"]\n",
				"pdm.lock", "", "api/__init__.py", ""),
			folder: ".", extras: []string{"fast"},
			want: Python{Root: ".", Manager: PDM, Lock: "pdm.lock", Runner: Pytest, Groups: []string{"dev"}, Extras: []string{"fast", "tests"}, Package: true, VersionFromVC: true,
				Manifests: []string{"pdm.lock", "pyproject.toml"}, Sources: []string{"."}},
		},
		"requirements that name others": {
			files: repository("backend/requirements/base.txt", "fastapi==1\n", "backend/requirements/test.txt", "-r base.txt\n--constraint pins.txt\npytest==8\n", "backend/requirements/pins.txt", "",
				"backend/requirements/prod.txt", "-r base.txt\ngunicorn\n", "backend/requirements-docs.txt", "mkdocs\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements/test.txt", Runner: Pytest, Requirements: []string{"backend/requirements/test.txt"},
				Manifests: []string{"backend/requirements-docs.txt", "backend/requirements/base.txt", "backend/requirements/pins.txt", "backend/requirements/prod.txt", "backend/requirements/test.txt"},
				Sources:   []string{"backend"}},
		},
		"requirements for development beside the application's": {
			files:  repository("requirements-dev.txt", "pytest\n", "requirements.txt", "fastapi\n"),
			folder: ".",
			want: Python{Root: ".", Manager: Requirements, Lock: "requirements.txt", Runner: Pytest, Requirements: []string{"requirements.txt", "requirements-dev.txt"},
				Manifests: []string{"requirements-dev.txt", "requirements.txt"}, Sources: []string{"."}},
		},
		"the older layout of cookiecutter-django": {
			files:  repository("backend/requirements/base.txt", "django\n", "backend/requirements/local.txt", "-r ./base.txt\npytest-django\n", "backend/requirements/production.txt", "-r base.txt\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements/local.txt", Runner: Pytest, Requirements: []string{"backend/requirements/local.txt"},
				Manifests: []string{"backend/requirements/base.txt", "backend/requirements/local.txt", "backend/requirements/production.txt"}, Sources: []string{"backend"}},
		},
		"default requirements beside those for development": {
			files:  repository("backend/requirements/default.txt", "celery\n", "backend/requirements/dev.txt", "pytest\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements/default.txt", Runner: Pytest, Requirements: []string{"backend/requirements/default.txt", "backend/requirements/dev.txt"},
				Manifests: []string{"backend/requirements/default.txt", "backend/requirements/dev.txt"}, Sources: []string{"backend"}},
		},
		"a Pipfile that was left beside requirements for tests": {
			files:  repository("backend/Pipfile", "[packages]\nflask = \"*\"\n", "backend/Pipfile.lock", "", "backend/requirements.txt", "flask==3\n", "backend/requirements-dev.txt", "pytest\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements.txt", Runner: Pytest, Requirements: []string{"backend/requirements.txt", "backend/requirements-dev.txt"},
				Manifests: []string{"backend/Pipfile", "backend/Pipfile.lock", "backend/requirements-dev.txt", "backend/requirements.txt"}, Sources: []string{"backend"}},
		},
		"requirements that a Pipfile without a lock lies beside": {
			files:  repository("backend/Pipfile", "[dev-packages]\npytest = \"*\"\n", "backend/requirements.txt", "flask==3\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements.txt", Requirements: []string{"backend/requirements.txt"},
				Manifests: []string{"backend/Pipfile", "backend/requirements.txt"}, Sources: []string{"backend"}},
		},
		"pipenv, for a package": {
			files:  repository("backend/Pipfile", "[packages]\nshop = {path = \".\", editable = true}\n", "backend/Pipfile.lock", "", "backend/setup.py", ""),
			folder: "backend",
			want: Python{Root: "backend", Manager: Pipenv, Lock: "backend/Pipfile.lock", Package: true,
				Manifests: []string{"backend/Pipfile", "backend/Pipfile.lock"}, Sources: []string{"backend"}},
		},
		"local requirements beside those for tests": {
			files:  repository("backend/requirements/base.txt", "", "backend/requirements/test.txt", "pytest\n", "backend/requirements/local.txt", "psycopg2\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Requirements, Lock: "backend/requirements/base.txt", Runner: Pytest, Requirements: []string{"backend/requirements/base.txt", "backend/requirements/test.txt"},
				Manifests: []string{"backend/requirements/base.txt", "backend/requirements/local.txt", "backend/requirements/test.txt"}, Sources: []string{"backend"}},
		},
		"pipenv, beside requirements that somebody has written of it": {
			files: repository("backend/Pipfile", "[packages]\nflask = \"*\"\n[dev-packages]\npytest-cov = \"*\"\n[requires]\npython_version = \"3.11\"\n",
				"backend/Pipfile.lock", "", "backend/requirements.txt", "flask==3\n"),
			folder: "backend",
			want: Python{Root: "backend", Manager: Pipenv, Lock: "backend/Pipfile.lock", Runner: Pytest, Language: Language{"3.11", "backend/Pipfile wants 3.11"},
				Manifests: []string{"backend/Pipfile", "backend/Pipfile.lock"}, Sources: []string{"backend"}},
		},
		"pipenv without a lock": {
			files:  repository("backend/Pipfile", "[packages]\nflask = \"*\"\n"),
			folder: "backend",
			want:   Python{Root: "backend", Manifests: []string{"backend/Pipfile"}, Sources: []string{"backend"}},
		},
		"no test runner": {
			files:  repository("backend/pyproject.toml", plain, "backend/uv.lock", ""),
			folder: "backend",
			want:   Python{Root: "backend", Manager: UV, Lock: "backend/uv.lock", Manifests: []string{"backend/pyproject.toml", "backend/uv.lock"}, Sources: []string{"backend"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Folder, c.want.Top = c.folder, c.want.Root
			if c.want.Home == "" {
				c.want.Home = c.folder
			}
			got, err := NewPython(c.files, c.folder, c.extras, Language{})
			if err != nil || got == nil {
				t.Fatalf("got %v, %v", got, err)
			}
			same(t, *got, c.want)
		})
	}
}

func TestNoPython(t *testing.T) {
	for name, files := range map[string]Files{
		"another language":               repository("backend/go.mod", "module x"),
		"tools for Python above it":      repository("backend/go.mod", "module x", "pyproject.toml", tested, "uv.lock", ""),
		"requirements of something else": repository("docs/requirements.txt", "mkdocs"),
	} {
		if got, err := NewPython(files, "backend", nil, Language{}); got != nil || err != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if _, err := NewPython(repository("backend/pyproject.toml", "x = "), "backend", nil, Language{}); err == nil || !strings.Contains(err.Error(), "backend/pyproject.toml is not TOML") {
		t.Errorf("a broken manifest: %v", err)
	}
}

func TestPythonVersions(t *testing.T) {
	for requirement, want := range map[string]string{
		">=3.11": "3.13", ">=3.12,<3.13": "3.12", "^3.10": "3.13", "~=3.11": "3.13", "~=3.11.2": "3.11", "==3.12.*": "3.12",
		"3.11.4": "3.11", "==3.12.3": "3.12", "===3.12.3": "3.12", "3.11": "3.11",
		">=3.14,<4.0": "3.14", ">=3.9,<3.12": "3.11", "<3.9": "", ">=3.15": "3.15", "==3.16.*": "3.16", ">=3.14.1": "3.14", ">=3.13,<3.14": "3.13", "!=3.13.*,>=3.12": "3.12",
	} {
		if got := pythonWishes(requirement).python(); got != want {
			t.Errorf("%q: got %q, want %q", requirement, got, want)
		}
	}
	files := repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.10\"\n", "backend/uv.lock", "", ".python-version", "# pinned\n3.12.4\n")
	if p, err := NewPython(files, "backend", nil, Language{}); err != nil || p.Language != (Language{"3.13", "backend/pyproject.toml wants >=3.10"}) {
		t.Errorf("a file above the root of the lock counts: %+v, %v", p.Language, err)
	}
	files["backend/.tool-versions"] = []byte("nodejs 20.1.0\npython 3.11.9\n")
	if p, err := NewPython(files, "backend", nil, Language{}); err != nil || p.Language != (Language{"3.11", "backend/.tool-versions says 3.11.9"}) {
		t.Errorf("got %+v, %v", p.Language, err)
	}
}

// TestPythonOfTheImage: tests run on the Python that is released, unless a file says exactly another or the manifest forbids it.
func TestPythonOfTheImage(t *testing.T) {
	image := Language{"3.10", "backend/Dockerfile is FROM python:3.10-slim"}
	for name, c := range map[string]struct {
		files Files
		image Language
		want  Language
	}{
		"requirements alone":               {repository("backend/requirements.txt", "flask"), image, image},
		"the manifest allows it":           {repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.9\"\n"), image, image},
		"the manifest forbids it":          {repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.11\"\n"), image, Language{"3.13", "backend/pyproject.toml wants >=3.11"}},
		"a file says which":                {repository("backend/requirements.txt", "", "backend/.python-version", "3.12\n"), image, Language{"3.12", "backend/.python-version says 3.12"}},
		"Poetry does not run on it":        {repository("backend/pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.9\"\n", "backend/poetry.lock", ""), Language{"3.9", "x"}, Language{"3.13", "backend/pyproject.toml wants ^3.9"}},
		"a newer one":                      {repository("backend/requirements.txt", ""), Language{"3.15", "x"}, Language{"3.15", "x"}},
		"one that is too old":              {repository("backend/requirements.txt", ""), Language{"3.6", "x"}, Language{"3.13", "x, which is older than 3.9"}},
		"too old, and the manifest asks":   {repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.6,<3.12\"\n"), Language{"3.6", "x"}, Language{"3.11", "backend/pyproject.toml wants >=3.6,<3.12"}},
		"the manifest wants too old ones":  {repository("backend/pyproject.toml", "[project]\nrequires-python = \"<3.9\"\n"), Language{"3.8", "x"}, Language{"", "backend/pyproject.toml wants <3.9"}},
		"manifests that exclude another":   {repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.12\"\n[tool.poetry.dependencies]\npython = \"<3.12\"\n"), Language{}, Language{"", "backend/pyproject.toml wants >=3.12 and <3.12"}},
		"Poetry runs on another":           {repository("backend/pyproject.toml", "", "backend/poetry.lock", ""), Language{"3.9", "x"}, Language{"3.13", "x, on which poetry does not run"}},
		"a file with what is to come":      {repository("backend/requirements.txt", "", "backend/.python-version", "3.16.0rc1\n"), Language{}, Language{"3.13", "backend/.python-version says 3.16.0rc1, which is no version that is known"}},
		"a file that names none":           {repository("backend/requirements.txt", "", "backend/.python-version", "pypy3.10\n"), Language{}, Language{"3.13", "backend/.python-version says pypy3.10, which is no version that is known"}},
		"a file that names none, an image": {repository("backend/requirements.txt", "", "backend/.python-version", "pypy3.10\n"), image, image},
		"nobody can read what it asks":     {repository("backend/pyproject.toml", "[project]\nrequires-python = \"nonsense\"\n"), Language{}, Language{}},
		"the image says nothing":           {repository("backend/requirements.txt", ""), Language{}, Language{}},
		"both manifests, and the two ask":  {repository("backend/pyproject.toml", "[project]\nrequires-python = \">=3.8\"\n[tool.poetry.dependencies]\npython = \">=3.9,<3.12\"\n"), Language{}, Language{"3.11", "backend/pyproject.toml wants >=3.8 and >=3.9,<3.12"}},
	} {
		if p, err := NewPython(c.files, "backend", nil, c.image); err != nil || p.Language != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, p.Language, err, c.want)
		}
	}
}

// TestUVOfTheProject: uv refuses to work in a project that wants another one.
func TestUVOfTheProject(t *testing.T) {
	for required, c := range map[string]struct {
		pip   string
		takes bool
	}{
		"===0.13.9": {"==0.13.9", true},
		"":          {"", true}, ">=0.13": {">=0.13", true}, ">=0.12.15,<0.13": {">=0.12.15,<0.13", false}, "0.5.1": {"==0.5.1", false},
		"==0.13.9": {"==0.13.9", true}, "~=0.13.2": {"~=0.13.2", true}, "nonsense": {"", true}, "@ https://example.com/x": {"", true},
	} {
		files := repository("backend/pyproject.toml", "[tool.uv]\nrequired-version = \""+required+"\"\n", "backend/uv.lock", "")
		if p, err := NewPython(files, "backend", nil, Language{}); err != nil || p.UV != c.pip || p.TakesUV("0.13.9") != c.takes {
			t.Errorf("%q: got %q, taken %t, %v", required, p.UV, p.TakesUV("0.13.9"), err)
		}
	}
}

func TestPytestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		files Files
		want  PytestConfig
	}{
		"nothing":                   {repository(), PytestConfig{}},
		"pyproject":                 {repository("a/pyproject.toml", "[tool.pytest.ini_options]\naddopts = \"-q --cov=app --cov-fail-under=80 -m 'not integration'\"\n"), PytestConfig{CovOption: true, Markers: "not integration"}},
		"a list":                    {repository("a/pyproject.toml", "[tool.pytest.ini_options]\naddopts = [\"-m\", \"unit\", \"--cov\", \"app\"]\n"), PytestConfig{CovOption: true, Markers: "unit"}},
		"pytest.ini":                {repository("a/pytest.ini", "[pytest]\naddopts =\n    --strict-markers\n    --cov=app\ntestpaths = tests\n"), PytestConfig{CovOption: true}},
		"setup.cfg":                 {repository("a/setup.cfg", "[tool:pytest]\naddopts = --cov-report=term\n[pytest]\nx = 1\n"), PytestConfig{}},
		"above it":                  {repository("tox.ini", "[pytest]\naddopts = -m=\"not e2e\"\n"), PytestConfig{Markers: "not e2e"}},
		"above it, seen from there": {repository("tox.ini", "[pytest]\naddopts = --cov=a/shop --cov a --cov=other --cov shop --cov-config=a/.coveragerc --ignore=./a/e2e/ --junitxml=a/x.xml --ignore=ab\n"), PytestConfig{CovOption: true, Again: []string{"--cov=shop", "--cov=.", "--cov-config=.coveragerc", "--ignore=e2e"}}},
		"seen from itself":          {repository("a/tox.ini", "[pytest]\naddopts = --cov=a/shop\n"), PytestConfig{CovOption: true}},
		"only --cov":                {repository("a/pytest.ini", "[pytest]\naddopts = --cov -q\n"), PytestConfig{}},
		"a comment":                 {repository("a/pytest.ini", "[pytest]\n# addopts = --cov=app\n"), PytestConfig{}},
		"no sections":               {repository("a/pytest.ini", "addopts = --cov=app\n"), PytestConfig{}},
		"glued":                     {repository("a/pytest.ini", "[pytest]\naddopts = -m'not e2e'\n"), PytestConfig{Markers: "not e2e"}},
		// pytest 9 has tables and files of its own, in TOML's types.
		"a table":             {repository("a/pyproject.toml", "[tool.pytest]\naddopts = [\"--cov=app\", \"-m\", \"not live\"]\n"), PytestConfig{CovOption: true, Markers: "not live"}},
		"both tables":         {repository("a/pyproject.toml", "[tool.pytest]\naddopts = [\"--cov=app\"]\n[tool.pytest.ini_options]\naddopts = \"-m old\"\n"), PytestConfig{Markers: "old"}},
		"pytest.toml":         {repository("a/pytest.toml", "[pytest]\naddopts = [\"--cov=app\", \"-m\", \"not live\"]\n"), PytestConfig{CovOption: true, Markers: "not live"}},
		"a hidden one":        {repository("a/.pytest.toml", "[pytest]\naddopts = [\"-m\", \"unit\"]\n"), PytestConfig{Markers: "unit"}},
		"a hidden pytest.ini": {repository("a/.pytest.ini", "[pytest]\naddopts = -m unit\n"), PytestConfig{Markers: "unit"}},
		// The first file that says something to pytest counts, and no other is read.
		"an empty pytest.toml first":   {repository("a/pytest.toml", "", "a/pytest.ini", "[pytest]\naddopts = -m unit\n"), PytestConfig{}},
		"an empty pytest.ini first":    {repository("a/pytest.ini", "", "a/pyproject.toml", "[tool.pytest]\naddopts = [\"-m\", \"unit\"]\n"), PytestConfig{}},
		"pytest.ini before pyproject":  {repository("a/pytest.ini", "[pytest]\naddopts = -m unit\n", "a/pyproject.toml", "[tool.pytest.ini_options]\naddopts = \"--cov=app\"\n"), PytestConfig{Markers: "unit"}},
		"pyproject before tox.ini":     {repository("a/tox.ini", "[pytest]\naddopts = -m unit\n", "a/pyproject.toml", "[tool.pytest]\nminversion = \"9.0\"\n"), PytestConfig{}},
		"tox.ini before setup.cfg":     {repository("a/tox.ini", "[pytest]\naddopts = -m unit\n", "a/setup.cfg", "[tool:pytest]\naddopts = --cov=app\n"), PytestConfig{Markers: "unit"}},
		"files of other tools":         {repository("a/tox.ini", "[tox]\n", "a/setup.cfg", "[metadata]\n", "pytest.ini", "[pytest]\naddopts = -m unit\n"), PytestConfig{Markers: "unit"}},
		"the folder's own before more": {repository("a/pytest.ini", "[pytest]\n", "pytest.ini", "[pytest]\naddopts = -m unit\n"), PytestConfig{}},
	} {
		got, err := readPytest(c.files, "a")
		if got.File = ""; err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// TestPytestAbove: pytest takes the file of the next folder above that configures it, whether a lock lies there or not, and
// loads what lies between that and the tests.
func TestPytestAbove(t *testing.T) {
	const options = "[tool.pytest.ini_options]\naddopts = \"-q\"\n"
	alone := []string{"a/b/requirements.txt", ""}
	member := []string{"uv.lock", "", "pyproject.toml", "[tool.uv.workspace]\nmembers = [\"a/b\"]\n"}
	for name, c := range map[string]struct {
		files     []string
		file, top string
		above     []string
	}{
		"nothing":            {alone, "", "a/b", nil},
		"its own":            {append(alone, "a/b/pytest.ini", "", "pytest.ini", "", "conftest.py", ""), "a/b/pytest.ini", "a/b", nil},
		"above it":           {append(alone, "a/pytest.ini", "", "pytest.ini", ""), "a/pytest.ini", "a", []string{"a/pytest.ini"}},
		"at the root":        {append(alone, "pyproject.toml", options, "conftest.py", "", "a/conftest.py", "", "a/b/conftest.py", "", "other/conftest.py", ""), "pyproject.toml", ".", []string{"pyproject.toml", "a/conftest.py", "conftest.py"}},
		"says nothing to it": {append(alone, "pyproject.toml", "[tool.black]\n", "tox.ini", "[tox]\n", "conftest.py", ""), "", "a/b", nil},
		"below the lock":     {append(member, "a/pytest.ini", ""), "a/pytest.ini", ".", []string{"a/pytest.ini"}},
		"beside the lock":    {append(member, "tox.ini", "[pytest]\n"), "tox.ini", ".", []string{"tox.ini"}},
		"above the lock":     {[]string{"a/uv.lock", "", "a/pyproject.toml", "[tool.uv.workspace]\nmembers = [\"b\"]\n", "setup.cfg", "[tool:pytest]\n"}, "setup.cfg", ".", []string{"setup.cfg"}},
	} {
		p, err := NewPython(repository(append(c.files, "a/b/pyproject.toml", tested)...), "a/b", nil, Language{})
		if err != nil || p.Pytest.File != c.file || p.Top != c.top || !slices.Equal(p.Above, c.above) || p.Whole != (len(p.Above) > 1) {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}

// TestPythonBeside: so are those of packages in Python.
func TestPythonBeside(t *testing.T) {
	files := repository("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"backend\", \"libs/*\"]\n", "uv.lock", "", "backend/pyproject.toml", tested, "backend/tests/conftest.py", "",
		"libs/none/pyproject.toml", plain, "libs/fixtures/pyproject.toml", plain, "libs/fixtures/tests/conftest.py", "", "libs/money/pyproject.toml", tested,
		"libs/table/pyproject.toml", "[tool.pytest]\nminversion = \"9\"\n", "other/pyproject.toml", tested)
	if p, err := NewPython(files, "backend", nil, Language{}); err != nil || !slices.Equal(p.Beside, []string{"libs/fixtures", "libs/money", "libs/table"}) {
		t.Errorf("got %q, %v", p.Beside, err)
	}
}

// TestPytestFilesAreRead: what readPytest looks at is among what is read of a commit.
func TestPytestFilesAreRead(t *testing.T) {
	for _, name := range []string{"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"} {
		if !slices.Contains(Read, "**/"+name) {
			t.Errorf("%s is not read", name)
		}
	}
	if _, err := readPytest(repository("a/pytest.toml", "x = "), "a"); err == nil || !strings.Contains(err.Error(), "a/pytest.toml is not TOML") {
		t.Errorf("a broken one: %v", err)
	}
	if p, err := NewPython(repository("pyproject.toml", tested, "uv.lock", "", "backend/pytest.toml", ""), "backend", nil, Language{}); err != nil || p == nil || p.Lock != "uv.lock" {
		t.Errorf("a folder with nothing but tests belongs to the project above: got %+v, %v", p, err)
	}
}

func FuzzPython(f *testing.F) {
	f.Add(tested+built, "-r other.txt\npytest", "[pytest]\naddopts = -m x")
	f.Fuzz(func(t *testing.T, manifest, requirements, ini string) {
		files := repository("a/b/pyproject.toml", manifest, "a/b/requirements.txt", requirements, "a/pytest.ini", ini, "a/uv.lock", "", "a/pyproject.toml", manifest)
		p, err := NewPython(files, "a/b", nil, Language{})
		if err == nil && p != nil && !slices.Contains(p.Sources, "a/b") {
			t.Errorf("the side itself is not among its sources: %q", p.Sources)
		}
	})
}

func TestRelative(t *testing.T) {
	for _, c := range [][3]string{{".", "a/b", "a/b"}, {"a", "a", "."}, {"a", "a/b", "b"}, {"backend", "libs/money", "../libs/money"}, {"a/b", "a/c", "../c"}, {"a/b", "c", "../../c"}, {"a", ".", ".."}} {
		if got := Relative(c[0], c[1]); got != c[2] {
			t.Errorf("%s from %s is %s, want %s", c[1], c[0], got, c[2])
		}
	}
}
