// Package changelog turns commits, pull requests and issues into release notes.
//
// It has no input or output of its own: ParseLog reads what git printed, Build decides, and Notes renders
// Markdown and JSON. Rule ids in the comments (C1 to C17) are those of the release rules, section 4.
package changelog

import (
	"cmp"
	"slices"
	"strings"
)

// builder holds what is known about the range while the notes are made.
type builder struct {
	*history
	in  Input
	opt Options
	// kinds is the mapping of categories, ready to look up.
	kinds  mapping
	pulls  map[int]PullRequest
	issues map[int]Issue
	// pull is the pull request of each commit, 0 for none; members is the way back, oldest first.
	pull    []int
	members map[int][]int
	rev     reverts
	people  *people
}

// Build makes the notes. The same input gives the same notes, whatever the order of pull requests and issues (C16).
func Build(in Input, opt Options) Notes {
	if len(opt.Categories) == 0 {
		opt.Categories = DefaultCategories()
	}
	if opt.Links.Mark == "" {
		opt.Links.Mark = "#"
	}
	opt.Links.Repository = strings.TrimSuffix(strings.TrimRight(opt.Links.Repository, "/"), ".git")
	b := &builder{history: newHistory(in.Commits), in: in, opt: opt, kinds: newMapping(opt.Categories)}
	b.indexForge()
	b.findPulls()
	b.findReverts()
	b.findPeople()
	return b.notes()
}

func (b *builder) indexForge() {
	b.pulls = make(map[int]PullRequest, len(b.in.PullRequests))
	for _, pull := range b.in.PullRequests {
		if pull.Number > 0 { // 0 stands for no pull request
			b.pulls[pull.Number] = pull
		}
	}
	b.issues = make(map[int]Issue, len(b.in.Issues))
	for _, issue := range b.in.Issues {
		b.issues[issue.Number] = issue
	}
}

func (b *builder) notes() Notes {
	n := Notes{
		Previous: b.in.Previous, Current: b.in.Current,
		Compare: b.compare(), Degraded: b.degraded(),
		Cancelled: []Cancelled{}, Ignored: []Ignored{},
	}
	var listed []unit
	var entries []Entry
	for _, u := range b.units(&n) {
		entry := b.entry(u)
		if rule := b.ignoredBy(u); rule != "" && !entry.Breaking {
			n.Ignored = append(n.Ignored, b.ignored(u, entry, rule)...)
			continue
		}
		listed, entries = append(listed, u), append(entries, entry)
	}
	n.Sections = b.sections(fold(entries))
	n.Contributors = b.contributors(listed)
	return n
}

// unit is what one entry is made from: a pull request or a commit of its own, with the commits that are not reverted.
type unit struct {
	number  int
	commits []int
	// pullTitle is empty if only subjects are known; line is what the entry says.
	pullTitle, line string
}

// units are in the order in which they landed. What reverts took out is noted as cancelled on the way.
func (b *builder) units(n *Notes) []unit {
	var units []unit
	cancelled := make(map[int]Cancelled)
	for _, u := range b.allUnits() {
		work := b.work(u.commits)
		all := !slices.ContainsFunc(work, func(i int) bool { return !b.gone(i) })
		left := unit{number: u.number}
		for _, i := range u.commits {
			switch {
			case b.gone(i):
				cancelled[i] = b.cancelled(i, i)
			case all: // a pull request goes only with all its commits, and then its merge goes too (C4)
				cancelled[i] = b.cancelled(i, work[0])
			default:
				left.commits = append(left.commits, i)
			}
		}
		if len(left.commits) > 0 {
			left.pullTitle, left.line = b.pullTitle(left), b.lineOf(left)
			units = append(units, left)
		}
	}
	for i := range b.commits {
		if c, ok := cancelled[i]; ok {
			n.Cancelled = append(n.Cancelled, c)
		}
	}
	slices.SortFunc(units, func(x, y unit) int {
		return cmp.Compare(x.commits[len(x.commits)-1], y.commits[len(y.commits)-1])
	})
	return units
}

func (b *builder) allUnits() []unit {
	var units []unit
	for i, number := range b.pull {
		switch {
		case number == 0:
			units = append(units, unit{commits: []int{i}})
		case b.members[number][0] == i:
			units = append(units, unit{number: number, commits: b.members[number]})
		}
	}
	return units
}

// work leaves out merges, unless there is nothing else: who merges did not write the change.
func (b *builder) work(commits []int) []int {
	var work []int
	for _, i := range commits {
		if !b.commits[i].isMerge() {
			work = append(work, i)
		}
	}
	if len(work) == 0 {
		return commits
	}
	return work
}

func (b *builder) sections(entries []Entry) []Section {
	breaking := Section{Name: Breaking, Title: "⚠️ " + Breaking, Calls: Major}
	all := make([]Section, len(b.opt.Categories))
	at := make(map[string]int, len(all))
	for i, c := range b.opt.Categories {
		all[i] = Section{Name: c.Name, Title: c.Title, Calls: cmp.Or(c.Calls, Patch)}
		at[c.Name] = i
	}
	if _, own := at[Dependencies]; !own {
		at[Dependencies] = len(all)
		all = append(all, Section{Name: Dependencies, Title: "📦 " + Dependencies, Calls: Patch})
	}
	for _, entry := range entries {
		section := &all[at[entry.Category]]
		section.Entries = append(section.Entries, entry)
		if entry.Breaking {
			breaking.Entries = append(breaking.Entries, entry)
		}
	}
	all = slices.Insert(all, 0, breaking)
	return slices.DeleteFunc(all, func(s Section) bool { return len(s.Entries) == 0 })
}

func (b *builder) compare() *Link {
	if b.in.Previous == "" || b.in.Current == "" {
		return nil
	}
	text := b.in.Previous + "..." + b.in.Current
	return &Link{Text: text, URL: b.url(b.opt.Links.Compare, text)}
}

// url is the address of a page of the repository.
func (b *builder) url(path, value string) string {
	if path == "" {
		return ""
	}
	return address(b.opt.Links.Repository+path, value)
}

func (b *builder) degraded() string {
	if b.in.PullRequests == nil {
		return "Pull requests and issues could not be read, so these notes come from commit messages alone and no label was seen."
	}
	closes := func(p PullRequest) bool { return len(p.Closes(b.opt.Links)) > 0 }
	if b.in.Issues == nil && slices.ContainsFunc(b.in.PullRequests, closes) {
		return "Issues could not be read, so the labels of closed issues decided no category."
	}
	return ""
}
