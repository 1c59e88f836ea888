package labtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// echo answers with method, host and body, and counts what reaches it.
func echo(t *testing.T) (target string, handled *atomic.Int32) {
	t.Helper()
	handled = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handled.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Target", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), handled
}

// send makes one request without connection reuse and returns status and body.
func send(t *testing.T, p *Proxy, method, path, body string) (int, string, http.Header, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), resp.Header, err
}

func TestProxyPassesAndRecords(t *testing.T) {
	target, _ := echo(t)
	p := NewProxy(t, target)
	status, body, header, err := send(t, p, "PUT", "/a/b?q=1", "payload")
	if err != nil || status != 202 || header.Get("X-Target") != "yes" {
		t.Fatalf("got %d %v, %v", status, header, err)
	}
	if want := "PUT " + p.Addr() + " payload"; body != want {
		t.Errorf("the target saw %q, want %q", body, want)
	}
	all := p.Requests()
	if len(all) != 1 {
		t.Fatalf("%d requests recorded, want 1", len(all))
	}
	got := all[0]
	if got.Method != "PUT" || got.Path != "/a/b" || got.Query != "q=1" || got.Body != "payload" || got.Status != 202 {
		t.Errorf("recorded %+v", got)
	}
	p.Reset()
	if n := len(p.Requests()); n != 0 {
		t.Errorf("%d requests after Reset", n)
	}
}

func TestProxyFaults(t *testing.T) {
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	tests := []struct {
		name    string
		fault   Fault
		status  int
		body    string
		err     func(error) bool
		handled int32
	}{
		{"status with header and body", Fault{Status: 429, Header: http.Header{"Retry-After": {"2"}}, Body: "slow"}, 429, "slow", nil, 0},
		{"reset before the target", Fault{Reset: true}, 0, "", is(syscall.ECONNRESET), 0},
		{"answer lost", Fault{Lose: true}, 0, "", is(syscall.ECONNRESET), 1},
		{"answer cut", Fault{Cut: true}, 202, "POST 127", is(io.ErrUnexpectedEOF), 1},
		{"hang", Fault{Hang: true}, 0, "", is(context.DeadlineExceeded), 0},
		{"mute", Fault{Mute: true}, 0, "", is(context.DeadlineExceeded), 1},
		{"what is sent", Fault{Sends: "^b$", Reset: true}, 0, "", is(syscall.ECONNRESET), 0},
		{"latency longer than patience", Fault{Latency: time.Hour}, 0, "", is(context.DeadlineExceeded), 0},
		{"latency", Fault{Latency: time.Millisecond}, 202, "POST 127", nil, 1},
		{"other method", Fault{Method: "PUT", Reset: true}, 202, "POST 127", nil, 1},
		{"other path", Fault{Path: `^/y$`, Reset: true}, 202, "POST 127", nil, 1},
		{"something else is sent", Fault{Sends: "c", Reset: true}, 202, "POST 127", nil, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target, handled := echo(t)
			p := NewProxy(t, target)
			p.Fault(test.fault)
			status, body, header, err := send(t, p, "POST", "/x", "b")
			if status != test.status || !strings.HasPrefix(body, test.body) {
				t.Errorf("got %d %q, want %d %q", status, body, test.status, test.body)
			}
			if test.err == nil && err != nil || test.err != nil && !test.err(err) {
				t.Errorf("unexpected error %v", err)
			}
			if n := handled.Load(); n != test.handled {
				t.Errorf("the target handled %d requests, want %d", n, test.handled)
			}
			if test.status == 429 && header.Get("Retry-After") != "2" {
				t.Errorf("header lost: %v", header)
			}
			if got := p.Requests(); len(got) != 1 {
				t.Errorf("%d requests recorded, want 1", len(got))
			}
		})
	}
}

func TestProxyHitsTheRequestsCountedOut(t *testing.T) {
	target, _ := echo(t)
	p := NewProxy(t, target)
	p.Fault(
		Fault{Method: "GET", Skip: 1, Times: 2, Status: 503},
		Fault{Method: "GET", Skip: 2, Status: 500},
	)
	want := []int{202, 503, 503, 500, 500}
	for i, w := range want {
		if i == 1 {
			if status, _, _, _ := send(t, p, "PUT", "/x", ""); status != 202 {
				t.Errorf("PUT: got %d, want 202", status)
			}
		}
		if status, _, _, _ := send(t, p, "GET", "/x", ""); status != w {
			t.Errorf("GET %d: got %d, want %d", i, status, w)
		}
	}
	p.Heal()
	if status, _, _, _ := send(t, p, "GET", "/x", ""); status != 202 {
		t.Errorf("after Heal: got %d, want 202", status)
	}
}

// TestFaultMet: it is told when the request has come, and when the target has handled it; other faults stay when it is mended.
func TestFaultMet(t *testing.T) {
	target, handled := echo(t)
	p := NewProxy(t, target)
	p.Fault(Fault{Path: "^/always$", Status: 500})
	for n, f := range []Fault{{Hang: true}, {Mute: true}} {
		seen := make(chan int32, 1)
		f.Path, f.Met = "^/x$", func() { seen <- handled.Load() }
		mend := p.Fault(f)
		_, _, _, _ = send(t, p, "POST", "/x", "")
		if got := <-seen; got != int32(n) {
			t.Errorf("fault %d was told when the target had handled %d requests", n, got)
		}
		mend()
	}
	for path, want := range map[string]int{"/x": 202, "/always": 500} {
		if status, _, _, _ := send(t, p, "POST", path, ""); status != want {
			t.Errorf("after mending: %s answers %d, want %d", path, status, want)
		}
	}
}

func TestWrites(t *testing.T) {
	target, _ := echo(t)
	p := NewProxy(t, "http://"+target)
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
		_, _, _, _ = send(t, p, method, "/x", "")
	}
	_, _, _, _ = send(t, p, "POST", "/repo.git/git-upload-pack", "")
	_, _, _, _ = send(t, p, "POST", "/repo.git/git-receive-pack", "")
	var got []string
	for _, r := range p.Writes() {
		got = append(got, r.Method+" "+r.Path)
	}
	const want = "POST /x, PUT /x, PATCH /x, DELETE /x, POST /repo.git/git-receive-pack"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
