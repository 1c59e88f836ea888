package versionfile

import (
	"strings"
	"testing"
)

// TestLockThatContradictsItself: it is read, so that it can be rewritten, and agrees with none of its versions.
func TestLockThatContradictsItself(t *testing.T) {
	lock, err := Read("f/package-lock.json", []byte(`{"version":"1.2.0","packages":{"":{"version":"1.1.0"}}}`))
	if err != nil || lock.Version != "1.2.0 and 1.1.0" || lock.State != Found {
		t.Fatalf("got %+v, %v", lock, err)
	}
	if v, ok := lock.Current(); ok {
		t.Errorf("it has the version %s", v)
	}
	for _, v := range []string{"1.2.0", "1.1.0"} {
		if ok, expected, err := lock.Agrees(must(t, v)); ok || expected != v || err != nil {
			t.Errorf("it agrees with %s: %v, %q, %v", v, ok, expected, err)
		}
	}
}

func TestRepeats(t *testing.T) {
	for _, c := range []struct {
		name, lock, manifest string
		want                 bool
	}{
		{"same text", `package-lock.json {"version":"1.2.0"}`, `package.json {"version":"1.2.0"}`, true},
		{"same text of no known form", `package-lock.json {"version":"1.2"}`, `package.json {"version":"1.2"}`, true},
		{"another version", `package-lock.json {"version":"1.1.0"}`, `package.json {"version":"1.2.0"}`, false},
		{"another spelling", "uv.lock [[package]]\nversion = '1.3.0rc1'\nsource = { virtual = '.' }\n", "pyproject.toml project.version = '1.3.0-rc.1'", true},
		{"itself contradicted", `package-lock.json {"version":"1.2.0","packages":{"":{"version":"1.1.0"}}}`, `package.json {"version":"1.2.0"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := make([]File, 2)
			for i, s := range sources(c.lock, c.manifest) {
				var err error
				if files[i], err = Read(s.Path, s.Content); err != nil {
					t.Fatal(err)
				}
			}
			if got := files[0].Repeats(files[1]); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// bunLock is what bun writes, with commas that JSON does not have.
const bunLock = `{
  "lockfileVersion": 1,
  "workspaces": {
    "": {
      "name": "a,}",
    },
    "web": {
      "name": "web",
      "version": "1.2.0",
      "dependencies": { "x": "^1", },
    },
  },
  "packages": {
    "x": ["x@1.2.0", "", {}, "sha512-aa==",],
  },
}
`

func TestBunLock(t *testing.T) {
	source := Source{"bun.lock", []byte(bunLock), []string{"web"}}
	got, err := RewriteAll([]Source{source}, must(t, "1.3.0-rc.1"))
	if want := strings.Replace(bunLock, `"version": "1.2.0"`, `"version": "1.3.0-rc.1"`, 1); err != nil || string(got[0].Content) != want {
		t.Errorf("got %v, %s", err, got)
	}
	if file, err := Read("bun.lock", []byte(bunLock)); err != nil || file.State != Missing {
		t.Errorf("at the root: %q, %v", file.State, err)
	}
}
