package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// races are what two runs of one repository do at the same time. Each returns how they ended and what was wrong afterwards.
var races = []struct {
	name string
	run  func(l *releaseLine, t *testing.T, late time.Duration) (outcomes, faults []string)
}{
	{"one version twice", (*releaseLine).raceSame},
	{"two versions", (*releaseLine).raceVersions},
	{"a release and a deployment", (*releaseLine).raceDeployment},
	{"a release and a rollback", (*releaseLine).raceRollback},
}

// eachRace is how often each sort of race is run.
const eachRace = 2

// longestHeadStart is about as long as a release takes, so that the second run comes at any of its moments.
const longestHeadStart = 15 * time.Second

// race runs every race, those of one repository one after the other.
func (p *proof) race(t *testing.T) {
	random := rand.New(rand.NewPCG(*proveSeed, 1))
	late := make([]time.Duration, eachRace*len(races))
	for n := range late {
		late[n] = time.Duration(random.Int64N(int64(longestHeadStart)))
	}
	beside(len(p.lines), func(line int) {
		l := p.lines[line]
		for n := line; n < len(late); n += len(p.lines) {
			race := races[n%len(races)]
			what := fmt.Sprintf("race of %s, %.1f s apart", race.name, late[n].Seconds())
			if p.over(t, lastRace, what) {
				continue
			}
			outcomes, faults := race.run(l, t, late[n])
			faults = append(faults, l.watcher.found()...)
			fmt.Printf("%-9s %s: %s\n", verdict(faults), what, strings.Join(outcomes, ", "))
			failFor(t, fmt.Sprintf("%s (%s)", what, l.name), faults)
		}
	})
}

// runner is one side of a race.
type runner struct {
	shop Shop
	args []string
}

// race starts the second after the first, and waits for both.
func (l *releaseLine) race(t *testing.T, late time.Duration, first, second runner) (a, b Result) {
	one := first.shop.start(t, l.call(first.args...)...)
	time.Sleep(late)
	two := second.shop.start(t, l.call(second.args...)...)
	return <-one, <-two
}

func (l *releaseLine) releasing(v numbered, more ...string) runner {
	return runner{l.Shop, append([]string{"release", "--version=" + v.String()}, more...)}
}

// wantEnd returns a fault unless the run is green, or ended in one of the ways in which it may lose.
func wantEnd(what string, r Result, mayLose ...string) []string {
	if r.Code == 0 || slices.Contains(mayLose, outcomeOf(r)) {
		return nil
	}
	return []string{fmt.Sprintf("%s ended with %s:\n%s", what, outcomeOf(r), lastLines(r.Stderr))}
}

// again runs the same line when nobody is in its way.
func (l *releaseLine) again(t *testing.T, v numbered) []string {
	return wantEnd("the release of "+v.String()+" on its own", l.release(t, v))
}

func (l *releaseLine) raceSame(t *testing.T, late time.Duration) (outcomes, faults []string) {
	v := l.next(t, "patch")
	a, b := l.race(t, late, l.releasing(v), l.releasing(v))
	faults = append(wantEnd("the first", a), wantEnd("the second", b)...)
	if n := l.services.toldOf(l.name, v); n != 1 {
		faults = append(faults, fmt.Sprintf("the team was told %d times", n))
	}
	return []string{outcomeOf(a), outcomeOf(b)}, append(faults, l.faults(t, l.observe(t), v)...)
}

// raceVersions releases the lower version from a clone of its own, before or after the higher one, and tags and server follow
// the higher one.
func (l *releaseLine) raceVersions(t *testing.T, late time.Duration) (outcomes, faults []string) {
	lower, higher := l.next(t, "patch"), l.next(t, "patch")
	clone := Shop{Dir: filepath.Join(t.TempDir(), "clone"), env: l.env}
	l.Git(t, "clone", "-q", ".", clone.Dir)
	clone.Git(t, "checkout", "-q", "--detach", lower.commit)
	clone.Git(t, "remote", "set-url", "origin", l.address(""))
	first, second := runner{clone, []string{"release", "--version=" + lower.String(), "--lock-wait=15"}}, l.releasing(higher, "--lock-wait=15")
	if late%2 == 0 {
		first, second = second, first
	}
	a, b := l.race(t, late, first, second)
	faults = append(wantEnd("the first", a), wantEnd("the second", b)...)
	o := l.observe(t)
	faults = append(faults, l.versionFaults(t, o, lower)...)
	return []string{outcomeOf(a), outcomeOf(b)}, append(faults, l.faults(t, o, higher)...)
}

// raceDeployment deploys again what runs, which a release in the way may forbid.
func (l *releaseLine) raceDeployment(t *testing.T, late time.Duration) (outcomes, faults []string) {
	runs := l.versions[len(l.versions)-1]
	v := l.next(t, "patch")
	a, b := l.race(t, late, l.releasing(v), runner{l.Shop, []string{"deploy", "--environment=staging", "--version=" + runs.String()}})
	faults = append(wantEnd("the release", a, "locked"), wantEnd("the deployment", b, "locked", "refused-state")...)
	faults = append(faults, l.again(t, v)...)
	return []string{outcomeOf(a), outcomeOf(b)}, append(faults, l.faults(t, l.observe(t), v)...)
}

// raceRollback takes production back, which withdraws a version and moves floating tags, while the next version is released.
func (l *releaseLine) raceRollback(t *testing.T, late time.Duration) (outcomes, faults []string) {
	good, bad := l.versions[len(l.versions)-1], l.next(t, "patch")
	faults = l.again(t, bad)
	for _, v := range []numbered{good, bad} {
		r := l.Call(t, l.call("deploy", "--environment=production", "--version="+v.String())...)
		faults = append(faults, wantEnd("the deployment of "+v.String()+" to production", r)...)
	}
	v := l.next(t, "patch")
	back := runner{l.Shop, []string{"rollback", "--environment=production", "--reason=orders are lost"}}
	l.watcher.allowRollback(true)
	a, b := l.race(t, late, l.releasing(v), back)
	faults = append(faults, wantEnd("the release", a, "locked")...)
	faults = append(faults, wantEnd("the rollback", b, "locked")...)
	if b.Code != 0 {
		faults = append(faults, wantEnd("the rollback on its own", l.Call(t, l.call(back.args...)...))...)
	}
	l.watcher.allowRollback(false)
	faults = append(faults, l.again(t, v)...)
	o := l.observe(t)
	if running := l.production.Running(t); !isVersion(running, o, good) {
		faults = append(faults, fmt.Sprintf("production runs %v, want %s", running, good))
	}
	return []string{outcomeOf(a), outcomeOf(b)}, append(faults, l.faults(t, o, v)...)
}
