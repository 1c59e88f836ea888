package labtest

import (
	"bytes"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxBody is the largest request body that is kept: manifests and JSON, not layers.
const maxBody = 64 << 10

// Proxy is a reverse proxy that records every request and makes the faults it is told to.
type Proxy struct {
	server  *httptest.Server
	forward http.Handler
	stop    chan struct{}

	mu       sync.Mutex
	faults   []*Fault
	requests []*Request
}

// NewProxy starts a proxy on the loopback in front of target, a host:port or an http URL, until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return start(t, listener, target)
}

func start(t testing.TB, listener net.Listener, target string) *Proxy {
	t.Helper()
	p := &Proxy{forward: reverse(t, target), stop: make(chan struct{})}
	p.server = &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: http.HandlerFunc(p.serve), ErrorLog: log.New(io.Discard, "", 0),
	}}
	p.server.Start()
	t.Cleanup(func() {
		close(p.stop)
		p.server.Close()
	})
	return p
}

// portTries are as many seconds as a test takes that has all the addresses.
var portTries = 600

// ListenForContainers is NewProxy where the engine's containers reach it. Without such an address the test is skipped, in CI
// it fails.
func ListenForContainers(t testing.TB, target string) *Proxy {
	t.Helper()
	const variable = "SLIPWAY_LAB_PROXIES"
	addresses := os.Getenv(variable)
	if addresses == "" {
		missing(t, variable+" is not set: start the lab, or set it to free addresses of this machine that containers reach")
		return nil
	}
	for range portTries {
		for address := range strings.SplitSeq(addresses, ",") {
			if listener, err := net.Listen("tcp", address); err == nil {
				return start(t, listener, target)
			}
		}
		time.Sleep(time.Second) // until a test beside this one gives back what it has
	}
	t.Fatal("no address of " + variable + " is free: " + addresses)
	return nil
}

// reverse forwards to the target and keeps the Host header, so that the addresses in its answers lead to the proxy.
func reverse(t testing.TB, target string) http.Handler {
	t.Helper()
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// Addr returns the proxy's host:port.
func (p *Proxy) Addr() string { return p.server.Listener.Addr().String() }

// Fault adds faults until they are mended. The first one that takes a request decides; all count the requests they match.
func (p *Proxy) Fault(faults ...Fault) (mend func()) {
	var added []*Fault
	for _, f := range faults {
		f.path, f.sends = regexp.MustCompile(f.Path), regexp.MustCompile(f.Sends)
		added = append(added, &f)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, added...)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = slices.DeleteFunc(p.faults, func(f *Fault) bool { return slices.Contains(added, f) })
	}
}

// Heal removes all faults.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Reset forgets the requests recorded so far.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

// Requests returns the recorded requests in the order of their arrival.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Request, len(p.requests))
	for i, r := range p.requests {
		all[i] = *r
	}
	return all
}

// Writes returns the recorded requests that change something.
func (p *Proxy) Writes() []Request {
	return slices.DeleteFunc(p.Requests(), func(r Request) bool { return !r.Writes() })
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	record, fault := p.take(r)
	if fault.Latency > 0 && !p.pause(r, fault.Latency) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case fault.Hang:
		fault.met()
		p.hang(r)
	case fault.Mute:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		fault.met()
		p.hang(r)
	case fault.Reset:
		reset(w)
	case fault.Lose:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(w)
	case fault.Cut:
		p.cut(w, r)
	case fault.Status != 0:
		maps.Copy(w.Header(), fault.Header)
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body)
		p.answered(record, fault.Status)
	default:
		p.forward.ServeHTTP(&statusWriter{ResponseWriter: w, proxy: p, record: record}, r)
	}
}

// take records the request and finds the fault for it, an empty one if there is none.
func (p *Proxy) take(r *http.Request) (*Request, Fault) {
	record := &Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: peek(r), Time: time.Now(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, record)
	hit := Fault{}
	// Backward, so that every fault counts the request and the first one that takes it wins.
	for _, f := range slices.Backward(p.faults) {
		if f.hits(record) {
			hit = *f
		}
	}
	return record, hit
}

func (p *Proxy) answered(record *Request, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record.Status = status
}

// pause waits and returns false if the client or the test went away meanwhile.
func (p *Proxy) pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
	case <-p.stop:
	}
	return false
}

// hang holds the request until the client or the test goes away. Reading the body is what lets the server notice.
func (p *Proxy) hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-p.stop:
	}
	panic(http.ErrAbortHandler)
}

// cut sends the headers and the first half of the target's answer.
func (p *Proxy) cut(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	p.forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset closes the connection so that the client sees a reset rather than an orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// peek reads a short body and puts it back.
func peek(r *http.Request) string {
	if r.ContentLength <= 0 || r.ContentLength > maxBody {
		return ""
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// statusWriter notes the status on its way to the client.
type statusWriter struct {
	http.ResponseWriter
	proxy  *Proxy
	record *Request
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.proxy.answered(w.record, status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the reverse proxy flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
