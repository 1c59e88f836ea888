package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// bench is a server behind a fault-making proxy, a client with the transport under test, and the waits it made.
type bench struct {
	*labtest.Proxy
	transport *Transport
	now       func() time.Time
	waits     []time.Duration
	asleep    func() // called during each wait
}

// Now implements Clock.
func (b *bench) Now() time.Time { return b.now() }

// Sleep implements Clock. It only writes down what was asked for.
func (b *bench) Sleep(ctx context.Context, d time.Duration) error {
	b.waits = append(b.waits, d)
	b.asleep()
	return ctx.Err()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "got "+string(body))
	}))
	t.Cleanup(server.Close)
	b := &bench{Proxy: labtest.NewProxy(t, server.URL), now: func() time.Time { return noon }, asleep: func() {}}
	b.transport = &Transport{
		Base:       &http.Transport{DisableKeepAlives: true},
		TryTimeout: time.Second,
		Clock:      b,
	}
	return b
}

func (b *bench) send(ctx context.Context, t *testing.T, method string, body io.Reader) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+b.Addr()+"/x", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: b.transport}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer), nil
}

func (b *bench) wantRequests(t *testing.T, n int) {
	t.Helper()
	if got := len(b.Requests()); got != n {
		t.Errorf("%d requests, want %d", got, n)
	}
	if got := len(b.waits); got != n-1 {
		t.Errorf("%d waits, want %d", got, n-1)
	}
}

func TestOneAndTwoFaultsAreBridged(t *testing.T) {
	faults := map[string]labtest.Fault{
		"408": {Status: 408}, "429": {Status: 429}, "500": {Status: 500}, "502": {Status: 502}, "503": {Status: 503},
		"504": {Status: 504}, "reset": {Reset: true}, "answer lost": {Lose: true}, "answer cut": {Cut: true},
	}
	for name, fault := range faults {
		for times := 1; times <= 2; times++ {
			for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
				if fault.Cut && method == "HEAD" {
					continue // no body to cut
				}
				t.Run(name+" "+method, func(t *testing.T) {
					b := newBench(t)
					fault.Times = times
					b.Fault(fault)
					status, body, err := b.send(t.Context(), t, method, strings.NewReader("payload"))
					if status != 200 || err != nil {
						t.Errorf("got %d, %v", status, err)
					}
					if method != "HEAD" && body != "got payload" {
						t.Errorf("the last try delivered %q", body)
					}
					b.wantRequests(t, times+1)
				})
			}
		}
	}
}

func TestHangIsCutOffAndRepeated(t *testing.T) {
	b := newBench(t)
	b.transport.TryTimeout = 30 * time.Millisecond
	b.Fault(labtest.Fault{Hang: true, Times: 1})
	if status, _, err := b.send(t.Context(), t, "GET", nil); status != 200 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
	b.wantRequests(t, 2)
}

func TestHangForEverSaysHowLongItWaited(t *testing.T) {
	b := newBench(t)
	b.transport.TryTimeout = 10 * time.Millisecond
	b.Fault(labtest.Fault{Hang: true})
	_, _, err := b.send(t.Context(), t, "GET", nil)
	if err == nil || !strings.Contains(err.Error(), "no full answer within 10ms") {
		t.Errorf("got %v", err)
	}
	b.wantRequests(t, Tries)
}

func TestOtherStatusIsNeverRepeated(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 409, 412, 422, 499} {
		b := newBench(t)
		b.Fault(labtest.Fault{Status: status, Header: http.Header{"Retry-After": {"1"}}})
		if got, _, err := b.send(t.Context(), t, "GET", nil); got != status || err != nil {
			t.Errorf("%d: got %d, %v", status, got, err)
		}
		b.wantRequests(t, 1)
	}
}

func TestGivesUpAfterAllTries(t *testing.T) {
	b := newBench(t)
	b.Fault(labtest.Fault{Status: 503, Body: "down"})
	status, body, err := b.send(t.Context(), t, "GET", nil)
	if status != 503 || body != "down" || err != nil {
		t.Errorf("got %d %q, %v; want the last answer", status, body, err)
	}
	b.wantRequests(t, 6)
	for i := 1; i < len(b.waits); i++ {
		if b.waits[i] <= b.waits[i-1] {
			t.Errorf("the waits do not grow: %v", b.waits)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name, header string
		deadline     time.Duration // of the context, none if 0
		wait         time.Duration // 0 = the ordinary delay
		left         time.Duration // in the error, 0 = no error
	}{
		{"seconds", "20", time.Minute, 20 * time.Second, 0},
		{"date", "Fri, 02 Jan 2026 12:00:40 GMT", time.Minute, 40 * time.Second, 0},
		{"exactly the time left", "60", time.Minute, time.Minute, 0},
		{"shorter than the delay", "0", time.Minute, 0, 0},
		{"more than the time left", "61", time.Minute, 0, time.Minute},
		{"no deadline, within ten minutes", "599", 0, 599 * time.Second, 0},
		{"no deadline, more than ten minutes", "601", 0, 0, 10 * time.Minute},
		{"a far deadline, within ten minutes", "599", time.Hour, 599 * time.Second, 0},
		{"a far deadline, more than ten minutes", "1800", time.Hour, 0, 10 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.Fault(labtest.Fault{Status: 429, Header: http.Header{"Retry-After": {test.header}}, Times: 1})
			ctx := t.Context()
			if test.deadline != 0 {
				ctx = fakeDeadline{ctx, noon.Add(test.deadline)}
			}
			_, _, err := b.send(ctx, t, "GET", nil)
			if test.left != 0 {
				b.wantWaitError(t, err, test.left)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b.wantRequests(t, 2)
			if test.wait != 0 && b.waits[0] != test.wait || test.wait == 0 && b.waits[0] < 375*time.Millisecond {
				t.Errorf("waited %s, want %s", b.waits[0], test.wait)
			}
		})
	}
}

func (b *bench) wantWaitError(t *testing.T, err error, left time.Duration) {
	t.Helper()
	b.wantRequests(t, 1)
	var wait *WaitError
	if !errors.As(err, &wait) || wait.Status != 429 || wait.Left != left {
		t.Errorf("got %v", err)
	}
}

// fakeDeadline has a deadline by the test's clock without ever ending.
type fakeDeadline struct {
	context.Context
	at time.Time
}

func (f fakeDeadline) Deadline() (time.Time, bool) { return f.at, true }

func TestWaitErrorText(t *testing.T) {
	err := &WaitError{Status: 429, Wait: time.Hour, Left: 90 * time.Second}
	const want = "the server answered 429 and asks to wait 1h0m0s, but only 1m30s are left: run again later"
	if err.Error() != want {
		t.Errorf("got %s", err)
	}
}

func TestNoTimeForTheDelay(t *testing.T) {
	b := newBench(t)
	b.Fault(labtest.Fault{Status: 503})
	status, _, err := b.send(fakeDeadline{t.Context(), noon.Add(100 * time.Millisecond)}, t, "GET", nil)
	if status != 503 || err != nil {
		t.Errorf("got %d, %v; want the answer at once", status, err)
	}
	b.wantRequests(t, 1)
}

func TestDeadlineDuringATry(t *testing.T) {
	b := newBench(t)
	b.now = time.Now
	b.Fault(labtest.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := b.send(ctx, t, "GET", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	b.wantRequests(t, 1)
}

func TestCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.Fault(labtest.Fault{Status: 503})
	b.asleep = cancel
	if _, _, err := b.send(ctx, t, "GET", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := len(b.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestPostIsRepeatedOnlyWhereItDoesNoHarm(t *testing.T) {
	for _, method := range []string{"POST", "PATCH"} {
		for want, repeat := range map[int]bool{1: false, 2: true} {
			b := newBench(t)
			b.transport.RepeatWrites = repeat
			b.Fault(labtest.Fault{Status: 503, Times: 1})
			if _, _, err := b.send(t.Context(), t, method, strings.NewReader("x")); err != nil {
				t.Error(err)
			}
			b.wantRequests(t, want)
		}
	}
}

func TestBodyThatCannotBeSentAgainIsNotRepeated(t *testing.T) {
	b := newBench(t)
	b.Fault(labtest.Fault{Status: 503, Times: 1})
	if status, _, err := b.send(t.Context(), t, "PUT", io.MultiReader(strings.NewReader("x"))); status != 503 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
	b.wantRequests(t, 1)
}

func TestUnusableServerIsNotAskedAgain(t *testing.T) {
	quiet := func(server *httptest.Server) *httptest.Server {
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(server.Close)
		return server
	}
	secure := quiet(httptest.NewUnstartedServer(http.NotFoundHandler()))
	secure.StartTLS()
	plain := quiet(httptest.NewUnstartedServer(http.NotFoundHandler()))
	plain.Start()
	tests := map[string]string{
		"certificate nobody trusts": secure.URL,
		"no TLS at all":             strings.Replace(plain.URL, "http:", "https:", 1),
	}
	for name, address := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if _, err := (&http.Client{Transport: b.transport}).Get(address); err == nil {
				t.Error("no error")
			}
			if len(b.waits) != 0 {
				t.Errorf("waited %v", b.waits)
			}
		})
	}
}

func TestPermanent(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"host does not exist", &net.DNSError{IsNotFound: true}, true},
		{"name server does not answer", &net.DNSError{IsTimeout: true}, false},
		{"address is malformed", &net.OpError{Err: &net.AddrError{}}, true},
		{"certificate", &tls.CertificateVerificationError{Err: errors.New("x")}, true},
		{"unknown authority", x509.UnknownAuthorityError{}, true},
		{"TLS alert", &net.OpError{Err: tls.AlertError(40)}, true},
		{"not TLS", tls.RecordHeaderError{}, true},
		{"plain HTTP on a TLS request", http.ErrSchemeMismatch, true},
		{"reset", &net.OpError{Err: syscall.ECONNRESET}, false},
		{"end of file", io.ErrUnexpectedEOF, false},
		{"idle connection closed", errors.New("http: server closed idle connection"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := permanent(test.err); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// endless answers every request with a body that does not end.
type endless struct{}

func (endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(endless{})}, nil
}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestEndlessAnswer(t *testing.T) {
	b := newBench(t)
	b.transport.Base = endless{}
	_, err := (&http.Client{Transport: b.transport}).Get("http://x")
	if err == nil || !strings.Contains(err.Error(), "the answer is larger than 64 MiB") || len(b.waits) != 0 {
		t.Errorf("got %v after %d waits", err, len(b.waits))
	}
}

func TestRefusedConnectionIsRepeated(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	b := newBench(t)
	client := &http.Client{Transport: b.transport}
	var failed *url.Error
	if _, err := client.Get(gone.URL); !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
	if len(b.waits) != Tries-1 {
		t.Errorf("%d waits, want %d", len(b.waits), Tries-1)
	}
}
