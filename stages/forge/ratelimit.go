package forge

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dagger/slipway/stages/retry"
)

// limits lets a rate limit look like one: GitHub also answers 403, and says in three ways when to come back.
type limits struct {
	base  http.RoundTripper
	clock retry.Clock
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
	now := l.clock.Now()
	if wait, ok := retryAfter(resp.Header, now); ok {
		return wait, true
	}
	if reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && resp.Header.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Second, time.Unix(reset, 0).Sub(now)), true
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
