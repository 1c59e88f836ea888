package forge

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
)

// shortestSecret is the length below which masking would damage ordinary words; a real run refuses such a token.
const shortestSecret = 8

// masks replaces the token in every form in which a server may send it back.
func masks(token string) *strings.Replacer {
	if len(token) < shortestSecret {
		return strings.NewReplacer()
	}
	quoted, _ := json.Marshal(token)
	forms := []string{token, url.QueryEscape(token), url.PathEscape(token), strings.Trim(string(quoted), `"`)}
	for _, raw := range []string{token, gitUser + ":" + token} {
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
