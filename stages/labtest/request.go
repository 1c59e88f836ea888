package labtest

import (
	"net/http"
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
