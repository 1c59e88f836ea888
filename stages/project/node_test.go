package project

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// same compares field by field, so that a failure names what differs.
func same[T any](t *testing.T, got, want T) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for n := range g.NumField() {
		a, b := g.Field(n), w.Field(n)
		if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("%s: got %+v, want %+v", g.Type().Field(n).Name, a, b)
		}
	}
}

func TestNode(t *testing.T) {
	const vitest = `{"devDependencies":{"vitest":"^3","@vitest/coverage-v8":"^3"},"scripts":{"lint":"eslint ."}}`
	for name, c := range map[string]struct {
		files  Files
		folder string
		want   Node
	}{
		"npm": {
			files:  repository("frontend/package.json", vitest, "frontend/package-lock.json", "", "frontend/.npmrc", "", "frontend/src/a.slow.test.ts", ""),
			folder: "frontend",
			want: Node{Root: "frontend", Manager: NPM, Lock: "frontend/package-lock.json", Runner: Vitest, Coverage: true, Lint: true, Slow: true,
				Manifests: []string{"frontend/.npmrc", "frontend/package-lock.json", "frontend/package.json"}},
		},
		"pnpm beside an old lock of npm's": {
			files: repository("web/package.json", `{"packageManager":"pnpm@10.7.1+sha512.ab","devDependencies":{"jest":"^29"},"engines":{"node":">=20 <22"}}`,
				"web/package-lock.json", "", "web/pnpm-lock.yaml", ""),
			folder: "web",
			want: Node{Root: "web", Manager: PNPM, Version: "10.7.1", Lock: "web/pnpm-lock.yaml", Runner: Jest, Language: Language{"20", "web/package.json wants >=20 <22"},
				Manifests: []string{"web/package-lock.json", "web/package.json", "web/pnpm-lock.yaml"}},
		},
		"npm, as packageManager says, beside pnpm's": {
			files:  repository("web/package.json", `{"packageManager":"npm@11.1.0"}`, "web/package-lock.json", "", "web/pnpm-lock.yaml", ""),
			folder: "web",
			want: Node{Root: "web", Manager: NPM, Version: "11.1.0", Lock: "web/package-lock.json",
				Manifests: []string{"web/package-lock.json", "web/package.json", "web/pnpm-lock.yaml"}},
		},
		"a package of a workspace": {
			files: repository("package.json", `{"packageManager":"pnpm@9.0.0","scripts":{"prepare":"husky"}}`, "pnpm-workspace.yaml", "packages: [apps/*]", "pnpm-lock.yaml", "", ".nvmrc", "v24.1.0\n",
				"apps/web/package.json", `{"devDependencies":{"vitest":"1"}}`, "apps/api/package.json", "{}", "patches/a.patch", ""),
			folder: "apps/web",
			want: Node{Root: ".", Manager: PNPM, Version: "9.0.0", Lock: "pnpm-lock.yaml", Runner: Vitest, Scripts: []string{"prepare"}, Language: Language{"24", ".nvmrc says v24.1.0"},
				Manifests: []string{"apps/api/package.json", "apps/web/package.json", "package.json", "patches/a.patch", "pnpm-lock.yaml", "pnpm-workspace.yaml"}},
		},
		"yarn 1": {
			files:  repository("frontend/package.json", `{"dependencies":{"react-scripts":"5"},"engines":{"node":"99"}}`, "frontend/yarn.lock", "", "frontend/src/__tests__/pages/Shop.js", ""),
			folder: "frontend",
			want:   Node{Root: "frontend", Manager: Yarn, Lock: "frontend/yarn.lock", Runner: ReactScripts, Language: Language{"99", "frontend/package.json wants 99"}, Manifests: []string{"frontend/package.json", "frontend/yarn.lock"}},
		},
		"react-scripts without a test": {
			files:  repository("frontend/package.json", `{"dependencies":{"react-scripts":"5"}}`, "frontend/yarn.lock", "", "e2e/shop.spec.ts", ""),
			folder: "frontend",
			want:   Node{Root: "frontend", Manager: Yarn, Lock: "frontend/yarn.lock", Manifests: []string{"frontend/package.json", "frontend/yarn.lock"}},
		},
		"yarn berry": {
			files:  repository("frontend/package.json", `{"packageManager":"yarn@4.5.0"}`, "frontend/yarn.lock", "", "frontend/.nvmrc", "lts/iron\n"),
			folder: "frontend",
			want: Node{Root: "frontend", Manager: Berry, Version: "4.5.0", Lock: "frontend/yarn.lock", Language: Language{"20", "frontend/.nvmrc says lts/iron"},
				Manifests: []string{"frontend/package.json", "frontend/yarn.lock"}},
		},
		"bun, with its own tests": {
			files:  repository("package.json", `{"workspaces":["frontend"]}`, "bun.lock", "", "frontend/package.json", `{"scripts":{"test":"bun test src"}}`),
			folder: "frontend",
			want:   Node{Root: ".", Manager: Bun, Lock: "bun.lock", Runner: BunTest, Manifests: []string{"bun.lock", "frontend/package.json", "package.json"}},
		},
		"no lock, beside one of something else above": {
			files:  repository("package.json", "{}", "package-lock.json", "", "frontend/package.json", "{}"),
			folder: "frontend",
			want:   Node{Root: "frontend", Manifests: []string{"frontend/package.json"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Folder = c.folder
			got, err := NewNode(c.files, c.folder, Language{})
			if err != nil || got == nil {
				t.Fatalf("got %v, %v", got, err)
			}
			same(t, *got, c.want)
		})
	}
	if got, err := NewNode(repository("frontend/index.html", ""), "frontend", Language{}); got != nil || err != nil {
		t.Errorf("got %+v, %v for a folder without a manifest", got, err)
	}
	if _, err := NewNode(repository("frontend/package.json", "{"), "frontend", Language{}); err == nil || !strings.Contains(err.Error(), "frontend/package.json is not JSON") {
		t.Errorf("a broken manifest: %v", err)
	}
}

func TestNodeOfTheImage(t *testing.T) {
	image := Language{"20", "web/Dockerfile is FROM node:20-alpine"}
	for engines, want := range map[string]Language{
		`{}`: image, `{"engines":{"node":">=18"}}`: image, `{"engines":{"node":">=22"}}`: {"22", "web/package.json wants >=22"},
		`{"engines":{"node":"24.1.0"}}`: {"24", "web/package.json wants 24.1.0"}, `{"engines":{"node":"20.11.1"}}`: image,
	} {
		if n, err := NewNode(repository("web/package.json", engines), "web", image); err != nil || n.Language != want {
			t.Errorf("%s: got %+v, %v; want %+v", engines, n.Language, err, want)
		}
	}
	n, err := NewNode(repository("web/package.json", "{}", "web/.nvmrc", "18\n"), "web", image)
	if want := (Language{"18", "web/.nvmrc says 18"}); err != nil || n.Language != want {
		t.Errorf("got %+v, %v; want %+v", n.Language, err, want)
	}
}

func TestNodeVersions(t *testing.T) {
	for name, c := range map[string]struct {
		files Files
		image Language
		want  Language
	}{
		"a newer image":                {repository("web/package.json", "{}"), Language{"26", "x"}, Language{"26", "x"}},
		"an odd one":                   {repository("web/package.json", "{}"), Language{"23", "x"}, Language{"23", "x"}},
		"an image that is too old":     {repository("web/package.json", "{}"), Language{"14", "x"}, Language{"22", "x, which is older than 16"}},
		"pnpm does not run on it":      {repository("web/package.json", "{}", "web/pnpm-lock.yaml", ""), Language{"16", "x"}, Language{"22", "x, on which pnpm does not run"}},
		"engines, from the newest on":  {repository("web/package.json", `{"engines":{"node":">=26"}}`), Language{}, Language{"26", "web/package.json wants >=26"}},
		"engines, a newer one":         {repository("web/package.json", `{"engines":{"node":">=27"}}`), Language{}, Language{"27", "web/package.json wants >=27"}},
		"engines, an odd one":          {repository("web/package.json", `{"engines":{"node":">=23 <24"}}`), Language{}, Language{"23", "web/package.json wants >=23 <24"}},
		"engines, long-lived over odd": {repository("web/package.json", `{"engines":{"node":">=18 <22"}}`), Language{}, Language{"20", "web/package.json wants >=18 <22"}},
		"engines, too old":             {repository("web/package.json", `{"engines":{"node":"^14"}}`), Language{}, Language{"", "web/package.json wants ^14"}},
		"engines, too old, and newer":  {repository("web/package.json", `{"engines":{"node":"^14"}}`), Language{"20", "x"}, Language{"20", "x, though web/package.json wants ^14"}},
		"engines, not readable":        {repository("web/package.json", `{"engines":{"node":"nonsense"}}`), Language{"20", "x"}, Language{"20", "x"}},
		"the latest long-lived":        {repository("web/package.json", "{}", "web/.nvmrc", "lts/*\n"), Language{}, Language{"lts", "web/.nvmrc says lts/*"}},
		"the latest, and an image":     {repository("web/package.json", "{}", "web/.nvmrc", "lts/*\n"), Language{"20", "x"}, Language{"20", "x"}},
		"the latest, and engines":      {repository("web/package.json", `{"engines":{"node":"18.x"}}`, "web/.nvmrc", "lts/*\n"), Language{}, Language{"18", "web/package.json wants 18.x"}},
		"a word that is not known":     {repository("web/package.json", "{}", "web/.nvmrc", "lts/unheard-of\n"), Language{}, Language{"22", "web/.nvmrc says lts/unheard-of, which is no version that is known"}},
		"a file with a newer one":      {repository("web/package.json", "{}", "web/.nvmrc", "v25.1\n"), Language{}, Language{"25", "web/.nvmrc says v25.1"}},
	} {
		if n, err := NewNode(c.files, "web", c.image); err != nil || n.Language != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, n.Language, err, c.want)
		}
	}
}

// TestNodeBeside: tests of the workspace's other packages are told of, because nothing runs them.
func TestNodeBeside(t *testing.T) {
	const tested, placeholder = `{"scripts":{"test":"vitest run"}}`, `{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}`
	for name, c := range map[string]struct {
		folder string
		files  Files
		want   []string
	}{
		"no workspace": {"web", repository("web/package.json", tested, "web/package-lock.json", "", "api/package.json", tested), nil},
		"npm's": {"web", repository("package.json", `{"workspaces":["web","./packages/*"],"scripts":{"test":"turbo test"}}`, "package-lock.json", "", "web/package.json", tested,
			"packages/ui/package.json", tested, "packages/jest/package.json", `{"devDependencies":{"jest":"30"}}`, "packages/none/package.json", "{}",
			"packages/init/package.json", placeholder, "packages/ui/fixtures/package.json", tested, "examples/a/package.json", tested), []string{"packages/jest", "packages/ui"}},
		"yarn's": {"web", repository("package.json", `{"workspaces":{"packages":["*"]}}`, "yarn.lock", "", "web/package.json", tested, "api/package.json", tested), []string{"api"}},
		"pnpm's": {"apps/web", repository("package.json", "{}", "pnpm-workspace.yaml", "packages:\n  - apps/**\n  - '!apps/**/old'\n", "pnpm-lock.yaml", "", "apps/web/package.json", tested,
			"apps/web/e2e/package.json", tested, "apps/api/package.json", tested, "apps/api/core/package.json", tested, "apps/api/old/package.json", tested, "apps/bad/package.json", "{"),
			[]string{"apps/api", "apps/api/core"}},
		"what lies in the side": {".", repository("package.json", `{"workspaces":["web"],"devDependencies":{"vitest":"4"}}`, "package-lock.json", "", "web/package.json", tested), nil},
	} {
		if n, err := NewNode(c.files, c.folder, Language{}); err != nil || !slices.Equal(n.Beside, c.want) {
			t.Errorf("%s: got %q, %v; want %q", name, n.Beside, err, c.want)
		}
	}
}

func FuzzNode(f *testing.F) {
	f.Add(`{"packageManager":"yarn@4","workspaces":["a"]}`, "v22")
	f.Fuzz(func(t *testing.T, manifest, pin string) {
		files := repository("a/package.json", manifest, "a/yarn.lock", "", "a/.nvmrc", pin, "package.json", manifest, "bun.lock", "")
		if n, err := NewNode(files, "a", Language{}); err == nil && n != nil && n.Manager != "" && n.Lock == "" {
			t.Errorf("%s without a lock", n.Manager)
		}
	})
}
