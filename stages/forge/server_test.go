package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/slipway/stages/retry"
)

// The servers in these tests are written from the public descriptions of GitHub's and GitLab's APIs. They refuse what the
// originals refuse, and fail the test on what the descriptions do not know.

// canary is the token in all tests.
const canary = "canary-t0ken/with+odd=chars"

type object = map[string]any

// server is what the two have in common.
type server struct {
	t     *testing.T
	state sync.Mutex
}

// unknown fails the test: the API's description does not have what was sent.
func (s *server) unknown(r *http.Request, format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s %s: %s", r.Method, r.URL.Path, fmt.Sprintf(format, args...))
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// query fails the test on parameters that the description does not have.
func (s *server) query(r *http.Request, allowed ...string) url.Values {
	for name := range r.URL.Query() {
		if !slices.Contains(append(allowed, "page", "per_page"), name) {
			s.unknown(r, "unknown parameter %q", name)
		}
	}
	return r.URL.Query()
}

// fields reads a JSON body whose fields have these example values, and returns what is wrong with it.
func (s *server) fields(r *http.Request, known object, required ...string) (body object, problem string) {
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		s.unknown(r, "Content-Type %q", kind)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(data, &body) != nil {
		return nil, "Problems parsing JSON"
	}
	for name, value := range body {
		example, ok := known[name]
		if !ok {
			s.unknown(r, "unknown field %q", name)
		}
		if fmt.Sprintf("%T", example) != fmt.Sprintf("%T", value) {
			return nil, fmt.Sprintf("Invalid request. For 'properties/%s', %v is not a %T.", name, value, example)
		}
	}
	for _, name := range required {
		if text, ok := body[name].(string); !ok || text == "" {
			return nil, fmt.Sprintf("Invalid request. %q wasn't supplied.", name)
		}
	}
	return body, ""
}

// text is a string field, "" if it was not sent.
func text(body object, name string) string {
	s, _ := body[name].(string)
	return s
}

// page writes one page of the list with the links that lead to the others.
func page[T any](s *server, w http.ResponseWriter, r *http.Request, items []T, base string) {
	size, number := 30, 1 // GitLab's default is 20; both allow 100 at most.
	for name, value := range map[string]*int{"per_page": &size, "page": &number} {
		if given := r.URL.Query().Get(name); given != "" {
			n, err := strconv.Atoi(given)
			if err != nil || n < 1 {
				s.unknown(r, "%s=%s", name, given)
			}
			*value = n
		}
	}
	size = min(size, 100)
	last := max(1, (len(items)+size-1)/size)
	var links []string
	link := func(rel string, n int) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s?%s>; rel="%s"`, base, q.Encode(), rel))
	}
	if number > 1 {
		link("prev", number-1)
	}
	if number < last {
		link("next", number+1)
		link("last", last)
	}
	if number > 1 {
		link("first", 1)
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	start := min((number-1)*size, len(items))
	reply(w, 200, append([]T{}, items[start:min(start+size, len(items))]...))
}

// bench runs the package under test against a server, and notes its waits instead of making them.
type bench struct {
	mu    sync.Mutex
	waits []time.Duration
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func (b *bench) forge(repo Repository, token string) Forge {
	return connect(repo, token, &retry.Transport{Base: http.DefaultTransport, Clock: b})
}

// Now implements retry.Clock.
func (b *bench) Now() time.Time { return noon }

// Sleep implements retry.Clock.
func (b *bench) Sleep(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waits = append(b.waits, d)
	return ctx.Err()
}

// wantError checks the text of an error, and that the token is not in it.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error  %v\nwant it with %s", err, want)
		return
	}
	wantNoToken(t, err)
}

func wantNoToken(t *testing.T, err error) {
	t.Helper()
	for _, part := range []string{"canary", "t0ken", "Y2FuYXJ5", "b2F1dGgyOm"} { // The last two are base64.
		if err != nil && strings.Contains(err.Error(), part) {
			t.Errorf("the error holds the token: %v", err)
		}
	}
}
