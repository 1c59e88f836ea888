package written

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// news is a fragment of towncrier.
type news struct {
	path  string
	issue string // empty for a change that belongs to none
	kind  towncrierType
}

// changes are ordered by issue, names before numbers; what belongs to none comes last.
func (c towncrierConfig) changes(files Files, folders []string) (changes []change) {
	for _, folder := range folders {
		var all []news
		for _, name := range files.in(folder) {
			if n, ok := c.newsOf(name); ok {
				all = append(all, n)
			}
		}
		slices.SortStableFunc(all, compareNews)
		for _, n := range all {
			changes = append(changes, c.change(n, files.text(n.path)))
		}
	}
	return changes
}

func compareNews(a, b news) int {
	sorting := func(n news) (orphan, number, value int) {
		value, err := strconv.Atoi(n.issue)
		if n.issue == "" {
			orphan = 1
		}
		if err == nil {
			number = 1
		}
		return orphan, number, value
	}
	aOrphan, aNumber, aValue := sorting(a)
	bOrphan, bNumber, bValue := sorting(b)
	return cmp.Or(aOrphan-bOrphan, aNumber-bNumber, cmp.Compare(aValue, bValue), strings.Compare(a.issue, b.issue))
}

// notNews lie beside the fragments.
var notNews = []string{".gitignore", ".gitkeep", ".keep", "readme", "readme.md", "readme.rst"}

// newsOf takes a name apart: 123.feature, 123.feature.2.md, +anything.bugfix.rst. The last part that is a type counts.
func (c towncrierConfig) newsOf(name string) (news, bool) {
	base := path.Base(name)
	ignored := func(pattern string) bool {
		match, _ := path.Match(strings.ToLower(pattern), strings.ToLower(base))
		return match
	}
	if slices.ContainsFunc(slices.Concat(notNews, c.Ignore), ignored) {
		return news{}, false
	}
	types, parts := c.types(), strings.Split(base, ".")
	for i := len(parts) - 1; i > 0; i-- {
		at := slices.IndexFunc(types, func(t towncrierType) bool { return t.Directory == parts[i] })
		if at >= 0 {
			return news{name, c.issue(strings.Join(parts[:i], ".")), types[at]}, true
		}
	}
	return news{}, false
}

func (c towncrierConfig) issue(name string) string {
	orphan := "+"
	if c.OrphanPrefix != nil {
		orphan = *c.OrphanPrefix
	}
	switch {
	case orphan != "" && strings.HasPrefix(name, orphan):
		return ""
	case digits.MatchString(name):
		return cmp.Or(strings.TrimLeft(name, "0"), "0")
	}
	return strings.TrimSpace(name)
}

func (c towncrierConfig) change(n news, text string) change {
	made := change{path: n.path, kind: path.Join(path.Dir(n.path), n.kind.Directory)}
	if n.issue != "" {
		made.refs = []string{c.ref(n.issue)}
	}
	if show := n.kind.ShowContent; show == nil || *show || n.issue == "" {
		made.text = strings.TrimSpace(unixLines(text))
	}
	if path.Ext(n.path) != ".md" && path.Ext(c.Filename) != ".md" {
		made.text = markdownOf(made.text)
	}
	return made
}

// ref is how an issue is shown. A format in reStructuredText is of no use here, and forges want a number with its mark.
func (c towncrierConfig) ref(issue string) string {
	if c.IssueFormat != "" && !strings.Contains(c.IssueFormat, "`") {
		issue = strings.ReplaceAll(c.IssueFormat, "{issue}", issue)
	}
	if digits.MatchString(issue) {
		return "#" + issue
	}
	return issue
}

var (
	rstRole = regexp.MustCompile(":[a-zA-Z][a-zA-Z:_+-]*:(`[^`]+`)")
	rstLink = regexp.MustCompile("`([^`<]+) <([^`>]+)>`__?")
)

// markdownOf writes links and roles, which stand in most fragments, as Markdown. The rest of reStructuredText reads well as it is.
func markdownOf(rst string) string {
	return rstRole.ReplaceAllString(rstLink.ReplaceAllString(rst, "[$1]($2)"), "$1")
}
