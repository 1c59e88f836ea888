package notify

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/labtest"
)

// bench is a Slack and a sender that notes its waits instead of making them.
type bench struct {
	*labtest.Slack
	sender sender
	waits  []time.Duration
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Slack: labtest.NewSlack(t)}
	b.sender = sender{base: &http.Transport{DisableKeepAlives: true}, tryTime: time.Second, allTime: time.Minute}
	b.sender.sleep = func(ctx context.Context, d time.Duration) error {
		b.waits = append(b.waits, d)
		return ctx.Err()
	}
	return b
}

// send sends a real message and sees that an error does not give the address away.
func (b *bench) send(t *testing.T, address string) error {
	t.Helper()
	err := b.tell(t.Context(), t, address)
	wantHidden(t, err, address)
	return err
}

func (b *bench) tell(ctx context.Context, t *testing.T, address string) error {
	t.Helper()
	slack, err := Slack(address)
	if err != nil {
		t.Fatal(err)
	}
	return slack.tell(ctx, b.sender, slack.service, released())
}

func wantHidden(t *testing.T, err error, address string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range []string{address, "/services", "T0LAB", "labWebhookSecret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the address: %v", err)
			}
		}
	}
}

func (b *bench) want(t *testing.T, requests, messages int) {
	t.Helper()
	if got := len(b.Requests()); got != requests {
		t.Errorf("%d requests, want %d", got, requests)
	}
	if got := len(b.Messages()); got != messages {
		t.Errorf("%d messages, want %d; refused: %q", got, messages, b.Refused())
	}
}

func TestSendDelivers(t *testing.T) {
	sink := labtest.NewSlack(t)
	message, err := released().slackPayload()
	if err != nil {
		t.Fatal(err)
	}
	slack, err := Slack(sink.Webhook())
	if err != nil {
		t.Fatal(err)
	}
	if told, failures := Tell(t.Context(), []Receiver{slack}, released()); !slices.Equal(told, []string{"Slack"}) || failures != nil {
		t.Fatalf("told %q: %v", told, failures)
	}
	if got := sink.Messages(); !slices.Equal(got, []string{string(message)}) {
		t.Errorf("got %q", got)
	}
}

func TestSendTriesAgain(t *testing.T) {
	for name, fault := range map[string]labtest.Fault{
		"429": {Status: 429, Body: "rate_limited"}, "500": {Status: 500, Body: "rollup_error"}, "502": {Status: 502}, "503": {Status: 503},
	} {
		for times := 1; times <= 3; times++ {
			b := newBench(t)
			fault.Times = times
			b.Fault(fault)
			err := b.send(t, b.Webhook())
			if (err == nil) != (times < 3) {
				t.Errorf("%s %d times: got %v", name, times, err)
			}
			b.want(t, min(times+1, 3), min(1, 3-times))
		}
	}
}

func TestSendNeverSendsTwice(t *testing.T) {
	const perhaps = ": the message may have arrived, so it is not sent again; look whether it is there"
	for name, test := range map[string]struct {
		fault    labtest.Fault
		messages int
		want     string
	}{
		"answer lost":     {labtest.Fault{Lose: true}, 1, "the connection to Slack broke" + perhaps},
		"answer cut":      {labtest.Fault{Cut: true}, 1, "the connection to Slack broke" + perhaps},
		"connection lost": {labtest.Fault{Reset: true}, 0, "the connection to Slack broke" + perhaps},
		"no answer":       {labtest.Fault{Hang: true}, 0, "no answer from Slack in time" + perhaps},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.sender.tryTime = 200 * time.Millisecond
			test.fault.Times = 1
			b.Fault(test.fault)
			if err := b.send(t, b.Webhook()); err == nil || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
			b.want(t, 1, test.messages)
		})
	}
}

func TestSendSaysWhatToDo(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   string
	}{
		{400, "invalid_payload", "Slack answered 400 invalid_payload: Slack does not take what Slipway sends: please report it with the report of this run"},
		{403, "action_prohibited", "Slack answered 403 action_prohibited: an administrator of the workspace has restricted webhooks: ask there"},
		{404, "no_service\n", "Slack answered 404 no_service: the webhook was removed or switched off: make a new webhook in Slack, and set slackWebhookUrl to it"},
		{410, "channel_is_archived", "Slack answered 410 channel_is_archived: the webhook's channel is archived: bring it back, or make a new webhook in Slack, and set slackWebhookUrl to it"},
		{400, "something_new", "Slack answered 400 something_new"},
		{400, "<html>page</html>", "Slack answered 400"},
		{404, "no such path /services/T0LAB/B0LAB/labWebhookSecret", "Slack answered 404"},
		{404, "services", "Slack answered 404"},
		{408, "", "Slack answered 408"},
		{302, "", "Slack answered 302"},
		{200, "<html>log in</html>", "Slack answered 200 instead of 200 ok: see that slackWebhookUrl is a webhook of Slack, and that no proxy answers for it"},
		{204, "", "Slack answered 204"},
	} {
		b := newBench(t)
		b.Fault(labtest.Fault{Status: test.status, Body: test.body, Header: http.Header{"Location": {b.Webhook()}}})
		if err := b.send(t, b.Webhook()); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
		b.want(t, 1, 0)
	}
	b := newBench(t)
	b.Fault(labtest.Fault{Status: 500, Body: "rollup_error"})
	if err := b.send(t, b.Webhook()); err == nil || err.Error() != "Slack answered 500 rollup_error: Slack has a problem of its own: see its status page" {
		t.Errorf("got %v", err)
	}
	b.want(t, 3, 0)
}

func TestSendHonoursRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		wait   time.Duration // 0 = the ordinary delay
		want   string        // the error
	}{
		"seconds":           {"30", 30 * time.Second, ""},
		"none":              {"", 0, ""},
		"no figure":         {"soon", 0, ""},
		"beyond the minute": {"61", 0, "Slack answered 429 rate_limited and asks to wait 1m1s, which is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Fault(labtest.Fault{Status: 429, Body: "rate_limited", Header: http.Header{"Retry-After": {test.header}}, Times: 1})
			err := b.send(t, b.Webhook())
			if test.want != "" {
				if err == nil || err.Error() != test.want || b.waits != nil {
					t.Errorf("got %v after %v", err, b.waits)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(b.waits) != 1 || test.wait != 0 && b.waits[0] != test.wait || b.waits[0] < 375*time.Millisecond {
				t.Errorf("waited %v", b.waits)
			}
			b.want(t, 2, 1)
		})
	}
}

func TestSendTakesNoLongerThanAllowed(t *testing.T) {
	b := newBench(t)
	b.sender.allTime = 100 * time.Millisecond
	b.Fault(labtest.Fault{Status: 503})
	if err := b.send(t, b.Webhook()); err == nil || err.Error() != "Slack answered 503" {
		t.Errorf("got %v", err)
	}
	b.want(t, 1, 0)
}

func TestSendCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.sender.sleep = func(context.Context, time.Duration) error {
		cancel()
		return ctx.Err()
	}
	b.Fault(labtest.Fault{Status: 503})
	if err := b.tell(ctx, t, b.Webhook()); err == nil || err.Error() != "Slack answered 503" {
		t.Errorf("got %v", err)
	}
	b.want(t, 1, 0)
	if err := b.tell(ctx, t, b.Webhook()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.want(t, 1, 0)
}

func TestSendCancelledWhileWaitingForTheAnswer(t *testing.T) {
	b := newBench(t)
	b.Fault(labtest.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(100*time.Millisecond, cancel)
	err := b.tell(ctx, t, b.Webhook())
	if err == nil || !strings.HasPrefix(err.Error(), "cancelled while Slack was answering: the message may have arrived") {
		t.Errorf("got %v", err)
	}
	b.want(t, 1, 0)
}

func TestSendWithoutConnectionTriesAgain(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	b := newBench(t)
	err = b.send(t, "http://"+closed.Addr().String()+"/services/T0LAB/B0LAB/labWebhookSecret")
	if err == nil || err.Error() != "no connection to Slack: connection refused" || len(b.waits) != 2 {
		t.Errorf("got %v after %v", err, b.waits)
	}
}

func TestSendToAStrangerIsNotRepeated(t *testing.T) {
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	b := newBench(t)
	err := b.send(t, stranger.URL+"/services/T0LAB/B0LAB/labWebhookSecret")
	if err == nil || err.Error() != "no connection to Slack: its certificate is not valid here" || b.waits != nil {
		t.Errorf("got %v after %v", err, b.waits)
	}
}
