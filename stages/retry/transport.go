package retry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds what is kept of an answer: manifests, tag lists and JSON pages are far smaller.
const maxAnswer = 64 << 20

// Transport is an http.RoundTripper that repeats a request on 408, 429, 5xx and a broken or hanging connection.
// An answer is read to its end within the try, so that a connection that breaks in the middle of it is repeated too.
type Transport struct {
	// Base sends the single tries.
	Base http.RoundTripper
	// RepeatWrites also repeats POST and PATCH. Right only where doing it twice does no harm: a POST whose answer
	// was lost may have been carried out.
	RepeatWrites bool
	// TryTimeout bounds a single try, 60 seconds if 0.
	TryTimeout time.Duration
	// Clock is the real one if nil.
	Clock Clock
}

var _ http.RoundTripper = (*Transport)(nil)

// WaitError says that a server asked for a longer wait than there is time for.
type WaitError struct {
	Status     int
	Wait, Left time.Duration
}

// Error implements error.
func (e *WaitError) Error() string {
	return fmt.Sprintf("the server answered %d and asks to wait %s, but only %s are left: run again later",
		e.Status, e.Wait.Round(time.Second), e.Left.Round(time.Second))
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	clock := t.clock()
	deadline := Deadline(req.Context(), clock)
	for failed := 0; ; failed++ {
		resp, err := t.try(req)
		last := failed+1 == Tries || !t.repeatable(req)
		if last || !worthRepeating(resp, err) {
			return resp, err
		}
		now := clock.Now()
		asked, left := after(resp, now), deadline.Sub(now)
		if asked > 0 && asked > left {
			return nil, &WaitError{Status: resp.StatusCode, Wait: asked, Left: left}
		}
		delay := max(Delay(failed), asked)
		if delay > left {
			return resp, err
		}
		if err := clock.Sleep(req.Context(), delay); err != nil {
			return nil, err
		}
	}
}

// try sends the request once and reads the whole answer, all within the time of one try.
func (t *Transport) try(req *http.Request) (*http.Response, error) {
	timeout := cmp.Or(t.TryTimeout, tryTimeout)
	ctx, cancel := context.WithTimeoutCause(req.Context(), timeout, fmt.Errorf("no full answer within %s", timeout))
	defer cancel()
	try := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		try.Body = body
	}
	resp, err := t.Base.RoundTrip(try)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.Request = req
	return resp, nil
}

// repeatable says whether the request can be sent again in full, and whether that does no harm.
func (t *Transport) repeatable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	return t.RepeatWrites || req.Method != http.MethodPost && req.Method != http.MethodPatch
}

func (t *Transport) clock() Clock {
	if t.Clock == nil {
		return Real
	}
	return t.Clock
}

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)

// worthRepeating says whether the next try may end differently.
func worthRepeating(resp *http.Response, err error) bool {
	if err == nil {
		return Temporary(resp.StatusCode)
	}
	return !permanent(err)
}

// permanent recognises what time does not heal. Everything else that breaks a connection is repeated, because the
// errors of a reset, a closed idle connection and a broken HTTP/2 stream have no common type to recognise them by.
func permanent(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		dns         *net.DNSError
		address     *net.AddrError
	)
	return errors.Is(err, errTooLarge) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &record) ||
		errors.As(err, &alert) || errors.As(err, &address) || errors.As(err, &dns) && dns.IsNotFound
}
