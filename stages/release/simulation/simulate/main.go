// Command simulate lets many releases happen in a world in memory, and looks whether any of them breaks a rule.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"dagger/slipway/stages/release/simulation"
)

func main() {
	runs := flag.Uint64("runs", 10_000, "how many histories")
	seed := flag.Uint64("seed", 1, "the seed of the first one; the others follow")
	tell := flag.Bool("tell", false, "print the one history of the seed")
	first := flag.Bool("first", false, "stop at the first violation, and only name its seed and its rule")
	mutations := flag.Bool("mutations", false, "break the code on purpose, and show which rule notices")
	flag.Parse()
	ok := true
	switch {
	case *tell:
		fmt.Print(simulation.Tell(*seed).Text())
	case *mutations:
		ok = simulation.Mutate(os.Stdout, *seed, *runs)
	case *first:
		ok = toFirst(*seed, *runs)
	default:
		ok = table(*seed, *runs)
	}
	if !ok {
		os.Exit(1)
	}
}

// toFirst names the seed with the first violation.
func toFirst(seed, runs uint64) bool {
	var found []simulation.Result
	simulation.Many(seed, runs, runtime.NumCPU(), func(r simulation.Result) bool {
		if len(r.Violations) > 0 {
			found = append(found, r)
		}
		return len(found) > 0
	})
	if len(found) > 0 {
		fmt.Printf("%d\t%s\n", found[0].Story.Seed, found[0].Violations[0].Rule)
	}
	return len(found) == 0
}

// table prints what all of them showed, and the first few that broke a rule, as short as they can be.
func table(seed, runs uint64) bool {
	const shown = 3
	sum := simulation.NewTable()
	simulation.Many(seed, runs, runtime.NumCPU(), func(r simulation.Result) bool {
		sum.Add(r)
		return false
	})
	fmt.Print(sum.Markdown())
	for n, r := range sum.Broken {
		if n < shown {
			fmt.Print("\n", simulation.Shrink(r).Text())
		} else {
			fmt.Printf("\nseed %d: %s\n", r.Story.Seed, r.Violations[0])
		}
	}
	return len(sum.Broken) == 0
}
