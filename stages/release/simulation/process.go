package simulation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/retry"
)

// process is a run of Slipway, or a person. It is also the clock by which it waits.
type process struct {
	sort
	traces

	name     string
	number   int
	world    *World
	requests int
	wakes    time.Time
	turn     chan struct{}
	killed   bool
	gone     bool

	lock       *gitremote.Lock
	beat       time.Time // when it was renewed last
	hurries    int       // it has looked at its lock, and is at what it looked for
	afterwards func()    // when it has ended, one way or the other
}

// sort is what sort of process it is.
type sort struct {
	line      string // the version that it releases
	human     bool   // makes no mistakes, and holds no lock
	reads     bool   // may write nothing: a dry run
	unlocked  bool   // a deployment: servers have a lock of their own
	rollsBack bool
	drafts    bool // keeps the standing draft, which changes no release
	faultless bool
}

// traces are what it leaves behind, to be judged by.
type traces struct {
	holds   map[string]bool      // the blobs with which it took and renewed the lock
	wrote   []string             // to the registry, the tags, the forge or a server
	found   map[string]string    // where tags of the registry stood before it wrote them first
	looked  map[string]time.Time // when it last looked where a tag stands
	listed  time.Time            // when it last read which tags there are
	asked   time.Time            // and which releases
	awake   time.Time            // when it last stood still
	telling string               // the version of which it tells
}

var _ retry.Clock = (*process)(nil)

// run is what the process calls itself in the lock.
func (p *process) run() string { return fmt.Sprint(p.number) }

// request is one scheduling point.
type request struct {
	what    string
	writes  bool
	guarded bool // changes what a release is: only who holds the lock may
	renews  bool // is a part of holding the lock, so that no heartbeat comes before it
	lags    bool
	deploys bool
	signs   bool // says in which release something is, which is no part of that
	tags    bool
	quick   bool // follows a look at the lock so closely that no pause fits in between
}

// fault is what a caller is told of a request that did not work.
type fault struct {
	what      string
	temporary bool
}

func (f *fault) Error() string { return f.what }

func temporary(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.temporary
}

// send makes a request: do is what the server does, at one moment, if the request gets there.
func (p *process) send(ctx context.Context, r request, do func(Kind) error) error {
	if p.killed {
		runtime.Goexit()
	}
	p.renew(ctx, r)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	r.quick = r.quick || p.hurries > 0
	here := at{p.number, p.requests}
	p.requests++
	w := p.world
	w.result.Requests++
	f := None
	if !p.faultless {
		f = w.faults.of(here, r)
	}
	if f != None {
		w.result.Faults[f]++
		w.result.injected = append(w.result.injected, injection{here, f})
	}
	if f == Paused {
		w.line(p.name, "stands still")
		p.pass(w.faults.pause(here))
		p.awake, p.beat = w.now, w.now // the heartbeat stood still as well, and may come after the next write
	}
	took := w.faults.time(here, f)
	p.pass(took / 2)
	if f == KilledBefore {
		p.kill(r, f)
	}
	err := p.arrive(r, f, do)
	if f == KilledInside {
		p.kill(r, f)
	}
	p.pass(took - took/2)
	if f == KilledAfter {
		p.kill(r, f)
	}
	return err
}

// arrive is what happens at the server.
func (p *process) arrive(r request, f Kind, do func(Kind) error) error {
	w := p.world
	switch f {
	case Refused:
		w.line(p.name, r.what, string(f))
		return &fault{"refused: " + r.what, false}
	case Busy:
		w.line(p.name, r.what, string(f))
		return &fault{"the server is busy: " + r.what, true}
	}
	err := do(f)
	switch {
	case f != None:
		w.line(p.name, r.what+answer(err), string(f))
	default:
		w.line(p.name, r.what+answer(err))
	}
	if r.writes && err == nil {
		w.afterWrite(p, r)
	}
	if f == Lost && err == nil {
		return &fault{"no answer: " + r.what, true}
	}
	return err
}

func answer(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func (p *process) kill(r request, f Kind) {
	p.world.line(p.name, "is killed at: "+r.what, string(f))
	p.killed = true
	if p.telling != "" {
		p.world.untold[p.telling] = true
	}
	runtime.Goexit()
}

// beatEvery is how often a lock is renewed.
const beatEvery = 30 * time.Second

// renew is the heartbeat, which in a real run comes beside everything else.
func (p *process) renew(ctx context.Context, r request) {
	if p.lock == nil || r.renews || p.world.now.Sub(p.beat) < beatEvery {
		return
	}
	p.beat = p.world.now
	_ = p.lock.Beat(context.WithoutCancel(ctx)) // what a failure means, the lock knows
}

// keep takes the place of the lock's own heartbeat.
func (p *process) keep(l *gitremote.Lock) { p.lock, p.beat = l, p.world.now }

// Now implements retry.Clock.
func (p *process) Now() time.Time { return p.world.now }

// Sleep implements retry.Clock. Jitter is taken out of short waits, so that a seed is one history.
func (p *process) Sleep(ctx context.Context, d time.Duration) error {
	if p.killed {
		runtime.Goexit()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if d < 20*time.Second {
		halves := math.Exp2(math.Round(math.Log2(float64(d) / float64(500*time.Millisecond))))
		d = time.Duration(halves) * 500 * time.Millisecond
	}
	for ; d > beatEvery && ctx.Err() == nil; d -= beatEvery {
		p.pass(beatEvery)
		p.renew(ctx, request{})
	}
	if ctx.Err() == nil {
		p.pass(d)
	}
	return ctx.Err()
}

// pass lets time go by, and everybody else have their turn.
func (p *process) pass(d time.Duration) {
	w := p.world
	p.wakes = w.now.Add(d)
	next := w.next()
	if next == p {
		w.now = p.wakes
		return
	}
	w.wake(next)
	<-p.turn
}

// say writes into the history what the process itself says.
func (p *process) say(format string, args ...any) { p.world.line(p.name, fmt.Sprintf(format, args...)) }

// repeated sends what may be sent again, as the clients of the registry and of the forge do.
func (p *process) repeated(ctx context.Context, r request, do func(Kind) error) error {
	for try := 0; ; try++ {
		err := p.send(ctx, r, do)
		if err == nil || !temporary(err) || try+1 == retry.Tries {
			return err
		}
		if err := p.Sleep(ctx, retry.Delay(try)); err != nil {
			return err
		}
	}
}

// hurry is for what a client does as one thing: begun when the lock was looked at, and without a pause until its end.
func (p *process) hurry() (slowDown func()) {
	p.hurries++
	return func() { p.hurries-- }
}
