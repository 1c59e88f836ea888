package changelog

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"dagger/slipway/stages/redact"
)

// revertTitle is a title that says what it takes back: Revert "x", revert: x. Reapply "x" takes back Revert "x".
var revertTitle = regexp.MustCompile(`^(?i:(revert|reapply))(?:\([^()]*\))?:? +(\S.*)$`)

var (
	// quoted is a title between its marks; the one at the end is missing where a title was cut.
	quoted = regexp.MustCompile(`^"(.*?)(?:"|(…|\.\.\.))$`)
	// cutTitle is the beginning of a title that a forge or a person has cut; marks inside it may follow.
	cutTitle = regexp.MustCompile(`^(.*?)\s*(?:…|\.\.\.)"*$`)
)

// certain is how many characters of a title are enough to know it by.
const certain = 20

// titles finds the commits of an entry by what it may be called in the title of a revert.
type titles map[string][][]int

// named are the commits with a title. Of a title that was cut all that begin like it are meant.
func (t titles) named(title string) [][]int {
	m := cutTitle.FindStringSubmatch(title)
	if t[title] != nil || m == nil || utf8.RuneCountInString(m[1]) < certain {
		return t[title]
	}
	var all [][]int
	for whole, units := range t {
		if !strings.HasPrefix(whole, m[1]) {
			continue
		}
		for _, commits := range units { // one entry may have several titles
			if !slices.ContainsFunc(all, func(other []int) bool { return slices.Equal(other, commits) }) {
				all = append(all, commits)
			}
		}
	}
	return all
}

func (t titles) add(title string, commits []int) {
	if n := len(t[title]); n == 0 || !slices.Equal(t[title][n-1], commits) {
		t[title] = append(t[title], commits)
	}
}

// readTitleReverts is for reverts of which nothing else tells the target: no text, or the hash from before a rebase (C5).
func (b *builder) readTitleReverts() {
	units := b.allUnits()
	whole, single := make(titles), make(titles)
	for _, u := range units {
		whole.add(b.lineOf(u), u.commits)
		for _, i := range u.commits {
			subject := redact.OneLine(b.commits[i].Subject)
			if _, number := cutNumber(subject, b.opt.Links.Mark); len(u.commits) == 1 || number == u.number {
				whole.add(subject, u.commits)
			}
			single.add(subject, []int{i})
		}
	}
	for _, u := range units {
		work := b.work(u.commits)
		for _, i := range work {
			b.takeBack([]int{i}, b.ownTitle(u, redact.OneLine(b.commits[i].Subject)), whole, single)
		}
		b.takeBack(work, b.lineOf(u), whole, single)
	}
}

// takeBack gives reverting commits what their title names, if that is one entry, or else one commit, and still there.
func (b *builder) takeBack(reverting []int, title string, known ...titles) {
	name := takenBack(title)
	told := func(i int) bool { return len(b.rev.targets[i]) > 0 || b.namesAnother(i) }
	if name == "" || slices.ContainsFunc(reverting, told) {
		return
	}
	for _, t := range known {
		live := b.liveBefore(reverting[0], t.named(name))
		if len(live) == 1 {
			b.addTargets(reverting, live[0])
		}
		if len(live) > 0 {
			return
		}
	}
}

// liveBefore are those that are older than commit i and not all taken back by then.
func (b *builder) liveBefore(i int, units [][]int) (live [][]int) {
	var by map[int]int
	for _, commits := range units {
		if commits[0] >= i || slices.Contains(commits, i) {
			continue
		}
		if by == nil {
			by = b.judged(i)
		}
		if slices.ContainsFunc(commits, func(i int) bool { _, gone := by[i]; return !gone }) {
			live = append(live, commits)
		}
	}
	return live
}

func (b *builder) addTargets(reverting, targets []int) {
	for _, i := range reverting {
		seen := make(map[int]bool)
		for _, target := range targets {
			b.addTarget(i, target, seen)
		}
	}
}

// takenBack is the title that a revert's title names, empty for other titles.
func takenBack(title string) string {
	m := revertTitle.FindStringSubmatch(withoutEmojis(redact.OneLine(title)))
	if m == nil {
		m = revertTitle.FindStringSubmatch(parseHeader(title).Title) // fix: Revert "x"
	}
	if m == nil {
		return ""
	}
	name := quoted.ReplaceAllString(m[2], "$1$2")
	if strings.EqualFold(m[1], "reapply") {
		return `Revert "` + name + `"`
	}
	return name
}

// namesAnother tells whether a revert says that it is about another repository.
func (b *builder) namesAnother(i int) bool {
	return slices.ContainsFunc(revertedPull.FindAllStringSubmatch(b.commits[i].Body, -1), func(m []string) bool {
		return !sameRepository(m[1], b.opt.Links.Repository)
	})
}
