package release

import (
	"slices"
	"time"

	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
)

// Deed is what became of one effect on one thing.
type Deed struct {
	What     string // such as "image tag"
	On       string // such as backend:1.2.3
	Old, New string // digests, or whatever it pointed to
	Wrote    bool   // by this run
	Earlier  bool   // found as only an earlier run of this release leaves it
}

// Record is what a run did.
type Record struct {
	Deeds    []Deed
	Waited   time.Duration    // for the lock
	TookOver gitremote.Holder // whose lock it was, if its run was gone
	Moved    []registry.Moved // the floating tags, those that were put back too
	Attached []Attached
	// NotAttached says of images why the registry keeps no statements of them.
	NotAttached map[string]string
}

// Wrote says whether anything was written.
func (r Record) Wrote() bool {
	return slices.ContainsFunc(r.Deeds, func(d Deed) bool { return d.Wrote })
}

// Outcome is the word for a run that did everything: it is "already" only if nothing was written, and "resumed" if a part of
// it was an earlier run's.
func Outcome(r Record) report.Outcome {
	switch {
	case !r.Wrote():
		return report.AlreadyReleased
	case slices.ContainsFunc(r.Deeds, func(d Deed) bool { return d.Earlier }):
		return report.Resumed
	}
	return report.Released
}
