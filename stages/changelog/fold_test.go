package changelog

import (
	"fmt"
	"strings"
	"testing"
)

// TestFold reads lines as "Section: [scope] title (links) by authors".
func TestFold(t *testing.T) {
	bot := Person{Name: "dependabot[bot]", Email: "49699333+dependabot[bot]@users.noreply.github.com"}
	jane, ann := Person{Name: "Jane", Email: "jane@acme.example"}, Person{Name: "Ann", Email: "ann@acme.example"}
	type change struct {
		message string
		author  Person
	}
	own, err := ParseCategories("New: feat; Security: security; Dependencies: nothing; Rest:")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		changes    []change
		pulls      []PullRequest
		categories []Category
		want       []string
	}{
		{name: "equal titles", changes: []change{{"Update README (#1)", jane}, {"feat: a (#2)", jane}, {"Update README (#3)", ann}, {"chore: Update README (#4)", jane}},
			want: []string{"Features: a (#2) by Jane", "Miscellaneous: Update README (#1, #3, #4) by Jane, Ann"}},
		{name: "equal titles of two categories or scopes", changes: []change{{"feat: a (#1)", jane}, {"fix: a (#2)", jane}, {"fix(api): a (#3)", jane}},
			want: []string{"Features: a (#1) by Jane", "Bug Fixes: a (#2) by Jane", "Bug Fixes: [api] a (#3) by Jane"}},
		{name: "no titles", changes: []change{{" (#1)", jane}, {" (#2)", jane}}, want: []string{"Miscellaneous: (no title) (#1) by Jane", "Miscellaneous: (no title) (#2) by Jane"}},
		{name: "one of them breaking", changes: []change{{"fix: a (#1)", jane}, {"fix!: a (#2)", jane}},
			want: []string{"Breaking Changes: a (#1, #2) by Jane", "Bug Fixes: a (#1, #2) by Jane"}},
		{name: "updates of one package", changes: []change{{"build(deps-dev): bump ruff from 0.7.4 to 0.8.0 (#1)", bot}, {"build(deps-dev): bump mypy from 1 to 2 (#2)", bot}, {"build(deps-dev): bump ruff from 0.8.0 to 0.9.4 (#3)", bot}},
			want: []string{"Dependencies: [deps-dev] bump ruff from 0.7.4 to 0.9.4 (#1, #3) by dependabot[bot]", "Dependencies: [deps-dev] bump mypy from 1 to 2 (#2) by dependabot[bot]"}},
		{name: "updates in two folders", changes: []change{{"Bump x from 1 to 2 in /a (#1)", bot}, {"Bump x from 1 to 2 in /b (#2)", bot}, {"Bump x from 2 to 3 in /a (#3)", bot}},
			want: []string{"Dependencies: Bump x from 1 to 3 in /a (#1, #3) by dependabot[bot]", "Dependencies: Bump x from 1 to 2 in /b (#2) by dependabot[bot]"}},
		{name: "updates that do not say from where", changes: []change{{"chore(deps): update dependency x to v2 (#1)", jane}, {"chore(deps): update dependency x to v3 (#2)", jane}, {"fix(deps): update y action to v6 (#3)", jane}},
			want: []string{"Dependencies: [deps] update dependency x to v3 (#1, #2) by Jane", "Dependencies: [deps] update y action to v6 (#3) by Jane"}},
		{name: "updates of a group", changes: []change{{"Bump the npm group in /web with 3 updates (#1)", bot}, {"Bump the go group with 1 update (#2)", bot}, {"Bump the npm group in /web with 2 updates (#3)", bot}, {"Bump the npm group in /api with 9 updates (#4)", bot}},
			want: []string{"Dependencies: Bump the npm group in /web with 5 updates (#1, #3) by dependabot[bot]", "Dependencies: Bump the go group with 1 update (#2) by dependabot[bot]", "Dependencies: Bump the npm group in /api with 9 updates (#4) by dependabot[bot]"}},
		{name: "what a bot calls a feature", changes: []change{{"feat(deps): bump x from 1 to 2 (#1)", bot}, {"feat: look for updates (#2)", bot}}, want: []string{"Features: look for updates (#2) by dependabot[bot]", "Dependencies: [deps] bump x from 1 to 2 (#1) by dependabot[bot]"}},
		{name: "updates after an emoji", changes: []change{{"⬆️ Bump x from 1 to 2 (#1)", bot}, {"⬆️ Bump x from 2 to 3 (#2)", bot}}, want: []string{"Dependencies: Bump x from 1 to 3 (#1, #2) by dependabot[bot]"}},
		{name: "a feature stays one", changes: []change{{"feat(deps): x (#1)", jane}}, want: []string{"Features: [deps] x (#1) by Jane"}},
		{name: "what a label sorted stays there", changes: []change{{"chore(deps): x (#1)", jane}}, pulls: []PullRequest{{Number: 1, Labels: []string{"bug"}}}, want: []string{"Bug Fixes: [deps] x (#1) by Jane"}},
		{name: "but for the last category's", changes: []change{{"chore(deps): x (#1)", jane}}, pulls: []PullRequest{{Number: 1, Labels: []string{"dependencies"}}}, want: []string{"Dependencies: [deps] x (#1) by Jane"}},
		{name: "work of people with a like title", changes: []change{{"Bump x from 1 to 2 (#1)", jane}, {"Bump x from 2 to 3 (#2)", jane}},
			want: []string{"Miscellaneous: Bump x from 1 to 2 (#1) by Jane", "Miscellaneous: Bump x from 2 to 3 (#2) by Jane"}},
		{name: "a category of that name", categories: own, changes: []change{{"chore(deps): x (#1)", jane}, {"wip (#2)", jane}}, want: []string{"Dependencies: [deps] x (#1) by Jane", "Rest: wip (#2) by Jane"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rows []row
			for _, c := range test.changes {
				rows = append(rows, row{id: c.message, message: c.message})
			}
			commits := commitsOf(rows)
			for i, c := range test.changes {
				commits[len(commits)-1-i].Author = c.author
			}
			n := Build(Input{Commits: commits, PullRequests: test.pulls}, Options{Categories: test.categories})
			checkAccount(t, commits, n)
			checkNumbers(t, n)
			var got []string
			for _, section := range n.Sections {
				for _, e := range section.Entries {
					scope, refs := "", e.Ref.Text
					if e.Scope != "" {
						scope = "[" + e.Scope + "] "
					}
					for _, more := range e.More {
						refs += ", " + more.Text
					}
					got = append(got, section.Name+": "+scope+e.Title+" ("+refs+") by "+e.Author)
				}
			}
			checkEqual(t, "entries", got, test.want)
		})
	}
}

// checkNumbers wants the number behind each link of an entry that shows one, in the same order.
func checkNumbers(t *testing.T, n Notes) {
	t.Helper()
	for _, section := range n.Sections {
		for _, e := range section.Entries {
			var shown, got []string
			for _, link := range append([]Link{e.Ref}, e.More...) {
				if strings.HasPrefix(link.Text, "#") {
					shown = append(shown, link.Text)
				}
			}
			for _, number := range e.Numbers {
				got = append(got, fmt.Sprint("#", number))
			}
			checkEqual(t, "numbers of "+e.Title, got, shown)
		}
	}
}
