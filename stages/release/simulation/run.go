package simulation

// Run lets the history of a seed happen.
func Run(seed uint64) Result { return play(newStory(seed), script{seed: seed}, false) }

// Tell is Run with the history in words.
func Tell(seed uint64) Result { return play(newStory(seed), script{seed: seed}, true) }

func play(s Story, faults script, keep bool) Result {
	w := newWorld(s, faults)
	w.keep = keep
	w.enter()
	w.run()
	w.line("world", "from here on nothing goes wrong")
	w.finish()
	return w.result
}
