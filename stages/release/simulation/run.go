package simulation

import "sync"

// Run lets the history of a seed happen.
func Run(seed uint64) Result { return play(newStory(seed), script{seed: seed}, false) }

// Tell is Run with the history in words.
func Tell(seed uint64) Result { return play(newStory(seed), script{seed: seed}, true) }

// Many lets the histories of seeds that follow each other happen, several at a time, and gives each to see, until see has
// had enough.
func Many(first, runs uint64, beside int, see func(Result) (enough bool)) {
	var mu sync.Mutex
	next, done := first, false
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, !done && next-1 < first+runs
	}
	var group sync.WaitGroup
	for range beside {
		group.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := Run(seed)
				mu.Lock()
				done = see(r) || done
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

func play(s Story, faults script, keep bool) Result {
	w := newWorld(s, faults)
	w.keep = keep
	w.enter()
	w.run()
	w.line("world", "from here on nothing goes wrong")
	w.finish()
	return w.result
}
