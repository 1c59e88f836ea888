package changelog

import (
	"regexp"
	"strings"
)

var (
	revertedCommit = regexp.MustCompile(`This reverts commit ([0-9a-fA-F]{4,64})\b`)
	revertedPull   = regexp.MustCompile(`(?m)^(?:Reverts|This reverts merge request) ([\w.-]+(?:/[\w.-]+)+)?[#!](\d{1,9})\b`)
	revertSubject  = regexp.MustCompile(`(?i)^(?:revert|reapply)`)
	squashedCommit = regexp.MustCompile(`(?m)^\* `)
	// revertBranch is the branch that GitHub makes for a revert in its web page.
	revertBranch = regexp.MustCompile(`^Merge pull request #\d{1,9} from \S+?/revert-(\d{1,9})-`)
)

// reverts says, per commit, which commits it takes out and whether it goes with them.
type reverts struct {
	targets []([]int)
	// by is the live revert that takes a commit out.
	by map[int]int
	// stays marks a squash that reverts something among other work.
	stays []bool
}

func (b *builder) findReverts() {
	n := len(b.commits)
	b.rev = reverts{targets: make([][]int, n), stays: make([]bool, n)}
	for i, c := range b.commits {
		b.readRevert(i, c.Body)
		b.rev.stays[i] = squashesMore(c.Body) && !revertSubject.MatchString(c.Subject)
	}
	for i, c := range b.commits {
		b.readPullRevert(b.pull[i], branchRevert(c))
	}
	for number, pull := range b.pulls {
		b.readPullRevert(number, pull.visible())
	}
	b.readTitleReverts()
	b.rev.by = b.judged(n)
}

// squashesMore tells a squash that reverts among other work from a revert with a list of reasons below it.
func squashesMore(body string) bool {
	first := squashedCommit.FindStringIndex(body)
	return first != nil && countReverts(body[:first[0]]) == 0 && len(squashedCommit.FindAllString(body, -1)) > countReverts(body)
}

// branchRevert says in the words of a pull request what the name of a merged branch says. For years that was all that git
// knew of such a revert.
func branchRevert(c Commit) string {
	m := revertBranch.FindStringSubmatch(c.Subject)
	if m == nil || !strings.HasPrefix(firstLine(c.Body), `Revert "`) {
		return ""
	}
	return "Reverts #" + m[1]
}

// readPullRevert uses the pull request's text where no commit of it says what it reverts.
func (b *builder) readPullRevert(number int, text string) {
	members := b.members[number]
	for _, i := range members {
		if countReverts(b.commits[i].Body) > 0 {
			return
		}
	}
	for _, i := range b.work(members) {
		b.readRevert(i, text)
	}
}

func countReverts(text string) int {
	return len(revertedCommit.FindAllString(text, -1)) + len(revertedPull.FindAllString(text, -1))
}

// readRevert adds the targets in the range, always older than the revert. Those of earlier releases have none.
func (b *builder) readRevert(i int, text string) {
	seen := make(map[int]bool)
	for _, m := range revertedCommit.FindAllStringSubmatch(text, -1) {
		if target, ok := b.find(strings.ToLower(m[1]), i); ok {
			b.addTarget(i, target, seen)
		}
	}
	for _, m := range revertedPull.FindAllStringSubmatch(text, -1) {
		if !sameRepository(m[1], b.opt.Links.Repository) {
			continue
		}
		for _, target := range b.members[parseNumber(m[2])] {
			b.addTarget(i, target, seen)
		}
	}
}

// addTarget takes with a merge all that it brought in, and the rest of the pull request that it landed (C5).
func (b *builder) addTarget(i, target int, seen map[int]bool) {
	if target >= i || seen[target] {
		return
	}
	seen[target] = true
	b.rev.targets[i] = append(b.rev.targets[i], target)
	if !b.commits[target].isMerge() {
		return
	}
	for _, inner := range b.inner[target] {
		b.addTarget(i, inner, seen)
	}
	if b.landed(target) {
		for _, member := range b.members[b.pull[target]] {
			b.addTarget(i, member, seen)
		}
	}
}

// landed tells a pull request's own merge from those made on its branch.
func (b *builder) landed(merge int) bool {
	owner := b.owner[merge]
	return b.pull[merge] != 0 && (owner < 0 || b.pull[owner] != b.pull[merge])
}

// judged says which commits stand taken out before commit end, and by which. It goes from newest to oldest, so that a
// revert is known to stand before it counts: that is parity (C4).
func (b *builder) judged(end int) map[int]int {
	by := make(map[int]int)
	for i := end - 1; i >= 0; i-- {
		if _, out := by[i]; out {
			continue
		}
		for _, target := range b.rev.targets[i] {
			if _, out := by[target]; !out {
				by[target] = i
			}
		}
	}
	return by
}

// gone tells whether a commit is out of the notes: taken out, or a revert of something in the range.
func (b *builder) gone(i int) bool {
	_, out := b.rev.by[i]
	return out || len(b.rev.targets[i]) > 0 && !b.rev.stays[i]
}

// cancelled describes commit i by what happened to commit like, which is another one for the merge of a cancelled pull request.
func (b *builder) cancelled(i, like int) Cancelled {
	c := Cancelled{Hash: b.commits[i].Hash, Number: b.pull[i], Title: titleOf(b.commits[i].Subject)}
	if by, out := b.rev.by[like]; out {
		c.By = b.commits[by].Hash
	} else {
		c.Reverts = b.commits[b.rev.targets[like][0]].Hash
	}
	return c
}
