package stages

import (
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
	"dagger/slipway/stages/versionfile"
)

func mustVersion(t *testing.T, text string) version.Version {
	t.Helper()
	if text == "" {
		return version.Version{}
	}
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNextOf(t *testing.T) {
	for name, c := range map[string]struct {
		next          Next
		current, want string
	}{
		"patch":                {Next{Kind: "patch"}, "1.2.3", "1.2.4"},
		"a prerelease goes on": {Next{Kind: "prerelease"}, "1.3.0-rc.1", "1.3.0-rc.2"},
		"a new series":         {Next{Kind: "prerelease", Preid: "beta"}, "1.2.3", "1.2.4-beta.1"},
		"the version itself":   {Next{Version: "v2.0.0"}, "1.2.3", "2.0.0"},
		"the name of a tag":    {Next{Version: "shop-v2.0.0"}, "1.2.3", "2.0.0"},
		"the first version":    {Next{Version: "0.1.0"}, "", "0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := c.next.of(mustVersion(t, c.current), "shop-v"); err != nil || got.String() != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestNextRefuses(t *testing.T) {
	for reason, c := range map[string]struct {
		next    Next
		current string
	}{
		"both a kind and a version are given":           {Next{Kind: "patch", Version: "1.2.4"}, "1.2.3"},
		"leave the preid out":                           {Next{Version: "1.2.4", Preid: "rc"}, "1.2.3"},
		"found none of them":                            {Next{Preid: "rc"}, "1.2.3"},
		`found "huge"`:                                  {Next{Kind: "huge"}, "1.2.3"},
		"no version file and no tag says what to raise": {Next{Kind: "patch"}, ""},
		`version "1.2" is refused`:                      {Next{Version: "1.2"}, "1.2.3"},
		"there is no series to go on with":              {Next{Kind: "prerelease"}, "1.2.3"},
	} {
		t.Run(reason, func(t *testing.T) {
			if got, err := c.next.of(mustVersion(t, c.current), "shop-v"); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestCarryingLeavesOutFilesWithoutAVersion(t *testing.T) {
	got, err := carrying([]versionfile.Source{
		{Path: "a/package.json", Content: []byte(`{"name": "x"}`)},
		{Path: "b/package.json", Content: []byte(`{"version": "1.2.3"}`)},
		{Path: "c/pyproject.toml", Content: []byte("[project]\nname = \"x\"\ndynamic = [\"version\"]\n")},
	})
	if err != nil || len(got) != 1 || got[0].Path != "b/package.json" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := carrying([]versionfile.Source{{Path: "package.json", Content: []byte("{")}}); err == nil {
		t.Error("a broken file is left out")
	}
}

func TestCurrent(t *testing.T) {
	r := &Run{config: config{tagPrefix: "v"}, source: source{tags: []release.Tag{{Name: "v1.0.0"}, {Name: "v1.10.0"}, {Name: "v1.9.0"}, {Name: "nightly"}}}}
	file := versionfile.Source{Path: "pyproject.toml", Content: []byte("[project]\nversion = \"2.0.0rc1\"\n")}
	if v, err := r.current([]versionfile.Source{file}); err != nil || v.String() != "2.0.0-rc.1" {
		t.Errorf("the file says %s, %v", v, err)
	}
	if v, err := r.current(nil); err != nil || v.String() != "1.10.0" {
		t.Errorf("the tags say %s, %v", v, err)
	}
	file.Content = []byte("[project]\nversion = \"1.2.3.post1\"\n")
	if v, err := r.current([]versionfile.Source{file}); err == nil || !strings.Contains(err.Error(), `"1.2.3.post1"`) {
		t.Errorf("got %s, %v", v, err)
	}
}

func TestDiffering(t *testing.T) {
	same, before, after := versionfile.Source{Path: "a", Content: []byte("1")}, versionfile.Source{Path: "b", Content: []byte("1")}, versionfile.Source{Path: "b", Content: []byte("2")}
	got := differing([]versionfile.Source{same, before}, []versionfile.Source{same, after})
	if len(got) != 1 || got[0].Path != "b" || string(got[0].Content) != "2" {
		t.Errorf("got %v", got)
	}
}

func TestLastRelease(t *testing.T) {
	for name, c := range map[string]struct{ current, known, want string }{
		"the files' version is released": {"1.2.0", "1.1.0 1.2.0", "1.2.0"},
		"the files are ahead":            {"1.3.0", "1.1.0 1.2.0", "1.2.0"},
		"the files are on an older line": {"1.1.9", "1.1.8 1.2.0 2.0.0", "1.1.8"},
		"a released prerelease":          {"2.0.0-rc.1", "1.2.0 2.0.0-rc.1", "2.0.0-rc.1"},
		"nothing is released":            {"0.1.0", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var known []version.Version
			for _, v := range strings.Fields(c.known) {
				known = append(known, mustVersion(t, v))
			}
			if got := lastRelease(mustVersion(t, c.current), known); got != mustVersion(t, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSuggested(t *testing.T) {
	for name, c := range map[string]struct{ current, last, kind, want string }{
		"raised from the release":                 {"1.2.0", "1.2.0", "minor", "1.3.0"},
		"the files are high enough":               {"2.0.0", "1.2.0", "minor", "2.0.0"},
		"the files are just what is called for":   {"1.3.0", "1.2.0", "minor", "1.3.0"},
		"the files are too low":                   {"1.2.1", "1.2.0", "minor", "1.3.0"},
		"the first release is what the files say": {"0.1.0", "", "minor", "0.1.0"},
		"a prerelease is finished":                {"2.0.0-rc.1", "2.0.0-rc.1", "patch", "2.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := proposal{current: mustVersion(t, c.current), last: mustVersion(t, c.last), call: changelog.Call{Kind: c.kind}}
			if got, err := p.suggested(); err != nil || got.String() != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestChoices(t *testing.T) {
	for name, c := range map[string]struct {
		p    proposal
		want string
	}{
		"after a release": {proposal{current: mustVersion(t, "1.2.0"), last: mustVersion(t, "1.2.0"), next: mustVersion(t, "1.3.0")},
			`  major       2.0.0           dagger call create-release --kind=major
  minor       1.3.0           dagger call create-release --kind=minor   <- what the commits call for
  patch       1.2.1           dagger call create-release --kind=patch
  prerelease  1.2.1-rc.1      dagger call create-release --kind=prerelease --preid=rc
`},
		"files ahead, in a prerelease": {proposal{current: mustVersion(t, "2.0.0-rc.1"), last: mustVersion(t, "1.2.0"), next: mustVersion(t, "2.0.0-rc.1")},
			`  as it is    2.0.0-rc.1      dagger call create-release --version=2.0.0-rc.1   <- what the commits call for
  major       2.0.0           dagger call create-release --kind=major
  minor       2.0.0           dagger call create-release --kind=minor
  patch       2.0.0           dagger call create-release --kind=patch
  prerelease  2.0.0-rc.2      dagger call create-release --kind=prerelease
`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.p.choices(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}
