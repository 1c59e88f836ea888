package notify

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"

	"dagger/slipway/stages/redact"
)

// entities are all that Slack reads as markup in a text object of either kind (N2).
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// inert makes one line of text that holds no markup and is at most limit characters long, "…" included. Slack does not
// say what a character is, so entities count in full and runes as UTF-16 units, which is never too little.
func inert(s string, limit int) string {
	s = redact.OneLine(s)
	if size(entities.Replace(s)) <= limit {
		return entities.Replace(s)
	}
	var b strings.Builder
	left := limit - size("…")
	for _, r := range s {
		piece := entities.Replace(string(r))
		if left -= size(piece); left < 0 {
			break
		}
		b.WriteString(piece)
	}
	return b.String() + "…"
}

func size(s string) int { return len(utf16.Encode([]rune(s))) }

// plainHost leaves out the punctuation that a URL may have in its host.
var plainHost = regexp.MustCompile(`^[\p{L}\p{N}._:\[\]-]+$`)

// maxAddress keeps all links of a message within one section.
const maxAddress = 1000

// link is a link in mrkdwn, or nothing if the address is none. The label is our own text.
func link(label, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !plainHost.MatchString(u.Host) {
		return ""
	}
	u.User = nil
	u.RawQuery = u.Query().Encode() // the parts of a URL other than this are encoded by String
	safe := entities.Replace(u.String())
	if size(safe) > maxAddress {
		return ""
	}
	return "<" + safe + "|" + label + ">"
}
