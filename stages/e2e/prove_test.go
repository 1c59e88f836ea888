package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// What `go run -C testdata/lab . prove` asks for; by default it is a small part of it: kills before a statement is
// attached, before the last floating tag, and before the release is published.
var (
	proveSeed   = flag.Uint64("prove-seed", 17540, "the seed that the kill points are drawn from")
	provePoints = flag.Int("prove-points", 3, "how many kill points are tried")
	proveEngine = flag.Bool("prove-engine", false, "kill the engine at the last point of each repository")
	proveRaces  = flag.Bool("prove-races", false, "let runs race")
)

const (
	// provedAtOnce are repositories that are released beside each other: most of a second run's time is the wait for the lock
	// that the killed one has left.
	provedAtOnce = 6

	// What would begin later is not tried, and the test fails, so that the whole ends within forty minutes.
	lastPoint = 25 * time.Minute
	lastCrash = 31 * time.Minute
	lastRace  = 37 * time.Minute

	// The engine ends the containers of a session that is gone within about two seconds.
	sessionEnd = 3 * time.Second
)

// TestProve kills real releases at their effects and runs the same line again.
func TestProve(t *testing.T) {
	t.Parallel()
	fmt.Printf("prove: seed %d, %d points\n", *proveSeed, *provePoints)
	p := &proof{start: time.Now(), services: newProvedServices(t), plans: plan(*proveSeed, *provePoints, provedAtOnce, *proveEngine)}
	p.lines, p.results = make([]*releaseLine, len(p.plans)), make([][]*attempt, len(p.plans))
	beside(len(p.plans), func(n int) { p.lines[n] = newReleaseLine(t, p.services) })
	if t.Failed() {
		t.Fatal("the undisturbed releases have failed: there is nothing to compare with")
	}
	beside(len(p.plans), func(n int) { p.kill(t, n) })
	if *proveEngine && !p.over(t, lastCrash, "killing the engine") {
		p.killEngine(t)
	}
	if *proveRaces {
		p.race(t)
	}
	p.printTable()
	fmt.Printf("prove: seed %d, %s\n", *proveSeed, time.Since(p.start).Round(time.Second))
}

// proof is one run of everything: each repository has its plan.
type proof struct {
	start    time.Time
	services *provedServices
	plans    [][]point
	lines    []*releaseLine
	results  [][]*attempt
}

// kill tries the points of one repository, but for the one at which the engine is killed.
func (p *proof) kill(t *testing.T, n int) {
	for _, at := range p.plans[n] {
		switch {
		case at.by == byEngine:
		case p.over(t, lastPoint, fmt.Sprintf("%s %s", at.by, at)):
		default:
			a := p.lines[n].begin(t, at)
			a.kill()
			a.finish(t)
			a.tell(t)
			p.results[n] = append(p.results[n], a)
		}
	}
}

// over fails the test for what is not tried any more.
func (p *proof) over(t *testing.T, last time.Duration, what string) bool {
	if time.Since(p.start) < last {
		return false
	}
	t.Errorf("%s was not tried, because %s are over", what, last)
	return true
}

// beside does something n times at once.
func beside(n int, do func(n int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done() // also when the test has failed in it
			do(i)
		}()
	}
	all.Wait()
}

// killEngine brings all repositories to their last point, and kills the engine once. What cannot be held at its point comes
// there when all others wait.
func (p *proof) killEngine(t *testing.T) {
	attempts := make([]*attempt, len(p.lines))
	for _, late := range []bool{false, true} {
		beside(len(p.lines), func(n int) {
			if at := p.plans[n][len(p.plans[n])-1]; at.late == late {
				attempts[n] = p.lines[n].begin(t, at)
			}
		})
	}
	crash := exec.Command("go", "run", "-C", filepath.Join(Module(), "testdata", "lab"), ".", "crash", "engine")
	if out, err := crash.CombinedOutput(); err != nil {
		t.Fatalf("the engine was to be killed and started again: %v: %s", err, out)
	}
	beside(len(p.lines), func(n int) {
		attempts[n].kill()
		attempts[n].finish(t)
		attempts[n].tell(t)
		p.results[n] = append(p.results[n], attempts[n])
	})
}

func (p *proof) printTable() {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\neffect\tkilled by\tleft behind\tsecond run\tverdict")
	for _, attempts := range p.results {
		for _, a := range attempts {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s, %.0f s\t%s\n", a.point, a.by, a.left, a.second, a.took.Seconds(), verdict(a.faults))
		}
	}
	table.Flush()
}
