package forge

import (
	"fmt"
	"slices"
	"testing"

	"dagger/slipway/stages/changelog"
)

// TestRebased has pull request 4, whose last commit has a parent in the range.
func TestRebased(t *testing.T) {
	for _, test := range []struct {
		mark, subject string
		want          []int
	}{
		{"#", "feat: a", []int{0}},
		{"#", "feat: a (#4)", nil},
		{"#", "feat: a (#41)", []int{0}},
		{"#", "fix: what #41 broke", []int{0}},
		{"!", "feat: a (!4)", nil},
		{"!", "feat: a (!41)", []int{0}},
		{"!", "feat: a (#4)", []int{0}},
	} {
		t.Run(fmt.Sprint(test.mark, " ", test.subject), func(t *testing.T) {
			w := newWanted(Range{Commits: []changelog.Commit{commit(2, test.subject, 1), commit(1, "feat: before")}})
			w.take(changelog.PullRequest{Number: 4, MergeCommit: hash(2)}, false)
			if got := w.rebased(test.mark); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
