package changelog

import (
	"regexp"
	"strings"
)

var (
	// emojis are those at the start of a title, as characters or as codes, with what selects their form.
	emojis = regexp.MustCompile(`^(?:(?::[a-z0-9_+-]+:|\p{So}[\x{FE0F}\x{200D}\x{1F3FB}-\x{1F3FF}]*)\s*)+`)
	emoji  = regexp.MustCompile(`:[a-z0-9_+-]+:|\p{So}`)
)

// gitmojis are the types that emojis of gitmoji.dev stand for.
var gitmojis = map[string]string{
	"✨": "feat", ":sparkles:": "feat",
	"🐛": "fix", ":bug:": "fix",
	"🚑": "fix", ":ambulance:": "fix",
	"🩹": "fix", ":adhesive_bandage:": "fix",
	"📝": "docs", ":memo:": "docs",
	"✅": "test", ":white_check_mark:": "test",
	"🧪": "test", ":test_tube:": "test",
	"⚡": "perf", ":zap:": "perf",
	"💥": breakingType, ":boom:": breakingType,
}

// withoutEmojis leaves a title that is nothing else.
func withoutEmojis(title string) string {
	if rest := emojis.ReplaceAllString(title, ""); rest != "" {
		return rest
	}
	return title
}

// gitmoji is the first emoji at the start of a title that stands for a type.
func gitmoji(title string) (found, kind string) {
	for _, found := range emoji.FindAllString(emojis.FindString(strings.TrimSpace(title)), -1) {
		if kind := gitmojis[found]; kind != "" {
			return found, kind
		}
	}
	return "", ""
}
