package stages

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/project"
)

func TestTestVariables(t *testing.T) {
	c, err := Settings{TestVariables: `.env.example, DATABASE_URL=postgresql+asyncpg://u:p@db/x?a=b, EMPTY=, QUOTED="a b"`, Severity: "HIGH"}.read()
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{config: c, source: source{files: map[string][]byte{".env.example": []byte("# comment\n\nexport A='1'\nDATABASE_URL=sqlite://${A}/${B}\n")}}}
	got, err := r.readTestVariables()
	want := []pair{{"A", "1"}, {"DATABASE_URL", "sqlite://1/${B}"}, {"DATABASE_URL", "postgresql+asyncpg://u:p@db/x?a=b"}, {"EMPTY", ""}, {"QUOTED", "a b"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	r.source.files = nil
	if _, err := r.readTestVariables(); err == nil || !strings.Contains(err.Error(), "the file .env.example is not in the repository") {
		t.Errorf("a file that is not there: %v", err)
	}
	r.source.files = map[string][]byte{".env.example": []byte("A=1\nnonsense\n")}
	if _, err := r.readTestVariables(); err == nil || !strings.Contains(err.Error(), `.env.example: expected NAME=value, found "nonsense"`) {
		t.Errorf("a line that is no variable: %v", err)
	}
}

// A comment behind a value is none of it, as those who wrote the file expect.
func TestCommentsInDotenv(t *testing.T) {
	for line, want := range map[string]string{
		`A=3306  # the port`: "3306", `A=1 # x # y`: "1", `A="a b"  # c`: "a b", `A='a # b' # c`: "a # b", `A="a # b"`: "a # b", `A= # nothing`: "",
		`A=a#b`: "a#b", `A=http://x/#part`: "http://x/#part", `A="a\"b" # c`: `a"b`, `A='it"s`: `'it"s`, "A=": "", "A=x  ": "x",
	} {
		if got, err := dotenv(nil, line); err != nil || !slices.Equal(got, []pair{{"A", want}}) {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestTestSettingsRefuse(t *testing.T) {
	for reason, s := range map[string]Settings{
		`setting testVariables: expected NAME=value, found "1A=x"`:                                                             {TestVariables: "1A=x"},
		`setting testVariables: expected a path inside the repository, found "../.env"`:                                        {TestVariables: "../.env"},
		`setting testImages: expected backend=context[:dockerfile][#target] or frontend=..., found the name "worker"`:          {TestImages: "worker=."},
		`setting testImages: expected name=context[:dockerfile][#target], found "backend": it has no =`:                        {TestImages: "backend"},
		`setting misconfigSeverity: severity "HIGHEST" names "HIGHEST", which is none of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN`: {MisconfigSeverity: "HIGHEST"},
	} {
		s.Severity = "HIGH"
		if _, err := s.read(); err == nil || err.Error() != reason {
			t.Errorf("got  %v\nwant %s", err, reason)
		}
	}
}

func TestPytestCommands(t *testing.T) {
	for name, c := range map[string]struct {
		config         project.PytestConfig
		slow           bool
		required, mark []string
	}{
		"nothing special":          {project.PytestConfig{}, false, []string{"--cov"}, nil},
		"slow tests":               {project.PytestConfig{}, true, []string{"--cov", "-m", "not slow"}, []string{"-m", "slow"}},
		"a source of its own":      {project.PytestConfig{CovOption: true}, false, []string{""}, nil},
		"sources seen from above":  {project.PytestConfig{CovOption: true, Again: []string{"--cov=shop", "--ignore=e2e"}}, true, []string{"", "--cov=shop", "--ignore=e2e", "-m", "not slow"}, []string{"--cov=shop", "--ignore=e2e", "-m", "slow"}},
		"an expression of its own": {project.PytestConfig{Markers: "not e2e or unit"}, true, []string{"--cov", "-m", "(not e2e or unit) and not slow"}, []string{"-m", "(not e2e or unit) and slow"}},
		"the same, and none slow":  {project.PytestConfig{Markers: "not e2e"}, false, []string{"--cov"}, nil},
	} {
		required, mark := pytestCommands(c.config, c.slow)
		if len(mark) > 0 {
			mark = mark[4:]
		}
		if !slices.Equal(required[4:], c.required) || !slices.Equal(mark, c.mark) {
			t.Errorf("%s: got %q and %q", name, required[4:], mark)
		}
	}
}

// TestImageLanguage: the image of a side is the one that lies in its folder, before one that is built from all of the repository.
func TestImageLanguage(t *testing.T) {
	files := map[string][]byte{"api.Dockerfile": []byte("FROM python:3.9"), "backend/Dockerfile": []byte("FROM python:3.12"), "web/Dockerfile": []byte("FROM node:20"),
		"ml.Dockerfile": []byte("FROM python:3.11"), "backend/ml/Dockerfile": []byte("FROM python:3.11")}
	for images, want := range map[string]string{
		"web=web, a=.:api.Dockerfile, b=backend": "3.12", "a=.:api.Dockerfile": "3.9", "a=.:backend/Dockerfile": "3.12", "web=web": "", "c=worker": "",
		"a=.:api.Dockerfile, b=.:ml.Dockerfile": "", "b=backend, m=backend/ml": "3.12",
	} {
		c, err := Settings{Images: images, Registry: "ghcr.io/acme", Severity: "HIGH"}.read()
		if err != nil {
			t.Fatal(err)
		}
		r := &Run{config: c, source: source{files: files, commit: "0123456789abcdef0123456789abcdef01234567"}}
		if got := r.imageLanguage("backend", "python"); got.Version != want {
			t.Errorf("%s: got %+v, want %s", images, got, want)
		}
	}
}

// TestSideThatNobodyReads: a folder that is there and that Slipway cannot test is never passed over without a word.
func TestSideThatNobodyReads(t *testing.T) {
	c, err := Settings{Backend: "backend", Frontend: "frontend", Severity: "HIGH"}.read()
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{config: c, sides: sides{frontend: &project.Node{}}, found: &found{}}
	r.source.folders = map[string]*dagger.Directory{"backend": {}}
	if err := r.checkSides(t.Context()); err != nil || !slices.Equal(r.found.notChecked, []string{"the backend's tests and dependencies: backend/ holds no pyproject.toml, setup.py, Pipfile or requirements.txt"}) {
		t.Errorf("%v; not checked: %q", err, r.found.notChecked)
	}
}

// TestPackagesBeside: nothing runs the tests of a workspace's other packages, unless a command of the repository's own may.
func TestPackagesBeside(t *testing.T) {
	for command, want := range map[string][]string{
		"":             {"the tests of libs/money: nothing runs them, see the setting backendTests", "the tests of packages/ui, web/e2e: nothing runs them, see the setting frontendTests"},
		"pnpm -r test": {"the tests of libs/money: nothing runs them, see the setting backendTests"},
	} {
		c, err := Settings{Backend: "backend", Frontend: "apps/web", FrontendTests: command, Severity: "HIGH"}.read()
		if err != nil {
			t.Fatal(err)
		}
		r := &Run{config: c, found: &found{}, sides: sides{
			backend: &project.Python{Folder: "backend", Beside: []string{"libs/money"}}, frontend: &project.Node{Folder: "apps/web", Beside: []string{"packages/ui", "web/e2e"}},
		}}
		if err := r.checkSides(t.Context()); err != nil || !slices.Equal(r.found.notChecked, want) {
			t.Errorf("%q: %v; not checked: %q", command, err, r.found.notChecked)
		}
	}
}

// TestPytestConfigOfAnImage: an image has none of the settings that lie above what it is built from.
func TestPytestConfigOfAnImage(t *testing.T) {
	above := project.PytestConfig{File: "pytest.ini", Markers: "not live", Again: []string{"--cov=shop"}}
	for _, c := range []struct {
		images, file, want string
	}{
		{"", "pytest.ini", "not live"},
		{"backend=backend", "pytest.ini", ""},
		{"backend=backend", "backend/pytest.ini", "not live"},
		{"backend=.:backend/Dockerfile", "pytest.ini", "not live"},
		{"frontend=frontend", "pytest.ini", "not live"},
	} {
		read, err := Settings{TestImages: c.images, Severity: "HIGH"}.read()
		if err != nil {
			t.Fatal(err)
		}
		above.File = c.file
		if got := (&Run{config: read}).pytestConfig(&project.Python{Pytest: above}); got.Markers != c.want || (len(got.Again) > 0) != strings.HasPrefix(cmp.Or(c.images, "frontend"), "frontend") {
			t.Errorf("%s, %s: got %+v", c.images, c.file, got)
		}
	}
}

// TestRequirementThatNothingMeets: a side is never tested on a version that its manifest excludes, unless its image is named.
func TestRequirementThatNothingMeets(t *testing.T) {
	found := sides{
		backend:  &project.Python{Manager: project.UV, Runner: "pytest", Language: project.Language{From: "backend/pyproject.toml wants <3.9"}},
		frontend: &project.Node{Manager: project.NPM, Runner: "vitest", Language: project.Language{From: "frontend/package.json wants ^14"}},
	}
	for setting, want := range map[string][]string{
		"": {
			"expected a version of Python from 3.9 on, and backend/pyproject.toml wants <3.9",
			"expected a version of Node from 16 on, and frontend/package.json wants ^14",
		},
		"node=node:14-slim":                         {"expected a version of Python from 3.9 on, and backend/pyproject.toml wants <3.9"},
		"node=node:14-slim, python=python:3.8-slim": nil,
	} {
		c, err := Settings{Backend: "backend", Frontend: "frontend", ToolImages: setting, Severity: "HIGH"}.read()
		if err != nil {
			t.Fatal(err)
		}
		r := &Run{config: c, sides: found}
		var got string
		if err := r.checkSides(t.Context()); err != nil {
			got = err.Error()
			if next := explain(err).next; !strings.Contains(next, "toolImages=") {
				t.Errorf("toolImages=%q: what to do next is %q", setting, next)
			}
		}
		if got != strings.Join(want, "; ") {
			t.Errorf("toolImages=%q: got %q", setting, got)
		}
	}
	c, err := Settings{Backend: "backend", Frontend: "frontend", Severity: "HIGH", TestImages: "backend=backend#test"}.read()
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{config: c, sides: sides{backend: found.backend, frontend: &project.Node{Language: found.frontend.Language}}}
	if err := r.checkSides(t.Context()); err != nil {
		t.Errorf("an image of the project's own, and no tests: %v", err)
	}
	r.sides.frontend = found.frontend
	if _, err := r.pythonEnvironment(found.backend); err == nil || !strings.Contains(err.Error(), "wants <3.9") {
		t.Errorf("the backend's stage alone: %v", err)
	}
	if _, err := r.nodeEnvironment(found.frontend); err == nil || !strings.Contains(err.Error(), "wants ^14") {
		t.Errorf("the frontend's stage alone: %v", err)
	}
}

func TestSidesThatAreOff(t *testing.T) {
	c, err := Settings{Backend: "none", Frontend: "web", Severity: "HIGH"}.read()
	if err != nil {
		t.Fatal(err)
	}
	if !c.backend.off || c.frontend.off || slices.Contains(c.folders(), "none") || !c.frontend.named {
		t.Errorf("backend %+v, frontend %+v, folders %q", c.backend, c.frontend, c.folders())
	}
	r := &Run{config: c}
	if got := r.absent(c.backend); got.Reason != "switched off" {
		t.Errorf("the table says %q", got.Reason)
	}
	if err := r.checkSides(t.Context()); err == nil || !strings.Contains(err.Error(), "setting frontend: the folder web is not in the repository") {
		t.Errorf("a folder that was named and is not there: %v", err)
	}
}
