package version

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// TagPrefix is what stands before the version in a repository's Git tags: v1.2.3, 1.2.3 or, of one product of several,
// shop-v1.2.3.
type TagPrefix string

// DefaultTagPrefix is the habit of most. Teams that have it often have bare tags from before, which count as well.
const DefaultTagPrefix TagPrefix = "v"

// ParseTagPrefix accepts what git takes as the beginning of a tag's name, if the version behind it can be told from it.
func ParseTagPrefix(setting string) (TagPrefix, error) {
	for _, rule := range []func(string) string{refCharacters, refParts, endOfPrefix} {
		if fault := rule(setting); fault != "" {
			return "", fmt.Errorf("%s in %s", fault, quote(setting))
		}
	}
	return TagPrefix(setting), nil
}

// refCharacters holds git check-ref-format's rules on characters, and keeps a tag from being taken for an option.
func refCharacters(prefix string) string {
	for _, r := range prefix {
		if r <= ' ' || r == 0x7f || unicode.IsControl(r) || strings.ContainsRune(`~^:?*[\`, r) {
			return fmt.Sprintf("expected characters that git takes in a tag, found %q", r)
		}
	}
	for _, part := range []string{"..", "@{", "//"} {
		if strings.Contains(prefix, part) {
			return fmt.Sprintf("expected a tag that git takes, found %q", part)
		}
	}
	if strings.HasPrefix(prefix, "-") {
		return `expected a tag that git takes, found a "-" at the beginning`
	}
	return ""
}

// refParts holds git's rules on what stands between slashes.
func refParts(prefix string) string {
	parts := strings.Split(prefix, "/")
	if len(parts) > 1 && parts[0] == "" {
		return `expected a tag that git takes, found a "/" at the beginning`
	}
	for i, part := range parts {
		if strings.HasPrefix(part, ".") {
			return fmt.Sprintf("expected a tag that git takes, found %q, which begins with a dot,", part)
		}
		if i < len(parts)-1 && strings.HasSuffix(part, ".lock") {
			return fmt.Sprintf("expected a tag that git takes, found %q, which ends with .lock,", part)
		}
	}
	return ""
}

var numberAtEnd = regexp.MustCompile(`[0-9][.+-]*$`)

// endOfPrefix wants to see where the version begins: 21.2.3 may be 1.2.3 behind a 2, and 2.0.0-1.2.3 is a version itself.
func endOfPrefix(prefix string) string {
	if end := numberAtEnd.FindString(prefix); end != "" {
		return fmt.Sprintf("expected an end that is not part of the version behind it, found %q", end)
	}
	return ""
}

// Tag is the version as Git tags spell it.
func (p TagPrefix) Tag(v Version) string { return string(p) + v.String() }

// Tags are the names under which git may know the version, the one that Slipway gives first.
func (p TagPrefix) Tags(v Version) []string {
	if p == DefaultTagPrefix {
		return []string{p.Tag(v), v.String()}
	}
	return []string{p.Tag(v)}
}

// FromTag reads a Git tag. One that is not the prefix and strictly a version is none.
func (p TagPrefix) FromTag(tag string) (Version, bool) {
	text, ours := strings.CutPrefix(tag, string(p))
	if !ours && p != DefaultTagPrefix {
		return Version{}, false
	}
	v, err := parse(tag, text)
	return v, err == nil
}

// Parse reads a version that somebody typed, or the name of its tag, which is what a CI that runs tags has to pass.
func (p TagPrefix) Parse(input string) (Version, error) {
	if text, ours := strings.CutPrefix(input, string(p)); ours && p != "" {
		return parse(input, text)
	}
	return Parse(input)
}

// attempt is what people write behind a prefix when they mean a version: numbers, and perhaps something more.
var attempt = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*([-+._]?[a-zA-Z].*|[-+_][0-9].*)?$`)

// NearMisses are the tags, by the commit that each names, that look like versions and are none, so that nobody is told of a
// first release that is the tenth. Tags such as v1 and v1.2 that follow a version are a habit, and not among them.
func (p TagPrefix) NearMisses(tags map[string]string) []string {
	following := map[string]bool{}
	for tag, commit := range tags {
		if v, ok := p.FromTag(tag); ok {
			for _, scope := range scopes(v) {
				following[scope+" "+commit] = true
			}
		}
	}
	var found []string
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		if numbers, near := p.nearMiss(tag); near && !following[numbers+" "+tags[tag]] {
			found = append(found, tag)
		}
	}
	return found
}

// nearMiss says whether the tag is an attempt at a version, and returns what stands where its version should.
func (p TagPrefix) nearMiss(tag string) (text string, near bool) {
	if _, ok := p.FromTag(tag); ok {
		return "", false
	}
	lead, text := p.split(tag)
	if !attempt.MatchString(text) {
		return "", false
	}
	if words(lead) == words(string(p)) {
		return text, strings.Contains(text, ".") || lead != ""
	}
	// Behind other words, a version is another product's. Where no prefix was chosen it may be the team's own habit.
	_, err := parse(tag, text)
	return text, p == DefaultTagPrefix && err == nil
}

// split cuts a tag in front of its first number that is not the prefix's own.
func (p TagPrefix) split(tag string) (lead, text string) {
	from := 0
	if len(tag) >= len(p) && strings.EqualFold(tag[:len(p)], string(p)) {
		from = len(p)
	}
	if at := strings.IndexAny(tag[from:], "0123456789"); at >= 0 {
		return tag[:from+at], tag[from+at:]
	}
	return tag, ""
}

// words is what a prefix says, without the signs between its words and the v before the version.
func words(prefix string) string {
	prefix = strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, prefix))
	return strings.TrimSuffix(prefix, "v")
}
