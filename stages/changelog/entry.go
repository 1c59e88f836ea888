package changelog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dagger/slipway/stages/redact"
)

// excluding labels keep a pull request out of the notes (C6).
var excluding = []string{"duplicate", "invalid", "wontfix", "question", "skip-changelog", "ignore-for-release"}

// breakingLabels on a pull request make it breaking.
var breakingLabels = []string{"breaking", "breaking-change", "breaking change", "semver-major"}

// bareMerge is what git writes for a merge; what it brought in has entries of its own.
var bareMerge = regexp.MustCompile(`^Merge (?:remote-tracking )?(?:branch|branches|tag|commit) |^Merge pull request from GHSA-`)

const noTitle = "(no title)"

// mapping finds a category by label or type. It holds positions, because the first category wins.
type mapping struct {
	names         []string
	labels, types map[string]int
}

func newMapping(categories []Category) mapping {
	m := mapping{labels: make(map[string]int), types: make(map[string]int)}
	for i, c := range categories {
		m.names = append(m.names, c.Name)
		for _, label := range c.Labels {
			setFirst(m.labels, label, i)
		}
		for _, kind := range c.Types {
			setFirst(m.types, kind, i)
		}
	}
	return m
}

// setFirst keeps what is there; keys have no case.
func setFirst[V any](m map[string]V, key string, value V) {
	key = strings.ToLower(key)
	if _, taken := m[key]; !taken {
		m[key] = value
	}
}

// verdict is a category and why. The zero value has no answer.
type verdict struct {
	at      int
	reason  string
	byLabel bool
}

// better keeps the answer whose category comes first.
func (v verdict) better(at int, reason string) verdict {
	if v.reason == "" || at < v.at {
		return verdict{at: at, reason: reason}
	}
	return v
}

func (m mapping) byLabel(v verdict, labels []string, where string) verdict {
	for _, label := range labels {
		if at, ok := m.labels[strings.ToLower(strings.TrimSpace(label))]; ok {
			v = v.better(at, fmt.Sprintf("label %q on %s", clean(label), where))
			v.byLabel = true
		}
	}
	return v
}

func (m mapping) byType(v verdict, line, where string) verdict {
	kind := parseHeader(line).Type
	if kind == "" {
		return v
	}
	reason := fmt.Sprintf("type %q in %s", clean(kind), where)
	if !m.says(kind) && !slices.Contains(otherTypes, kind) {
		reason = unknownType + reason
	}
	return v.better(m.ofType(kind), reason)
}

// ofType puts a type that no category lists into the last.
func (m mapping) ofType(kind string) int {
	if at, ok := m.types[kind]; ok {
		return at
	}
	return len(m.names) - 1
}

// says tells whether the name of a category says as much as the type, so that a title need not repeat it.
func (m mapping) says(kind string) bool {
	_, listed := m.types[kind]
	return listed || kind == breakingType
}

// byGitmoji answers for every emoji that stands for a type, as for the type itself.
func (m mapping) byGitmoji(v verdict, line, where string) verdict {
	emoji, kind := gitmoji(line)
	if kind == "" {
		return v
	}
	return v.better(m.ofType(kind), fmt.Sprintf("gitmoji %s in %s", emoji, where))
}

// categorise asks (a) to (f) of section 4 in turn.
func (b *builder) categorise(u unit) verdict {
	pull := b.pulls[u.number]
	v := b.kinds.byLabel(verdict{}, pull.Labels, "the pull request")
	if v.reason != "" {
		return v
	}
	for _, number := range pull.Closes(b.opt.Links) {
		v = b.kinds.byLabel(v, b.issues[number].Labels, "issue "+strconv.Itoa(number))
	}
	if v.reason != "" {
		return v
	}
	for _, by := range []func(mapping, verdict, string, string) verdict{mapping.byType, mapping.byGitmoji} {
		if v = by(b.kinds, v, u.pullTitle, "the pull request title"); v.reason != "" {
			return v
		}
		for _, i := range u.commits {
			v = by(b.kinds, v, b.commits[i].Subject, "commit "+b.commits[i].short())
		}
		if v.reason != "" {
			return v
		}
	}
	return verdict{at: len(b.kinds.names) - 1, reason: untyped}
}

func (b *builder) entry(u unit) Entry {
	v := b.categorise(u)
	e := Entry{
		Category: b.kinds.names[v.at], Reason: v.reason,
		Ref: b.ref(u), Author: b.author(u),
		Breaking: b.breaking(u), Breaks: b.breaks(u), Hashes: make([]string, 0, len(u.commits)),
	}
	if u.number != 0 {
		e.Numbers = []int{u.number}
	}
	for _, i := range u.commits {
		e.Hashes = append(e.Hashes, b.commits[i].Hash)
	}
	e.Title, e.Scope = b.titleAndScope(u.line)
	if h := parseHeader(u.line); b.isDependency(e, h, v.byLabel) {
		e.Category, e.Title, e.Scope = Dependencies, titleOf(withoutEmojis(h.Title)), clean(h.Scope)
	}
	return e
}

// titleAndScope leaves out what the category says. A type nobody lists stays in the title: it may be the name of a part of
// the product.
func (b *builder) titleAndScope(line string) (title, scope string) {
	h := parseHeader(line)
	if b.kinds.says(h.Type) {
		return titleOf(h.Title), clean(h.Scope)
	}
	if _, kind := gitmoji(line); h.Type == "" && b.kinds.says(kind) {
		line = withoutEmojis(line)
	}
	return titleOf(line), ""
}

// pullTitle is what the forge says, or else what it wrote into the merge commit; empty if only subjects are known.
func (b *builder) pullTitle(u unit) string {
	if u.number == 0 {
		return ""
	}
	title := b.pulls[u.number].Title
	for _, i := range u.commits {
		if redact.OneLine(title) != "" {
			break
		}
		if number, merged := mergedPull(b.commits[i], b.opt.Links.Repository); number == u.number {
			title = merged
		}
	}
	return b.ownTitle(u, redact.OneLine(title))
}

// subject is that of the commit which names the pull request, or else of the oldest one.
func (b *builder) subject(u unit) string {
	work := b.work(u.commits)
	at := work[0]
	for _, i := range work {
		if b.named(b.commits[i]) == u.number {
			at = i
			break
		}
	}
	return b.ownTitle(u, b.commits[at].Subject)
}

// lineOf is what the entry says.
func (b *builder) lineOf(u unit) string { return cmp.Or(b.pullTitle(u), b.subject(u)) }

// ownTitle cuts off only the pull request's own number; another one says what a backport is of.
func (b *builder) ownTitle(u unit, title string) string {
	if rest, number := cutNumber(title, b.opt.Links.Mark); number != 0 && number == u.number {
		return rest
	}
	return title
}

func titleOf(line string) string { return cmp.Or(clean(line), noTitle) }

func (b *builder) breaking(u unit) bool {
	pull := b.pulls[u.number]
	if isBreaking(u.pullTitle, pull.visible()) || slices.ContainsFunc(pull.Labels, hasName(breakingLabels)) {
		return true
	}
	return slices.ContainsFunc(u.commits, func(i int) bool {
		return isBreaking(b.commits[i].Subject, b.commits[i].Body)
	})
}

// breaks are what the footers of an entry say, each once.
func (b *builder) breaks(u unit) []string {
	texts := breaks(b.pulls[u.number].visible())
	for _, i := range u.commits {
		texts = append(texts, breaks(b.commits[i].Body)...)
	}
	var once []string
	for _, text := range texts {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// hasName tells whether a label is one of these, in any case.
func hasName(names []string) func(label string) bool {
	return func(label string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(label))) }
}

func (b *builder) ref(u unit) Link {
	if u.number == 0 {
		commit := b.commits[u.commits[0]]
		return Link{Text: commit.short(), URL: b.url(b.opt.Links.Commit, commit.Hash)}
	}
	number := strconv.Itoa(u.number)
	given := webAddress(b.pulls[u.number].URL)
	return Link{Text: b.opt.Links.Mark + number, URL: cmp.Or(given, b.url(b.opt.Links.Pull, number))}
}

// ignoredBy names the rule that leaves an entry out, or nothing.
func (b *builder) ignoredBy(u unit) string {
	labels := b.pulls[u.number].Labels
	if at := slices.IndexFunc(labels, hasName(excluding)); at >= 0 {
		return "C6: label " + strings.ToLower(strings.TrimSpace(labels[at])) + " on the pull request"
	}
	if b.isRelease(u.line) {
		return "C7: the release's own commit"
	}
	if bareMerge.MatchString(u.line) && b.commits[u.commits[0]].isMerge() && u.number == 0 {
		return "C17: a merge that says nothing else"
	}
	if isAboutNotes(u.line) {
		return "C17: a change of release notes"
	}
	return ""
}

func (b *builder) ignored(u unit, e Entry, rule string) []Ignored {
	var out []Ignored
	for _, hash := range e.Hashes {
		out = append(out, Ignored{Hash: hash, Number: u.number, Title: e.Title, Rule: rule})
	}
	return out
}
