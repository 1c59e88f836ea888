package stages

import (
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/version"
)

// What files say that carry a version, leave it to the build, or have none.
const (
	static      = "[project]\nname = \"shop\"\nversion = \"1.2.3\"\n"
	scm         = "[build-system]\nrequires = [\"setuptools>=80\", \"setuptools-scm>=8\"]\n[project]\nname = \"shop\"\ndynamic = [\"version\"]\n[tool.setuptools_scm]\n"
	hatch       = "[project]\nname = \"shop\"\ndynamic = [\"version\"]\n[tool.hatch.version]\nsource = \"vcs\"\n"
	poetry      = "[tool.poetry]\nname = \"shop\"\nversion = \"0.0.0\"\n[tool.poetry-dynamic-versioning]\nenable = true\n"
	nameless    = "[tool.ruff]\nline-length = 120\n"
	private     = `{"name": "shop", "private": true}`
	numbered    = `{"name": "shop", "version": "1.2.3"}`
	placeholder = `{"name": "shop", "version": "0.0.0"}`
	unreleased  = "[project]\nname = \"shop\"\nversion = \"0.0.0\"\n"
)

// habit is a run of a repository whose sides say their version in these ways; an empty one is not there.
func habit(t *testing.T, pyproject, packageJSON string) *Run {
	t.Helper()
	r := prefixed(t, "v", "1.2.3")
	r.source.files = map[string][]byte{}
	for name, text := range map[string]string{"backend/pyproject.toml": pyproject, "frontend/package.json": packageJSON} {
		if text != "" {
			r.source.files[name] = []byte(text)
		}
	}
	return r
}

// TestVersionFilesOfAnyHabit: a version that is nowhere to be compared was not checked, and that is said (V9).
func TestVersionFilesOfAnyHabit(t *testing.T) {
	for name, c := range map[string]struct{ pyproject, packageJSON, refused, notChecked string }{
		"both say it":               {static, numbered, "", ""},
		"one of them says it":       {static, private, "", ""},
		"the other one":             {scm, numbered, "", ""},
		"one says another":          {scm, `{"version": "1.2.2"}`, `the version files do not say 1.2.3: frontend/package.json says "1.2.2", expected "1.2.3"`, ""},
		"one says 0.0.0":            {static, placeholder, "", ""},
		"0.0.0 beside the build's":  {scm, placeholder, "", "that the version files say 1.2.3: backend/pyproject.toml leaves it to the build, frontend/package.json says 0.0.0, which stands for none"},
		"0.0.0 beside none":         {nameless, placeholder, `the version files do not say 1.2.3: frontend/package.json says "0.0.0", expected "1.2.3"`, ""},
		"0.0.0 alone":               {"", placeholder, `the version files do not say 1.2.3: frontend/package.json says "0.0.0", expected "1.2.3"`, ""},
		"setuptools-scm":            {scm, private, "", "that the version files say 1.2.3: backend/pyproject.toml leaves it to the build, frontend/package.json says none"},
		"hatch-vcs":                 {hatch, "", "", "that the version files say 1.2.3: backend/pyproject.toml leaves it to the build, frontend/package.json is not there"},
		"poetry-dynamic-versioning": {poetry, "", "", "that the version files say 1.2.3: backend/pyproject.toml leaves it to the build, frontend/package.json is not there"},
		"a manifest of tools":       {nameless, "", "", "that the version files say 1.2.3: backend/pyproject.toml says none, frontend/package.json is not there"},
		"neither file":              {"", "", "", "that the version files say 1.2.3: backend/pyproject.toml is not there, frontend/package.json is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			r := habit(t, c.pyproject, c.packageJSON)
			err := r.checkVersionFiles(t.Context())
			if (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
				t.Errorf("got %v, want %q", err, c.refused)
			}
			if got := strings.Join(r.found.notChecked, "\n"); got != c.notChecked {
				t.Errorf("not checked: %q, want %q", got, c.notChecked)
			}
			ticked, err := habit(t, c.pyproject, c.packageJSON).tickVersions(t.Context())
			if c.refused == "" && (err != nil || (ticked.Ending == report.Passed) != (c.notChecked == "")) {
				t.Errorf("the checklist says %+v, %v", ticked, err)
			}
		})
	}
	r := habit(t, "", "")
	r.config.versionFiles = nil
	if err := r.checkVersionFiles(t.Context()); err != nil || len(r.found.notChecked) > 0 {
		t.Errorf("versionFiles=none: %v, %q", err, r.found.notChecked)
	}
}

// TestVersionFilesThatDifferAreNamed: whoever keeps no version in them has another way out than to change them.
func TestVersionFilesThatDifferAreNamed(t *testing.T) {
	err := habit(t, static, `{"version": "1.2.2"}`).checkVersionFiles(t.Context())
	if next := explain(err).next; !strings.Contains(next, "the setting versionFiles") || !strings.Contains(next, "none") {
		t.Errorf("next: %q", next)
	}
	_, err = habit(t, static, `{"version": "1.2.2"}`).bump(t.Context(), Next{Version: "1.3.0"})
	if err == nil || !strings.Contains(err.Error(), "the setting versionFiles") {
		t.Errorf("a bump says %v", err)
	}
}

// TestVersionInAnyFile: what is named says the version in its own way, and what cannot be read is refused before anything is done.
func TestVersionInAnyFile(t *testing.T) {
	r := carried(t, map[string]string{"version.txt": "1.2.3\n", "app/__init__.py": "import os\n__version__ = '1.2.3'\n"})
	r.Version = mustVersion(t, "1.2.3")
	if err := r.checkVersionFiles(t.Context()); err != nil || r.found.notChecked != nil {
		t.Errorf("got %v, not checked: %v", err, r.found.notChecked)
	}
	b, err := r.bump(t.Context(), Next{Version: "1.3.0-rc.1"})
	if err != nil || paths(b.changed) != "app/__init__.py version.txt" {
		t.Fatalf("changed %s, %v", paths(b.changed), err)
	}
	if got := string(b.changed[0].Content) + string(b.changed[1].Content); got != "import os\n__version__ = '1.3.0rc1'\n1.3.0-rc.1\n" {
		t.Errorf("got %q", got)
	}
	r = carried(t, map[string]string{"requirements.txt": "fastapi==1.2.3\n"})
	if err := r.checkVersionFiles(t.Context()); err == nil || !strings.Contains(err.Error(), "expected a version and nothing else") {
		t.Errorf("got %v", err)
	}
}

// TestBumpOfAnyHabit: where no file says the version there is nothing to bump, and that is no success without a word.
func TestBumpOfAnyHabit(t *testing.T) {
	const nothing = "no version file says a version, so there is nothing to bump: "
	for name, c := range map[string]struct{ pyproject, packageJSON, tags, next, changed, refused string }{
		"both files":              {static, numbered, "v1.2.3=a", "1.2.4", "backend/pyproject.toml frontend/package.json", ""},
		"one is dynamic":          {scm, numbered, "v1.2.3=a", "1.2.4", "frontend/package.json", ""},
		"setuptools-scm":          {scm, private, "v1.2.3=a v1.2.2=a", "1.2.4", "", nothing + "backend/pyproject.toml leaves it to the build, frontend/package.json says none"},
		"hatch-vcs":               {hatch, "", "v1.2.3=a", "1.2.4", "", nothing + "backend/pyproject.toml leaves it to the build, frontend/package.json is not there"},
		"poetry, bare tags":       {poetry, "", "1.2.3=a", "1.2.4", "", nothing + "backend/pyproject.toml leaves it to the build, frontend/package.json is not there"},
		"neither file, and a tag": {"", "", "v1.2.3=a", "1.2.4", "", nothing + "backend/pyproject.toml is not there, frontend/package.json is not there"},
		"no tag":                  {static, numbered, "", "1.2.4", "backend/pyproject.toml frontend/package.json", ""},
		"one says 0.0.0":          {static, placeholder, "v1.2.3=a", "1.2.4", "backend/pyproject.toml", ""},
		"both say 0.0.0":          {unreleased, placeholder, "", "0.0.1", "backend/pyproject.toml frontend/package.json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := habit(t, c.pyproject, c.packageJSON)
			r.source.tags = tagsOf(c.tags)
			b, err := r.bump(t.Context(), Next{Kind: "patch"})
			if err != nil || b.version.String() != c.next {
				t.Fatalf("the next version is %s, %v, want %s", b.version, err, c.next)
			}
			var changed []string
			for _, file := range b.changed {
				changed = append(changed, file.Path)
			}
			if got := strings.Join(changed, " "); got != c.changed {
				t.Errorf("changed %s, want %s", got, c.changed)
			}
			if err := r.checkBump(b); (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
				t.Errorf("got %v, want %q", err, c.refused)
			}
		})
	}
	r := habit(t, scm, "")
	if _, err := r.bump(t.Context(), Next{Kind: "patch"}); err == nil || !strings.Contains(err.Error(), "give the first version itself, --version=0.1.0") {
		t.Errorf("without a tag: %v", err)
	}
	if b, err := r.bump(t.Context(), Next{Version: "0.1.0"}); err != nil || b.version.String() != "0.1.0" {
		t.Errorf("the first version itself: %+v, %v", b, err)
	}
}

// TestFirstReleaseOfPlaceholders: where all files say 0.0.0, that is what kinds raise, and no version to release.
func TestFirstReleaseOfPlaceholders(t *testing.T) {
	for text, kinds := range map[string]map[string]string{
		placeholder:                        {"patch": "0.0.1", "minor": "0.1.0", "major": "1.0.0"},
		`{"version": "0.0.0-development"}`: {"patch": "0.0.1", "minor": "0.1.0"},
	} {
		r := habit(t, "", text)
		c, err := r.carriers()
		if err != nil {
			t.Fatal(err)
		}
		l, err := r.lineage(c.files)
		p := proposal{lineage: l}
		if p.next, _ = l.suggested(version.Minor); err != nil || p.next != (version.Version{}) {
			t.Errorf("%s: proposed is %s, %v", text, p.next, err)
		}
		if got := p.text() + p.choices(); !strings.Contains(got, "this is the first release, say 0.1.0") || strings.Contains(got, "0.0.0") {
			t.Errorf("%s: got %s", text, got)
		}
		for kind, want := range kinds {
			if b, err := r.bump(t.Context(), Next{Kind: kind}); err != nil || b.version.String() != want || len(b.changed) != 1 {
				t.Errorf("%s, %s: got %s, %v, want %s", text, kind, b.version, err, want)
			}
		}
	}
}

// TestFirstRelease: without a tag and without a file that says a version, what is proposed can be called.
func TestFirstRelease(t *testing.T) {
	p := proposal{}
	if got, want := p.choices(), "  first       0.1.0           dagger call create-release --version=0.1.0\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !strings.Contains(p.text(), "this is the first release") {
		t.Errorf("got %q", p.text())
	}
	r := habit(t, scm, private)
	if l, err := r.lineage(nil); err != nil || l.from(version.Minor) != (version.Version{}) || r.tagBefore("").Name != "" {
		t.Errorf("without a tag the lineage is %+v, %v, and notes start at %q", l, err, r.tagBefore(""))
	}
	if _, err := r.releaseTag("1.2.3"); err == nil || !strings.Contains(err.Error(), "git has no tag for version 1.2.3") {
		t.Errorf("got %v", err)
	}
	r.source.commit = "1234567890"
	if words := r.summary(); !slices.Equal(words, []string{"commit 1234567", "first release", "not signed: no signingKey and no identity token"}) {
		t.Errorf("validate says %v", words)
	}
}

// TestDevelop: the default branch is whatever the remote says it is.
func TestDevelop(t *testing.T) {
	develop := gitremote.Refs{Default: "develop", Of: map[string]string{"refs/heads/develop": "111111111111", "refs/heads/main": "222222222222", "refs/heads/release/1.2": "222222222222"}}
	headless := develop
	headless.Default = ""
	for name, c := range map[string]struct {
		refs             gitremote.Refs
		patterns, branch string
		at               string
		cut              string
	}{
		"the default branch":     {develop, "release/*", "develop", "111111111111", ""},
		"a release branch":       {develop, "release/*", "release/1.2", "222222222222", ""},
		"a branch called main":   {develop, "", "main", "222222222222", "the branch main is not released from; those that are: develop"},
		"main, as it is set":     {develop, "main", "main", "222222222222", ""},
		"no branch fits":         {headless, "hotfix/*", "develop", "111111111111", "the branch develop is not released from; those that are: none"},
		"no branch fits nothing": {headless, "", "develop", "111111111111", "the branch develop is not released from; those that are: none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{source: source{branch: c.branch, commit: c.at}, found: &found{refs: c.refs}}
			r.config.branches, _ = parseBranches(c.patterns)
			if err := r.checkUpstream(); (err == nil) != (c.cut == "") || err != nil && err.Error() != c.cut {
				t.Errorf("got %v, want %q", err, c.cut)
			}
		})
	}
}
