package forge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/changelog"
)

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

func (h hub) PullRequests(ctx context.Context, r Range) ([]changelog.PullRequest, error) {
	w := newWanted(r)
	if len(r.Commits) == 0 {
		return w.found, nil
	}
	if err := h.closed(ctx, w); err != nil {
		return nil, err
	}
	take := func(_ int, p hubPull) { p.offer(w) }
	if err := each(ctx, w.missing(), h.pull, take); err != nil {
		return nil, err
	}
	read := func(ctx context.Context, i int) ([]string, error) { return h.messages(ctx, w.found[i].Number) }
	chain := func(i int, messages []string) { w.found[i].Commits = w.chain(w.found[i].MergeCommit, messages) }
	if err := each(ctx, w.rebased("#"), read, chain); err != nil {
		return nil, err
	}
	return w.sorted(), nil
}

// closed reads the closed pull requests, the last changed first, back to the time of the range's first commit: one that was
// merged since then has been changed since then (C11).
func (h hub) closed(ctx context.Context, w *wanted) error {
	q := call{what: "read the pull requests", right: toReadPulls, url: h.base + "/pulls", query: h.list("state", "closed", "sort", h.dialect.sort)}
	if h.repo.Kind == GitHub {
		q.query.Set("direction", "desc")
	}
	return pages(ctx, h.client, q, func(batch []hubPull) bool {
		for _, p := range batch {
			p.offer(w)
		}
		return len(batch) > 0 && !batch[len(batch)-1].Updated.Before(w.since)
	})
}

func (p hubPull) offer(w *wanted) {
	if p.Merged != nil {
		w.take(p.pullRequest(), false)
	}
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
	left := make(map[int]bool)
	for _, n := range numbers {
		left[n] = true
	}
	issues := []changelog.Issue{}
	take := func(i hubIssue) {
		if left[i.Number] && i.Pull == nil {
			issues = append(issues, changelog.Issue{Number: i.Number, Labels: names(i.Labels)})
		}
		delete(left, i.Number)
	}
	if len(left) > few {
		found, err := h.changedIssues(ctx, since)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			take(i)
		}
	}
	if err := each(ctx, sortedKeys(left), h.issue, func(_ int, i hubIssue) { take(i) }); err != nil {
		return nil, err
	}
	return sortedIssues(issues), nil
}

func (h hub) changedIssues(ctx context.Context, since time.Time) ([]hubIssue, error) {
	return all[hubIssue](ctx, h.client, call{
		what: "read the issues", right: toReadIssues, url: h.base + "/issues",
		query: h.list("state", "all", "since", since.UTC().Format(time.RFC3339)),
	})
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
