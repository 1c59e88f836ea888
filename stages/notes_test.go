package stages

import (
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
)

// TestEntries counts the lines of the page outside of Breaking Changes.
func TestEntries(t *testing.T) {
	for want, subjects := range map[string][]string{
		"0 entries in the notes": nil,
		"1 entry in the notes":   {"feat!: a", "feat: a"},
		"3 entries in the notes": {"Update README", "fix: b", "Update README", "chore(deps): bump x from 1 to 2", "chore(deps): bump x from 2 to 3"},
	} {
		var commits []changelog.Commit
		for i, subject := range subjects {
			commits = append(commits, changelog.Commit{Hash: fmt.Sprintf("%040x", i), Subject: subject})
		}
		notes := changelog.Build(changelog.Input{Commits: commits}, changelog.Options{})
		if got := entries(notes); got != want || noteFigures(notes)[0] != want {
			t.Errorf("got %q and %q, want %q of\n%s", got, noteFigures(notes), want, strings.Join(subjects, "\n"))
		}
	}
}
