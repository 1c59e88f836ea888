package redact

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	const user, token = "ci", `ca/na+ry&"12:3@45`
	mask := Token(user, token)
	for name, form := range map[string]string{
		"raw": token, "query": url.QueryEscape(token), "path": url.PathEscape(token), "JSON": `ca/na+ry\u0026\"12:3@45`,
		"in an address":                    strings.TrimPrefix(url.UserPassword(user, token).String(), user+":"),
		"in an address, written by others": `ca%2fna%2bry%26%2212%3a3%4045`,
		"base64":                           base64.StdEncoding.EncodeToString([]byte(token)),
		"basic":                            base64.StdEncoding.EncodeToString([]byte(user + ":" + token)),
		"URL base64":                       base64.RawURLEncoding.EncodeToString([]byte(user + ":" + token)),
		"raw base64":                       base64.RawStdEncoding.EncodeToString([]byte(token)),
		"in the text":                      "before " + token + " after",
	} {
		if got := mask.Replace(form); strings.Contains(got, form) || !strings.Contains(got, "***") {
			t.Errorf("%s: %q became %q", name, form, got)
		}
	}
}

func TestShortTokensDamageNoWords(t *testing.T) {
	for _, token := range []string{"", "1", "1234567"} {
		if got := Token("", token).Replace("127.0.0.1 1234567"); got != "127.0.0.1 1234567" {
			t.Errorf("%q: got %q", token, got)
		}
	}
	if got := Token("", "12345678").Replace("a 12345678 b"); got != "a *** b" {
		t.Errorf("got %q", got)
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		`Get "https://u:p@host/a?sig=1#x": EOF`: `Get "https://host/a": EOF`,
		"http://host/%zz?sig=1":                 "(a malformed URL)",
		"no address here":                       "no address here",
	} {
		if got := URLs(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
