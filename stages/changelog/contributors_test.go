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
		prior   []Person
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
			prior: []Person{{Name: "x", Email: "JANE@acme.example"}, {Name: "y", Email: "Bo@users.noreply.github.com"}, {}},
			want:  []string{"Ann first", "bo https://github.com/bo", "Cy first", "jdoe https://github.com/jdoe"}},
		{name: "nobody known before", changes: []change{{"a", ann}}, prior: []Person{}, want: []string{"Ann first"}},
		{name: "one name with two addresses", changes: []change{{"a", jane}, {"b", Person{Name: "Jane Doe", Email: "jd@home.example"}}}, want: []string{"Jane Doe"}},
		{name: "one name, once with an account", changes: []change{{"a", jane}, {"b", Person{Name: "Jane Doe", Email: "12+jdoe@users.noreply.github.com"}}},
			want: []string{"jdoe https://github.com/jdoe"}},
		{name: "a chain of names and addresses", changes: []change{{"a", Person{Name: "J", Email: "j@acme.example"}}, {"b", jane}, {"c", Person{Name: "Jane Doe", Email: "j@acme.example"}}},
			want: []string{"J"}},
		{name: "a login for a name", changes: []change{{"a (#5)", ann}, {"b (#6)", Person{Name: "b1", Email: "b@acme.example"}}, {"c", Person{Name: "adoe", Email: "a@home.example"}}},
			pulls: []PullRequest{{Number: 5, Author: "adoe"}}, want: []string{"adoe https://github.com/adoe", "b1"}},
		{name: "an account under another login", changes: []change{{"a", Person{Name: "Jane", Email: "12+old@users.noreply.github.com"}}, {"b", Person{Name: "J", Email: "12+jdoe@users.noreply.github.com"}}},
			want: []string{"jdoe https://github.com/jdoe"}},
		{name: "two accounts of one name, and somebody of whom it is not known", changes: []change{
			{"a", Person{Name: "Ann", Email: "1+ann1@users.noreply.github.com"}}, {"b", Person{Name: "Ann", Email: "2+ann2@users.noreply.github.com"}}, {"c", ann}},
			want: []string{"Ann", "ann1 https://github.com/ann1", "ann2 https://github.com/ann2"}},
		{name: "names that machines give", changes: []change{{"a", Person{Name: "root", Email: "a@acme.example"}}, {"b", Person{Name: "root", Email: "b@acme.example"}}}, want: []string{"root", "root"}},
		{name: "work of another one in a pull request", changes: []change{{"a (#5)", ann}, {"b (#6)", ann}, {"c (#7)", ann}},
			pulls: []PullRequest{{Number: 5, Author: "jdoe"}, {Number: 6, Author: "ann"}, {Number: 7, Author: "ann"}},
			want:  []string{"ann https://github.com/ann", "jdoe https://github.com/jdoe"}},
		{name: "known before by name", changes: []change{{"a", Person{Name: "Ann", Email: "ann@new.example"}}}, prior: []Person{ann}, want: []string{"Ann"}},
		{name: "known before by name in other letters", changes: []change{{"a", Person{Name: "ANN", Email: "ann@new.example"}}}, prior: []Person{ann}, want: []string{"ANN"}},
		{name: "known before by account", changes: []change{{"a (#5)", ann}}, pulls: []PullRequest{{Number: 5, Author: "adoe"}},
			prior: []Person{{Name: "A", Email: "12+adoe@users.noreply.github.com"}}, want: []string{"adoe https://github.com/adoe"}},
		{name: "known before under another login", changes: []change{{"a", Person{Name: "X", Email: "12+new@users.noreply.github.com"}}},
			prior: []Person{{Name: "A", Email: "12+adoe@users.noreply.github.com"}}, want: []string{"new https://github.com/new"}},
		{name: "known before by another address of the same person", changes: []change{{"a", Person{Name: "Ann D", Email: "ann@work.example"}}, {"b", Person{Name: "Ann D", Email: ann.Email}}},
			prior: []Person{ann}, want: []string{"Ann D"}},
		{name: "the history before tells the account", changes: []change{{"a", ann}}, prior: []Person{{Name: "Ann", Email: "12+adoe@users.noreply.github.com"}}, want: []string{"adoe https://github.com/adoe"}},
		{name: "nothing but the account is known", changes: []change{{"a (#5)", ann}, {"b (#5)", jane}}, pulls: []PullRequest{{Number: 5, Author: "x"}}, prior: []Person{},
			want: []string{"Ann first", "Jane Doe first", "x https://github.com/x"}},
		{name: "bots by other names", changes: []change{
			{"a", Person{Name: "Crowdin Bot", Email: "support@crowdin.example"}}, {"b", Person{Name: "actions-user", Email: "action@github.example"}},
			{"c", Person{Name: "snykbot", Email: "s@snyk.example"}}, {"d", Person{Name: "Copilot", Email: "198982749+Copilot@users.noreply.github.com"}},
			{"e\n\nCo-authored-by: Copilot <1+Copilot@users.noreply.github.com>", Person{Name: "Jane Talbot", Email: "jt@acme.example"}}, {"f", Person{Name: "Hosted Weblate", Email: "h@weblate.example"}},
			{"g", Person{Name: "GitHub Actions", Email: "actions@github.example"}}},
			want: []string{"Jane Talbot"}},
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

// TestEntriesNameTheContributor wants one name for one person, in the entries and among the contributors.
func TestEntriesNameTheContributor(t *testing.T) {
	commits := commitsOf([]row{{id: "a", message: "a"}, {id: "b", message: "b (#5)"}, {id: "c", message: "c"}, {id: "d", message: "d"}})
	for i, author := range []Person{{Name: "helper[bot]", Email: "x"}, {Name: "Jane Doe", Email: "j@home.example"}, {Name: "J", Email: "jane@acme.example"}, {Name: "Jane Doe", Email: "jane@acme.example"}} {
		commits[i].Author = author
	}
	n := Build(Input{Commits: commits, PullRequests: []PullRequest{{Number: 5, Author: "jdoe"}}}, Options{Links: github})
	var got []string
	for _, e := range n.Sections[0].Entries {
		got = append(got, e.Title+" by "+e.Author)
	}
	checkEqual(t, "authors", got, []string{"a by jdoe", "b by jdoe", "c by jdoe", "d by helper[bot]"})
}
