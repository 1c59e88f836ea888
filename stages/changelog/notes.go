package changelog

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Kinds of version that changes call for.
const (
	Major = "major"
	Minor = "minor"
	Patch = "patch"
)

// Breaking is the name of the first section. Its entries stand in their own category as well.
const Breaking = "Breaking Changes"

// Notes are the release notes, and an account of what is not in them: every commit of the range is in the
// Hashes of one entry, in Cancelled or in Ignored.
type Notes struct {
	Previous string `json:"previous"`
	Current  string `json:"current"`
	// Compare is nil without a predecessor (C9).
	Compare *Link `json:"compare,omitempty"`
	// Degraded says in one sentence what could not be seen; empty when nothing was missing.
	Degraded string `json:"degraded,omitempty"`
	// Written is what people wrote for this version, in their Markdown.
	Written  string    `json:"written,omitempty"`
	Sections []Section `json:"sections"`
	// Contributors are sorted by name.
	Contributors []Contributor `json:"contributors"`
	Cancelled    []Cancelled   `json:"cancelled"`
	Ignored      []Ignored     `json:"ignored"`
}

// Link is a text and where it leads; URL is empty when that is not known.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url,omitempty"`
}

// Section is a category that has entries.
type Section struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Calls is the kind of version its entries call for.
	Calls   string  `json:"calls"`
	Entries []Entry `json:"entries"`
}

// Entry is one pull request, or one commit that belongs to none, or several with one title.
type Entry struct {
	Category string `json:"category"`
	// Numbers are those of its pull requests, none for a commit of its own.
	Numbers []int `json:"numbers,omitempty"`
	// Ref is what the link of the entry shows: a number or an abbreviated hash.
	Ref Link `json:"ref"`
	// More are the links of others with the same title, or of later updates of the same dependency.
	More []Link `json:"more,omitempty"`
	// Title is one line of plain text, not escaped for Markdown.
	Title string `json:"title"`
	Scope string `json:"scope,omitempty"`
	// Author is a login if one is known, else a name.
	Author   string   `json:"author"`
	Hashes   []string `json:"hashes"`
	Breaking bool     `json:"breaking"`
	// Breaks are the first paragraphs of its breaking footers, in plain text.
	Breaks []string `json:"breaks,omitempty"`
	// Reason says why it is in this category.
	Reason string `json:"reason"`
}

// Contributor is one person, by account where one is known.
type Contributor struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
	// First marks somebody of whom no earlier release knows.
	First bool `json:"first"`
}

// Cancelled is a commit that a revert took out of the notes, or a revert that went with its target (C4).
type Cancelled struct {
	Hash   string `json:"hash"`
	Number int    `json:"number,omitempty"`
	Title  string `json:"title"`
	// By is the revert that took it out.
	By string `json:"by,omitempty"`
	// Reverts is the first commit that this one took out.
	Reverts string `json:"reverts,omitempty"`
}

// Ignored is a commit that a rule keeps out of the notes.
type Ignored struct {
	Hash   string `json:"hash"`
	Number int    `json:"number,omitempty"`
	Title  string `json:"title"`
	Rule   string `json:"rule"`
}

// Call is the kind of version the changes call for, and why.
type Call struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// JSON is the machine's form of the notes: the same bytes for the same notes.
func (n Notes) JSON() []byte {
	text, _ := json.MarshalIndent(n, "", "  ") // strings, numbers and booleans always encode
	return append(text, '\n')
}

// Calls suggests the kind of the next version from the current one, with or without v. Below 1.0.0 a
// breaking change asks for a minor version (SemVer 4).
func (n Notes) Calls(current string) Call {
	for _, kind := range []string{Major, Minor} {
		for _, section := range n.Sections {
			if section.Calls != kind {
				continue
			}
			reason := section.summary()
			if kind == Major && strings.HasPrefix(strings.TrimPrefix(current, "v"), "0.") {
				return Call{Kind: Minor, Reason: reason + " (minor, because the version is below 1.0.0)"}
			}
			return Call{Kind: kind, Reason: reason}
		}
	}
	return Call{Kind: Patch, Reason: "no breaking change and nothing that calls for a minor version"}
}

// summary names the first entry, because a reader asks "which one?".
func (s Section) summary() string {
	text := fmt.Sprintf("%s: %s (%s)", s.Name, s.Entries[0].Title, s.Entries[0].Ref.Text)
	if more := len(s.Entries) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
