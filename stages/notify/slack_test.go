package notify

import (
	"strings"
	"testing"
)

// The answer to a good message stands in the name of Slack's own host, hooks.slack.com.
func TestWordOK(t *testing.T) {
	if got := word("ok", "https://hooks.slack.com/services/T/B/x"); got != "ok" {
		t.Errorf("got %q", got)
	}
}

func TestCheckSlack(t *testing.T) {
	const want = "expected an address like https://hooks.slack.com/services/..., found "
	for name, test := range map[string]struct{ address, found string }{
		"Slack":           {"https://hooks.slack.com/services/T0LAB/B0LAB/labWebhookSecret", ""},
		"other host":      {"https://mattermost.example/hooks/x", ""},
		"test":            {"http://127.0.0.1:8080/services/x", ""},
		"test by name":    {"http://localhost/services/x", ""},
		"test over IPv6":  {"http://[::1]:8080/services/x", ""},
		"test in a lab":   {"http://10.88.0.3:8080/services/x", ""},
		"public figures":  {"http://203.0.113.5/services/labWebhookSecret", "http://, which would send the secret in clear: use https://"},
		"empty":           {"", "nothing: set slackWebhookUrl, or leave it out"},
		"in clear":        {"http://hooks.slack.com/services/T0LAB/B0LAB/labWebhookSecret", "http://, which would send the secret in clear: use https://"},
		"no scheme":       {"hooks.slack.com/services/T0LAB/B0LAB/labWebhookSecret", "one that does not begin with https://: copy slackWebhookUrl anew"},
		"other scheme":    {"ftp://hooks.slack.com/services/labWebhookSecret", "one that does not begin with https://: copy slackWebhookUrl anew"},
		"line break":      {"https://hooks.slack.com/services\n/labWebhookSecret", "something that is no URL: copy slackWebhookUrl anew"},
		"bad escape":      {"https://hooks.slack.com/services/labWebhookSecret%zz", "something that is no URL: copy slackWebhookUrl anew"},
		"no path":         {"https://hooks.slack.com/", "one without host or path: copy slackWebhookUrl anew"},
		"no host":         {"https:///services/labWebhookSecret", "one without host or path: copy slackWebhookUrl anew"},
		"a path in clear": {"/services/T0LAB/B0LAB/labWebhookSecret", "one that does not begin with https://: copy slackWebhookUrl anew"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkSlack(test.address)
			if test.found == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || err.Error() != want+test.found {
				t.Errorf("got %v", err)
			}
			if _, told := Slack(test.address); told == nil || told.Error() != err.Error() {
				t.Errorf("as a receiver: %v", told)
			}
		})
	}
}

func FuzzCheckSlack(f *testing.F) {
	f.Add("https", "", "hooks.slack.com", "services/T/B/x")
	f.Add("http", "u:p@", "hooks.slack.com\x00", "secret")
	f.Fuzz(func(t *testing.T, scheme, user, host, path string) {
		if strings.Contains(scheme+user+host+path, canary) {
			return
		}
		address := scheme + "://" + canary + user + canary + host + "/" + canary + path
		if err := checkSlack(address); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows a part of %s: %v", address, err)
		}
	})
}
