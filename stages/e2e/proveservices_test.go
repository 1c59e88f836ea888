package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// provedServices are registry, forge and team behind one address, so that all requests stand in one order.
type provedServices struct {
	*labtest.Proxy
	mu      sync.Mutex
	told    map[string][]string  // messages by repository
	written map[string]time.Time // when a request to the registry last came to its end, by repository
}

func newProvedServices(t *testing.T) *provedServices {
	t.Helper()
	s := &provedServices{told: map[string][]string{}, written: map[string]time.Time{}}
	forge, _ := labtest.Gitea(t)
	registry, team := "http://"+labtest.Registry(t), labtest.NewSlack(t)
	s.Proxy = listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if line, ok := strings.CutPrefix(r.URL.Path, "/slack/"); ok {
			s.tell(w, r, line, team.Webhook())
			return
		}
		target := forge
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			target = registry
			defer s.write(r)
		}
		pass(w, r, target)
	}))
	return s
}

// write remembers a request that may have changed an image.
func (s *provedServices) write(r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[line] = time.Now()
}

// lastWrite is when one came to its end.
func (s *provedServices) lastWrite(line string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written[line]
}

// pass keeps the Host header, so that addresses in the answers lead back here.
func pass(w http.ResponseWriter, r *http.Request, target string) {
	to, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	proxy := httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	proxy.ServeHTTP(w, r)
}

// tell passes a message on, and keeps it when it was taken.
func (s *provedServices) tell(w http.ResponseWriter, r *http.Request, line, webhook string) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	response, err := http.Post(webhook, r.Header.Get("Content-Type"), bytes.NewReader(text))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		s.mu.Lock()
		s.told[line] = append(s.told[line], string(text))
		s.mu.Unlock()
	}
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

// toldOf counts the messages that say that a version is released.
func (s *provedServices) toldOf(line string, v numbered) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.told[line] {
		if strings.Contains(text, "Released "+v.String()) {
			n++
		}
	}
	return n
}
