package version

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength is the longest image tag that a registry takes.
const maxLength = 128

// rules hold the contract of an accepted version. The library refuses the same inputs but does not say why, so each
// rule answers "" or what was expected and found. Later rules rely on earlier ones.
var rules = []func(text string) string{
	notEmpty,
	oneLowerCaseV,
	plainCharacters,
	noBuild,
	shortEnough,
	threeNumbers,
	soundPrerelease,
}

func firstFault(text string) string {
	for _, rule := range rules {
		if fault := rule(text); fault != "" {
			return fault
		}
	}
	return ""
}

func notEmpty(text string) string {
	if text == "" {
		return "expected MAJOR.MINOR.PATCH, found no number"
	}
	return ""
}

func oneLowerCaseV(text string) string {
	if text[0] == 'v' || text[0] == 'V' {
		return "expected the numbers after at most one lower-case v, found " + quote(text)
	}
	return ""
}

func plainCharacters(text string) string {
	for i, r := range text {
		if !isPlain(r) {
			return "expected only ASCII letters, digits, dots and hyphens, found " + describe(text[i:]) +
				" (nothing is trimmed or repaired)"
		}
	}
	return ""
}

// isPlain lets the plus through, because build metadata has a rule and a message of its own.
func isPlain(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '.' || r == '-' || r == '+'
}

// describe names the first character, since most that break the rule cannot be seen.
func describe(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("the byte 0x%02X, which is not UTF-8", text[0])
	case r == '\n' || r == '\r':
		return fmt.Sprintf("a line break, %U", r)
	case unicode.IsSpace(r):
		return fmt.Sprintf("a space, %U", r)
	case unicode.IsControl(r):
		return fmt.Sprintf("a control character, %U", r)
	case unicode.IsDigit(r):
		return fmt.Sprintf("a digit that is not ASCII, %#U", r)
	}
	return fmt.Sprintf("%#U", r)
}

func noBuild(text string) string {
	if base, build, found := strings.Cut(text, "+"); found {
		return fmt.Sprintf("expected no build metadata, because all builds would share the image tag %s, found %s",
			cut(base), quote("+"+build))
	}
	return ""
}

func shortEnough(text string) string {
	if len(text) > maxLength {
		return fmt.Sprintf("expected at most %d characters, the limit of an image tag, found %d", maxLength, len(text))
	}
	return ""
}

func threeNumbers(text string) string {
	core, _, _ := strings.Cut(text, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return fmt.Sprintf("expected three numbers with dots between them, MAJOR.MINOR.PATCH, found %d in %s",
			len(parts), quote(core))
	}
	for i, name := range []string{"MAJOR", "MINOR", "PATCH"} {
		if fault := soundNumber(name, parts[i]); fault != "" {
			return fault
		}
	}
	return ""
}

func soundPrerelease(text string) string {
	_, pre, found := strings.Cut(text, "-")
	if !found {
		return ""
	}
	for _, part := range strings.Split(pre, ".") {
		if part == "" {
			return "expected a name or a number in every part of the prerelease, found an empty part in " + quote("-"+pre)
		}
		if !isNumber(part) {
			continue
		}
		if fault := soundNumber("the prerelease number", part); fault != "" {
			return fault
		}
	}
	return ""
}

// soundNumber has a limit because a larger number would be compared as text.
func soundNumber(name, text string) string {
	if !isNumber(text) {
		return fmt.Sprintf("expected %s to be a number, found %s", name, quote(text))
	}
	if len(text) > 1 && text[0] == '0' {
		return fmt.Sprintf("expected %s without a leading zero, found %s", name, quote(text))
	}
	if _, err := strconv.ParseUint(text, 10, 64); err != nil {
		return fmt.Sprintf("expected %s to fit in 64 bits, found %s", name, quote(text))
	}
	return ""
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// quote makes an input of any length and content fit to be shown in one line.
func quote(text string) string {
	return strconv.Quote(cut(text))
}

func cut(text string) string {
	const most = 40
	count := 0
	for i := range text {
		if count == most {
			return text[:i] + "…"
		}
		count++
	}
	return text
}
