package changelog

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"dagger/slipway/stages/redact"
)

var (
	// A type needs a colon and a space (CC 1), and the exclamation mark stands right before the colon (CC 13). A Chinese colon
	// has its space in it, and Chinese needs none after another.
	headerPattern   = regexp.MustCompile(`^(\p{L}[\p{L}\p{N}_-]*)(?:[(（]([^()（）]*)[)）])?([!！])?(?:(?:: +|： *)(\S.*)|:(\p{Han}.*))$`)
	breakingPattern = regexp.MustCompile(`(?m)^BREAKING[ -]CHANGE:`)

	// footer begins another footer, or the next commit in a squash.
	footer = regexp.MustCompile(`(?m)^(?:BREAKING[ -]CHANGE:|[A-Za-z]+(?:-[A-Za-z]+)+: |(?i:refs?|see|close[sd]?|fix(?:e[sd])?|resolve[sd]?):? (?:#|https?://|[A-Z]+-\d)|\* )`)

	githubMerge = regexp.MustCompile(`^Merge pull request #(\d{1,9}) from `)
	giteaMerge  = regexp.MustCompile(`^Merge pull request '(.*)' \([#!](\d{1,9})\) from `)
	borsMerge   = regexp.MustCompile(`^(?:Auto merge of #(\d{1,9}) - .*|Merge #(\d{1,9}))$`)
	borsTitle   = regexp.MustCompile(`^(?:\d+: )?(.*?)(?: r=\S+ a=\S+)?$`)
	gitlabMerge = regexp.MustCompile(`(?m)^See merge request (\S*)!(\d{1,9})\s*$`)

	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	closing     = regexp.MustCompile(`(?i)\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)):?\s+` +
		`(?:([\w.-]+(?:/[\w.-]+)+)?#|(https?://\S+?)/(?:-/)?(?:issues|work_items)/)(\d{1,9})\b`)
)

// header is the first line of a message by the Conventional Commits grammar; Type is empty when it has none. Emojis before
// a type are passed over.
type header struct {
	Type, Scope, Title string
	Breaking           bool
}

func parseHeader(line string) header {
	line = redact.OneLine(line)
	m := headerPattern.FindStringSubmatch(withoutEmojis(line))
	if m == nil {
		return header{Title: line}
	}
	return header{Type: strings.ToLower(m[1]), Scope: strings.TrimSpace(m[2]), Breaking: m[3] != "", Title: m[4] + m[5]}
}

// breakingType is the type of a title such as Breaking: drop Python 3.10.
const breakingType = "breaking"

// isBreaking looks at the first line and at every other line's start, so that prose which mentions the words does not count.
func isBreaking(subject, body string) bool {
	h := parseHeader(subject)
	_, kind := gitmoji(subject)
	return h.Breaking || h.Type == breakingType || kind == breakingType || breakingPattern.MatchString(subject) || breakingPattern.MatchString(body)
}

// breaks are the texts of breaking footers: of each the first paragraph, up to a footer of another kind.
func breaks(body string) []string {
	var texts []string
	for _, at := range breakingPattern.FindAllStringIndex(body, -1) {
		text, _, _ := strings.Cut(strings.TrimSpace(body[at[1]:]), "\n\n")
		if end := footer.FindStringIndex(text); end != nil {
			text = text[:end[0]]
		}
		if text = cut(text, maxNote); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// cutNumber takes a pull request's number off the end of a title. Of several the last is the one that landed.
func cutNumber(title, mark string) (rest string, number int) {
	title = strings.TrimSpace(title)
	open := strings.LastIndex(title, "("+mark)
	if open < 0 || !strings.HasSuffix(title, ")") {
		return title, 0
	}
	number = parseNumber(title[open+1+len(mark) : len(title)-1])
	if number == 0 {
		return title, 0
	}
	return strings.TrimSpace(title[:open]), number
}

var numberPattern = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)

// parseNumber returns 0 for what is not the number of a pull request or issue.
func parseNumber(digits string) int {
	if !numberPattern.MatchString(digits) {
		return 0
	}
	number, _ := strconv.Atoi(digits) // nine digits always fit
	return number
}

// mergedPull reads the message a forge writes for a merge: the pull request and, where it is there, its title.
func mergedPull(c Commit, repository string) (number int, title string) {
	if m := giteaMerge.FindStringSubmatch(c.Subject); m != nil {
		return parseNumber(m[2]), m[1]
	}
	if m := githubMerge.FindStringSubmatch(c.Subject); m != nil {
		return parseNumber(m[1]), firstLine(c.Body)
	}
	if m := borsMerge.FindStringSubmatch(c.Subject); m != nil && c.isMerge() {
		return parseNumber(m[1] + m[2]), borsTitle.ReplaceAllString(firstLine(c.Body), "$1")
	}
	return gitlabPull(c, repository)
}

// gitlabPull trusts the last such line: a squash may quote those of the commits in it above.
func gitlabPull(c Commit, repository string) (number int, title string) {
	if !strings.Contains(c.Body, "See merge request ") { // much cheaper than the pattern, and asked often
		return 0, ""
	}
	all := gitlabMerge.FindAllStringSubmatch(c.Body, -1)
	if len(all) == 0 {
		return 0, ""
	}
	last := all[len(all)-1]
	if !sameRepository(last[1], repository) {
		return 0, ""
	}
	if line := firstLine(c.Body); c.isMerge() && !gitlabMerge.MatchString(line) {
		title = line
	}
	return parseNumber(last[2]), title
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// sameRepository compares owner/name with a web address. What one of them leaves open is taken as the same.
func sameRepository(path, repository string) bool {
	at, err := url.Parse(repository)
	if path == "" || repository == "" || err != nil {
		return true
	}
	return strings.EqualFold(path, strings.TrimSuffix(strings.Trim(at.Path, "/"), ".git"))
}

// sameAddress compares two web addresses of repositories, with or without encryption.
func sameAddress(one, other string) bool {
	x, errX := url.Parse(one)
	y, errY := url.Parse(strings.TrimSuffix(other, ".git"))
	return errX == nil && errY == nil && strings.EqualFold(x.Host+x.Path, y.Host+y.Path)
}

// visible is a pull request's text without the HTML comments that templates leave in it.
func (p PullRequest) visible() string {
	return htmlComment.ReplaceAllString(strings.ReplaceAll(p.Body, "\r\n", "\n"), "")
}

// Closes lists the issues of the linked repository that the body says the pull request closes.
func (p PullRequest) Closes(links Links) []int {
	var issues []int
	for _, m := range closing.FindAllStringSubmatch(p.visible(), -1) {
		number := parseNumber(m[3])
		here := sameRepository(m[1], links.Repository)
		if m[2] != "" {
			here = sameAddress(m[2], links.Repository)
		}
		if here && number != 0 {
			issues = append(issues, number)
		}
	}
	return issues
}
