package changelog

import (
	"slices"
	"strings"
)

// history is the range, oldest first, with who brought in what.
type history struct {
	commits []Commit
	index   map[string]int
	// owner is the innermost merge that brought a commit in, -1 for the main line.
	owner []int
	// inner are the commits each merge owns.
	inner [][]int
	// hashes are sorted, to look up abbreviated ones.
	hashes []string
}

func newHistory(log []Commit) *history {
	h := &history{commits: oldestFirst(log), index: make(map[string]int, len(log))}
	for i, c := range h.commits {
		h.index[c.Hash] = i
		h.hashes = append(h.hashes, c.Hash)
	}
	slices.Sort(h.hashes)
	h.findOwners()
	return h
}

// oldestFirst turns git's order round and, where clocks disagreed, puts parents before their children.
func oldestFirst(log []Commit) []Commit {
	at := make(map[string]int, len(log))
	for i, c := range log {
		at[c.Hash] = i
	}
	ordered := make([]Commit, 0, len(at))
	done := make(map[string]bool, len(at))
	var visit func(hash string)
	visit = func(hash string) {
		i, known := at[hash]
		if !known || done[hash] {
			return
		}
		done[hash] = true
		for _, parent := range log[i].Parents {
			visit(parent)
		}
		ordered = append(ordered, log[i])
	}
	for _, c := range slices.Backward(log) {
		visit(c.Hash)
	}
	return ordered
}

// findOwners walks each line of first parents once and the merges on it oldest first: by then all that the
// line had before a merge is taken, so what its other parents still reach is what that merge brought in.
func (h *history) findOwners() {
	h.owner = make([]int, len(h.commits))
	h.inner = make([][]int, len(h.commits))
	seen := make([]bool, len(h.commits))
	var follow func(tip string, owner int)
	follow = func(tip string, owner int) {
		line := h.takeLine(tip, seen)
		for _, i := range slices.Backward(line) {
			h.owner[i] = owner
			if owner >= 0 {
				h.inner[owner] = append(h.inner[owner], i)
			}
			if parents := h.commits[i].Parents; len(parents) > 1 {
				for _, parent := range parents[1:] {
					follow(parent, i)
				}
			}
		}
	}
	for _, c := range slices.Backward(h.commits) {
		follow(c.Hash, -1)
	}
}

// takeLine marks the first parents from tip down to one that is taken or outside the range.
func (h *history) takeLine(tip string, seen []bool) (line []int) {
	for {
		i, known := h.index[tip]
		if !known || seen[i] {
			return line
		}
		seen[i] = true
		line = append(line, i)
		if len(h.commits[i].Parents) == 0 {
			return line
		}
		tip = h.commits[i].Parents[0]
	}
}

// find returns the one commit before the given one whose hash starts with prefix.
func (h *history) find(prefix string, before int) (found int, ok bool) {
	at, _ := slices.BinarySearch(h.hashes, prefix)
	for _, hash := range h.hashes[at:] {
		if !strings.HasPrefix(hash, prefix) {
			break
		}
		i := h.index[hash]
		if i >= before {
			continue
		}
		if ok {
			return 0, false
		}
		found, ok = i, true
	}
	return found, ok
}
