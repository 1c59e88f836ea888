// Package simulation is a world in memory in which releases run: a registry, a git remote, a forge, two servers and a clock,
// all of which can refuse, lose answers, lag and be slow, while runs are killed, paused and raced. One seed gives one history,
// always the same, and after each request the world is held against what must never happen.
//
// Three assumptions come from outside. A request ends within a minute, because every real one has that deadline; and a
// process that was paused, however long, looks at its lock before it sends the next write: what lies between that look and
// the request is shorter than a minute. Heartbeats come between requests, and after a pause only when half a minute has gone by.
// And a registry's reads lag for the process that has just written: when the lock has changed hands, they are right.
package simulation

import (
	"fmt"
	"strings"
	"time"
)

// World is everything that a history happens in.
type World struct {
	services
	books

	story       Story
	faults      script
	now         time.Time
	running     []*process // those that have not ended
	undisturbed int        // processes so far that meet no fault
	ended       chan struct{}
	result      Result
	keep        bool // the history in words
}

// services are what processes talk to.
type services struct {
	registry   *registryServer
	git        *gitServer
	forge      *forgeServer
	staging    *host
	production *host
}

// books are what is noted to judge by.
type books struct {
	told       map[string]int       // messages of success, by version
	toldAt     map[string]int       // how many writes there were when the team was told of a version
	untold     map[string]bool      // versions of which a run was killed while it told
	statements int                  // that were made
	notStored  map[string]bool      // digests below which the registry has refused a statement
	done       map[string]bool      // versions that are released as they should be
	pushed     map[string]bool      // digests of images that releases have pushed
	gone       map[string]time.Time // when processes have ended, by what they call themselves in the lock
	writes     []string             // which version's run wrote what everybody can see, one write after the other
	otherTool  time.Time            // when another tool has pushed something
	overrun    bool                 // its tags were overwritten, because it was so close
}

// Result is what one history showed.
type Result struct {
	Story      Story
	Violations []Violation
	Faults     map[Kind]int
	Outcomes   map[string]int
	Requests   int
	Runs       int
	History    []string
	injected   []injection
}

// Violation is something that must never happen.
type Violation struct {
	Rule, What string
}

func (v Violation) String() string { return v.Rule + ": " + v.What }

var dawn = time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)

func (w *World) violate(rule, format string, args ...any) {
	v := Violation{rule, fmt.Sprintf(format, args...)}
	w.result.Violations = append(w.result.Violations, v)
	w.line("VIOLATION", v.String())
}

// line writes one line of the history.
func (w *World) line(who, text string, faults ...string) {
	if !w.keep {
		return
	}
	if len(faults) > 0 {
		text += "  <- " + strings.Join(faults, ", ")
	}
	at := w.now.Sub(dawn).Truncate(time.Millisecond)
	w.result.History = append(w.result.History, fmt.Sprintf("%4d %12s  %-22s %s", len(w.result.History)+1, at, who, text))
}

// run lets everything that was started go on until it has ended, always the one whose turn is first.
func (w *World) run() {
	if next := w.next(); next != nil {
		w.wake(next)
		<-w.ended
	}
}

// next is the process that wakes first; of two, the one with the lower number.
func (w *World) next() *process {
	var next *process
	for _, p := range w.running {
		if next == nil || p.wakes.Before(next.wakes) || p.wakes.Equal(next.wakes) && p.number < next.number {
			next = p
		}
	}
	return next
}

func (w *World) wake(p *process) {
	if p.wakes.After(w.now) {
		w.now = p.wakes
	}
	p.turn <- struct{}{}
}

// start begins a process after a while.
func (w *World) start(after time.Duration, p *process, do func(*process)) {
	p.world, p.wakes, p.turn = w, w.now.Add(after), make(chan struct{})
	w.running = append(w.running, p)
	go func() {
		<-p.turn
		defer w.leave(p) // also when the process is killed
		do(p)
	}()
}

// leave hands the turn on when a process has ended.
func (w *World) leave(p *process) {
	if p.afterwards != nil {
		p.afterwards()
	}
	for i, other := range w.running {
		if other == p {
			w.running = append(w.running[:i], w.running[i+1:]...)
			break
		}
	}
	p.gone, w.gone[p.run()] = true, w.now
	if next := w.next(); next != nil {
		w.wake(next)
		return
	}
	w.ended <- struct{}{}
}
