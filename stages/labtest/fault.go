package labtest

import (
	"net/http"
	"regexp"
	"time"
)

// Fault says what happens to the requests it matches, a field for each thing that can. Without Status, Reset, Lose, Cut, Hang or Mute they pass after Latency.
type Fault struct {
	Method string // any if empty
	Path   string // regular expression, any if empty
	Sends  string // regular expression for the request's body, any if empty; see Request for which bodies are known
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
	Mute    bool // let the target handle the request, then never answer

	// Met is called for each request that Hang or Mute takes: before the target sees it, or when the target has handled it.
	Met func()

	path, sends *regexp.Regexp
	seen        int
}

// hits counts the request and says whether this fault takes it.
func (f *Fault) hits(r *Request) bool {
	if f.Method != "" && f.Method != r.Method || !f.path.MatchString(r.Path) || !f.sends.MatchString(r.Body) {
		return false
	}
	f.seen++
	return f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times)
}

func (f *Fault) met() {
	if f.Met != nil {
		f.Met()
	}
}
