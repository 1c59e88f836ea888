package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/version"
)

// takenBack are the versions that a production rollback takes back: all that are known above the target up to the one that
// was left, whether they ran here or not (B4). What is above that was never left, and stays.
func takenBack(known []string, target, left string) (taken, above []string) {
	for _, v := range inOrder(known) {
		switch {
		case higher(v, left):
			above = append(above, v)
		case higher(v, target):
			taken = append(taken, v)
		}
	}
	return taken, above
}

// inOrder are the strict versions among the texts, each once, the lowest first.
func inOrder(texts []string) []string {
	sorted := slices.DeleteFunc(slices.Sorted(slices.Values(texts)), func(text string) bool {
		_, err := version.Parse(text)
		return err != nil
	})
	slices.SortFunc(sorted, func(a, b string) int {
		switch {
		case higher(a, b):
			return 1
		case higher(b, a):
			return -1
		}
		return 0
	})
	return slices.Compact(sorted)
}

func higher(a, b string) bool {
	va, errA := version.Parse(a)
	vb, errB := version.Parse(b)
	return errA == nil && errB == nil && va.Compare(vb) > 0
}

// withdraw writes down which versions are not to be used again.
func (d *rollback) withdraw(ctx context.Context, result *RolledResult) error {
	if d.back.Known == nil {
		return nil
	}
	known := append(d.back.Known(ctx), result.Left)
	for _, e := range d.ledger {
		known = append(known, e.Version)
	}
	before := d.ledger.WithdrawnVersions()
	result.Withdrawn, result.Above = takenBack(known, d.target.Version, result.Left)
	// What was rolled back long ago stays withdrawn, and what was released since is none of this.
	if d.databaseOnly && slices.Contains(before, result.Left) {
		result.Withdrawn = slices.DeleteFunc(result.Withdrawn, func(v string) bool { return !slices.Contains(before, v) })
	}
	result.Above = slices.DeleteFunc(result.Above, func(v string) bool { return slices.Contains(before, v) })
	for _, v := range result.Withdrawn {
		if slices.Contains(before, v) {
			continue
		}
		result.Unchanged = false
		e := Entry{Time: writtenAt(time.Now()), Kind: Withdrawn, Version: v, By: d.back.By, Reason: d.back.Reason}
		if err := d.conn.record(ctx, e); err != nil {
			return unrecorded(d.target.Version, "which versions are withdrawn", err)
		}
	}
	return nil
}

// again tells what the earlier run has done, once the server was asked whether it still is so, and completes it.
func (d *rollback) again(ctx context.Context) (RolledResult, error) {
	if err := d.findIll(ctx); err != nil {
		return RolledResult{}, untouched(err)
	}
	w := d.watched(d.previous, d.before.Version, d.pinsBefore())
	v, err := d.conn.look(ctx, w)
	if err == nil && !v.good() {
		err = fmt.Errorf("%s was brought back already, and is not healthy now: %s", d.before.Version, strings.Join(v.bad(), "; "))
	}
	if err != nil {
		return RolledResult{}, untouched(err)
	}
	result := RolledResult{Result: Result{Version: d.before.Version, Already: true}, Commit: d.before.Commit, Unchanged: true}
	d.figures = append(d.figures, fmt.Sprintf("it was brought back at %s by %s, for the same reason", d.before.Time.Format("2006-01-02 15:04:05 UTC"), d.before.By))
	d.nameIll(w)
	result.Figures = d.figures
	left := d.ledger.left()
	result.Left, result.LeftCommit = left.Version, left.Commit
	d.target = d.before
	err = d.withdraw(ctx, &result)
	return result, err
}
