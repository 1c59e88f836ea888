package changelog

import (
	"cmp"
	"slices"
)

// claims are the commits that the forge counts to a pull request.
type claims struct {
	merge, member map[string]int
}

// findPulls maps each commit to its pull request (C2), newest first: a merge is known before what it brought in.
func (b *builder) findPulls() {
	known := b.readClaims()
	b.pull = make([]int, len(b.commits))
	b.members = make(map[int][]int)
	for i := len(b.commits) - 1; i >= 0; i-- {
		b.pull[i] = b.pullOf(i, known)
	}
	for i, number := range b.pull {
		if number != 0 {
			b.members[number] = append(b.members[number], i)
		}
	}
	for number, members := range b.members {
		if b.isRelease(b.lineOf(unit{number: number, commits: members})) {
			b.members[number] = slices.DeleteFunc(members, b.freeWork)
		}
	}
}

// freeWork takes a commit out of a release's own pull request, which may bring a whole branch into the release.
func (b *builder) freeWork(i int) bool {
	c := b.commits[i]
	free := !c.isMerge() && b.named(c) != b.pull[i] && !b.isRelease(c.Subject)
	if free {
		b.pull[i] = 0
	}
	return free
}

// readClaims lets the smallest of several pull requests have a commit: the larger one contains the smaller.
func (b *builder) readClaims() claims {
	known := claims{merge: make(map[string]int), member: make(map[string]int)}
	pulls := make([]PullRequest, 0, len(b.pulls))
	for _, pull := range b.pulls {
		pulls = append(pulls, pull)
	}
	slices.SortFunc(pulls, func(x, y PullRequest) int {
		return cmp.Or(cmp.Compare(len(x.Commits), len(y.Commits)), cmp.Compare(x.Number, y.Number))
	})
	claim := func(m map[string]int, hash string, number int) {
		if _, taken := m[hash]; !taken && hash != "" {
			m[hash] = number
		}
	}
	for _, pull := range pulls {
		claim(known.merge, pull.MergeCommit, pull.Number)
		for _, hash := range pull.Commits {
			claim(known.member, hash, pull.Number)
		}
	}
	return known
}

// pullOf goes from certain to likely. A commit's own number stands before membership, so that a merge of a
// whole branch does not swallow the pull requests on it.
func (b *builder) pullOf(i int, known claims) int {
	commit := b.commits[i]
	inherited := 0
	if owner := b.owner[i]; owner >= 0 {
		inherited = b.pull[owner]
	}
	return cmp.Or(known.merge[commit.Hash], b.named(commit), known.member[commit.Hash], inherited)
}

// Numbers are the pull requests that the commits' messages name, in any order and each once; some may be issues.
func Numbers(commits []Commit, links Links) []int {
	links.Mark = cmp.Or(links.Mark, "#")
	b := &builder{opt: Options{Links: links}}
	var numbers []int
	for _, c := range commits {
		if number := b.named(c); number != 0 && !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// named is the pull request that the commit's message says it landed.
func (b *builder) named(c Commit) int {
	if number, _ := mergedPull(c, b.opt.Links.Repository); number != 0 {
		return number
	}
	_, number := cutNumber(c.Subject, b.opt.Links.Mark)
	_, isPull := b.pulls[number]
	_, isIssue := b.issues[number]
	// With another mark, issues have numbers of their own.
	if isIssue && !isPull && b.opt.Links.Mark == "#" {
		return 0
	}
	return number
}
