// Command cmd lets many histories happen.
package main

import (
	"flag"
	"fmt"
	"sync"

	"dagger/slipway/stages/release/simulation"
)

func main() {
	runs := flag.Uint64("runs", 1000, "")
	seed := flag.Uint64("seed", 1, "")
	tell := flag.Bool("tell", false, "")
	flag.Parse()
	if *tell {
		r := simulation.Tell(*seed)
		fmt.Printf("%+v\n", r.Story)
		for _, l := range r.History {
			fmt.Println(l)
		}
		return
	}
	var mu sync.Mutex
	count := map[string]int{}
	example := map[string][]uint64{}
	text := map[string]string{}
	outcomes := map[string]int{}
	faults := map[simulation.Kind]int{}
	requests := 0
	var wg sync.WaitGroup
	for k := range uint64(2) {
		wg.Go(func() {
			for n := *seed + k; n < *seed+*runs; n += 2 {
				r := simulation.Run(n)
				mu.Lock()
				for o, c := range r.Outcomes {
					outcomes[o] += c
				}
				for o, c := range r.Faults {
					faults[o] += c
				}
				requests += r.Requests
				if len(r.Violations) > 0 {
					v := r.Violations[0]
					count[v.Rule]++
					if len(example[v.Rule]) < 5 {
						example[v.Rule] = append(example[v.Rule], n)
						text[v.Rule] += fmt.Sprintf("\n     %d %s: %s", n, r.Story.Name, v.What)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Println(outcomes, faults, requests)
	for r, c := range count {
		fmt.Println(c, r, example[r], text[r])
	}
}
