package stages

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/report"
	"dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

// Options are what a caller says about one release.
type Options struct {
	Version string
	DryRun  bool
	Force   bool
	Reason  string
	// LockWait is how long to wait for a release of another version: minutes, or a duration.
	LockWait string
}

// Run is one release in the making: the facts that its stages share.
type Run struct {
	dag     *dagger.Client
	config  config
	Version version.Version
	DryRun  bool
	Reason  string // why it is forced; empty when it is not
	started time.Time
	nonce   string // makes an exec that looks at the outside world run in every run

	source        source
	sides         sides
	testVariables []pair
	registry      *registry.Client // nil when images go nowhere
	registryToken string
	actor         string // who runs this, as the CI calls them; empty: the committer
	buildSecrets  []buildSecret
	hidden        []*strings.Replacer // secrets that others may print
	state         state
	git           *dagger.Container // git that reaches the remote; nil when it was not read
	remote        remote
	lock          lock
	lockWait      time.Duration
	proposed      bool                            // the commit is a bump that create-release has not pushed yet
	page          *page                           // nil without a forge
	body          string                          // the text of the release
	newer         version.Version                 // what staging runs, if that is higher
	preview       server.Preview                  // of the deployment to staging
	before        *report.Metrics                 // of the previous release
	withdrawn     []version.Version               // what a rollback has taken back
	success       report.Outcome                  // of a run that is not a release
	title         string                          // of such a run
	upcoming      func() (changelog.Notes, error) // of the release that a checklist is for
	news          notify.Message
	parts         []*part
	partial       bool // not the whole pipeline

	mu          sync.Mutex
	images      map[string]*built
	coverage    map[string]*dagger.File // by side
	moved       []registry.Moved
	wouldRefuse []string
	notChecked  []string
	previous    version.Version
	outcome     report.Outcome // set by a red stage that knows better than "a gate failed"
}

// NewRun checks everything that the caller typed or set; it uses no network.
func NewRun(dag *dagger.Client, settings Settings, options Options) (*Run, error) {
	r := &Run{dag: dag, DryRun: options.DryRun, started: time.Now(), nonce: rand.Text(), images: map[string]*built{}, coverage: map[string]*dagger.File{}}
	var versionErr, configErr, forceErr, waitErr error
	r.config, configErr = settings.read()
	r.Version, versionErr = r.config.tagPrefix.Parse(options.Version)
	r.Reason, forceErr = forceReason(options.Force, options.Reason)
	r.lockWait, waitErr = parseLockWait(options.LockWait)
	return r, inputError(versionErr, configErr, forceErr, waitErr)
}

// newStageRun is for a single stage, which needs no version.
func newStageRun(dag *dagger.Client, settings Settings) (*Run, error) {
	r := &Run{dag: dag, DryRun: true, started: time.Now(), nonce: rand.Text(), images: map[string]*built{}, coverage: map[string]*dagger.File{}}
	var err error
	r.config, err = settings.read()
	return r, inputError(err)
}

func inputError(errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return refuseInput(err)
	}
	return nil
}

// minReason keeps "x" from being a reason.
const minReason = 10

// forceReason insists on words that a colleague can read later.
func forceReason(force bool, reason string) (string, error) {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, reason)
	switch {
	case !force && reason != "":
		return "", errors.New("--reason is given without --force: add --force, or leave the reason out")
	case !force:
		return "", nil
	case len([]rune(visible)) < minReason:
		return "", fmt.Errorf("--force needs --reason with at least %d visible characters, found %d: say why the scan, the dependency check and the slow tests may be left out", minReason, len([]rune(visible)))
	}
	return strings.Join(strings.Fields(reason), " "), nil
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

// runTo runs the pipeline up to and with the named stage.
func (r *Run) runTo(ctx context.Context, last string) report.Report {
	r.partial = last != cleanup
	r.parts = r.graph(pipeline[:stageIndex(last)+1])
	runAll(ctx, r.parts)
	return r.report(r.parts)
}

// stageIndex finds a stage of the table; its names are our own, so it is always there.
func stageIndex(name string) int {
	return slices.IndexFunc(pipeline, func(s stage) bool { return s.name == name })
}

// readSource stands before stages that are run without the pipeline.
var readSource = stage{name: "Read Source", run: func(r *Run, ctx context.Context) (Outcome, error) { return passed(), r.load(ctx) }}

// only runs one stage on its own, with the preparation it needs.
func (r *Run) only(ctx context.Context, name string) report.Report {
	s := pipeline[stageIndex(name)]
	chosen := []stage{readSource}
	for _, needed := range s.afterPrepare {
		n := pipeline[stageIndex(needed)]
		chosen = append(chosen, stage{name: n.name, run: func(r *Run, ctx context.Context) (Outcome, error) { return passed(), n.prepare(r, ctx) }, after: []string{readSource.name}})
		s.after = []string{n.name}
	}
	if len(chosen) == 1 {
		s.after = []string{readSource.name}
	}
	s.afterPrepare = nil
	r.partial = true
	parts := r.graph(append(chosen, s))
	runAll(ctx, parts)
	return r.report(parts)
}

func (o Outcome) line(number int, name string, start, seconds float64) report.Stage {
	return report.Stage{
		Number: number, Name: name, Ending: o.Ending, Reason: o.Reason, Start: start, Seconds: seconds,
		Figures: o.Figures, Findings: o.Findings, Output: o.Output, Next: o.Next,
		Coverage: o.Coverage, Vulnerabilities: o.Vulnerabilities, Environment: o.Environment,
	}
}

// refuse stops a real run, and is listed by a dry one.
func (r *Run) refuse(next, format string, args ...any) error {
	if !r.DryRun {
		return refuseState(next, format, args...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wouldRefuse = append(r.wouldRefuse, fmt.Sprintf(format, args...))
	return nil
}

func (r *Run) notCheckedf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notChecked = append(r.notChecked, fmt.Sprintf(format, args...))
}

// report puts together what is known when the last part has ended.
func (r *Run) report(parts []*part) report.Report {
	result := report.Report{
		Schema: report.Schema, Title: r.title, Version: r.Version.String(), Commit: r.source.commit, Source: r.source.remote,
		DryRun: r.DryRun && r.title == "" && r.Version != (version.Version{}), Forced: r.Reason, By: r.who(), Started: r.started.UTC(), Seconds: time.Since(r.started).Seconds(),
		WouldRefuse: r.wouldRefuse, NotChecked: r.notChecked, CriticalPath: criticalPath(parts), Notes: r.body,
	}
	if r.previous != (version.Version{}) {
		result.Previous = r.previous.String()
	}
	result.Stages = r.stages(parts)
	result.Images, result.Tags = r.reportImages(), r.reportTags()
	result.Outcome = r.verdict(result.Stages)
	result.Metrics, result.Before = result.Measure(), r.before
	if !result.Outcome.Green() {
		result.Next = "mend what is named above, then run the same line again: what is done is not done twice"
	}
	return result
}

// reportSoFar is the report that goes with the release, made before its last stages have ended.
func (r *Run) reportSoFar() report.Report {
	ended := slices.DeleteFunc(slices.Clone(r.parts), func(p *part) bool { return !p.ended() })
	return r.report(ended)
}

// stages merges the preparation of a stage into its line.
func (r *Run) stages(parts []*part) []report.Stage {
	prepared := map[string]*part{}
	var lines []report.Stage
	for _, p := range parts {
		if name, ok := strings.CutPrefix(p.name, preparing); ok {
			prepared[name] = p
			continue
		}
		o, seconds := p.outcome, p.end.Sub(p.start).Seconds()
		if before := prepared[p.name]; before != nil {
			seconds += before.end.Sub(before.start).Seconds()
			if before.outcome.Ending.Red() {
				o = before.outcome
			}
		}
		if o.Ending == report.NotRun {
			seconds = 0
		}
		line := o.line(len(lines)+1, p.name, p.start.Sub(r.started).Seconds(), seconds)
		if before := prepared[p.name]; before != nil {
			line.Prepared = report.Span{Start: before.start.Sub(r.started).Seconds(), Seconds: before.end.Sub(before.start).Seconds()}
		}
		lines = append(lines, line)
	}
	return lines
}

// verdict is the outcome of the whole run.
func (r *Run) verdict(lines []report.Stage) report.Outcome {
	red := map[report.Ending]bool{}
	for _, s := range lines {
		red[s.Ending] = true
	}
	switch {
	case r.outcome != "":
		return r.outcome
	case red[report.Failed]:
		return report.GateFail
	case red[report.Broken]:
		return report.GateError
	case r.success != "" && r.partial:
		return r.success
	case r.partial:
		return report.StagePassed
	case r.DryRun:
		return report.DryRunOK
	}
	return r.made()
}

// made tells a release from one that an earlier run had begun, and from one that was there already.
func (r *Run) made() report.Outcome {
	reused := slices.ContainsFunc(slices.Collect(maps.Values(r.images)), func(b *built) bool { return b.reused })
	moved := slices.ContainsFunc(r.moved, func(m registry.Moved) bool { return m.Old != m.New })
	complete := len(r.state.version) == len(r.config.images) && len(r.state.sha) == len(r.config.images)
	switch {
	case reused && complete && !moved:
		return report.AlreadyReleased
	case reused:
		return report.Resumed
	}
	return report.Released
}

// setOutcome keeps the first word of a stage on how the run ends.
func (r *Run) setOutcome(o report.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outcome == "" {
		r.outcome = o
	}
}

func (r *Run) reportImages() []report.Image {
	var images []report.Image
	for _, i := range r.config.images {
		b, ok := r.images[i.Name]
		if !ok {
			continue
		}
		image := report.Image{Name: i.Name, Digest: b.digest, Reused: b.reused, Seconds: b.seconds, Tags: slices.Clone(b.tags)}
		if r.registry != nil {
			image.Repository, _ = r.registry.Repository(i.Name)
		}
		for _, m := range r.moved {
			if m.Image == i.Name && m.Final == m.New {
				image.Tags = append(image.Tags, m.Tag)
			}
		}
		images = append(images, image)
	}
	return images
}

func (r *Run) reportTags() []report.Tag {
	var tags []report.Tag
	for _, m := range r.moved {
		tags = append(tags, report.Tag{Image: m.Image, Tag: m.Tag, Old: m.Old, New: m.New, Final: m.Final})
	}
	return tags
}

// sortedKeys gives a map a stable order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
