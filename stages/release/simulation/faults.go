package simulation

import (
	"math/rand/v2"
	"time"
)

// Kind is a sort of fault.
type Kind string

// The sorts of faults.
const (
	None         Kind = ""
	Refused      Kind = "refused"               // a definite no, and nothing happened
	Busy         Kind = "busy (429, 5xx)"       // nothing happened, and it may work next time
	Lost         Kind = "answer lost"           // it happened, and nobody says so
	Lagging      Kind = "reads lag"             // it happened, and is not seen for a while
	Dropped      Kind = "accepted and not done" // a registry that says 201 and keeps the old tag
	Slow         Kind = "slow"                  // most of a minute
	Paused       Kind = "paused"                // the process stands still for minutes or hours
	KilledBefore Kind = "killed before"         // the process is gone, and nothing happened
	KilledInside Kind = "killed inside"         // it happened, and the process does not learn it
	KilledAfter  Kind = "killed after"          // the process is gone once it has the answer
	Sick         Kind = "unhealthy deployment"  // the containers start and are never healthy
	SelfPublish  Kind = "draft published by the forge itself"
)

// Kinds are all of them, as they are shown.
var Kinds = []Kind{Refused, Busy, Lost, Lagging, Dropped, Slow, Paused, KilledBefore, KilledInside, KilledAfter, Sick, SelfPublish}

// at is a place in a history: the n-th request of a process.
type at struct{ process, request int }

// injection is one fault of a history.
type injection struct {
	At   at
	Kind Kind
}

// script says which faults a history has: those that the seed throws, or only the ones that are left when it is made short.
type script struct {
	seed uint64
	only map[at]Kind // nil: whatever the seed throws
}

// dice are numbers that depend on nothing but the seed and the place.
func (s script) dice(a at, salt uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, uint64(a.process)<<40|uint64(a.request)<<8|salt))
}

// rates are how often a request meets a fault, in thousandths. Some processes have a good day.
var rates = []int{0, 5, 20, 60, 150}

// lives are how many requests a process makes before it is killed at the latest; never is as likely as dying.
const longestLife = 130

// of is the fault at a place, if there is one.
func (s script) of(a at, r request) Kind {
	if s.only != nil {
		return s.only[a]
	}
	day := s.dice(at{a.process, 0}, 1)
	rate, dies := rates[day.IntN(len(rates))], day.IntN(2) == 0
	if death := day.IntN(longestLife); dies && a.request == death {
		return []Kind{KilledBefore, KilledInside, KilledAfter}[day.IntN(3)]
	}
	dice := s.dice(a, 2)
	often := dice.IntN(8) == 0 && rate > 0
	switch {
	case often && r.deploys:
		return Sick
	case often && r.tags:
		return SelfPublish
	case dice.IntN(1000) >= rate:
		return None
	}
	possible := []Kind{Busy, Busy, Slow, Refused}
	if r.writes {
		possible = append(possible, Lost, Lost)
	} else if !r.quick {
		possible = append(possible, Paused)
	}
	if r.lags {
		possible = append(possible, Lagging, Lagging, Dropped)
	}
	return possible[dice.IntN(len(possible))]
}

// time is how long a request takes, there and back.
func (s script) time(a at, fault Kind) time.Duration {
	dice := s.dice(a, 3)
	took := time.Duration(20+dice.IntN(300)) * time.Millisecond
	if dice.IntN(20) == 0 {
		took = time.Duration(1+dice.IntN(9)) * time.Second
	}
	if fault == Slow {
		took = time.Duration(25+dice.IntN(30)) * time.Second
	}
	return took
}

// pause is how long a process stands still: shorter than the lease, a little longer, or for hours.
func (s script) pause(a at) time.Duration {
	dice := s.dice(a, 4)
	return []time.Duration{
		time.Duration(60+dice.IntN(120)) * time.Second,
		time.Duration(3+dice.IntN(15)) * time.Minute,
		time.Duration(1+dice.IntN(5)) * time.Hour,
	}[dice.IntN(3)]
}

// patience is how long containers take to be healthy, in thirds: some migrate first.
func (s script) patience(a at) time.Duration {
	if s.dice(a, 9).IntN(3) == 0 {
		return 5 * time.Minute
	}
	return 20 * time.Second
}

// lag is for how long a write is not seen.
func (s script) lag(a at) time.Duration {
	return time.Duration(1+s.dice(a, 5).IntN(20)) * time.Second
}
