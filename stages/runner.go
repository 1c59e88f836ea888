package stages

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/report"
)

// part is one piece of work in the graph: a stage, or the preparation of one.
type part struct {
	name    string
	after   []string
	always  bool
	limit   time.Duration // so that one that hangs ends as an error
	work    func(context.Context) Outcome
	outcome Outcome
	start   time.Time
	end     time.Time
	done    chan struct{}
}

const preparing = "prepare "

// ended says whether the outcome can be read.
func (p *part) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// graph turns stages into the parts that are run.
func (r *Run) graph(stages []stage) []*part {
	var parts []*part
	add := func(s stage, name string, after []string, work func(context.Context) Outcome) {
		limit := r.config.stageTimeout
		if s.locks {
			limit += gitremote.Patience(r.lockWait) // what is waited for is no work that hangs
		}
		parts = append(parts, &part{name: name, after: after, always: s.always, limit: limit, work: work, done: make(chan struct{})})
	}
	for _, s := range stages {
		after := slices.Clone(s.after)
		for _, name := range s.afterPrepare {
			after = append(after, preparing+name)
		}
		if s.prepare != nil {
			add(stage{}, preparing+s.name, s.prepareAfter, func(ctx context.Context) Outcome { return outcomeOf(passed(), s.prepare(r, ctx)) })
			after = append(after, preparing+s.name)
		}
		add(s, s.name, after, func(ctx context.Context) Outcome { return r.runStage(ctx, s) })
	}
	return parts
}

// runStage runs a stage and what follows it, and softens the verdict of one that force skips.
func (r *Run) runStage(ctx context.Context, s stage) Outcome {
	o := outcomeOf(s.run(r, ctx))
	if s.forceSkips && r.Reason != "" {
		return forced(o, r.Reason)
	}
	if s.then == nil || o.Ending.Red() {
		return o
	}
	return outcomeOf(o, s.then(r, ctx))
}

// forced is what a stage that force skips has found: reported, never passed, never in the way.
func forced(o Outcome, reason string) Outcome {
	figures := o.Figures
	if o.Ending.Red() {
		figures = append([]string{"would have been " + string(o.Ending) + ": " + o.Reason}, figures...)
	}
	for i := range o.Findings {
		o.Findings[i].Gates = false
	}
	return Outcome{Ending: report.Skipped, Reason: "forced: " + reason, Figures: figures, Findings: o.Findings, Measured: o.Measured}
}

func outcomeOf(o Outcome, err error) Outcome {
	if err == nil && o.Ending != "" {
		return o
	}
	if err == nil {
		err = errors.New("the stage has said nothing about how it ended")
	}
	f := explain(err)
	return Outcome{Ending: f.ending, Reason: f.Error(), Output: f.output, Next: f.next, Verdict: f.outcome, Figures: o.Figures, Findings: o.Findings, Measured: o.Measured}
}

// runAll runs every part as soon as what it waits for has passed, and lets the others finish when one fails: a user
// wants to know of all that is wrong, not only of the first.
func runAll(ctx context.Context, parts []*part) {
	byName := map[string]*part{}
	for _, p := range parts {
		byName[p.name] = p
	}
	var group errgroup.Group
	for _, p := range parts {
		group.Go(func() error {
			defer close(p.done)
			for _, name := range p.after {
				<-byName[name].done
			}
			p.start = time.Now()
			if blocker := p.blocker(byName); blocker != "" {
				p.outcome = Outcome{Ending: report.NotRun, Reason: blocker}
			} else {
				p.outcome = p.traced(ctx)
			}
			p.end = time.Now()
			return nil
		})
	}
	group.Wait() //nolint:errcheck // outcomes carry the errors
}

// together does all of the work, and lets the rest finish when a part of it fails, of which nothing is kept.
func together[T any](work ...func() (T, error)) ([]T, error) {
	made, failures := make([]T, len(work)), make([]error, len(work))
	var group sync.WaitGroup
	for n, do := range work {
		group.Go(func() {
			result, err := do()
			if failures[n] = err; err == nil {
				made[n] = result
			}
		})
	}
	group.Wait()
	return made, allOf(failures...)
}

// blocker names what keeps a part from running: what was red, or else what did not run either.
func (p *part) blocker(byName map[string]*part) string {
	var red, idle []string
	for _, name := range p.after {
		title := strings.TrimPrefix(name, preparing)
		switch o := byName[name].outcome; {
		case p.always || title == p.name && o.Ending != report.Failed && o.Ending != report.Broken:
		case o.Ending.Red():
			red = append(red, title)
		case o.Ending == report.NotRun:
			idle = append(idle, title)
		}
	}
	if len(red) > 0 {
		idle = red
	}
	if len(idle) == 0 {
		return ""
	}
	return "waits for " + strings.Join(idle, ", ")
}

// traced runs the part under a span of its name, so that the progress reads like the table.
func (p *part) traced(ctx context.Context) Outcome {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	title := p.name
	if rest, ok := strings.CutPrefix(p.name, preparing); ok {
		title = rest + report.PreparedSuffix
	}
	ctx, end := step(ctx, title)
	o := p.work(ctx)
	if o.Ending.Red() {
		end(errors.New(o.Reason))
	} else {
		end(nil)
	}
	return o
}

// criticalPath walks back from the part that ended last, each time to what it waited for longest.
func criticalPath(parts []*part) []report.Part {
	byName := map[string]*part{}
	var at *part
	for _, p := range parts {
		byName[p.name] = p
		if at == nil || p.end.After(at.end) {
			at = p
		}
	}
	var path []report.Part
	for at != nil {
		seconds := at.end.Sub(at.start).Seconds()
		if seconds >= 0.05 {
			name := at.name
			if rest, ok := strings.CutPrefix(name, preparing); ok {
				name = rest + report.PreparedSuffix
			}
			path = append(path, report.Part{Name: name, Seconds: seconds})
		}
		var last *part
		for _, name := range at.after {
			if p := byName[name]; last == nil || p.end.After(last.end) {
				last = p
			}
		}
		at = last
	}
	slices.Reverse(path)
	return path
}
