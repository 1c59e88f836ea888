package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A step makes one thing that stays: a program, an image, a database. It is made again only when what
// it is made from has changed, and an interrupted one leaves no stamp, so that the next up repairs it.
type step struct {
	name  string
	from  string   // what it is made from; part of the stamp
	needs []string // steps that come first; their stamps are part of this one's
	lane  string   // steps of one lane run in the order of the list: two compilers at once help nobody on two cores
	make  func(context.Context) error
}

// runner runs steps beside each other and says what is left.
type runner struct {
	lab *lab

	mu      sync.Mutex
	missing map[string]bool
	working map[string]time.Time // since when
	stamps  map[string]string
}

// runSteps makes what is missing among the steps.
func (l *lab) runSteps(ctx context.Context, steps []step) error {
	if _, err := l.mkdir("stamps"); err != nil {
		return err
	}
	r := &runner{lab: l, missing: map[string]bool{}, working: map[string]time.Time{}, stamps: map[string]string{}}
	done := map[string]chan struct{}{}
	for _, s := range steps {
		done[s.name] = make(chan struct{})
		r.stamps[s.name] = r.stamp(s)
		if l.readStamp(s.name) != r.stamps[s.name] {
			r.missing[s.name] = true
		}
	}
	watched, stop := context.WithCancel(ctx)
	defer stop()
	go eachMinute(watched, func(now time.Time) { progressf("%s", r.atWork(now)) })
	lanes := map[string]string{}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range steps {
		after := s.needs
		if before := lanes[s.lane]; s.lane != "" && before != "" {
			after = append(after[:len(after):len(after)], before)
		}
		lanes[s.lane] = s.name
		group.Go(func() error {
			for _, name := range after {
				select {
				case <-done[name]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := r.run(ctx, s); err != nil {
				return err
			}
			close(done[s.name])
			return nil
		})
	}
	return group.Wait()
}

func (r *runner) run(ctx context.Context, s step) error {
	if !r.isMissing(s.name) {
		return nil
	}
	start := time.Now()
	r.begin(s.name, start)
	progressf("%s: started", s.name)
	if err := s.make(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if err := os.WriteFile(r.lab.path("stamps", s.name), []byte(r.stamps[s.name]), 0o644); err != nil {
		return err
	}
	progressf("%s: done in %s; left: %s", s.name, time.Since(start).Round(time.Second), r.finish(s.name))
	return nil
}

func (r *runner) isMissing(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing[name]
}

func (r *runner) begin(name string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.working[name] = now
}

func (r *runner) finish(name string) (left string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missing, name)
	delete(r.working, name)
	return listed(slices.Sorted(maps.Keys(r.missing)))
}

// atWork says which steps are being made, the longest first, and which wait for them.
func (r *runner) atWork(now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	working := slices.SortedFunc(maps.Keys(r.working), func(a, b string) int { return r.working[a].Compare(r.working[b]) })
	var left []string
	for _, name := range slices.Sorted(maps.Keys(r.missing)) {
		if !slices.Contains(working, name) {
			left = append(left, name)
		}
	}
	for n, name := range working {
		working[n] = fmt.Sprintf("%s (%s)", name, now.Sub(r.working[name]).Round(time.Second))
	}
	return fmt.Sprintf("at work: %s; left: %s", listed(working), listed(left))
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// minute is how long the lab says nothing while it works.
var minute = time.Minute

func eachMinute(ctx context.Context, do func(now time.Time)) {
	ticker := time.NewTicker(minute)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			do(now)
		case <-ctx.Done():
			return
		}
	}
}

// stamp identifies what a step is made from, the steps it needs included.
func (r *runner) stamp(s step) string {
	h := sha256.New()
	fmt.Fprintln(h, s.name, s.from)
	for _, need := range s.needs {
		fmt.Fprintln(h, need, r.stamps[need])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (l *lab) readStamp(name string) string {
	data, _ := os.ReadFile(l.path("stamps", name))
	return string(data)
}

// madeBy identifies what steps have made.
func (l *lab) madeBy(steps []string) string {
	text := ""
	for _, name := range steps {
		text += l.readStamp(name) + "\n"
	}
	return text
}

var (
	progressStart           = time.Now()
	progress      io.Writer = os.Stderr // stdout is for the export lines
)

func progressf(format string, args ...any) {
	elapsed := time.Since(progressStart).Round(time.Second)
	fmt.Fprintf(progress, "lab [%5s] %s\n", elapsed, fmt.Sprintf(format, args...))
}
