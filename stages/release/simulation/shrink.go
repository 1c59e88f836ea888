package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Shrink takes out of a failing history what it does not need to break the same rule: who plays in it, and what goes wrong.
func Shrink(r Result) Result {
	if len(r.Violations) == 0 {
		return r
	}
	rule := r.Violations[0].Rule
	story, faults := r.Story, script{seed: r.Story.Seed, only: map[at]Kind{}}
	for _, i := range r.injected {
		faults.only[i.At] = i.Kind
	}
	breaks := func() bool {
		again := play(story, faults, false)
		return len(again.Violations) > 0 && again.Violations[0].Rule == rule
	}
	for shorter := true; shorter; {
		shorter = story.without(breaks)
		shorter = faults.without(breaks) || shorter
	}
	return play(story, faults, true)
}

// without takes out whoever is not needed.
func (s *Story) without(breaks func() bool) (shorter bool) {
	s.Cast = slices.Clone(s.Cast)
	for n := range s.Cast {
		if s.Cast[n].Absent {
			continue
		}
		s.Cast[n].Absent = true
		if breaks() {
			shorter = true
		} else {
			s.Cast[n].Absent = false
		}
	}
	return shorter
}

// without takes out the faults that are not needed.
func (s script) without(breaks func() bool) (shorter bool) {
	places := slices.SortedFunc(maps.Keys(s.only), func(a, b at) int {
		return (b.process-a.process)*1_000_000 + b.request - a.request
	})
	for _, place := range places {
		kind := s.only[place]
		delete(s.only, place)
		if breaks() {
			shorter = true
		} else {
			s.only[place] = kind
		}
	}
	return shorter
}

// Text is the history as it is printed when it breaks a rule.
func (r Result) Text() string {
	s := r.Story
	var text strings.Builder
	fmt.Fprintf(&text, "seed %d: %s\n", s.Seed, s.Name)
	fmt.Fprintf(&text, "forge: %s; git: %t; staging: %t; immutable tags: %t; statements: %s, of strangers: %t; protected tags: %t; standing draft: %s, by hand: %t; images: %s, the last one new: %t\n",
		orNone(s.Forge), s.Git, s.Staging, s.Immutable, orNone(s.Attests), s.Stranger, s.Protected, orNone(s.Standing), s.ByHand, strings.Join(s.Images, ", "), s.NewImage)
	for _, v := range r.Violations {
		fmt.Fprintf(&text, "broken: %s\n", v)
	}
	for _, line := range r.History {
		fmt.Fprintln(&text, line)
	}
	return text.String()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
