// Package stages is the pipeline: ten stages, each a function from the release's facts to an outcome.
package stages

import "context"

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
	{name: validateRelease, run: (*Run).validate},
	// The very bytes that will be pushed are scanned, so it waits for the images.
	{name: securityScan, after: []string{validateRelease}, afterPrepare: []string{buildAndPush}, forceSkips: true, run: (*Run).scan},
	{name: dependencyCheck, after: []string{validateRelease}, forceSkips: true, run: (*Run).checkDependencies},
	// Force leaves out the slow tests only; a release whose tests are red is never made.
	{name: backendTests, after: []string{validateRelease}, run: (*Run).testBackend},
	{name: frontendTests, after: []string{validateRelease}, run: (*Run).testFrontend},
	// Images are built beside the gates, and the first byte is pushed when every gate is green.
	{
		name:         buildAndPush,
		prepareAfter: []string{validateRelease}, prepare: (*Run).buildImages,
		after: []string{securityScan, dependencyCheck, backendTests, frontendTests}, run: (*Run).push,
	},
	// The tag names what was pushed, so that nobody finds a version without images.
	{name: createRelease, after: []string{buildAndPush}, run: (*Run).createRelease},
	// Floating tags move after staging is healthy: whoever follows them never gets a version that does not run.
	{name: deployStaging, after: []string{createRelease}, run: (*Run).deployStaging, then: (*Run).finish},
	{name: notifyTeam, after: []string{deployStaging}, always: true, run: (*Run).notify},
	{name: cleanup, after: []string{notifyTeam}, always: true, run: (*Run).cleanUp},
}

// stage is one line of the pipeline.
type stage struct {
	name         string
	after        []string // stages that must have passed
	afterPrepare []string // stages whose preparation must have passed
	prepareAfter []string
	forceSkips   bool // a forced release does not wait for its verdict; it still runs and is reported
	always       bool // runs after a failure too
	prepare      func(*Run, context.Context) error
	run          func(*Run, context.Context) (Outcome, error)
	then         func(*Run, context.Context) error // what follows at once when it passed
}
