package changelog

import (
	"fmt"
	"testing"
)

func TestContributors(t *testing.T) {
	jane := Person{Name: "Jane Doe", Email: "jane@acme.example"}
	ann := Person{Name: "Ann", Email: "ann@acme.example"}
	type change struct {
		message string
		author  Person
	}
	for _, test := range []struct {
		name    string
		changes []change
		pulls   []PullRequest
		prior   map[string]bool
		want    []string
	}{
		{name: "by address, ignoring case, sorted", changes: []change{
			{"a", jane}, {"b", Person{Name: "J. Doe", Email: "JANE@acme.example"}}, {"c", ann}},
			want: []string{"Ann", "Jane Doe"}},
		{name: "co-authors", changes: []change{{"a\n\nCo-authored-by: Ann <ann@acme.example>\r\nco-authored-by:Bo <bo@acme.example>", jane}},
			want: []string{"Ann", "Bo", "Jane Doe"}},
		{name: "co-author in a sentence", changes: []change{{"a\n\nnot Co-authored-by: Ann <ann@acme.example>", jane}}, want: []string{"Jane Doe"}},
		{name: "account of the pull request and its address", changes: []change{{"a (#5)", jane}, {"b", jane}}, pulls: []PullRequest{{Number: 5, Author: "jdoe"}},
			want: []string{"jdoe https://github.com/jdoe"}},
		{name: "pull request with two authors", changes: []change{{"a (#5)", jane}, {"b (#5)", ann}}, pulls: []PullRequest{{Number: 5, Author: "jdoe"}},
			want: []string{"Ann", "Jane Doe", "jdoe https://github.com/jdoe"}},
		{name: "accounts ignore case", changes: []change{{"a (#5)", jane}, {"b (#6)", ann}}, pulls: []PullRequest{{Number: 5, Author: "jdoe"}, {Number: 6, Author: "JDoe"}},
			want: []string{"jdoe https://github.com/jdoe"}},
		{name: "account told with the commit", changes: []change{{"a (#5)", jane}, {"b", Person{Name: "Jane", Email: jane.Email, Login: "real"}}}, pulls: []PullRequest{{Number: 5, Author: "opener"}},
			want: []string{"opener https://github.com/opener", "real https://github.com/real"}},
		{name: "hidden address of this forge", changes: []change{{"a", Person{Name: "Jane", Email: "12+JDoe@users.noreply.github.com"}}, {"b", Person{Name: "Ann", Email: "ann@Users.NoReply.GitHub.com"}}},
			want: []string{"ann https://github.com/ann", "JDoe https://github.com/JDoe"}},
		{name: "hidden address of another forge", changes: []change{{"a", Person{Name: "Jane", Email: "12+jdoe@users.noreply.gitlab.com"}}}, want: []string{"Jane"}},
		{name: "bots", changes: []change{
			{"a", Person{Name: "dependabot[bot]", Email: "49699333+dependabot[bot]@users.noreply.github.com"}},
			{"b", Person{Name: "Renovate", Email: "x@renovate.example"}}, {"c", Person{Name: "snyk-bot", Email: "s@snyk.example"}},
			{"d\n\nCo-authored-by: Helper <NoReply@helper.example>", jane}, {"e (#5)", Person{Name: "Actions", Email: "1+github-actions[bot]@users.noreply.github.com"}}},
			pulls: []PullRequest{{Number: 5, Author: "app/dependabot"}}, want: []string{"Jane Doe"}},
		{name: "a bot's pull request says nothing about who wrote it", changes: []change{{"e (#5)", jane}}, pulls: []PullRequest{{Number: 5, Author: "dependabot[bot]"}}, want: []string{"Jane Doe"}},
		{name: "no names", changes: []change{{"a", Person{}}, {"b", Person{Email: "x@acme.example"}}, {"c", Person{Name: "Only Name"}}}, want: []string{"(no name)", "Only Name"}},
		{name: "an address for a name", changes: []change{{"a", Person{Name: "jane@acme.example", Email: "jane@acme.example"}}}, want: []string{"jane"}},
		{name: "first contributions", changes: []change{{"a (#5)", jane}, {"b", ann}, {"c (#6)", Person{Name: "Bo", Email: "bo@acme.example"}}, {"d", Person{Name: "Cy", Email: "cy@acme.example"}}},
			pulls: []PullRequest{{Number: 5, Author: "jdoe"}, {Number: 6, Author: "bo"}},
			prior: map[string]bool{"JANE@acme.example": true, "Bo": true, "cy@acme.example": false, "": true},
			want:  []string{"Ann first", "bo https://github.com/bo", "Cy first", "jdoe https://github.com/jdoe"}},
		{name: "nobody known before", changes: []change{{"a", ann}}, prior: map[string]bool{}, want: []string{"Ann first"}},
		{name: "what is not listed has no contributors", changes: []change{{"a (#5)", jane}, {"feat: x", ann}, {fmt.Sprintf("Revert\n\nThis reverts commit {c%d}.", 1), ann}},
			pulls: []PullRequest{{Number: 5, Labels: []string{"skip-changelog"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rows []row
			for i, c := range test.changes {
				rows = append(rows, row{id: fmt.Sprint("c", i), message: c.message})
			}
			commits := commitsOf(rows)
			for i, c := range test.changes {
				commits[len(commits)-1-i].Author = c.author
			}
			n := Build(Input{Commits: commits, PullRequests: test.pulls, Prior: test.prior}, Options{Links: github})
			var got []string
			for _, c := range n.Contributors {
				line := c.Name
				if c.URL != "" {
					line += " " + c.URL
				}
				if c.First {
					line += " first"
				}
				got = append(got, line)
			}
			checkEqual(t, "contributors", got, test.want)
		})
	}
}

func TestMergersAreNoContributors(t *testing.T) {
	commits := commitsOf([]row{{id: "a", message: "a", parents: "outside"}, {id: "m", message: "Merge pull request #5 from acme/a\n\nb", parents: "outside a"}})
	commits[0].Author = Person{Name: "Merger", Email: "m@acme.example"}
	n := Build(Input{Commits: commits}, Options{})
	if len(n.Contributors) != 1 || n.Contributors[0].Name != "Jane" {
		t.Errorf("contributors: %v", n.Contributors)
	}
}
