package changelog

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"
)

// TestOwners compares with the definition: a merge on the main line brought in what its second parent reaches and its first does not.
func TestOwners(t *testing.T) {
	merges := 0
	for seed := range int64(300) {
		h := newHistory(randomInput(rand.New(rand.NewSource(seed))).Commits)
		line := h.takeLine(h.commits[len(h.commits)-1].Hash, make([]bool, len(h.commits)))
		for _, merge := range line {
			parents := h.commits[merge].Parents
			if len(parents) < 2 {
				continue
			}
			merges++
			want := reach(h, parents[1])
			for i := range reach(h, parents[0]) {
				delete(want, i)
			}
			got := slices.Sorted(maps.Keys(brought(h, merge)))
			checkEqual(t, fmt.Sprintf("seed %d, merge %d", seed, merge), got, slices.Sorted(maps.Keys(want)))
		}
	}
	if merges < 100 {
		t.Errorf("only %d merges", merges)
	}
}

func reach(h *history, hash string) map[int]bool {
	seen := make(map[int]bool)
	var walk func(hash string)
	walk = func(hash string) {
		i, known := h.index[hash]
		if !known || seen[i] {
			return
		}
		seen[i] = true
		for _, parent := range h.commits[i].Parents {
			walk(parent)
		}
	}
	walk(hash)
	return seen
}

func brought(h *history, merge int) map[int]bool {
	all := make(map[int]bool)
	for _, i := range h.inner[merge] {
		all[i] = true
		maps.Copy(all, brought(h, i))
	}
	return all
}

// TestParentsFirst wants every parent in the range before its child, and nothing lost or doubled.
func TestParentsFirst(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 100 {
		commits := randomInput(r).Commits
		r.Shuffle(len(commits), func(i, j int) { commits[i], commits[j] = commits[j], commits[i] })
		h := newHistory(commits)
		if len(h.commits) != len(commits) || len(h.index) != len(commits) {
			t.Fatalf("%d of %d commits", len(h.commits), len(commits))
		}
		for i, c := range h.commits {
			for _, parent := range c.Parents {
				if at, known := h.index[parent]; known && at >= i {
					t.Fatalf("commit %d stands before its parent %d", i, at)
				}
			}
		}
	}
}
