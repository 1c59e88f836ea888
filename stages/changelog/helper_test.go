package changelog

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var github = Links{
	Repository: "https://github.com/acme/shop",
	Pull:       "/pull/", Commit: "/commit/", Compare: "/compare/",
	User: "https://github.com/",
}

// row is a commit of a test history. In messages {x} is the hash of commit x and {x:7} its first seven digits.
type row struct {
	id, message string
	// parents are ids; without any, the row above is the parent.
	parents string
}

func hashOf(id string) string {
	sum := sha1.Sum([]byte(id))
	return hex.EncodeToString(sum[:])
}

var reference = regexp.MustCompile(`\{(\w+)(?::(\d+))?\}`)

func expand(text string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		hash, length := hashOf(m[1]), 40
		if m[2] != "" {
			fmt.Sscan(m[2], &length)
		}
		return hash[:length]
	})
}

// commitsOf lists rows, which are oldest first, as git log does: newest first.
func commitsOf(rows []row) []Commit {
	var commits []Commit
	above := "outside"
	for _, r := range rows {
		parents := strings.Fields(r.parents)
		if len(parents) == 0 {
			parents = []string{above}
		}
		above = r.id
		c := Commit{Hash: hashOf(r.id), Author: Person{Name: "Jane", Email: "jane@acme.example"}}
		c.Subject, c.Body = splitMessage(expand(r.message))
		for _, parent := range parents {
			c.Parents = append(c.Parents, hashOf(parent))
		}
		commits = append(commits, c)
	}
	slices.Reverse(commits)
	return commits
}

// told lists the entries of notes as "Section: title (ref)", as they are read.
func told(n Notes) []string {
	var lines []string
	for _, section := range n.Sections {
		for _, entry := range section.Entries {
			scope := ""
			if entry.Scope != "" {
				scope = "[" + entry.Scope + "] "
			}
			ref := ""
			if len(entry.Numbers) > 0 {
				ref = " " + entry.Ref.Text
			}
			lines = append(lines, section.Name+": "+scope+entry.Title+ref)
		}
	}
	return lines
}

// names turns hashes back into ids of rows.
func names(rows []row, hashes []string) string {
	var ids []string
	for _, hash := range hashes {
		for _, r := range rows {
			if hashOf(r.id) == hash {
				ids = append(ids, r.id)
			}
		}
	}
	return strings.Join(ids, " ")
}

func checkEqual[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, pretty(got), pretty(want))
	}
}

func pretty[T any](list []T) string {
	var b strings.Builder
	for _, item := range list {
		fmt.Fprintf(&b, "\n\t%v", item)
	}
	return b.String()
}

// checkAccount wants every commit exactly once: in an entry outside Breaking Changes, cancelled, or ignored by a rule.
func checkAccount(t *testing.T, commits []Commit, n Notes) {
	t.Helper()
	times := make(map[string]int)
	for _, section := range n.Sections {
		if section.Name == Breaking {
			continue
		}
		for _, entry := range section.Entries {
			for _, hash := range entry.Hashes {
				times[hash]++
			}
		}
	}
	for _, c := range n.Cancelled {
		times[c.Hash]++
		if (c.By == "") == (c.Reverts == "") {
			t.Errorf("cancelled %s: expected either By or Reverts, found %+v", c.Hash, c)
		}
	}
	for _, i := range n.Ignored {
		times[i.Hash]++
		if i.Rule == "" {
			t.Errorf("ignored %s without a rule", i.Hash)
		}
	}
	for _, c := range commits {
		if times[c.Hash] != 1 {
			t.Errorf("commit %s %q is accounted for %d times, expected once", c.Hash, c.Subject, times[c.Hash])
		}
	}
}
