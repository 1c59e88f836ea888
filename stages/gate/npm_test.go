package gate

import (
	"strings"
	"testing"
)

func TestNpmLock(t *testing.T) {
	manifest, lock := file(t, "package.json"), file(t, "package-lock.json")
	t.Run("real files in step", func(t *testing.T) {
		check(t, NpmLock(manifest, lock), Pass, "", "4 dependencies in step")
	})
	t.Run("real files out of step", func(t *testing.T) {
		changed := strings.NewReplacer("^2.1.3", "^2.2.0", `"left-pad": "1.3.0"`, `"vitest": "^3.0.0"`).Replace(string(manifest.Content))
		got := NpmLock(File{"frontend/package.json", []byte(changed)}, File{"frontend/package-lock.json", lock.Content})
		const run = `: run "npm install --package-lock-only --prefix frontend"`
		check(t, got, Fail, `manifest and lock file are out of step: dependencies has "ms" "^2.2.0", frontend/package-lock.json has "^2.1.3"`+run+" (and 2 more)", "3 out of step")
		checkFindings(t, got.Findings,
			Finding{Tool: "locks", ID: "out-of-step", Package: "ms", Installed: "^2.1.3", Fixed: "^2.2.0", File: "frontend/package.json", Line: 8, Gates: true,
				Title: `dependencies has "ms" "^2.2.0", frontend/package-lock.json has "^2.1.3"` + run},
			Finding{Tool: "locks", ID: "missing", Package: "vitest", Fixed: "^3.0.0", File: "frontend/package.json", Line: 13, Gates: true,
				Title: `devDependencies has "vitest" "^3.0.0", frontend/package-lock.json does not` + run},
			Finding{Tool: "locks", ID: "left-over", Package: "left-pad", Installed: "1.3.0", File: "frontend/package.json", Gates: true,
				Title: `frontend/package-lock.json still has "left-pad", devDependencies of frontend/package.json does not` + run})
	})
	t.Run("a package without its entry", func(t *testing.T) {
		cut := strings.Replace(string(lock.Content), `"node_modules/@sindresorhus/is"`, `"node_modules/a/node_modules/@sindresorhus/is"`, 1)
		check(t, NpmLock(manifest, File{"package-lock.json", []byte(cut)}), Fail,
			`manifest and lock file are out of step: dependencies has "@sindresorhus/is" "^7.0.0", package-lock.json has no entry "node_modules/@sindresorhus/is": run "npm install --package-lock-only"`, "1 out of step")
	})
	t.Run("an optional package without its entry", func(t *testing.T) {
		cut := strings.Replace(string(lock.Content), `"node_modules/fsevents"`, `"node_modules/other"`, 1)
		check(t, NpmLock(manifest, File{"package-lock.json", []byte(cut)}), Pass, "", "4 dependencies in step")
	})
}

func TestNpmLockErrors(t *testing.T) {
	const good = `{"dependencies":{"a":"1"}}`
	for name, c := range map[string]struct {
		manifest, lock string
		verdict        Verdict
		reason         string
	}{
		"no manifest":               {"", good, Error, "package.json is missing"},
		"a manifest cut off":        {`{"dependencies":{`, good, Error, "package.json is not readable: unexpected end of JSON input"},
		"versions not in words":     {`{"dependencies":{"a":1}}`, good, Error, "package.json is not readable: json: cannot unmarshal number into Go struct field npmDependencies.Dependencies of type string"},
		"no lock":                   {good, "", Fail, `manifest and lock file are out of step: package-lock.json is missing: run "npm install --package-lock-only"`},
		"a lock cut off":            {good, `{"packages":{"":`, Error, "package-lock.json is not readable: unexpected end of JSON input"},
		"a lock of npm 6":           {good, `{"lockfileVersion":1,"dependencies":{"a":{"version":"1"}}}`, Error, `package-lock.json has no root package, so it is older than npm 7: run "npm install --package-lock-only"`},
		"a root that is a number":   {good, `{"packages":{"":7}}`, Error, "package-lock.json is not readable: json: cannot unmarshal number into Go value of type gate.npmDependencies"},
		"a lock without the root's": {good, `{"packages":{"":{},"node_modules/a":{}}}`, Fail, `manifest and lock file are out of step: dependencies has "a" "1", package-lock.json does not: run "npm install --package-lock-only"`},
		"no dependencies":           {`{"name":"page"}`, `{"packages":{"":{"name":"page"}}}`, Skipped, "package.json names no dependencies"},
		"only a left-over":          {`{}`, `{"packages":{"":{"dependencies":{"b":"1"}}}}`, Fail, `manifest and lock file are out of step: package-lock.json still has "b", dependencies of package.json does not: run "npm install --package-lock-only"`},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, lock := File{Path: "package.json"}, File{Path: "package-lock.json"}
			if c.manifest != "" {
				manifest.Content = []byte(c.manifest)
			}
			if c.lock != "" {
				lock.Content = []byte(c.lock)
			}
			got := NpmLock(manifest, lock)
			check(t, got, c.verdict, c.reason, got.Figures...)
		})
	}
}
