package simulation

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// histories are enough to meet every sort of fault in every sort of story, and few enough to wait for.
const histories = 3000

func TestNoHistoryBreaksARule(t *testing.T) {
	sum := NewTable()
	Many(1, histories, runtime.NumCPU(), func(r Result) bool {
		sum.Add(r)
		return len(sum.Broken) > 0
	})
	for _, r := range sum.Broken {
		t.Error(Shrink(r).Text())
	}
	if sum.Sum.Histories < histories {
		return
	}
	for _, kind := range Kinds {
		if sum.faults[kind] == 0 {
			t.Errorf("%d histories, and nothing of this sort went wrong: %s", histories, kind)
		}
	}
	for _, name := range Stories {
		if sum.rows[name] == nil {
			t.Errorf("no history of this sort: %s", name)
		}
	}
	if sum.Sum.Lost == 0 || sum.Sum.Killed == 0 {
		t.Errorf("%d locks lost, %d runs killed: a simulation without either shows nothing", sum.Sum.Lost, sum.Sum.Killed)
	}
}

// TestASeedIsOneHistory: without it, no failure could be looked at twice.
func TestASeedIsOneHistory(t *testing.T) {
	for seed := range uint64(40) {
		if one, two := Tell(seed), Tell(seed); !slices.Equal(one.History, two.History) {
			t.Errorf("seed %d: %d lines, and then %d", seed, len(one.History), len(two.History))
			for n := range min(len(one.History), len(two.History)) {
				if one.History[n] != two.History[n] {
					t.Fatalf("%s\n%s", one.History[n], two.History[n])
				}
			}
		}
	}
}

// TestPlantedFaultsFit: what Mutate plants has to be in the code that it is planted in.
func TestPlantedFaultsFit(t *testing.T) {
	for _, m := range Mutations {
		source, err := os.ReadFile(filepath.Join("..", "..", m.File))
		if err == nil {
			_, err = m.apply(string(source))
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// kept are seeds in which code that was mended since broke a rule.
var kept = map[uint64]string{
	5:     "a rollback gave latest to a higher version that staging had never found healthy",
	104:   "a run that had stood still between its look at the lock and a write wrote all the same",
	122:   "a release that somebody published during the run stayed without notes, files and the latest mark",
	98244: "a run that was cut off after the standing draft was gone left its mark in the release",
	23203: "another version took over the standing draft at which a run had been cut off",
	45205: "a run that had lost its lock noted that a release had begun which another run had ended, so that the team was told twice",
	63375: "a tag that could not be put back was called put back, because a stale read said so",
	22:    "a signed release took an image for its own that a stranger had put under the tag of its commit",
	19:    "a signed release finished a version that a stranger had put on an image of his",
	7:     "a lock that a killed run had left refused every run of another version that was not told to wait, for ever",
	37:    "a rollback moved no floating tag, because one image was younger than the version that it went back to",
	825:   "a move that the registry had accepted was taken for one that never happened, because reads lagged",
}

func TestKeptSeeds(t *testing.T) {
	for seed, showed := range kept {
		if r := Run(seed); len(r.Violations) > 0 {
			t.Errorf("%s\n%s", showed, Shrink(r).Text())
		}
	}
}
