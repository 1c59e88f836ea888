package stages

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// Run is one call: what was asked for, and what the repository and its settings say. It is filled before the first stage
// works, and then only read; what stages find is in found.
type Run struct {
	dag      *dagger.Client
	config   config
	goal     goal
	Version  version.Version
	Reason   string        // why it is forced; empty when it is not
	lockWait time.Duration // for a release of another version that is at work
	started  time.Time
	nonce    string // makes an exec that looks at the outside world run in every run

	source        source
	sides         sides
	testVariables []pair
	actor         string // who runs this, as the CI calls them; empty: the committer
	concealed     concealed
	access        access
	found         *found
}

// goal is what the run is for.
type goal struct {
	title string // of a run that is not a release
	kind  notify.Kind
	dry   bool                      // for the report: nothing was to be written
	green func(*Run) report.Outcome // the word for a run in which nothing was red
	until release.Phase             // of the release, unless it is all of it
}

// found is what the stages of a run have found, each part by the stage that is named.
type found struct {
	mu         sync.Mutex
	parts      []*part                 // the stages themselves
	notChecked []string                // any stage
	refused    []string                // Validate Release of a dry run: what a real one would not accept
	plan       release.Plan            // Validate Release; what is written follows the one of act
	preview    server.Preview          // Validate Release: of the deployment to staging
	notes      changelog.Notes         // Create Release, beside the gates
	closed     map[int][]int           // with the notes: the merged pull requests, and the issues that each closes; nil: not known
	before     *report.Metrics         // Build and Push, beside the gates: of the previous release
	images     map[string]*built       // Build and Push, beside the gates
	coverage   map[string]*dagger.File // the tests, by side
	act        *release.Act            // Build and Push: from the lock on
	back       *release.Back           // rollbacks that take versions back: from the lock on
	refs       gitremote.Refs          // whoever asks the remote first
	deployed   deployed
}

// deployed is what deployments and rollbacks say of a server.
type deployed struct {
	word    report.Outcome // on the run
	news    notify.Message
	figures []string
}

// wordOfServer is the outcome of a run that is about a server.
func wordOfServer(r *Run) report.Outcome { return r.found.deployed.word }

// NewRun checks everything that the caller typed or set; it uses no network.
func NewRun(dag *dagger.Client, settings Settings, options Options, goal goal) (*Run, error) {
	r := emptyRun(dag, goal)
	var versionErr, configErr, forceErr, waitErr error
	r.config, configErr = settings.read()
	r.Version, versionErr = r.config.tagPrefix.Parse(options.Version)
	r.Reason, forceErr = forceReason(options.Force, options.Reason)
	r.lockWait, waitErr = parseLockWait(options.LockWait)
	return r, inputError(versionErr, configErr, forceErr, waitErr)
}

// newStageRun is for what needs no version.
func newStageRun(dag *dagger.Client, settings Settings, goal goal) (*Run, error) {
	r := emptyRun(dag, goal)
	var err error
	r.config, err = settings.read()
	return r, inputError(err)
}

func emptyRun(dag *dagger.Client, goal goal) *Run {
	return &Run{
		dag: dag, goal: goal, started: time.Now(), nonce: rand.Text(),
		found: &found{images: map[string]*built{}, coverage: map[string]*dagger.File{}},
	}
}

func inputError(errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return refuseInput(err)
	}
	return nil
}

// onPlatform are the tools that run the repository's own code, which has to behave as it will on the servers. The others are
// as fast as the engine's own platform.
var onPlatform = []string{"node", "python"}

// tool is a container of one of the images that Slipway itself runs.
func (r *Run) tool(name string) *dagger.Container {
	c := r.dag.Container()
	if slices.Contains(onPlatform, name) {
		c = r.on(r.config.platforms[0])
	}
	return c.From(r.config.tools[name])
}

// lately makes an exec that looks into a volume run once in so many minutes, and not in every run: the engine may have emptied
// the volume since, or what lies in it may be out of date.
func (r *Run) lately(c *dagger.Container) *dagger.Container {
	const window = 10 * time.Minute
	return c.WithEnvVariable("SLIPWAY_LATELY", r.started.UTC().Truncate(window).Format(time.RFC3339))
}

// again makes an exec run each time: the engine repeats one only if something about it is new.
func again(c *dagger.Container) *dagger.Container {
	return c.WithEnvVariable("SLIPWAY_RUN", rand.Text())
}

// execRetried runs a command whatever its exit code. What the engine remembers of one that ended badly may be bad luck of an
// earlier run, so it is run once more.
func (r *Run) execRetried(ctx context.Context, c *dagger.Container, args []string, useEntrypoint bool, bad func(code int) bool) (*dagger.Container, int, error) {
	how := dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny, UseEntrypoint: useEntrypoint}
	ran := c.WithExec(args, how)
	code, err := ran.ExitCode(ctx)
	if err == nil && bad(code) {
		ran = c.WithEnvVariable("SLIPWAY_RUN", r.nonce).WithExec(args, how)
		code, err = ran.ExitCode(ctx)
	}
	return ran, code, err
}

// load reads the repository, and stands before every stage.
func (r *Run) load(ctx context.Context) error {
	if err := cmp.Or(r.logIn(ctx), r.readBuildSecrets(ctx), r.readActor(ctx)); err != nil {
		return err
	}
	var unread, own error
	r.source, unread = r.readSource(ctx)
	// What cannot be read may be a copy of Slipway's own tree without its .git.
	if unread != nil || ownModule(string(r.source.files[moduleFile])) {
		own = r.refuseOwnTree(ctx)
	}
	if err := cmp.Or(own, unread); err != nil {
		return err
	}
	var noSides, noVariables error
	r.sides, noSides = r.readSides()
	r.testVariables, noVariables = r.readTestVariables()
	return cmp.Or(noSides, noVariables)
}

const moduleFile = "dagger.json"

func ownModule(text string) bool { return strings.Contains(text, `"name": "slipway"`) }

// refuseOwnTree finds a forgotten --source: the default is then the module's own repository.
func (r *Run) refuseOwnTree(ctx context.Context) error {
	entries, err := r.config.Source.Entries(ctx)
	if err != nil {
		return explain(err)
	}
	if len(r.config.images) == 0 || !slices.Contains(entries, moduleFile) || !slices.Contains(entries, "stages/") {
		return nil
	}
	text, err := r.config.Source.File(moduleFile).Contents(ctx)
	if err != nil {
		return explain(err)
	}
	if !ownModule(text) {
		return nil
	}
	return &failure{
		err:     errors.New("the source is Slipway's own repository, which has no images to release"),
		outcome: report.RefusedInput, ending: report.Failed,
		next: "with -m, say what to release: dagger call -m MODULE --source=. release ...",
	}
}

// sortedKeys gives a map a stable order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
