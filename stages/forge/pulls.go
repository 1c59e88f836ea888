package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
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
func (w *wanted) missing() []int {
	var numbers []int
	for n := range w.numbers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
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
	var at []int
	for i, p := range w.found {
		tip, ok := w.commits[p.MergeCommit]
		if !ok || w.seen[p.Number] || len(tip.Parents) != 1 || tips[tip.Parents[0]] || strings.Contains(tip.Subject, mark+number(p.Number)) {
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

type hubPull struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	User   struct {
		Login string `json:"login"`
	} `json:"user"`
	Labels  []label    `json:"labels"`
	Merged  *time.Time `json:"merged_at"`
	Updated time.Time  `json:"updated_at"`
	Commit  string     `json:"merge_commit_sha"`
	Page    string     `json:"html_url"`
	Head    hubRef     `json:"head"`
	Base    hubRef     `json:"base"`
}

type hubRef struct {
	Ref  string `json:"ref"`
	Repo struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

func (p hubPull) pullRequest() changelog.PullRequest {
	return changelog.PullRequest{
		Number: p.Number, Title: p.Title, Body: p.Body, Author: p.User.Login, Labels: names(p.Labels),
		MergeCommit: p.Commit, URL: p.Page,
	}
}

// PullRequests reads the list of closed ones, the last changed first, back to the time of the range's first commit: one
// that was merged since then has been changed since then (C11). What is named and not in that list is read by its number.
func (h hub) PullRequests(ctx context.Context, r Range) ([]changelog.PullRequest, error) {
	w := newWanted(r)
	if len(r.Commits) == 0 {
		return w.found, nil
	}
	take := func(p hubPull) {
		if p.Merged != nil {
			w.take(p.pullRequest(), false)
		}
	}
	q := call{
		what: "read the pull requests", right: toReadPulls, url: h.base + "/pulls",
		query: h.list("state", "closed", "sort", h.dialect.sort, "direction", "desc"),
	}
	if h.repo.Kind == Gitea {
		q.query.Del("direction")
	}
	err := pages(ctx, h.client, q, func(batch []hubPull) bool {
		for _, p := range batch {
			take(p)
		}
		return len(batch) > 0 && !batch[len(batch)-1].Updated.Before(w.since)
	})
	if err != nil {
		return nil, err
	}
	if err := each(ctx, w.missing(), h.pull, func(_ int, p hubPull) { take(p) }); err != nil {
		return nil, err
	}
	setChain := func(i int, messages []string) { w.found[i].Commits = w.chain(w.found[i].MergeCommit, messages) }
	if err := each(ctx, w.rebased("#"), func(ctx context.Context, i int) ([]string, error) {
		return h.messages(ctx, w.found[i].Number)
	}, setChain); err != nil {
		return nil, err
	}
	return w.sorted(), nil
}

// pull is a pull request, empty if the number is an issue's or nothing's.
func (h hub) pull(ctx context.Context, n int) (hubPull, error) {
	var p hubPull
	q := call{what: fmt.Sprintf("read the pull request %d", n), right: toReadPulls, url: h.base + "/pulls/" + number(n)}
	err := h.client.read(ctx, q, &p)
	if gone(err) {
		return hubPull{}, nil
	}
	return p, err
}

func gone(err error) bool {
	status := statusOf(err)
	return status == http.StatusNotFound || status == http.StatusGone
}

// messages are those of the pull request's commits, oldest first.
func (h hub) messages(ctx context.Context, n int) ([]string, error) {
	type commit struct {
		Commit struct {
			Message string `json:"message"`
		} `json:"commit"`
	}
	q := call{
		what: fmt.Sprintf("read the commits of pull request %d", n), right: toReadPulls,
		url: h.base + "/pulls/" + number(n) + "/commits", query: h.list(),
	}
	commits, err := all[commit](ctx, h.client, q)
	var messages []string
	for _, c := range commits {
		messages = append(messages, c.Commit.Message)
	}
	if h.repo.Kind == Gitea { // It lists the newest first.
		slices.Reverse(messages)
	}
	return messages, err
}

// few is how many issues are cheaper to read one by one than as pages of everything that changed.
const few = 50

type hubIssue struct {
	Number int       `json:"number"`
	Labels []label   `json:"labels"`
	Pull   *struct{} `json:"pull_request"`
}

func (h hub) Issues(ctx context.Context, numbers []int, since time.Time) ([]changelog.Issue, error) {
	open := make(map[int]bool)
	for _, n := range numbers {
		open[n] = true
	}
	issues := []changelog.Issue{}
	take := func(i hubIssue) {
		if open[i.Number] && i.Pull == nil {
			issues = append(issues, changelog.Issue{Number: i.Number, Labels: names(i.Labels)})
		}
		delete(open, i.Number)
	}
	if len(open) > few {
		q := call{
			what: "read the issues", right: toReadIssues, url: h.base + "/issues",
			query: h.list("state", "all", "since", since.UTC().Format(time.RFC3339)),
		}
		found, err := all[hubIssue](ctx, h.client, q)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			take(i)
		}
	}
	rest := sortedKeys(open)
	if err := each(ctx, rest, h.issue, func(_ int, i hubIssue) { take(i) }); err != nil {
		return nil, err
	}
	slices.SortFunc(issues, func(a, b changelog.Issue) int { return cmp.Compare(a.Number, b.Number) })
	return issues, nil
}

// issue is an issue, empty if there is none with the number.
func (h hub) issue(ctx context.Context, n int) (hubIssue, error) {
	var i hubIssue
	q := call{what: fmt.Sprintf("read the issue %d", n), right: toReadIssues, url: h.base + "/issues/" + number(n)}
	err := h.client.read(ctx, q, &i)
	if gone(err) {
		return hubIssue{}, nil
	}
	return i, err
}

func sortedKeys(m map[int]bool) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (h hub) OpenPullRequest(ctx context.Context, p Proposal) (changelog.PullRequest, error) {
	var pull hubPull
	find := func() (found bool, err error) {
		pull, found, err = h.openPull(ctx, p)
		return found, err
	}
	if found, err := find(); err != nil || found {
		return pull.pullRequest(), err
	}
	err := h.create(ctx, func() error {
		return h.read(ctx, call{
			what: "open a pull request", right: toPropose, method: http.MethodPost, url: h.base + "/pulls",
			json: map[string]any{"head": p.Branch, "base": p.Base, "title": p.Title, "body": p.Body},
		}, &pull)
	}, find)
	return pull.pullRequest(), err
}

// openPull looks through the open ones itself: not every forge can filter, and a fork may have a branch of that name.
func (h hub) openPull(ctx context.Context, p Proposal) (pull hubPull, found bool, err error) {
	q := call{what: "look for an open pull request", right: toReadPulls, url: h.base + "/pulls", query: h.list("state", "open")}
	if h.repo.Kind == GitHub {
		owner, _, _ := strings.Cut(h.repo.Path, "/")
		q.query = h.list("state", "open", "head", owner+":"+p.Branch, "base", p.Base)
	}
	err = pages(ctx, h.client, q, func(batch []hubPull) bool {
		i := slices.IndexFunc(batch, func(b hubPull) bool {
			return b.Head.Ref == p.Branch && b.Base.Ref == p.Base && strings.EqualFold(b.Head.Repo.FullName, h.repo.Path)
		})
		if i >= 0 {
			pull, found = batch[i], true
		}
		return !found
	})
	return pull, found, err
}
