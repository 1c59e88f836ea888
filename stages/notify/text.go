package notify

import (
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
