package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dagger/slipway/stages/retry"
)

// tries is how often a message is sent at most (N3).
const tries = 3

// sender sends one message.
type sender struct {
	base    http.RoundTripper
	sleep   func(context.Context, time.Duration) error
	tryTime time.Duration
	allTime time.Duration
}

// Send posts a message. It repeats only what cannot have arrived: a team that gets a message twice stops reading them.
// No error holds the URL, which is a secret.
func Send(ctx context.Context, address string, message []byte) error {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableKeepAlives = true // a connection from before may be dead, and then nobody knows what was sent
	return sender{base: base, sleep: retry.Sleep, tryTime: 20 * time.Second, allTime: time.Minute}.send(ctx, address, message)
}

// CheckURL says whether an address can be that of a webhook, without naming it.
func CheckURL(address string) error {
	const want = "expected an address like https://hooks.slack.com/services/..., found "
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New(want + "nothing: set slackWebhookUrl, or leave it out")
	case err != nil:
		return errors.New(want + "something that is no URL: copy slackWebhookUrl anew")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New(want + "one that does not begin with https://: copy slackWebhookUrl anew")
	case u.Scheme == "http" && !local(u.Hostname()):
		return errors.New(want + "http://, which would send the secret in clear: use https://")
	case u.Host == "" || strings.Trim(u.Path, "/") == "":
		return errors.New(want + "one without host or path: copy slackWebhookUrl anew")
	}
	return nil
}

// local is for tests: an address in figures is none that a certificate would be for.
func local(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

func (s sender) send(ctx context.Context, address string, message []byte) error {
	if err := CheckURL(address); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.allTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	for failed := 0; ; failed++ {
		a := s.try(ctx, address, message)
		if a.ok() {
			return nil
		}
		wait := max(retry.Delay(failed), a.wait)
		tooLong := wait > time.Until(deadline)
		if !a.again() || failed+1 == tries || tooLong || s.sleep(ctx, wait) != nil {
			return a.problem(tooLong && a.wait > 0)
		}
	}
}

// answer is what one try brought.
type answer struct {
	status  int
	word    string        // Slack's answer, if it is a single word
	wait    time.Duration // that it asks for
	err     error
	written bool // a connection stood, so the message may have arrived
}

// maxAnswer is far more than the one word that Slack answers.
const maxAnswer = 4 << 10

func (s sender) try(ctx context.Context, address string, message []byte) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, s.tryTime)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { a.written = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(message))
	if err != nil {
		return answer{err: errors.New("the webhook's address cannot be used")} // err would quote it
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.base.RoundTrip(req) // a client would follow redirects with the secret, and quote it in errors
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a.status, a.word, a.wait = resp.StatusCode, word(string(body), address), asked(resp)
	if a.status == http.StatusOK {
		a.err = err
	}
	return a
}

// accepted is Slack's answer to a message that it took.
const accepted = "ok"

var oneWord = regexp.MustCompile(`^[a-z][a-z_]{1,60}$`)

// word keeps an answer only if it is like one of Slack's: an echo of the URL, or a page, is none.
func word(body, address string) string {
	body = strings.TrimSpace(body)
	known := body == accepted || advice[body] != ""
	if !known && (!oneWord.MatchString(body) || strings.Contains(address, body)) {
		return ""
	}
	return body
}

// asked is what Retry-After says, which Slack gives in seconds.
func asked(resp *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func (a answer) ok() bool { return a.err == nil && a.status == http.StatusOK && a.word == accepted }

// again says whether the next try may end better: the message never left, or Slack has said that it did not take it.
func (a answer) again() bool {
	var certificate *tls.CertificateVerificationError
	switch {
	case a.err != nil:
		return !a.written && !errors.As(a.err, &certificate)
	case a.status == http.StatusTooManyRequests:
		return true
	}
	return a.status >= 500
}

// problem is the error of the last try.
func (a answer) problem(tooLong bool) error {
	const perhaps = ": the message may have arrived, so it is not sent again; look into the channel"
	switch {
	case a.err != nil && !a.written:
		return fmt.Errorf("no connection to Slack: %w", a.err)
	case errors.Is(a.err, context.DeadlineExceeded):
		return errors.New("no answer from Slack in time" + perhaps)
	case errors.Is(a.err, context.Canceled):
		return errors.New("cancelled while Slack was answering" + perhaps)
	case a.err != nil:
		return errors.New("the connection to Slack broke" + perhaps)
	}
	return errors.New("Slack " + a.said(tooLong))
}

// said is an answer that was not the right one, and what to do about it.
func (a answer) said(tooLong bool) string {
	text := strings.TrimSpace(fmt.Sprintf("answered %d %s", a.status, a.word))
	switch {
	case tooLong:
		return text + fmt.Sprintf(" and asks to wait %s, which is too long", a.wait)
	case advice[a.word] != "":
		return text + ": " + advice[a.word]
	case a.status == http.StatusOK:
		return text + " instead of 200 ok: see that slackWebhookUrl is a webhook of Slack, and that no proxy answers for it"
	}
	return text
}

const (
	newWebhook = "make a new webhook in Slack, and set slackWebhookUrl to it"
	ourFault   = "Slack does not take what Slipway sends: please report it with the report of this run"
)

// advice is what to do about the answers that Slack documents.
var advice = map[string]string{
	"invalid_payload":                   ourFault,
	"invalid_blocks":                    ourFault,
	"no_text":                           ourFault,
	"user_not_found":                    "the webhook's user is gone: " + newWebhook,
	"channel_not_found":                 "the webhook's channel is gone: " + newWebhook,
	"channel_is_archived":               "the webhook's channel is archived: bring it back, or " + newWebhook,
	"action_prohibited":                 "an administrator of the workspace has restricted webhooks: ask there",
	"posting_to_general_channel_denied": "only administrators may write to the webhook's channel: " + newWebhook + " for another one",
	"no_service":                        "the webhook was removed or switched off: " + newWebhook,
	"no_service_id":                     "the webhook's address is not complete: copy slackWebhookUrl anew",
	"no_team":                           "the webhook's workspace is gone: " + newWebhook,
	"team_disabled":                     "the webhook's workspace is not active: ask its administrator",
	"invalid_token":                     "the webhook's address is wrong: copy slackWebhookUrl anew",
	"rollup_error":                      "Slack has a problem of its own: see its status page",
}
