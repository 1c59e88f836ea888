package labtest

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Request is one request as the proxy received it.
type Request struct {
	Method, Path, Query string
	Header              http.Header
	Body                string // empty if longer than 64 KiB or of unknown length
	Time                time.Time
	// Status is what the client got: 0 if the connection was broken or the answer is still held back.
	Status int
}

// Writes reports whether the request changes something. A Git fetch is a POST that changes nothing.
func (r Request) Writes() bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return !strings.HasSuffix(r.Path, "/git-upload-pack") && !r.asksForUpload()
}

// asksForUpload is an upload to a registry that is only opened or given up: nothing is stored until content follows.
func (r Request) asksForUpload() bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/blobs/uploads/") || r.Method == http.MethodDelete && strings.Contains(r.Path, "/blobs/uploads/")
}

// Fault says what happens to the requests it matches. Without Status, Reset, Lose, Cut or Hang they pass after Latency.
type Fault struct {
	Method string // any if empty
	Path   string // regular expression, any if empty
	Skip   int    // this many matching requests pass first
	Times  int    // this many are hit then, all if 0

	Latency time.Duration // wait first
	Status  int           // answer with this status, Header and Body
	Header  http.Header
	Body    string
	Reset   bool // break the connection before the target sees the request
	Lose    bool // let the target handle the request, then break the connection instead of answering
	Cut     bool // let the target handle the request, then break the connection in the middle of the answer's body
	Hang    bool // never answer

	path *regexp.Regexp
	seen int
}

// hits counts the request and says whether this fault takes it.
func (f *Fault) hits(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method || !f.path.MatchString(r.URL.Path) {
		return false
	}
	f.seen++
	return f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times)
}
