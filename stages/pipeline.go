// Package stages is the pipeline: ten stages, each a function from the release's facts to an outcome.
package stages

import (
	"context"
	"slices"

	"dagger/slipway/stages/report"
)

// Names of the stages, as users know them from their page of release steps.
const (
	validateRelease = "Validate Release"
	securityScan    = "Security Scan"
	dependencyCheck = "Dependency Check"
	backendTests    = "Backend Tests"
	frontendTests   = "Frontend Tests"
	buildAndPush    = "Build and Push"
	createRelease   = "Create Release"
	deployStaging   = "Deploy Staging"
	notifyTeam      = "Notify Team"
	cleanup         = "Cleanup"
)

// pipeline is the whole release, in the order of its table. A stage starts as soon as what it waits for has passed;
// prepare is the part of a stage that may start earlier, because it writes nothing.
var pipeline = []stage{
	// Everything that can be known to fail is found here, before an hour of work.
	{name: validateRelease, run: (*Run).validate, dry: (*Run).foresee},
	// The very bytes that will be pushed are scanned, so it waits for the images.
	{name: securityScan, after: []string{validateRelease}, afterPrepare: []string{buildAndPush}, forceSkips: true, run: (*Run).scan},
	{name: dependencyCheck, after: []string{validateRelease}, forceSkips: true, run: (*Run).checkDependencies},
	// Force leaves out the slow tests only; a release whose tests are red is never made.
	{name: backendTests, after: []string{validateRelease}, run: (*Run).testBackend},
	{name: frontendTests, after: []string{validateRelease}, run: (*Run).testFrontend},
	// Images are built beside the gates, and the first byte is pushed when every gate is green and the notes are there. From
	// the lock on, what was observed before decides nothing.
	{
		name:         buildAndPush,
		prepareAfter: []string{validateRelease}, prepare: (*Run).buildImages,
		after: []string{securityScan, dependencyCheck, backendTests, frontendTests}, afterPrepare: []string{createRelease},
		locks: true, run: (*Run).push, dry: (*Run).wouldPush,
	},
	// The tag names what was pushed, so that nobody finds a version without images.
	{
		name:         createRelease,
		prepareAfter: []string{validateRelease}, prepare: (*Run).makeNotes,
		after: []string{buildAndPush}, run: (*Run).createRelease, dry: (*Run).wouldRelease,
	},
	// Floating tags move after staging is healthy: whoever follows them never gets a version that does not run.
	{name: deployStaging, after: []string{createRelease}, run: (*Run).deployStaging, then: (*Run).finish, dry: (*Run).wouldDeploy},
	{name: notifyTeam, after: []string{deployStaging}, always: true, run: (*Run).announce, dry: (*Run).wouldAnnounce},
	{name: cleanup, after: []string{notifyTeam}, always: true, run: (*Run).cleanUp, dry: nothingLeft},
}

// stage is one line of the pipeline.
type stage struct {
	name         string
	after        []string // stages that must have passed
	afterPrepare []string // stages whose preparation must have passed
	prepareAfter []string
	forceSkips   bool // a forced release does not wait for its verdict; it still runs and is reported
	always       bool // runs after a failure too
	locks        bool // waits for the release lock, for which it gets time of its own
	prepare      func(*Run, context.Context) error
	run          func(*Run, context.Context) (Outcome, error)
	then         func(*Run, context.Context) error            // what follows at once when it passed
	dry          func(*Run, context.Context) (Outcome, error) // what a dry run does in its place; nil: the same
}

// dry is the pipeline without what it writes, which is shown instead.
func dry(stages []stage) []stage {
	shown := slices.Clone(stages)
	for n, s := range shown {
		if s.dry != nil {
			shown[n].run, shown[n].then, shown[n].locks = s.dry, nil, false
		}
	}
	return shown
}

// upTo is the pipeline up to and with the named stage. What is prepared for a later one is not waited for.
func upTo(stages []stage, last string) []stage {
	is := func(name string) func(stage) bool { return func(s stage) bool { return s.name == name } }
	first := slices.Clone(stages[:slices.IndexFunc(stages, is(last))+1])
	for n, s := range first {
		first[n].afterPrepare = slices.DeleteFunc(slices.Clone(s.afterPrepare), func(name string) bool { return !slices.ContainsFunc(first, is(name)) })
	}
	return first
}

// runStages runs stages as one graph.
func (r *Run) runStages(ctx context.Context, stages []stage) report.Report {
	r.found.parts = r.graph(stages)
	runAll(ctx, r.found.parts)
	return r.report(r.found.parts)
}

// readSource stands before stages that are run without the pipeline.
var readSource = stage{name: "Read Source", run: func(r *Run, ctx context.Context) (Outcome, error) { return passed(), r.load(ctx) }}

// alone is one stage, with the preparation that it needs.
func alone(name string) []stage {
	at := func(name string) stage {
		return pipeline[slices.IndexFunc(pipeline, func(s stage) bool { return s.name == name })]
	}
	s := at(name)
	chosen := []stage{readSource}
	s.after = []string{readSource.name}
	for _, needed := range s.afterPrepare {
		n := at(needed)
		chosen = append(chosen, stage{name: n.name, run: func(r *Run, ctx context.Context) (Outcome, error) { return passed(), n.prepare(r, ctx) }, after: []string{readSource.name}})
		s.after = []string{n.name}
	}
	s.afterPrepare = nil
	return append(chosen, s)
}
