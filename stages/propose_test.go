package stages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/version"
)

func versions(t *testing.T, texts string) (all []version.Version) {
	t.Helper()
	for text := range strings.FieldsSeq(texts) {
		all = append(all, mustVersion(t, text))
	}
	return all
}

// lineageOf has all tags in the history, except those in elsewhere.
func lineageOf(t *testing.T, files, merged, elsewhere string) lineage {
	t.Helper()
	l := lineage{files: mustVersion(t, files), merged: versions(t, merged), known: versions(t, merged+" "+elsewhere)}
	l.last = l.lastRelease()
	return l
}

// proposed is what commits of a kind lead to.
func proposed(t *testing.T, l lineage, kind string) proposal {
	t.Helper()
	next, err := l.suggested(version.Kind(kind))
	if err != nil {
		t.Fatal(err)
	}
	return proposal{lineage: l, next: next, call: changelog.Call{Kind: kind, Reason: "why"}}
}

// TestPropose: from the highest stable release in the history, and never a version that exists.
func TestPropose(t *testing.T) {
	for name, c := range map[string]struct{ files, merged, elsewhere, kind, last, next string }{
		"raised from the release":                   {"1.2.0", "1.1.0 1.2.0", "", "minor", "1.2.0", "1.3.0"},
		"the files are high enough":                 {"2.0.0", "1.2.0", "", "minor", "1.2.0", "2.0.0"},
		"the files are just what is called for":     {"1.3.0", "1.1.0 1.2.0", "", "minor", "1.2.0", "1.3.0"},
		"the files are too low":                     {"1.2.1", "1.2.0", "", "minor", "1.2.0", "1.3.0"},
		"the first release is what the files say":   {"0.1.0", "", "", "minor", "", "0.1.0"},
		"a first prerelease of zeros":               {"0.0.0-rc.1", "", "", "minor", "", "0.0.0-rc.1"},
		"the files are behind, never released":      {"0.1.0", "0.2.0 0.12.0 0.11.0", "", "minor", "0.12.0", "0.13.0"},
		"the files are behind, long since released": {"1.0.0", "1.0.0 1.7.0 1.8.5", "", "minor", "1.8.5", "1.9.0"},
		"a placeholder in the files":                {"0.0.0", "1.8.5", "", "patch", "1.8.5", "1.8.6"},
		"no files, an older branch":                 {"", "5.3.0 5.4.2", "5.5.0 6.0.0 8.2.3", "patch", "5.4.2", "5.4.3"},
		"no files, features on an older branch":     {"", "5.4.2", "5.5.0 8.2.3", "minor", "5.4.2", "5.4.3"},
		"no files, breaking on an older branch":     {"", "5.4.2", "8.2.3", "major", "5.4.2", "5.5.0"},
		"the next patch is another branch's":        {"", "5.4.2", "5.4.3 5.4.4", "patch", "5.4.2", "5.4.5"},
		"a patch of another branch is no obstacle":  {"", "5.4.2", "5.4.3", "minor", "5.4.2", "5.5.0"},
		"nightlies do not count":                    {"", "1.2.0 1.9.0-nightly.20260101", "", "patch", "1.2.0", "1.2.1"},
		"prereleases do not count":                  {"", "1.2.0 1.3.0-rc.1", "", "minor", "1.2.0", "1.3.0"},
		"only prereleases":                          {"", "1.0.0-rc.1 1.0.0-rc.2", "", "minor", "1.0.0-rc.2", "1.0.0"},
		"only nightlies":                            {"", "0.0.0-nightly.1", "", "minor", "", ""},
		"a released prerelease is finished":         {"2.0.0-rc.1", "1.2.0 2.0.0-rc.1", "", "minor", "1.2.0", "2.0.0"},
		"a released prerelease is too low":          {"1.2.1-rc.1", "1.2.0 1.2.1-rc.1", "", "minor", "1.2.0", "1.3.0"},
		"a prerelease of what is called for":        {"2.0.0-rc.1", "1.2.0", "", "major", "1.2.0", "2.0.0-rc.1"},
		"a prerelease that was finished elsewhere":  {"1.3.0-rc.1", "1.2.0 1.3.0-rc.1", "1.3.0", "patch", "1.3.0", "1.3.1"},
		"files of a release that never came back":   {"1.3.0", "1.0.0", "1.1.0 1.2.0 1.3.0", "minor", "1.3.0", "1.4.0"},
		"no tag ever came back":                     {"1.2.0", "", "1.1.0 1.2.0", "minor", "1.2.0", "1.3.0"},
		"no tag ever came back, no files":           {"", "", "1.1.0 1.2.0", "minor", "1.2.0", "1.3.0"},
		"files on an older line":                    {"1.1.9", "1.1.8", "1.2.0 2.0.0", "patch", "1.1.8", "1.1.9"},
	} {
		t.Run(name, func(t *testing.T) {
			p := proposed(t, lineageOf(t, c.files, c.merged, c.elsewhere), c.kind)
			if p.last != mustVersion(t, c.last) || p.next != mustVersion(t, c.next) {
				t.Errorf("got %s after %s, want %s after %s", p.next, p.last, c.next, c.last)
			}
		})
	}
}

// TestProposeIsFree has many histories: what is proposed does not exist, and a line of the choices makes it.
func TestProposeIsFree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() string {
		text := fmt.Sprintf("%d.%d.%d", random.IntN(3), random.IntN(3), random.IntN(3))
		return text + []string{"", "", "", "-rc.1", "-rc.2", "-nightly.1"}[random.IntN(6)]
	}
	list := func() string {
		var all []string
		for range random.IntN(6) {
			all = append(all, some())
		}
		return strings.Join(all, " ")
	}
	for range 20000 {
		files, merged, elsewhere := []string{"", some()}[random.IntN(2)], list(), list()
		for _, kind := range []string{"major", "minor", "patch"} {
			p := proposed(t, lineageOf(t, files, merged, elsewhere), kind)
			what := fmt.Sprintf("files %q, tags %q, elsewhere %q, %s: %s after %q", files, merged, elsewhere, kind, p.next, p.last)
			if !p.first() && (p.released(p.next) || p.next == (version.Version{})) {
				t.Fatalf("not free: %s", what)
			}
			if strings.Count(p.choices(), "<-") == 0 && !p.first() {
				t.Fatalf("no choice: %s\n%s", what, p.choices())
			}
			for choice := range strings.Lines(p.choices()) {
				if v := mustVersion(t, strings.Fields(choice[len("  prerelease  "):])[0]); slices.Contains(p.known, v) {
					t.Fatalf("%s exists: %s", v, what)
				}
			}
		}
	}
}

func TestLineageOfARun(t *testing.T) {
	r := carried(t, map[string]string{"pyproject.toml": "[project]\nversion = \"2.0.0rc1\"\n"})
	r.source.tags = tagsNamed("v1.0.0 v1.10.0 v1.9.0 nightly v8.0.0")
	r.source.merged = []string{"v1.0.0", "v1.10.0", "v1.9.0", "nightly"}
	c, err := r.carriers()
	if err != nil {
		t.Fatal(err)
	}
	l, err := r.lineage(c.files)
	if err != nil || l.files.String() != "2.0.0-rc.1" || l.last.String() != "1.10.0" || !slices.Equal(l.merged, versions(t, "1.0.0 1.10.0 1.9.0")) {
		t.Errorf("got %+v, %v", l, err)
	}
	c.files[0].Content = []byte("[project]\nversion = \"1.2.3.post1\"\n")
	if _, err := r.lineage(c.files); err == nil || !strings.Contains(err.Error(), `"1.2.3.post1"`) {
		t.Errorf("got %v", err)
	}
}

func TestProposalText(t *testing.T) {
	for name, c := range map[string]struct{ files, merged, elsewhere, kind, want string }{
		"after a release": {"1.2.0", "1.2.0", "", "minor", "1.3.0: the commits since 1.2.0 call for a minor version (why).\n"},
		"the first":       {"0.1.0", "", "", "minor", "0.1.0: nothing has been released yet, and the version files say it.\n"},
		"files ahead": {"2.0.0", "1.2.0", "", "minor", "2.0.0: the commits since 1.2.0 call for a minor version (why).\n" +
			"The version files say 2.0.0, which is not released yet.\n"},
		"files behind": {"0.1.0", "0.12.0", "", "minor", "0.13.0: the commits since 0.12.0 call for a minor version (why).\n" +
			"The version files say 0.1.0, which is behind. create-release sets them; to align them before: dagger call bump --version=0.12.0\n"},
		"a prerelease to finish": {"2.0.0-rc.1", "1.2.0 2.0.0-rc.1", "", "minor", "2.0.0: the commits since 1.2.0 call for a minor version (why).\n" +
			"The version files say 2.0.0-rc.1, which this finishes.\n"},
		"an older branch": {"", "5.4.2", "5.5.0 8.2.3", "major", "5.4.3: the commits since 5.4.2 call for a major version (why).\n" +
			"Other branches have released up to 8.2.3, which leaves a patch version here.\n"},
		"tags that never came back": {"", "", "1.2.0", "minor", "1.3.0: the commits since 1.2.0 call for a minor version (why).\n" +
			"The tag of 1.2.0 is not in the history of this commit.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := proposed(t, lineageOf(t, c.files, c.merged, c.elsewhere), c.kind).text(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
	p := proposed(t, lineageOf(t, "1.2.0", "1.2.0", ""), "patch")
	p.least, p.locks = true, []string{"The lock is wrong."}
	if got, want := p.text(), "1.2.1: the commits since 1.2.0 call for at least a patch version (why).\nThe lock is wrong.\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := p.choices(); !strings.Contains(got, "1.2.1           dagger call create-release --kind=patch   <- the least that the commits call for\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestCalledFor: commits that do not say what they are may be anything.
func TestCalledFor(t *testing.T) {
	commits := func(subjects map[string]int) (all []changelog.Commit) {
		for _, subject := range sortedKeys(subjects) {
			for range subjects[subject] {
				all = append(all, changelog.Commit{Hash: fmt.Sprintf("%040d", len(all)), Subject: subject})
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		subjects map[string]int
		kind     string
		reason   string
		least    bool
	}{
		"most say nothing":             {map[string]int{"Update x": 96, "fix: y": 6}, "patch", "96 of 102 commits do not say what they are", true},
		"half of them say nothing":     {map[string]int{"Update x": 2, "fix: y": 2}, "patch", "no breaking change and nothing that calls for a minor version", false},
		"most, and there is a feature": {map[string]int{"Update x": 2, "feat: y": 1}, "minor", "Features: y (0000000); 2 of 3 commits do not say what they are", true},
		"nothing can be higher":        {map[string]int{"Update x": 2, "feat!: y": 1}, "major", "Breaking Changes: y (0000000)", false},
		"no commit":                    {nil, "patch", "no breaking change and nothing that calls for a minor version", false},
	} {
		t.Run(name, func(t *testing.T) {
			notes := changelog.Build(changelog.Input{Commits: commits(c.subjects)}, changelog.Options{})
			if got, least := calledFor(notes, mustVersion(t, "1.2.0")); got != (changelog.Call{Kind: c.kind, Reason: c.reason}) || least != c.least {
				t.Errorf("got %+v, %v", got, least)
			}
		})
	}
}

func TestChoices(t *testing.T) {
	for name, c := range map[string]struct{ files, merged, elsewhere, kind, want string }{
		"after a release": {"1.2.0", "1.2.0", "", "minor",
			`  major       2.0.0           dagger call create-release --kind=major
  minor       1.3.0           dagger call create-release --kind=minor   <- what the commits call for
  patch       1.2.1           dagger call create-release --kind=patch
  prerelease  1.2.1-rc.1      dagger call create-release --kind=prerelease --preid=rc
`},
		"files ahead, in a prerelease": {"2.0.0-rc.1", "1.2.0", "", "minor",
			`  as it is    2.0.0-rc.1      dagger call create-release --version=2.0.0-rc.1   <- what the commits call for
  major       2.0.0           dagger call create-release --kind=major
  minor       2.0.0           dagger call create-release --kind=minor
  patch       2.0.0           dagger call create-release --kind=patch
  prerelease  2.0.0-rc.2      dagger call create-release --kind=prerelease
`},
		"an older branch, whose next minor version exists": {"", "5.4.2 5.4.3-rc.1", "5.5.0 8.2.3", "minor",
			`  major       6.0.0           dagger call create-release --kind=major
  patch       5.4.3           dagger call create-release --kind=patch   <- what the commits call for
  prerelease  5.4.3-rc.2      dagger call create-release --kind=prerelease
`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := proposed(t, lineageOf(t, c.files, c.merged, c.elsewhere), c.kind).choices(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}
