package changelog

import (
	"time"

	"dagger/slipway/stages/version"
)

// Person is who wrote a commit. Login is the account on the forge, empty when it is not known.
type Person struct {
	Name, Email, Login string
}

// Commit is one commit of the range. ParseLog fills all of it but the author's Login.
type Commit struct {
	Hash    string
	Parents []string
	Author  Person
	// Time is the committer's time, in UTC. Notes are never ordered by it (C16).
	Time    time.Time
	Subject string
	Body    string
}

func (c Commit) isMerge() bool { return len(c.Parents) > 1 }

func (c Commit) short() string { return c.Hash[:min(7, len(c.Hash))] }

// PullRequest is a merged pull request as the forge tells it. Everything but Number may be empty.
type PullRequest struct {
	Number      int
	Title, Body string
	// Author is the login, without an at sign.
	Author string
	Labels []string
	// MergeCommit is the merge commit, the squash commit or the last rebased commit.
	MergeCommit string
	// Commits are the hashes as they landed: for a rebase merge not those of the branch.
	Commits []string
	// URL is the page of the pull request; Links makes one when it is empty.
	URL string
}

// Issue is an issue that a pull request closes.
type Issue struct {
	Number int
	Labels []string
}

// Input is everything the notes are made from. Only Commits is needed.
type Input struct {
	// Commits are the range in the order git log prints them.
	Commits []Commit
	// PullRequests is nil when the forge could not be asked, which degrades the notes (C11); empty when it has none.
	PullRequests []PullRequest
	// Issues is nil when they could not be read.
	Issues []Issue
	// Previous and Current are Git tags; without Previous there is no compare link (C9).
	Previous, Current string
	// Version is what Current is the tag of, without what stands before it there.
	Version string
	// Released are the versions that have a tag.
	Released []version.Version
	// Prior are the authors of earlier releases, as ParsePrior reads them; nil when not known, so that nobody is called new.
	Prior []Person
}

// Options say how the notes are sorted and linked.
type Options struct {
	// Categories in the order of their sections, the last one for everything else; none means DefaultCategories.
	Categories []Category
	Links      Links
}

// Links say where things live on a forge. An empty field means that kind of link is left out.
type Links struct {
	// Repository is the web address, https://forge.example/acme/shop; the three paths below follow it.
	Repository string
	// Pull, Commit and Compare are as in /pull/, /commit/ and /compare/.
	Pull, Commit, Compare string
	// User is what a login is appended to, https://forge.example/.
	User string
	// Mark stands before a pull request's number, also in commit subjects: # unless set, ! on GitLab.
	Mark string
}

// Category is a section of the notes and what sorts an entry into it. Labels and types match in any case.
type Category struct {
	Name, Title   string
	Labels, Types []string
	// Calls is the kind of version its entries call for; patch when empty.
	Calls string
}

// DefaultCategories is the mapping of release-rules section 4. As in a setting, the words of labels are types too.
func DefaultCategories() []Category {
	return []Category{
		{
			Name: "Features", Title: "🚀 Features", Calls: Minor,
			Labels: []string{"feature", "feat", "enhancement"},
			Types:  []string{"feat", "feature", "enhancement"},
		}, {
			Name: "Bug Fixes", Title: "🐛 Bug Fixes",
			Labels: []string{"bug", "bugfix", "fix", "regression"},
			Types:  []string{"fix", "fixed", "bugfix", "hotfix", "bug", "regression"},
		}, {
			Name: "Documentation", Title: "📚 Documentation",
			Labels: []string{"documentation", "docs"},
			Types:  []string{"docs", "doc", "documentation"},
		}, {
			Name: "Testing", Title: "🧪 Testing",
			Labels: []string{"test", "tests", "testing"},
			Types:  []string{"test", "tests", "testing"},
		}, {
			Name: "Miscellaneous", Title: "🔧 Miscellaneous",
			Labels: []string{"chore", "dependencies", "ci", "build", "refactor", "performance"},
			// Types that are not listed end here too, but keep their prefix: "perf: x" says more than "x".
			Types: []string{"chore", "ci", "build", "refactor", "style"},
		},
	}
}
