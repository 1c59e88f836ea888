package forge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/retry"
)

// client sends requests to one forge with one token.
type client struct {
	repo    Repository
	token   string
	secrets *strings.Replacer
	// again repeats what does no harm when done twice, once never repeats a POST (P7).
	again, once *http.Client
	clock       retry.Clock
}

func newClient(repo Repository, token string, transport *retry.Transport) *client {
	repeating, single := *transport, *transport
	clock := transport.Clock
	if clock == nil {
		clock = retry.Real
	}
	repeating.Base = &limits{transport.Base, clock}
	single.Base = repeating.Base
	repeating.RepeatWrites = true
	single.RepeatWrites = false
	return &client{
		repo: repo, token: token, secrets: redact.Token(gitUser, token), clock: clock,
		again: &http.Client{Transport: &repeating, CheckRedirect: redirect},
		once:  &http.Client{Transport: &single, CheckRedirect: redirect},
	}
}

// redirect follows reads only: a write that is sent on becomes a read on the way, and would look like a success.
func redirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet {
		return http.ErrUseLastResponse
	}
	if first.URL.Scheme == "https" && req.URL.Scheme != "https" || len(via) > 5 {
		return errors.New("a redirect that is not to be followed")
	}
	return nil
}

// call is one request.
type call struct {
	// what is what it is for, as the errors begin: "read the releases".
	what string
	// right is what the token needs for it.
	right  right
	method string // GET if empty
	url    string
	query  url.Values
	// json is sent as such, else data with its contentType.
	json        any
	data        []byte
	contentType string
	accept      string
	// git sends the token the way git does.
	git bool
}

type answer struct {
	header http.Header
	body   []byte
}

// send returns the answer of a request that succeeded.
func (c *client) send(ctx context.Context, q call) (answer, error) {
	req, err := c.request(ctx, q)
	if err != nil {
		return answer{}, c.fail(q, err)
	}
	sender := c.again
	if req.Method == http.MethodPost {
		sender = c.once
	}
	resp, err := sender.Do(req)
	if err != nil {
		return answer{}, c.fail(q, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, c.fail(q, err)
	}
	if resp.StatusCode/100 != 2 {
		return answer{}, c.refused(q, resp, body)
	}
	return answer{resp.Header, body}, nil
}

func (c *client) request(ctx context.Context, q call) (*http.Request, error) {
	body, kind := q.data, q.contentType
	if q.json != nil {
		var err error
		if body, err = json.Marshal(q.json); err != nil {
			return nil, err
		}
		kind = "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(q.method, http.MethodGet), q.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if q.query != nil {
		req.URL.RawQuery = q.query.Encode()
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("User-Agent", "slipway")
	if c.repo.Kind == GitHub && !q.git {
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		req.Header.Set("Accept", "application/vnd.github+json")
	}
	if q.accept != "" {
		req.Header.Set("Accept", q.accept)
	}
	c.authorize(req, q.git)
	return req, nil
}

// gitUser is the name that goes with a token; only GitHub and GitLab care.
const gitUser = "oauth2"

func (c *client) authorize(req *http.Request, git bool) {
	switch {
	case c.token == "":
	case git:
		req.SetBasicAuth(gitUser, c.token)
	default:
		// Go drops this header when a redirect leads to another host, unlike GitLab's own PRIVATE-TOKEN.
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
}

// read fills out from the JSON that the request is answered with.
func (c *client) read(ctx context.Context, q call, out any) error {
	a, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	return c.decode(q, a, out)
}

func (c *client) decode(q call, a answer, out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return c.fail(q, fmt.Errorf("%s does not answer like the API of %s (%w): check forge and repository",
			c.repo.API, c.repo.Kind, err))
	}
	return nil
}

// pages reads a list page by page until there are no more or more says that it has seen enough.
func pages[T any](ctx context.Context, c *client, q call, more func([]T) bool) error {
	for {
		a, err := c.send(ctx, q)
		if err != nil {
			return err
		}
		var batch []T
		if err := c.decode(q, a, &batch); err != nil {
			return err
		}
		next, err := nextPage(a.header)
		if err != nil {
			return c.fail(q, err)
		}
		if !more(batch) || next == nil {
			return nil
		}
		if next.Encode() == q.query.Encode() {
			return c.fail(q, errors.New("the next page of the list is the same page"))
		}
		q.query = next
	}
}

// nextPage is the query of the next page, nil if there is none. Only the query is taken from the link, so that the token
// goes to no other host, whatever address the server believes to have.
func nextPage(header http.Header) (url.Values, error) {
	for _, link := range strings.Split(strings.Join(header.Values("Link"), ","), ",") {
		target, params, _ := strings.Cut(strings.TrimSpace(link), ">")
		if !strings.HasPrefix(target, "<") || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := url.Parse(target[1:])
		if err != nil || u.RawQuery == "" {
			return nil, errors.New("the link to the next page of the list cannot be read")
		}
		return u.Query(), nil
	}
	return nil, nil
}

// all reads a list to its last page.
func all[T any](ctx context.Context, c *client, q call) ([]T, error) {
	var items []T
	err := pages(ctx, c, q, func(batch []T) bool {
		items = append(items, batch...)
		return true
	})
	return items, err
}
