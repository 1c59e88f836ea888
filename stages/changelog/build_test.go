package changelog

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/version"
)

// TestSubjects has the rows of the two tables of section 4, and fault cases 22 and 23.
func TestSubjects(t *testing.T) {
	for _, test := range []struct {
		message string
		want    []string
	}{
		{"Feat: a", []string{"Features: a"}},
		{"FEAT: a", []string{"Features: a"}},
		{"feature: a", []string{"Features: a"}},
		{"fix: a", []string{"Bug Fixes: a"}},
		{"fixed: a", []string{"Bug Fixes: a"}},
		{"bugfix: a", []string{"Bug Fixes: a"}},
		{"HotFix: a", []string{"Bug Fixes: a"}},
		{"docs: a", []string{"Documentation: a"}},
		{"doc: a", []string{"Documentation: a"}},
		{"test: a", []string{"Testing: a"}},
		{"tests: a", []string{"Testing: a"}},
		{"Enhancement: a", []string{"Features: a"}},
		{"bug: a", []string{"Bug Fixes: a"}},
		{"regression: a", []string{"Bug Fixes: a"}},
		{"documentation: a", []string{"Documentation: a"}},
		{"testing: a", []string{"Testing: a"}},
		{"chore: a", []string{"Miscellaneous: a"}},
		{"perf: a", []string{"Miscellaneous: perf: a"}},
		{"perf(db)!: a", []string{"Breaking Changes: perf(db)!: a", "Miscellaneous: perf(db)!: a"}},
		{"docker: a", []string{"Miscellaneous: docker: a"}},
		{"revert: feat: a", []string{"Miscellaneous: revert: feat: a"}},
		{"feat!: a", []string{"Breaking Changes: a", "Features: a"}},
		{"feat(api)!: a", []string{"Breaking Changes: [api] a", "Features: [api] a"}},
		{"chore(deps)!: b", []string{"Breaking Changes: [deps] b", "Dependencies: [deps] b"}},
		{"docs: c\n\nBREAKING CHANGE: d", []string{"Breaking Changes: c", "Documentation: c"}},
		{"docs: c\n\nBREAKING-CHANGE: d", []string{"Breaking Changes: c", "Documentation: c"}},
		{"docs: c\n\nbody\nBREAKING CHANGE:\nd", []string{"Breaking Changes: c", "Documentation: c"}},
		{"docs: c\nBREAKING CHANGE: right below", []string{"Breaking Changes: c", "Documentation: c"}},
		{"BREAKING CHANGE: no type", []string{"Breaking Changes: BREAKING CHANGE: no type", "Miscellaneous: BREAKING CHANGE: no type"}},
		{"Breaking: drop Python 3.10", []string{"Breaking Changes: drop Python 3.10", "Miscellaneous: drop Python 3.10"}},
		{"breaking(api): drop v1", []string{"Breaking Changes: [api] drop v1", "Miscellaneous: [api] drop v1"}},
		{"Breaking the waves", []string{"Miscellaneous: Breaking the waves"}},
		{"fix: a\n\nbreaking change: lower case", []string{"Bug Fixes: a"}},
		{"fix: a\n\nThis is no BREAKING CHANGE: not at all", []string{"Bug Fixes: a"}},
		{"feat:a", []string{"Miscellaneous: feat:a"}},
		{"feat : a", []string{"Miscellaneous: feat : a"}},
		{"feat!(s): a", []string{"Miscellaneous: feat!(s): a"}},
		{"feat(): a", []string{"Features: a"}},
		{"feat( ): a", []string{"Features: a"}},
		{"feat:", []string{"Miscellaneous: feat:"}},
		{"fix: `x`", []string{"Bug Fixes: `x`"}},
		{"fix: été", []string{"Bug Fixes: été"}},
		{"fix(api/users): x", []string{"Bug Fixes: [api/users] x"}},
		{"fix(a, b): x", []string{"Bug Fixes: [a, b] x"}},
		{"✨ a", []string{"Features: a"}},
		{":sparkles: a", []string{"Features: a"}},
		{":sparkles:a", []string{"Features: a"}},
		{"🐛 a", []string{"Bug Fixes: a"}},
		{":bug: a", []string{"Bug Fixes: a"}},
		{"🚑️ a", []string{"Bug Fixes: a"}},
		{":ambulance: a", []string{"Bug Fixes: a"}},
		{"🩹 a", []string{"Bug Fixes: a"}},
		{":adhesive_bandage: a", []string{"Bug Fixes: a"}},
		{"📝 a", []string{"Documentation: a"}},
		{":memo: a", []string{"Documentation: a"}},
		{"✅ a", []string{"Testing: a"}},
		{":white_check_mark: a", []string{"Testing: a"}},
		{"🧪 a", []string{"Testing: a"}},
		{":test_tube: a", []string{"Testing: a"}},
		{"💥 a", []string{"Breaking Changes: a", "Miscellaneous: a"}},
		{":boom: a", []string{"Breaking Changes: a", "Miscellaneous: a"}},
		{"💥 feat: a", []string{"Breaking Changes: a", "Features: a"}},
		{"🚧 ✨ a", []string{"Features: a"}},
		{"✨ fix(api): a", []string{"Bug Fixes: [api] a"}},
		{":bug: docs: a", []string{"Documentation: a"}},
		{"🎨 feat!: a", []string{"Breaking Changes: a", "Features: a"}},
		{"🐳 docker: a", []string{"Miscellaneous: 🐳 docker: a"}},
		{"🎨 a", []string{"Miscellaneous: 🎨 a"}},
		{":art: a", []string{"Miscellaneous: :art: a"}},
		{"a ✨", []string{"Miscellaneous: a ✨"}},
		{"✨", []string{"Features: ✨"}},
		{"fix：修复登录", []string{"Bug Fixes: 修复登录"}},
		{"feat（ui）：x", []string{"Features: [ui] x"}},
		{"fix:修复登录", []string{"Bug Fixes: 修复登录"}},
		{"修复：登录", []string{"Miscellaneous: 修复：登录"}},
		{"wip", []string{"Miscellaneous: wip"}},
		{"", []string{"Miscellaneous: (no title)"}},
		{"\u202e\x01", []string{"Miscellaneous: (no title)"}},
		{"fix: " + strings.Repeat("é", 200), []string{"Bug Fixes: " + strings.Repeat("é", 200)}},
		{"fix: " + strings.Repeat("é", 300), []string{"Bug Fixes: " + strings.Repeat("é", 199) + "…"}},
	} {
		t.Run(test.message, func(t *testing.T) {
			commits := commitsOf([]row{{id: "a", message: test.message}})
			checkEqual(t, "entries", told(Build(Input{Commits: commits}, Options{})), test.want)
		})
	}
}

// TestCategory has the order (a) to (e) and fault case 28.
func TestCategory(t *testing.T) {
	for _, test := range []struct {
		name, title, body string
		labels            []string
		want, reason      string
	}{
		{"label before title", "feat: z", "", []string{"Bug"}, "Bug Fixes", `label "Bug" on the pull request`},
		{"several labels", "z", "", []string{"test", "docs"}, "Documentation", `label "docs" on the pull request`},
		{"several labels of one category", "z", "", []string{"feat", "feature"}, "Features", `label "feat" on the pull request`},
		{"label before issue", "z", "closes #9", []string{"tests"}, "Testing", `label "tests" on the pull request`},
		{"issue before title", "fix: z", "Closes: #9", nil, "Documentation", `label "documentation" on issue 9`},
		{"issues in the order of categories", "z", "closes #9, fixes #8", nil, "Features", `label "Enhancement" on issue 8`},
		{"resolved by address", "z", "resolved https://github.com/acme/shop/issues/9", nil, "Documentation", `label "documentation" on issue 9`},
		{"issue of this repository by name", "z", "fixed Acme/Shop#9", nil, "Documentation", `label "documentation" on issue 9`},
		{"issue of another repository", "docs: z", "closes other/shop#8", nil, "Documentation", `type "docs" in the pull request title`},
		{"address of another repository", "docs: z", "closes https://github.com/other/shop/issues/8", nil, "Documentation", `type "docs" in the pull request title`},
		{"issue only in a comment", "docs: z", "<!-- closes #8 -->", nil, "Documentation", `type "docs" in the pull request title`},
		{"issue only mentioned", "docs: z", "see #8, prefixes #8", nil, "Documentation", `type "docs" in the pull request title`},
		{"title before commit", "test: z", "", []string{"unknown"}, "Testing", `type "test" in the pull request title`},
		{"other type in the title", "docker: z", "", nil, "Miscellaneous", `unknown type "docker" in the pull request title`},
		{"type of a commit before the title's emoji", "📝 z", "", nil, "Bug Fixes", `type "fix" in commit ` + hashOf("a")[:7]},
		{"commit when the title has none", "z", "", nil, "Bug Fixes", `type "fix" in commit ` + hashOf("a")[:7]},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := Input{
				Commits:      commitsOf([]row{{id: "a", message: "fix: subject (#5)"}}),
				PullRequests: []PullRequest{{Number: 5, Title: test.title, Body: test.body, Labels: test.labels}},
				Issues:       []Issue{{Number: 8, Labels: []string{"Enhancement"}}, {Number: 9, Labels: []string{"documentation"}}},
			}
			n := Build(in, Options{Links: github})
			if len(n.Sections) != 1 || len(n.Sections[0].Entries) != 1 {
				t.Fatalf("expected one entry, found %v", told(n))
			}
			e := n.Sections[0].Entries[0]
			if e.Category != test.want || n.Sections[0].Name != test.want || e.Reason != test.reason {
				t.Errorf("got %q because %q, want %q because %q", e.Category, e.Reason, test.want, test.reason)
			}
		})
	}
}

func TestCategoryWithoutAnyHint(t *testing.T) {
	n := Build(Input{Commits: commitsOf([]row{{id: "a", message: "wip"}})}, Options{})
	if got := n.Sections[0].Entries[0].Reason; got != "no category label, no conventional type and no gitmoji" {
		t.Errorf("reason: %q", got)
	}
}

func TestOwnCategories(t *testing.T) {
	own := []Category{
		{Name: "Security", Title: "🔒 Security", Types: []string{"SEC"}, Calls: Minor},
		{Name: "Rest", Title: "Rest", Types: []string{"feat"}},
	}
	commits := commitsOf([]row{{id: "a", message: "feat: a"}, {id: "b", message: "sec: b"}, {id: "c", message: "c"}})
	n := Build(Input{Commits: commits}, Options{Categories: own})
	checkEqual(t, "entries", told(n), []string{"Security: b", "Rest: a", "Rest: c"})
	if got := n.Calls("1.0.0").Kind; got != Minor {
		t.Errorf("calls for %q", got)
	}
}

// TestPullRequests has C1 to C3 and fault case 27.
func TestPullRequests(t *testing.T) {
	branch := []row{
		{id: "i1", message: "wip", parents: "outside"},
		{id: "i2", message: "feat: second", parents: "i1"},
		{id: "i3", message: "fix: third", parents: "i2"},
		{id: "i4", message: "typo", parents: "i3"},
	}
	merged := func(message string) []row {
		return append(slices.Clone(branch), row{id: "m", message: message, parents: "outside i4"})
	}
	for _, test := range []struct {
		name   string
		rows   []row
		pulls  []PullRequest
		issues []Issue
		mark   string
		want   []string
		hashes string
	}{
		{name: "merge on GitHub", rows: merged("Merge pull request #12 from acme/login\n\ndocs: the login\n"),
			want: []string{"Documentation: the login #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge on GitHub without a title", rows: merged("Merge pull request #12 from acme/login"),
			want: []string{"Features: wip #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge by bors", rows: merged("Auto merge of #12 - acme:login, r=jane\n\ndocs: the login\n\nMore."),
			want: []string{"Documentation: the login #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge by bors-ng", rows: merged("Merge #12\n\n12: docs: the login r=jane a=bo\n\nMore."),
			want: []string{"Documentation: the login #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge on Gitea", rows: merged("Merge pull request 'docs: it''s (#3)' (#12) from login into main"),
			want: []string{"Documentation: it''s (#3) #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge on GitLab", rows: merged("Merge branch 'login' into 'main'\n\ndocs: the login\n\nSee merge request acme/shop!12"), mark: "!",
			want: []string{"Documentation: the login !12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge on GitLab without a title", rows: merged("Merge branch 'login' into 'main'\n\nSee merge request acme/shop!12"), mark: "!",
			want: []string{"Features: wip !12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "merge by hash", rows: merged("Integrate login"), pulls: []PullRequest{{Number: 12, Title: "docs: the login", MergeCommit: hashOf("m")}},
			want: []string{"Documentation: the login #12"}, hashes: "i1 i2 i3 i4 m"},
		{name: "rebase by hashes", rows: branch, pulls: []PullRequest{{Number: 12, Title: "docs: the login", MergeCommit: hashOf("i4"),
			Commits: []string{hashOf("i1"), hashOf("i2"), hashOf("i3")}}},
			want: []string{"Documentation: the login #12"}, hashes: "i1 i2 i3 i4"},
		{name: "squash with inner commits in the body", rows: []row{{id: "s", message: "fix: y (#13)\n\n* feat: inner\n\n* docs: more"}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s"},
		{name: "squash with a breaking footer in the body", rows: []row{{id: "s", message: "fix: y (#13)\n\n* feat: inner\n\nBREAKING CHANGE: all"}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "the last of several numbers", rows: []row{{id: "s", message: "fix: backport y (#13) (#20)"}},
			want: []string{"Bug Fixes: backport y (#13) #20"}, hashes: "s"},
		{name: "a number inside the title", rows: []row{{id: "s", message: "fix: y (#13) again"}},
			want: []string{"Bug Fixes: y (#13) again"}, hashes: "s"},
		{name: "a number that is an issue", rows: []row{{id: "s", message: "fix: y (#13)"}}, issues: []Issue{{Number: 13}},
			want: []string{"Bug Fixes: y (#13)"}, hashes: "s"},
		{name: "a number that is an issue, on a branch", rows: []row{{id: "s", message: "fix: y (#13)", parents: "outside"},
			{id: "m", message: "Merge pull request #12 from acme/y\n\nfix: all of y", parents: "outside s"}}, issues: []Issue{{Number: 13}},
			want: []string{"Bug Fixes: all of y #12"}, hashes: "s m"},
		{name: "an issue on GitLab has its own numbers", rows: []row{{id: "s", message: "fix: y (#13) (!14)"}}, issues: []Issue{{Number: 14}}, mark: "!",
			want: []string{"Bug Fixes: y (#13) !14"}, hashes: "s"},
		{name: "merge request of another project", rows: []row{{id: "s", message: "fix: y\n\nSee merge request other/shop!14"}}, mark: "!",
			want: []string{"Bug Fixes: y"}, hashes: "s"},
		{name: "fast-forward on GitLab", rows: []row{{id: "s", message: "fix: y\n\nSee merge request acme/shop!13\nSee merge request !14"}}, mark: "!",
			want: []string{"Bug Fixes: y !14"}, hashes: "s"},
		{name: "the forge's title wins over the subject", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Title: "fix: the whole y (#13)"}},
			want: []string{"Bug Fixes: the whole y #13"}, hashes: "s"},
		{name: "an empty title of the forge", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Title: " \n"}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s"},
		{name: "two commits that name one pull request", rows: []row{{id: "s", message: "fix: y (#13)"}, {id: "t", message: "docs: y (#13)"}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s t"},
		{name: "the commit that names it gives the title", rows: []row{{id: "s", message: "wip"}, {id: "t", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Commits: []string{hashOf("s")}}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s t"},
		{name: "number 0 is no pull request", rows: []row{{id: "s", message: "fix: y"}}, pulls: []PullRequest{{Title: "feat: z", Labels: []string{"feature"}}},
			want: []string{"Bug Fixes: y"}, hashes: "s"},
		{name: "a pull request out of range", rows: []row{{id: "s", message: "fix: y"}}, pulls: []PullRequest{{Number: 13, Title: "feat: old", MergeCommit: hashOf("old")}},
			want: []string{"Bug Fixes: y"}, hashes: "s"},
		{name: "breaking in the pull request's text", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Title: "fix: y", Body: "Why\r\nBREAKING CHANGE: z"}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking by label", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Labels: []string{"Breaking"}}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking by label with a dash", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Labels: []string{"breaking-change", "skip-changelog"}}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking by label with a space", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Labels: []string{"Breaking Change"}}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking by label of a version", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Labels: []string{"semver-major"}}},
			want: []string{"Breaking Changes: y #13", "Bug Fixes: y #13"}, hashes: "s"},
		{name: "not breaking by label", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Labels: []string{"not breaking"}}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking in a template's comment", rows: []row{{id: "s", message: "fix: y (#13)"}}, pulls: []PullRequest{{Number: 13, Title: "fix: y", Body: "<!--\nBREAKING CHANGE: what\n-->"}},
			want: []string{"Bug Fixes: y #13"}, hashes: "s"},
		{name: "breaking in an inner commit", rows: []row{{id: "s", message: "feat!: y", parents: "outside"}, {id: "m", message: "Merge pull request #12 from acme/y\n\nfix: title", parents: "outside s"}},
			want: []string{"Breaking Changes: title #12", "Bug Fixes: title #12"}, hashes: "s m"},
		{name: "a merge that belongs to none", rows: []row{{id: "m", message: "Bring x in", parents: "outside elsewhere"}},
			want: []string{"Miscellaneous: Bring x in"}, hashes: "m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			links := github
			links.Mark = test.mark
			commits := commitsOf(test.rows)
			n := Build(Input{Commits: commits, PullRequests: test.pulls, Issues: test.issues}, Options{Links: links})
			checkEqual(t, "entries", told(n), test.want)
			checkAccount(t, commits, n)
			if got := names(test.rows, n.Sections[0].Entries[0].Hashes); got != test.hashes {
				t.Errorf("hashes: got %q, want %q", got, test.hashes)
			}
		})
	}
}

// TestNestedMerges gives each commit to the innermost pull request that brought it in.
func TestNestedMerges(t *testing.T) {
	rows := []row{
		{id: "a1", message: "one", parents: "outside"},
		{id: "b1", message: "two", parents: "a1"},
		{id: "mb", message: "Merge pull request #5 from acme/b\n\nfeat: stacked", parents: "a1 b1"},
		{id: "main1", message: "fix: direct", parents: "outside"},
		{id: "back", message: "Merge branch 'main' into a", parents: "mb main1"},
		{id: "q1", message: "docs: by number (#7)", parents: "back"},
		{id: "local", message: "topic", parents: "q1"},
		{id: "ml", message: "Merge branch 'topic' into a", parents: "q1 local"},
		{id: "ma", message: "Merge pull request #6 from acme/a\n\nfeat: outer", parents: "main1 ml"},
	}
	commits := commitsOf(rows)
	n := Build(Input{Commits: commits}, Options{Links: github})
	checkEqual(t, "entries", told(n), []string{"Features: stacked #5", "Features: outer #6", "Bug Fixes: direct", "Documentation: by number #7"})
	checkAccount(t, commits, n)
	var got []string
	for _, section := range n.Sections {
		for _, e := range section.Entries {
			got = append(got, names(rows, e.Hashes))
		}
	}
	checkEqual(t, "hashes", got, []string{"b1 mb", "a1 back local ml ma", "main1", "q1"})
}

func TestSmallestPullRequestHasTheCommit(t *testing.T) {
	commits := commitsOf([]row{{id: "a", message: "a"}, {id: "b", message: "b"}})
	pulls := []PullRequest{
		{Number: 1, Title: "feat: all", Commits: []string{hashOf("a"), hashOf("b")}},
		{Number: 2, Title: "fix: part", Commits: []string{hashOf("b")}},
	}
	for range 2 {
		n := Build(Input{Commits: commits, PullRequests: pulls}, Options{})
		checkEqual(t, "entries", told(n), []string{"Features: all #1", "Bug Fixes: part #2"})
		slices.Reverse(pulls)
	}
}

// TestOrder wants parents before children, whatever the dates made of git's order (C16).
func TestOrder(t *testing.T) {
	rows := []row{{id: "a", message: "feat: a"}, {id: "b", message: "feat: b"}, {id: "c", message: "feat: c"}}
	commits := commitsOf(rows)
	want := []string{"Features: a", "Features: b", "Features: c"}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		shuffled := []Commit{commits[order[0]], commits[order[1]], commits[order[2]]}
		checkEqual(t, fmt.Sprint("order ", order), told(Build(Input{Commits: shuffled}, Options{})), want)
	}
}

func TestIgnored(t *testing.T) {
	before, err := version.Parse("1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, message, current string
		merge                  bool
		pull                   PullRequest
		rule                   string
	}{
		{name: "bump", message: "chore: bump version to 1.2.1", rule: "C7: the release's own commit"},
		{name: "bump with v", message: "Chore: Bump version to v1.2.1", rule: "C7: the release's own commit"},
		{name: "release", message: "chore(release): 1.2.1", rule: "C7: the release's own commit"},
		{name: "release with a note to the CI", message: "chore(release): v1.2.1 [skip ci]", rule: "C7: the release's own commit"},
		{name: "release by pull request", message: "chore(release): 1.2.1 (#40)", rule: "C7: the release's own commit"},
		{name: "prerelease of this version", message: "chore(release): 1.2.1-rc.1", rule: "C7: the release's own commit"},
		{name: "release type", message: "release: v1.2.1", rule: "C7: the release's own commit"},
		{name: "no type", message: "Bump version to 1.2.1", rule: "C7: the release's own commit"},
		{name: "from one version to another", message: "bump: version 1.2.0 → 1.2.1", rule: "C7: the release's own commit"},
		{name: "from one version to another, in letters", message: "Bump version: 1.2.0 -> 1.2.1", rule: "C7: the release's own commit"},
		{name: "release word by pull request", message: "chore: release 1.2.1 (#20)", rule: "C7: the release's own commit"},
		{name: "release of a branch", message: "chore(main): release 1.2.1", rule: "C7: the release's own commit"},
		{name: "the version alone", message: "1.2.1", rule: "C7: the release's own commit"},
		{name: "the version alone with v", message: "v1.2.1", rule: "C7: the release's own commit"},
		{name: "emoji", message: "🔖 Release version 1.2.1", rule: "C7: the release's own commit"},
		{name: "code of an emoji", message: ":bookmark: Release 1.2.1", rule: "C7: the release's own commit"},
		{name: "emoji before a type", message: "🔖 chore(release): v1.2.1", rule: "C7: the release's own commit"},
		{name: "started", message: "start version 1.2.1", rule: "C7: the release's own commit"},
		{name: "prepared", message: "Prepare for the v1.2.1 release.", rule: "C7: the release's own commit"},
		{name: "changelog", message: "Update CHANGELOG for 1.2.1", rule: "C7: the release's own commit"},
		{name: "merged", message: "Merge branch 'release/1.2.1' into main", rule: "C7: the release's own commit"},
		{name: "prerelease of Python", message: "Release 1.2.1rc1", rule: "C7: the release's own commit"},
		{name: "one product of several", message: "chore(main): release shop 1.2.1", current: "shop-v1.2.1", rule: "C7: the release's own commit"},
		{name: "tag of a path", message: "Release web/shop/v1.2.1", current: "web/shop/v1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese", message: "发布 1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese without a space", message: "发布版本v1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese after a type", message: "chore: 发布 v1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese after a Chinese colon", message: "chore：发布新版本 v1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese word version alone", message: "版本 1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese number of a version", message: "更新版本号到 1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese upgrade of a version", message: "升级版本至 1.2.1", rule: "C7: the release's own commit"},
		{name: "Chinese upgrade of a library", message: "升级 lodash 到 1.2.1"},
		{name: "Chinese fix for a version", message: "修复 1.2.1 发布"},
		{name: "Chinese changelog", message: "docs: 更新日志", rule: "C17: a change of release notes"},
		{name: "Chinese changelog with its content", message: "更新日志页面"},
		{name: "changesets", message: "Version Packages (#5)", rule: "C7: the release's own commit"},
		{name: "changesets of a prerelease", message: "chore(release): version packages (next)", rule: "C7: the release's own commit"},
		{name: "packages with their versions", message: "Version packages by their content"},
		{name: "number of an issue first", message: "#659 Release 1.2.1 (#5)", rule: "C7: the release's own commit"},
		{name: "changed", message: "change VERSION to v1.2.1", rule: "C7: the release's own commit"},
		{name: "a formula", message: "Brew formula update for shop version v1.2.0", rule: "C7: the release's own commit"},
		{name: "a release called a feature", message: "feature:v1.2.1发布", rule: "C7: the release's own commit"},
		{name: "a feature of versions", message: "feat: show 1.2.1"},
		{name: "release notes", message: "Update release notes (#5)", rule: "C17: a change of release notes"},
		{name: "changelog without a version", message: "chore: update CHANGELOG.md", rule: "C17: a change of release notes"},
		{name: "changelog with its content", message: "chore: update CHANGELOG.md for the new login"},
		{name: "changelog as documentation", message: "docs: update changelog", rule: "C17: a change of release notes"},
		{name: "changelog alone", message: "chore: update changelog", rule: "C17: a change of release notes"},
		{name: "a bare merge", message: "Merge branch 'x' into y", merge: true, rule: "C17: a merge that says nothing else"},
		{name: "a bare merge from a remote", message: "Merge remote-tracking branch 'origin/main'", merge: true, rule: "C17: a merge that says nothing else"},
		{name: "a bare merge of an advisory", message: "Merge pull request from GHSA-m2qf-hxjv-5gpq", merge: true, rule: "C17: a merge that says nothing else"},
		{name: "a breaking merge", message: "Merge branch 'x'\n\nBREAKING CHANGE: y", merge: true},
		{name: "a merge by its title alone", message: "Merge branch 'x' into y"},
		{name: "a merge with a title", message: "Merge the new login", merge: true},
		{name: "another version than the last one", message: "Bump version: 1.2.1 -> 1.2.2"},
		{name: "a longer version", message: "Release 1.2.1.4"},
		{name: "no version", message: "Prepare release", rule: "C7: the release's own commit"},
		{name: "no version but an emoji", message: "🔖 Bump version", rule: "C7: the release's own commit"},
		{name: "a version's number", message: "Bump version number to 1.2.1.dev", rule: "C7: the release's own commit"},
		{name: "a file with the version", message: "Update version for the next release (v1.2.1) in Cargo.toml files", rule: "C7: the release's own commit"},
		{name: "a release in the CI", message: "ci: publish the release"},
		{name: "one word", message: "release"},
		{name: "versions of others", message: "Update versions of actions"},
		{name: "another word", message: "Bump lodash to 1.2.1"},
		{name: "a change for the version", message: "release: sign the packages of 1.2.1"},
		{name: "a backport", message: "Backport to 1.2.1"},
		{name: "another version", message: "chore(release): 1.2.10"},
		{name: "earlier version", message: "chore: bump version to 1.2.0", rule: "C7: the release's own commit"},
		{name: "earlier version of a feature", message: "feat: upgrade to version 1.21", current: "v2.0.0"},
		{name: "earlier version of a feature with a scope", message: "feat(build): upgrade to version 1.21", current: "v2.0.0"},
		{name: "earlier version in documents", message: "docs: add version 1.0 to main", current: "v2.0.0"},
		{name: "earlier version of the build", message: "build: upgrade to version 1.21", current: "v2.0.0"},
		{name: "earlier version in the CI", message: "⬆️ ci: update to version 1.21", current: "v2.0.0"},
		{name: "earlier release called a feature", message: "feature:v1.1.0发布", rule: "C7: the release's own commit"},
		{name: "earlier release of the build", message: "build: release 1.1", rule: "C7: the release's own commit"},
		{name: "earlier release that was not tagged", message: "chore: bump version to 1.0.7", rule: "C7: the release's own commit"},
		{name: "notes of a version", message: "docs: add version 1.0 notes", rule: "C17: a change of release notes"},
		{name: "earlier version of something", message: "ci: update to 1.1"},
		{name: "earlier version in brackets", message: "[release] 1.2.0", rule: "C7: the release's own commit"},
		{name: "earlier version of two numbers", message: "release version 1.1", rule: "C7: the release's own commit"},
		{name: "earlier prerelease", message: "Release 1.2.1-beta.66", current: "v1.2.1-beta.67", rule: "C7: the release's own commit"},
		{name: "changelog of a version", message: "docs: add release notes for v1.3.0", rule: "C17: a change of release notes"},
		{name: "changelog entry", message: "Added changelog entry for 2.10", rule: "C17: a change of release notes"},
		{name: "bump of something else", message: "chore(deps): bump version to 1.2.1"},
		{name: "another type", message: "fix: bump version to 1.2.1"},
		{name: "prerelease itself, in capitals", message: "chore(release): 1.3.0-RC.1", current: "v1.3.0-RC.1", rule: "C7: the release's own commit"},
		{name: "bump of one product of several", message: "chore: bump version to 1.2.1", current: "shop-v1.2.1", rule: "C7: the release's own commit"},
		{name: "the tag's name", message: "chore(release): shop-v1.2.1", current: "shop-v1.2.1", rule: "C7: the release's own commit"},
		{name: "another product's tag", message: "chore(release): web-v1.2.1", current: "shop-v1.2.1"},
		{name: "no current tag", message: "chore(release): x", current: "-"},
		{name: "duplicate", message: "a (#5)", pull: PullRequest{Labels: []string{"duplicate"}}, rule: "C6: label duplicate on the pull request"},
		{name: "invalid", message: "a (#5)", pull: PullRequest{Labels: []string{"invalid"}}, rule: "C6: label invalid on the pull request"},
		{name: "wontfix", message: "a (#5)", pull: PullRequest{Labels: []string{"bug", "wontfix"}}, rule: "C6: label wontfix on the pull request"},
		{name: "question", message: "a (#5)", pull: PullRequest{Labels: []string{"question"}}, rule: "C6: label question on the pull request"},
		{name: "skip-changelog", message: "a (#5)", pull: PullRequest{Labels: []string{"Skip-Changelog"}}, rule: "C6: label skip-changelog on the pull request"},
		{name: "ignore-for-release", message: "a (#5)", pull: PullRequest{Labels: []string{"ignore-for-release"}}, rule: "C6: label ignore-for-release on the pull request"},
		{name: "breaking title with the label", message: "a (#5)", pull: PullRequest{Title: "feat!: a", Labels: []string{"skip-changelog"}}},
		{name: "breaking commit with the label", message: "a (#5)\n\nBREAKING CHANGE: b", pull: PullRequest{Labels: []string{"skip-changelog"}}},
		{name: "label on the issue", message: "a (#5)", pull: PullRequest{Body: "closes #9"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			current := strings.TrimPrefix(cmp.Or(test.current, "v1.2.1"), "-")
			test.pull.Number = 5
			commits := commitsOf([]row{{id: "a", message: test.message}})
			if test.merge {
				commits[0].Parents = append(commits[0].Parents, hashOf("elsewhere"))
			}
			n := Build(Input{Commits: commits, Current: current, Version: current[strings.LastIndex(current, "v")+1:], Released: []version.Version{before}, PullRequests: []PullRequest{test.pull},
				Issues: []Issue{{Number: 9, Labels: []string{"wontfix"}}}}, Options{})
			checkAccount(t, commits, n)
			rule := ""
			if len(n.Ignored) > 0 {
				rule = n.Ignored[0].Rule
			}
			if rule != test.rule {
				t.Errorf("rule: got %q, want %q", rule, test.rule)
			}
		})
	}
}

// TestReleaseOfABranch has the pull request that brings a whole branch into a release: only its own title goes.
func TestReleaseOfABranch(t *testing.T) {
	branch := []row{{id: "i1", message: "feat: one", parents: "outside"}, {id: "i2", message: "Bump version to 1.2.1", parents: "i1"}}
	for _, test := range []struct {
		name    string
		rows    []row
		pull    PullRequest
		ignored string
	}{
		{"merged", append(slices.Clone(branch), row{id: "m", message: "Merge pull request #7 from acme/develop\n\nRelease 1.2.1", parents: "outside i2"}), PullRequest{Number: 7}, "i2 m"},
		{"rebased", branch, PullRequest{Number: 7, Title: "Release v1.2.1", Commits: []string{hashOf("i1"), hashOf("i2")}}, "i2"},
		{"squashed", append(slices.Clone(branch), row{id: "s", message: "Release 1.2.1 (#7)"}), PullRequest{Number: 7}, "i2 s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			commits := commitsOf(test.rows)
			n := Build(Input{Commits: commits, Version: "1.2.1", Current: "v1.2.1", PullRequests: []PullRequest{test.pull}}, Options{Links: github})
			checkAccount(t, commits, n)
			checkEqual(t, "entries", told(n), []string{"Features: one"})
			var ignored []string
			for _, i := range n.Ignored {
				ignored = append(ignored, i.Hash)
			}
			if got := names(test.rows, ignored); got != test.ignored {
				t.Errorf("ignored: got %q, want %q", got, test.ignored)
			}
		})
	}
}

func TestDegraded(t *testing.T) {
	closes := []PullRequest{{Number: 5, Body: "closes #9"}}
	for _, test := range []struct {
		name string
		in   Input
		want string
	}{
		{"no forge", Input{}, "Pull requests and issues could not be read, so these notes come from commit messages alone and no label was seen."},
		{"forge without pull requests", Input{PullRequests: []PullRequest{}}, ""},
		{"issues missing", Input{PullRequests: closes}, "Issues could not be read, so the labels of closed issues decided no category."},
		{"issues read", Input{PullRequests: closes, Issues: []Issue{}}, ""},
		{"issues not needed", Input{PullRequests: []PullRequest{{Number: 5}}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Build(test.in, Options{}).Degraded; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestEveryPullRequestIsListed(t *testing.T) {
	for _, withForge := range []bool{true, false} {
		var rows []row
		var in Input
		for i := 1; i <= 230; i++ {
			id := fmt.Sprint("c", i)
			rows = append(rows, row{id: id, message: fmt.Sprintf("change %d (#%d)", i, i)})
			if withForge {
				in.PullRequests = append(in.PullRequests, PullRequest{Number: i, Title: fmt.Sprint("fix: pull ", i), MergeCommit: hashOf(id)})
			}
		}
		in.Commits = commitsOf(rows)
		n := Build(in, Options{})
		for i, e := range n.Sections[0].Entries {
			if !slices.Equal(e.Numbers, []int{i + 1}) {
				t.Fatalf("forge %v: entry %d is number %d", withForge, i, e.Numbers)
			}
		}
		if got := len(n.Sections[0].Entries); got != 230 || (n.Degraded != "") == withForge {
			t.Errorf("forge %v: %d entries, degraded %q", withForge, got, n.Degraded)
		}
	}
}

func TestLinks(t *testing.T) {
	gitlab := Links{Repository: "https://gitlab.example/acme/shop.git/", Pull: "/-/merge_requests/", Commit: "/-/commit/", Compare: "/-/compare/", Mark: "!"}
	hash := hashOf("b")
	for _, test := range []struct {
		name                 string
		links                Links
		message              string
		pull                 PullRequest
		ref, address, compar string
	}{
		{"GitHub", github, "a (#5)", PullRequest{}, "#5", "https://github.com/acme/shop/pull/5", "https://github.com/acme/shop/compare/v1.2.0...v1.2.1"},
		{"GitHub commit", github, "a", PullRequest{}, hash[:7], "https://github.com/acme/shop/commit/" + hash, "https://github.com/acme/shop/compare/v1.2.0...v1.2.1"},
		{"GitLab", gitlab, "a (!5)", PullRequest{}, "!5", "https://gitlab.example/acme/shop/-/merge_requests/5", "https://gitlab.example/acme/shop/-/compare/v1.2.0...v1.2.1"},
		{"GitLab issue", gitlab, "a (#5)", PullRequest{}, hash[:7], "https://gitlab.example/acme/shop/-/commit/" + hash, "https://gitlab.example/acme/shop/-/compare/v1.2.0...v1.2.1"},
		{"the forge's own address", github, "a (#5)", PullRequest{URL: "https://user:word@git.example/p/5?x#y"}, "#5", "https://git.example/p/5", "https://github.com/acme/shop/compare/v1.2.0...v1.2.1"},
		{"a bad address of the forge", github, "a (#5)", PullRequest{URL: "javascript:alert(1)"}, "#5", "https://github.com/acme/shop/pull/5", "https://github.com/acme/shop/compare/v1.2.0...v1.2.1"},
		{"none", Links{}, "a (#5)", PullRequest{}, "#5", "", ""},
		{"remote without a web address", Links{Repository: "git@forge.example:acme/shop", Pull: "/pull/", Compare: "/compare/"}, "a (#5)", PullRequest{}, "#5", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.pull.Number = 5
			in := Input{Commits: commitsOf([]row{{id: "b", message: test.message}}), PullRequests: []PullRequest{test.pull}, Previous: "v1.2.0", Current: "v1.2.1"}
			n := Build(in, Options{Links: test.links})
			if got := n.Sections[0].Entries[0].Ref; got != (Link{test.ref, test.address}) {
				t.Errorf("ref: got %v, want %q %q", got, test.ref, test.address)
			}
			if *n.Compare != (Link{"v1.2.0...v1.2.1", test.compar}) {
				t.Errorf("compare: got %v, want %q", *n.Compare, test.compar)
			}
		})
	}
}

func TestNoCompareLink(t *testing.T) {
	for _, in := range []Input{{Current: "v0.4.2"}, {Previous: "v0.4.2"}} {
		if n := Build(in, Options{Links: github}); n.Compare != nil {
			t.Errorf("%q to %q: %v", in.Previous, in.Current, *n.Compare)
		}
	}
}

func TestAuthor(t *testing.T) {
	rows := []row{{id: "a", message: "a", parents: "outside"}, {id: "m", message: "Merge pull request #5 from acme/a\n\nb", parents: "outside a"}}
	commits := commitsOf(rows)
	commits[0].Author = Person{Name: "Merger"}
	commits[1].Author = Person{Name: "Jane jane@acme.example", Login: "jane"}
	for _, test := range []struct {
		name, login, pull, want string
	}{
		{"the forge's author", "jane", "octo", "octo"},
		{"the commit's account", "jane", "", "jane"},
		{"the commit's name without its address", "", "", "Jane jane"},
	} {
		t.Run(test.name, func(t *testing.T) {
			commits[1].Author.Login = test.login
			n := Build(Input{Commits: commits, PullRequests: []PullRequest{{Number: 5, Title: "b", Author: test.pull}}}, Options{})
			if got := n.Sections[0].Entries[0].Author; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestRandomHistories wants each commit accounted for once and the same bytes whatever the order of the forge's answers.
func TestRandomHistories(t *testing.T) {
	cancelled, ignored, folded := 0, 0, 0
	for seed := range int64(400) {
		r := rand.New(rand.NewSource(seed))
		in := randomInput(r)
		n := Build(in, Options{Links: github})
		checkAccount(t, in.Commits, n)
		cancelled, ignored = cancelled+len(n.Cancelled), ignored+len(n.Ignored)
		for _, s := range n.Sections {
			for _, e := range s.Entries {
				folded += len(e.More)
			}
		}

		r.Shuffle(len(in.PullRequests), func(i, j int) {
			in.PullRequests[i], in.PullRequests[j] = in.PullRequests[j], in.PullRequests[i]
		})
		again := Build(in, Options{Links: github})
		if n.Markdown() != again.Markdown() || !bytes.Equal(n.JSON(), again.JSON()) {
			t.Errorf("seed %d: the order of pull requests changed the notes", seed)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if cancelled < 100 || ignored < 100 || folded < 100 {
		t.Errorf("the histories are too plain: %d cancelled, %d ignored, %d folded", cancelled, ignored, folded)
	}
}

func randomInput(r *rand.Rand) Input {
	in := Input{Current: "v1.2.1", Version: "1.2.1", Previous: "v1.2.0", PullRequests: []PullRequest{}}
	for number := 1; number < 8; number++ {
		pull := PullRequest{Number: number, Title: pick(r, "feat: pull", "feat: pull", "Release 1.2.1", "Revert \"feat: a\""), Labels: pick(r, nil, nil, []string{"bug"}, []string{"skip-changelog"})}
		pull.Body = pick(r, "", "", "closes #9", fmt.Sprintf("Reverts acme/shop#%d", r.Intn(8)))
		in.PullRequests = append(in.PullRequests, pull)
	}
	for i := range 1 + r.Intn(40) {
		c := Commit{Hash: hashOf(fmt.Sprint(i)), Author: Person{Name: "Jane", Email: "jane@acme.example"}}
		for range min(i, 1+r.Intn(5)/3) {
			c.Parents = append(c.Parents, hashOf(fmt.Sprint(max(0, i-1-r.Intn(4)))))
		}
		c.Subject, c.Body = randomMessage(r, i)
		if pull := &in.PullRequests[r.Intn(7)]; r.Intn(5) == 0 {
			pull.Commits = append(pull.Commits, c.Hash)
		} else if r.Intn(9) == 0 {
			pull.MergeCommit = c.Hash
		}
		in.Commits = append(in.Commits, c)
	}
	slices.Reverse(in.Commits)
	return in
}

func randomMessage(r *rand.Rand, i int) (subject, body string) {
	number := 1 + r.Intn(9)
	target := hashOf(fmt.Sprint(r.Intn(i + 1)))[:pick(r, 7, 40)]
	subject = pick(r, "feat: a", "fix!: b", "wip", "chore(release): 1.2.1", "Revert \"feat: a\"", "chore(deps): bump x from 1 to 2", "chore(deps)!: bump x from 2 to 3", fmt.Sprintf("docs: c (#%d)", number),
		fmt.Sprintf("Merge pull request #%d from acme/x", number), "Merge branch 'main' into x")
	body = pick(r, "", "", "BREAKING CHANGE: z", "This reverts commit "+target+".", "This reverts commit "+target+".",
		fmt.Sprintf("Reverts acme/shop#%d", number), "* feat: a\n* fix: b\n\nThis reverts commit "+target+".")
	return subject, body
}

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.Intn(len(choices))] }

func BenchmarkBuild(b *testing.B) {
	var rows []row
	for i := range 5000 {
		id, message := fmt.Sprint("c", i), fmt.Sprintf("feat(api): change %d (#%d)", i, i)
		switch {
		case i%5 == 4:
			rows = append(rows, row{id: id, message: fmt.Sprintf("Merge pull request #%d from acme/x\n\nfix: y", i), parents: fmt.Sprintf("c%d c%d", i-4, i-1)})
		case i%50 == 0 && i > 0:
			rows = append(rows, row{id: id, message: fmt.Sprintf("Revert it\n\nThis reverts commit {c%d}.", i-1)})
		case i%5 == 2:
			rows = append(rows, row{id: id, message: "wip"})
		default:
			rows = append(rows, row{id: id, message: message})
		}
	}
	in := Input{Commits: commitsOf(rows)}
	b.ResetTimer()
	for range b.N {
		n := Build(in, Options{Links: github})
		n.Markdown()
	}
}
