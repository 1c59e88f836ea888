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
	"strconv"
	"strings"
	"time"

	"dagger/slipway/stages/retry"
)

// stepTime is how long a request that creates something may go on in all, unless the context ends earlier.
const stepTime = 10 * time.Minute

// client sends requests to one forge with one token.
type client struct {
	repo    Repository
	token   string
	secrets *strings.Replacer
	// again repeats what does no harm when done twice, once never repeats a POST (P7).
	again, once *http.Client
	sleep       func(context.Context, time.Duration) error
}

func newClient(repo Repository, token string, transport *retry.Transport) *client {
	repeating, single := *transport, *transport
	repeating.Base = &limits{base: transport.Base, now: transport.Now}
	single.Base = repeating.Base
	repeating.RepeatWrites = true
	single.RepeatWrites = false
	c := &client{
		repo: repo, token: token, secrets: masks(token), sleep: transport.Sleep,
		again: &http.Client{Transport: &repeating, CheckRedirect: redirect},
		once:  &http.Client{Transport: &single, CheckRedirect: redirect},
	}
	if c.sleep == nil {
		c.sleep = retry.Sleep
	}
	return c
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

// create sends what must not be done twice (P7). After every error it first looks whether the thing is there now, and only
// then tries again, if that can help.
func (c *client) create(ctx context.Context, post func() error, find func() (bool, error)) error {
	deadline := time.Now().Add(stepTime)
	if d, ok := ctx.Deadline(); ok {
		deadline = d
	}
	for failed := 1; ; failed++ {
		err := post()
		if err == nil || !doubtful(ctx, err) {
			return err
		}
		if err := c.pause(ctx, err, failed, deadline); err != nil {
			return err
		}
		found, lookErr := find()
		if found && lookErr == nil {
			return nil
		}
		if lookErr != nil {
			return fmt.Errorf("%w; looking whether it happened all the same failed, too: %w", err, lookErr)
		}
		if conflict(err) || failed == retry.Tries {
			return err
		}
	}
}

// pause waits before the look, so that a request that is still at work on the server is seen by it.
func (c *client) pause(ctx context.Context, err error, failed int, deadline time.Time) error {
	if conflict(err) {
		return nil
	}
	asked, left := askedToWait(err), time.Until(deadline)
	if asked > left {
		return fmt.Errorf("%w; it asks to wait %s, but only %s are left", err, asked, left.Round(time.Second))
	}
	if delay := max(retry.Delay(failed-1), asked); delay <= left {
		return c.sleep(ctx, delay)
	}
	return err
}

// limits lets a rate limit look like one: GitHub also answers 403, and says in three ways when to come back.
type limits struct {
	base http.RoundTripper
	now  func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (l *limits) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return resp, err
	}
	wait, limited := l.wait(resp)
	if !limited {
		return resp, nil
	}
	resp.StatusCode, resp.Status = http.StatusTooManyRequests, "429 Too Many Requests"
	if wait > 0 {
		// Rounded up: a second too early is refused, and counted.
		resp.Header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	return resp, nil
}

// wait tells a rate limit from a missing right, and how long it lasts, 0 if it does not say.
func (l *limits) wait(resp *http.Response) (time.Duration, bool) {
	now := time.Now
	if l.now != nil {
		now = l.now
	}
	if wait, ok := retryAfter(resp.Header, now()); ok {
		return wait, true
	}
	if reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && resp.Header.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Second, time.Unix(reset, 0).Sub(now())), true
	}
	if resp.StatusCode == http.StatusForbidden && mentionsLimit(resp) {
		// GitHub's documentation: without a time, wait at least a minute.
		return time.Minute, true
	}
	return 0, resp.StatusCode == http.StatusTooManyRequests
}

func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now)), true
	}
	return 0, false
}

// mentionsLimit looks into the answer and puts it back.
func mentionsLimit(resp *http.Response) bool {
	start, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), rest}
	return err == nil && bytes.Contains(bytes.ToLower(start), []byte("secondary rate limit"))
}
