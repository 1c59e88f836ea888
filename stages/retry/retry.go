// Package retry holds the one policy by which Slipway repeats an HTTP request that may yet succeed.
package retry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tries is how often a request is sent at most; with the growing delays that bridges about 15 seconds.
const Tries = 6

const (
	firstDelay = 500 * time.Millisecond
	// A single try may hang this long, so that all tries fit into one step.
	tryTimeout = 60 * time.Second
	// No request goes on longer than a step, however much longer its context would wait.
	stepTimeout = 10 * time.Minute
)

// Delay returns how long to wait after the given number of failed tries, counted from 0: twice as long each time,
// give or take a quarter, so that clients that failed together do not come back together.
func Delay(failed int) time.Duration {
	base := firstDelay << min(failed, Tries)
	return time.Duration(float64(base) * (0.75 + rand.Float64()/2))
}

// Deadline is when no further try of what begins now may start.
func Deadline(ctx context.Context, clock Clock) time.Time {
	step := clock.Now().Add(stepTimeout)
	if end, ok := ctx.Deadline(); ok && end.Before(step) {
		return end
	}
	return step
}

// Sleep waits for the duration, or returns the context's error when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Temporary reports whether an answer with this status code may be different next time.
func Temporary(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// after returns the wait that an answer asks for with Retry-After, 0 if there is no answer or it asks for none.
func after(resp *http.Response, now time.Time) time.Duration {
	if resp == nil {
		return 0
	}
	value := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
