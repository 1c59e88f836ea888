package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"dagger/slipway/stages/changelog"
)

type mergeRequest struct {
	Number int    `json:"iid"`
	Title  string `json:"title"`
	Body   string `json:"description"`
	State  string `json:"state"`
	Author struct {
		Login string `json:"username"`
	} `json:"author"`
	Labels []label `json:"labels"`
	Merge  string  `json:"merge_commit_sha"`
	Squash string  `json:"squash_commit_sha"`
	Head   string  `json:"sha"`
	Page   string  `json:"web_url"`
}

func (m mergeRequest) pullRequest() changelog.PullRequest {
	return changelog.PullRequest{
		Number: m.Number, Title: m.Title, Body: m.Body, Author: m.Author.Login, Labels: names(m.Labels),
		// A fast-forward has neither of the first two: it landed as it was.
		MergeCommit: cmp.Or(m.Merge, m.Squash, m.Head), URL: m.Page,
	}
}

// PullRequests reads the merge requests that were changed since the range's first commit (C11), then those that are named.
func (g *gitLab) PullRequests(ctx context.Context, r Range) ([]changelog.PullRequest, error) {
	w := newWanted(r)
	if len(r.Commits) == 0 {
		return w.found, nil
	}
	err := g.mergeRequests(ctx, g.list("updated_after", w.since.UTC().Format(time.RFC3339)), w)
	if err != nil {
		return nil, err
	}
	for numbers := range slices.Chunk(w.missing(), few) {
		query := g.list()
		for _, n := range numbers {
			query.Add("iids[]", number(n))
		}
		if err := g.mergeRequests(ctx, query, w); err != nil {
			return nil, err
		}
	}
	setCommits := func(i int, hashes []string) { w.found[i].Commits = hashes }
	if err := each(ctx, w.rebased("!"), func(ctx context.Context, i int) ([]string, error) {
		return g.landed(ctx, w, w.found[i].Number)
	}, setCommits); err != nil {
		return nil, err
	}
	return w.sorted(), nil
}

func (g *gitLab) mergeRequests(ctx context.Context, query url.Values, w *wanted) error {
	query.Set("state", "merged")
	query.Set("scope", "all")
	query.Set("order_by", "created_at") // Unlike the time of the last change it moves nothing to another page meanwhile.
	q := call{what: "read the merge requests", right: toReadPulls, url: g.project() + "/merge_requests", query: query}
	return pages(ctx, g.client, q, func(batch []mergeRequest) bool {
		for _, m := range batch {
			w.take(m.pullRequest(), m.Merge != "" || m.Squash != "")
		}
		return true
	})
}

// landed are the commits of a fast-forwarded merge request that are in the range: GitLab landed them unchanged.
func (g *gitLab) landed(ctx context.Context, w *wanted, n int) ([]string, error) {
	type commit struct {
		ID string `json:"id"`
	}
	commits, err := all[commit](ctx, g.client, call{
		what: fmt.Sprintf("read the commits of merge request %d", n), right: toReadPulls,
		url: g.project() + "/merge_requests/" + number(n) + "/commits", query: g.list(),
	})
	var hashes []string
	for _, c := range slices.Backward(commits) { // GitLab lists the newest first.
		if _, ok := w.commits[c.ID]; ok {
			hashes = append(hashes, c.ID)
		}
	}
	return hashes, err
}

func (g *gitLab) Issues(ctx context.Context, numbers []int, _ time.Time) ([]changelog.Issue, error) {
	type issue struct {
		Number int     `json:"iid"`
		Labels []label `json:"labels"`
	}
	issues := []changelog.Issue{}
	for chunk := range slices.Chunk(numbers, few) {
		query := g.list("scope", "all")
		for _, n := range chunk {
			query.Add("iids[]", number(n))
		}
		found, err := all[issue](ctx, g.client, call{what: "read the issues", right: toReadIssues, url: g.project() + "/issues", query: query})
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			issues = append(issues, changelog.Issue{Number: i.Number, Labels: names(i.Labels)})
		}
	}
	return sortedIssues(issues), nil
}

func (g *gitLab) OpenPullRequest(ctx context.Context, p Proposal) (changelog.PullRequest, error) {
	var request mergeRequest
	find := func() (bool, error) {
		open, err := all[mergeRequest](ctx, g.client, call{
			what: "look for an open merge request", right: toReadPulls, url: g.project() + "/merge_requests",
			query: g.list("state", "opened", "scope", "all", "source_branch", p.Branch, "target_branch", p.Base),
		})
		if len(open) > 0 {
			request = open[0]
		}
		return len(open) > 0, err
	}
	if found, err := find(); err != nil || found {
		return request.pullRequest(), err
	}
	err := g.create(ctx, func() error {
		return g.read(ctx, call{
			what: "open a merge request", right: toPropose, method: http.MethodPost, url: g.project() + "/merge_requests",
			json: map[string]any{"source_branch": p.Branch, "target_branch": p.Base, "title": p.Title, "description": p.Body},
		}, &request)
	}, find)
	return request.pullRequest(), err
}
