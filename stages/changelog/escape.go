package changelog

import (
	"net/url"
	"regexp"
	"strings"

	"dagger/slipway/stages/redact"
)

// maxTitle is in characters (C13). It holds for every name and title that comes from a commit or the forge.
const maxTitle = 200

// maxNote holds for what a breaking footer says, which is a paragraph.
const maxNote = 1000

// guard is an empty comment: renderers show nothing, but it keeps forges from turning the text around it into a link or mention.
const guard = "<!---->"

var (
	markdown = strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;",
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`, "!", `\!`, "|", `\|`, "~", `\~`,
		"@", "@"+guard, "#", "#"+guard,
		// Forges link bare addresses too.
		"://", ":"+guard+"//", "www.", "www"+guard+".", "WWW.", "WWW"+guard+".",
	)
	// At the start of a list item these would begin another list, a rule or a heading.
	blockStart = regexp.MustCompile(`^([0-9]{0,9})([-+=.])`)
)

// plainHost leaves out the punctuation that a URL may have in its host and that ends a Markdown link.
var plainHost = regexp.MustCompile(`^[\p{L}\p{N}._:\[\]-]+$`)

// EscapeMarkdown makes s one line of inert text for Markdown: no HTML, link, image or mention in it survives (C12).
func EscapeMarkdown(s string) string {
	return blockStart.ReplaceAllString(escapeInline(s), `$1\$2`)
}

// escapeInline is for text that never stands at the start of a line or list item.
func escapeInline(s string) string { return markdown.Replace(redact.OneLine(s)) }

// clean is one line within maxTitle.
func clean(s string) string { return cut(s, maxTitle) }

func cut(s string, limit int) string {
	runes := []rune(redact.OneLine(s))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit-1]) + "…"
}

// webAddress returns a URL that is safe between the brackets of a Markdown link, or nothing.
func webAddress(raw string) string {
	at, err := url.Parse(raw)
	if err != nil || !plainHost.MatchString(at.Host) || (at.Scheme != "https" && at.Scheme != "http") {
		return ""
	}
	safe := url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path}
	return strings.NewReplacer("(", "%28", ")", "%29").Replace(safe.String())
}

// address puts a link together from a base and one value that is data; without a base there is none.
func address(base, value string) string {
	if base == "" || value == "" {
		return ""
	}
	return webAddress(base + url.PathEscape(value))
}

// link expects text that is escaped already.
func link(text, address string) string {
	if address == "" {
		return text
	}
	return "[" + text + "](" + address + ")"
}
