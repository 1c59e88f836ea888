package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// histories are public repositories as they were, by the name of their pack in a Go module: their commits are by many
// people and were not made for a test.
var histories = map[string]string{
	"spinnaker":   "f2e0a8889a746f7600e07d2246a2e29a72f696be",
	"rumprun-xen": "7861f2632868833a35fe5e4ab94f99638ec5129b",
	"go-git":      "3559b3b47e695b33b0913237a4df3357e739831c",
	"desk":        "4ec6344877f494690fc800aceaf2ca0e86786acb",
	"storable":    "0d3d824fb5c930e7e7e1f0f399f2976847d31fd3",
}

const (
	historiesModule = "github.com/go-git/go-git-fixtures/v4"
	joinedHistory   = "joined" // all of them under one merge
	largeHistory    = "large"  // several of those on top of each other, with one file
	largeCopies     = 3
)

var historiesProgram = program{module: "histories"}

func (l *lab) historiesStep() (step, error) {
	from, err := historiesProgram.inputs(l)
	return step{name: "histories", from: from + fmt.Sprint(histories, largeCopies), lane: "download", make: l.makeHistories}, err
}

// makeHistories unpacks them as bare repositories.
func (l *lab) makeHistories(ctx context.Context) error {
	if err := l.download(ctx, historiesProgram); err != nil {
		return err
	}
	module, err := l.moduleDir(historiesProgram.module, historiesModule)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(l.path("histories")); err != nil {
		return err
	}
	for name, hash := range histories {
		dir, err := l.mkdir("histories", name)
		if err != nil {
			return err
		}
		pack := "pack-" + hash + ".pack"
		if err := unpackHistory(dir, filepath.Join(module, "data", pack)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := l.joinHistories(); err != nil {
		return err
	}
	return l.repeatHistory()
}

// unpackHistory makes a repository of a pack, which has neither branches nor names for its tags.
func unpackHistory(dir, pack string) error {
	if err := git(dir, nil, "init", "-q", "--bare", "-b", "main"); err != nil {
		return err
	}
	data, err := os.ReadFile(pack)
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "objects", "pack", filepath.Base(pack))
	if err := os.WriteFile(own, data, 0o444); err != nil {
		return err
	}
	if err := git(dir, nil, "index-pack", own); err != nil {
		return err
	}
	objects, err := gitOutput(dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
	if err != nil {
		return err
	}
	var commits []string
	for line := range strings.Lines(objects) {
		kind, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "commit":
			commits = append(commits, hash)
		case "tag":
			err = errors.Join(err, nameTag(dir, hash))
		}
	}
	return errors.Join(err, nameBranches(dir, commits))
}

func nameTag(dir, hash string) error {
	text, err := gitOutput(dir, "cat-file", "tag", hash)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text, "\ntag ")
	name, _, _ := strings.Cut(rest, "\n")
	return git(dir, nil, "update-ref", "refs/tags/"+name, hash)
}

// nameBranches gives every tip a branch, and the one with the longest history is main.
func nameBranches(dir string, commits []string) error {
	lines, err := gitOutput(dir, append([]string{"log", "--no-walk=unsorted", "--format=%H %P"}, commits...)...)
	if err != nil {
		return err
	}
	sizes := map[string]int{}
	for _, tip := range tips(lines) {
		count, err := gitOutput(dir, "rev-list", "--count", tip)
		if err != nil {
			return err
		}
		if sizes[tip], err = strconv.Atoi(strings.TrimSpace(count)); err != nil {
			return err
		}
	}
	longest := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int { return cmp.Or(sizes[b]-sizes[a], strings.Compare(a, b)) })
	for n, tip := range longest {
		name := "main"
		if n > 0 {
			name = fmt.Sprintf("branch-%d", n)
		}
		if err := git(dir, nil, "update-ref", "refs/heads/"+name, tip); err != nil {
			return err
		}
	}
	return nil
}

// tips are the commits that are no other's parent; each line is a commit and its parents.
func tips(lines string) []string {
	parents, commits := map[string]bool{}, []string{}
	for line := range strings.Lines(lines) {
		hashes := strings.Fields(line)
		commits = append(commits, hashes[0])
		for _, p := range hashes[1:] {
			parents[p] = true
		}
	}
	return slices.DeleteFunc(commits, func(c string) bool { return parents[c] })
}

// joinHistories merges every branch of every history in one commit.
func (l *lab) joinHistories() error {
	dir, err := l.mkdir("histories", joinedHistory)
	if err != nil {
		return err
	}
	if err := git(dir, nil, "init", "-q", "--bare", "-b", "main"); err != nil {
		return err
	}
	for name := range histories {
		if err := git(dir, nil, "fetch", "-q", "--no-tags", l.path("histories", name), "refs/heads/*:refs/heads/"+name+"/*"); err != nil {
			return err
		}
	}
	heads, err := gitOutput(dir, "for-each-ref", "--format=%(refname)", "refs/heads")
	if err != nil {
		return err
	}
	merge := []string{"-c", "user.name=Lab", "-c", "user.email=lab@localhost.invalid", "commit-tree", "-m", "Merge them all"}
	for _, head := range strings.Fields(heads) {
		merge = append(merge, "-p", head)
	}
	commit, err := gitOutput(dir, append(merge, "refs/heads/spinnaker/main^{tree}")...)
	if err != nil {
		return err
	}
	return git(dir, nil, "update-ref", "refs/heads/main", strings.TrimSpace(commit))
}

// repeatHistory puts copies of the joined history on top of each other.
func (l *lab) repeatHistory() error {
	log, err := gitOutput(l.path("histories", joinedHistory), "log", "-z", "--reverse", "--topo-order", "--encoding=UTF-8", "--date=raw",
		"--format=%H%x00%P%x00%an <%ae> %ad%x00%cn <%ce> %cd%x00%B", "main")
	if err != nil {
		return err
	}
	dir, err := l.mkdir("histories", largeHistory)
	if err != nil {
		return err
	}
	if err := git(dir, nil, "init", "-q", "--bare", "-b", "main"); err != nil {
		return err
	}
	cmd := gitCommand(dir, "fast-import", "--quiet")
	cmd.Stdin = bytes.NewReader(importStream(strings.Split(strings.TrimSuffix(log, "\x00"), "\x00"), largeCopies))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, out)
	}
	return nil
}

// importStream is what git fast-import reads, made from the fields of a log of which each commit has five.
func importStream(fields []string, copies int) []byte {
	var b bytes.Buffer
	marks, next := map[string]int{}, 1
	for range copies {
		below := next - 1
		for commit := range slices.Chunk(fields, 5) {
			parents := strings.Fields(commit[1])
			if len(parents) == 0 && below == 0 {
				b.WriteString("reset refs/heads/main\n\n")
			}
			fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n", next, commit[2], commit[3], len(commit[4]), commit[4])
			if len(parents) == 0 && below > 0 {
				fmt.Fprintf(&b, "from :%d\n", below)
			}
			for n, parent := range parents {
				fmt.Fprintf(&b, "%s :%d\n", []string{"from", "merge"}[min(n, 1)], marks[parent])
			}
			b.WriteString("M 100644 inline README\ndata 0\n\n")
			marks[commit[0]] = next
			next++
		}
	}
	return b.Bytes()
}

func gitOutput(dir string, args ...string) (string, error) {
	out, err := output(gitCommand(dir, args...))
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args[:min(3, len(args))], " "), err)
	}
	return out, nil
}
