// Package redact makes texts that somebody else has written fit to be shown: without secrets, and without what a
// terminal would obey.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// shortest is the length below which masking would damage ordinary words; a real run refuses such a token.
const shortest = 8

// Token replaces a token in every form in which a server may send it back; user is what it is sent with.
func Token(user, token string) *strings.Replacer {
	if len(token) < shortest {
		return strings.NewReplacer()
	}
	quoted, _ := json.Marshal(token)
	forms := append(percentEncoded(token), token, strings.Trim(string(quoted), `"`))
	for _, raw := range []string{user + ":" + token, token} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, e.EncodeToString([]byte(raw)))
		}
	}
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, "***")
	}
	return strings.NewReplacer(pairs...)
}

// percentEncoded are the forms for the places of an address, of which each leaves other characters as they are.
func percentEncoded(token string) []string {
	forms := []string{
		url.QueryEscape(token), url.PathEscape(token), strings.TrimPrefix(url.UserPassword("", token).String(), ":"),
		strings.ReplaceAll(url.PathEscape(token), "%2F", "/"),
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, hexDigits.ReplaceAllStringFunc(form, strings.ToLower))
	}
	return forms
}

// hexDigits are in upper case as Go writes them, and in lower case as others do.
var hexDigits = regexp.MustCompile(`%[0-9A-F]{2}`)

var urlPattern = regexp.MustCompile(`https?://[^\s"'<>]+`)

// URLs removes user information and query from every URL in a text: redirects carry signatures there.
func URLs(text string) string { return urlPattern.ReplaceAllStringFunc(text, bare) }

func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(a malformed URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
