package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dagger/slipway/stages/retry"
)

// tries is how often a message is sent at most (N3).
const tries = 3

// sender carries messages over the network. It repeats only what cannot have arrived: a team that gets a message twice
// stops reading them.
type sender struct {
	base    http.RoundTripper
	trust   *tls.Config // of mail servers
	sleep   func(context.Context, time.Duration) error
	tryTime time.Duration
	allTime time.Duration
}

func newSender() sender {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableKeepAlives = true // a connection from before may be dead, and then nobody knows what was sent
	return sender{base: base, trust: &tls.Config{}, sleep: retry.Sleep, tryTime: 20 * time.Second, allTime: time.Minute}
}

// service is what has to be known of those who answer.
type service struct {
	name       string // in a sentence about an answer
	report     string // in the report
	refuses5xx bool   // such an answer says for certain that the message was not taken
	took       func(answer) bool
	explain    func(answer) (word, advice string)
}

// post sends a message by HTTP. No error of it holds a part of the address, which is a secret.
func (s sender) post(ctx context.Context, to service, address string, message []byte) error {
	return s.repeat(ctx, to, func(ctx context.Context) answer { return s.try(ctx, address, message) })
}

func (s sender) repeat(ctx context.Context, to service, try func(context.Context) answer) error {
	ctx, cancel := context.WithTimeout(ctx, s.allTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	for failed := 0; ; failed++ {
		a := s.once(ctx, try)
		if a.err == nil && to.took(a) {
			return nil
		}
		wait := max(retry.Delay(failed), a.wait)
		tooLong := wait > time.Until(deadline)
		if !to.again(a) || failed+1 == tries || tooLong || s.sleep(ctx, wait) != nil {
			return to.problem(a, tooLong && a.wait > 0)
		}
	}
}

func (s sender) once(ctx context.Context, try func(context.Context) answer) answer {
	ctx, cancel := context.WithTimeout(ctx, s.tryTime)
	defer cancel()
	return try(ctx)
}

// answer is what one try brought.
type answer struct {
	status  int
	body    string
	wait    time.Duration // that it asks for
	err     error
	written bool // a connection stood, so the message may have arrived
}

// maxAnswer is far more than any of the services says about a message.
const maxAnswer = 4 << 10

func (s sender) try(ctx context.Context, address string, message []byte) (a answer) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.written = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(message))
	if err != nil {
		return answer{err: errors.New("the address cannot be used")} // err would quote it
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.base.RoundTrip(req) // a client would follow redirects with the secret, and quote it in errors
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a.status, a.body = resp.StatusCode, string(body)
	a.wait = asked(resp.Header.Get("Retry-After"), body)
	if a.status < http.StatusMultipleChoices {
		a.err = err
	}
	return a
}

// asked is the wait that an answer asks for: in the header, or in the body as Discord and Telegram do.
func asked(header string, body []byte) time.Duration {
	var said struct {
		RetryAfter float64 `json:"retry_after"`
		Parameters struct {
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	_ = json.Unmarshal(body, &said)
	seconds, _ := strconv.ParseUint(header, 10, 31)
	longest := max(float64(seconds), said.RetryAfter, said.Parameters.RetryAfter)
	return time.Duration(min(math.Ceil(longest), math.MaxInt32)) * time.Second
}

// again says whether the next try may end better: the message never left, or the service has said that it did not take it.
func (s service) again(a answer) bool {
	var certificate *tls.CertificateVerificationError
	switch {
	case a.err != nil:
		return !a.written && !errors.As(a.err, &certificate)
	case a.status == http.StatusTooManyRequests:
		return true
	}
	return s.refuses5xx && a.status >= 500
}

// problem is the error of the last try.
func (s service) problem(a answer, tooLong bool) error {
	const perhaps = ": the message may have arrived, so it is not sent again; look whether it is there"
	switch {
	case a.err != nil && !a.written:
		return fmt.Errorf("no connection to %s: %w", s.name, cause(a.err))
	case errors.Is(a.err, context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s in time"+perhaps, s.name)
	case errors.Is(a.err, context.Canceled):
		return fmt.Errorf("cancelled while %s was answering"+perhaps, s.name)
	case a.err != nil:
		return fmt.Errorf("the connection to %s broke"+perhaps, s.name)
	}
	return errors.New(s.name + " " + s.said(a, tooLong))
}

// said is an answer that was not the right one, and what to do about it.
func (s service) said(a answer, tooLong bool) string {
	word, advice := s.explain(a)
	text := strings.TrimSpace(fmt.Sprintf("answered %d %s", a.status, word))
	switch {
	case tooLong:
		return text + fmt.Sprintf(" and asks to wait %s, which is too long", a.wait)
	case advice != "":
		return text + ": " + advice
	}
	return text
}

// cause is why there is no connection, in words that hold no part of an address.
func cause(err error) error {
	var (
		unknown     *net.DNSError
		certificate *tls.CertificateVerificationError
		network     net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &unknown):
		return errors.New("its host has no address: see that it is written right")
	case errors.As(err, &certificate):
		return errors.New("its certificate is not valid here")
	case errors.Is(err, syscall.ECONNREFUSED):
		return syscall.ECONNREFUSED
	case errors.As(err, &network) && network.Timeout():
		return errors.New("it does not answer")
	}
	return errors.New("it cannot be reached as its address says")
}
