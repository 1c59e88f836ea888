package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Slack is the receiver behind an incoming webhook of Slack. No error holds a part of its address, which is a secret.
func Slack(address string) (Receiver, error) {
	return Receiver{service: slack(address), tell: func(ctx context.Context, c carrier, to service, m Message) error {
		text, err := m.slackPayload()
		if err != nil {
			return err
		}
		return c.post(ctx, to, address, text)
	}}, checkSlack(address)
}

// checkSlack says whether an address can be that of a webhook, without naming it.
func checkSlack(address string) error {
	const want = "expected an address like https://hooks.slack.com/services/..., found "
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New(want + "nothing: set slackWebhookUrl, or leave it out")
	case err != nil:
		return errors.New(want + "something that is no URL: copy slackWebhookUrl anew")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New(want + "one that does not begin with https://: copy slackWebhookUrl anew")
	case inClear(u):
		return errors.New(want + "http://, which would send the secret in clear: use https://")
	case u.Host == "" || strings.Trim(u.Path, "/") == "":
		return errors.New(want + "one without host or path: copy slackWebhookUrl anew")
	}
	return nil
}

// accepted is Slack's answer to a message that it took.
const accepted = "ok"

// slack answers with one word, and with 5xx only if it did not take the message.
func slack(address string) service {
	return service{
		name: "Slack", report: "Slack", refuses5xx: true,
		took: func(a answer) bool { return a.status == http.StatusOK && strings.TrimSpace(a.body) == accepted },
		explain: func(a answer) (string, string) {
			word := word(a.body, address)
			if a.status == http.StatusOK && advice[word] == "" {
				return strings.TrimSpace(word + " instead of 200 ok"), "see that slackWebhookUrl is a webhook of Slack, and that no proxy answers for it"
			}
			return word, advice[word]
		},
	}
}

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
