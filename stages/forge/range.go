package forge

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/stages/changelog"
)

// Range is what a release contains, as git tells it.
type Range struct {
	Commits []changelog.Commit
	// Numbers are the pull requests that the commits' messages name. One that was merged elsewhere, long before a copy of
	// its commit came into this range, is found only by its number.
	Numbers []int
}

// parallel is how many single requests run at once: GitHub asks not to burst.
const parallel = 4

// margin covers clocks that disagree on when the first commit was made.
const margin = 24 * time.Hour

// wanted decides which pull requests belong to a range.
type wanted struct {
	commits map[string]changelog.Commit
	numbers map[int]bool // named and not found yet
	since   time.Time
	found   []changelog.PullRequest
	// seen says of each whether it is known to have landed as one commit.
	seen map[int]bool
}

func newWanted(r Range) *wanted {
	w := &wanted{commits: make(map[string]changelog.Commit), numbers: make(map[int]bool), seen: make(map[int]bool)}
	for i, c := range r.Commits {
		w.commits[c.Hash] = c
		if at := c.Time.Add(-margin); i == 0 || at.Before(w.since) {
			w.since = at
		}
	}
	for _, n := range r.Numbers {
		w.numbers[n] = true
	}
	w.found = []changelog.PullRequest{} // Not nil, which would say that the forge could not be asked.
	return w
}

// take keeps a merged pull request if it landed in the range or is named there.
func (w *wanted) take(p changelog.PullRequest, single bool) {
	_, landed := w.commits[p.MergeCommit]
	if _, again := w.seen[p.Number]; again || !landed && !w.numbers[p.Number] {
		return
	}
	w.seen[p.Number] = single
	delete(w.numbers, p.Number)
	w.found = append(w.found, p)
}

// missing are the named numbers that the list did not have.
func (w *wanted) missing() []int { return sortedKeys(w.numbers) }

func sortedKeys(m map[int]bool) []int { return slices.Sorted(maps.Keys(m)) }

func sortedIssues(issues []changelog.Issue) []changelog.Issue {
	slices.SortFunc(issues, func(a, b changelog.Issue) int { return cmp.Compare(a.Number, b.Number) })
	return issues
}

func (w *wanted) sorted() []changelog.PullRequest {
	slices.SortFunc(w.found, func(a, b changelog.PullRequest) int { return cmp.Compare(a.Number, b.Number) })
	return w.found
}

// rebased are the pull requests that may have landed as several commits without a merge commit: the tip has one parent in
// the range that is not itself the tip of another, and its message does not name the pull request as that of a squash does.
func (w *wanted) rebased(mark string) []int {
	tips := make(map[string]bool)
	for _, p := range w.found {
		tips[p.MergeCommit] = true
	}
	named := changelog.Links{Mark: mark}
	var at []int
	for i, p := range w.found {
		tip, ok := w.commits[p.MergeCommit]
		if !ok || w.seen[p.Number] || len(tip.Parents) != 1 || tips[tip.Parents[0]] || slices.Contains(changelog.Numbers([]changelog.Commit{tip}, named), p.Number) {
			continue
		}
		if _, ok := w.commits[tip.Parents[0]]; ok {
			at = append(at, i)
		}
	}
	return at
}

// chain is the commits that end in the tip and have these messages, oldest first; nil if they do not.
func (w *wanted) chain(tip string, messages []string) []string {
	var hashes []string
	for _, message := range slices.Backward(messages) {
		c, ok := w.commits[tip]
		if !ok || words(c.Subject+" "+c.Body) != words(message) {
			return nil
		}
		hashes = append(hashes, c.Hash)
		tip = ""
		if len(c.Parents) == 1 {
			tip = c.Parents[0]
		}
	}
	slices.Reverse(hashes)
	return hashes
}

// words makes a message comparable: git and the forges break its lines differently.
func words(message string) string { return strings.Join(strings.Fields(message), " ") }

// each runs do for the items, a few at once, and hands over its results one at a time.
func each[T, R any](ctx context.Context, items []T, do func(context.Context, T) (R, error), take func(T, R)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, item := range items {
		group.Go(func() error {
			result, err := do(ctx, item)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			take(item, result)
			return nil
		})
	}
	return group.Wait()
}
