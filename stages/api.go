package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/notify"
	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
)

// Pipeline is what the module's functions call: the engine and the settings.
type Pipeline struct {
	Dag      *dagger.Client
	Settings Settings
}

// Release runs the whole pipeline and returns its report. A failed run's report is the error, because a result beside
// an error is lost.
func (p Pipeline) Release(ctx context.Context, options Options) (string, error) {
	if options.DryRun {
		return p.upTo(ctx, dry(pipeline), options, goal{dry: true, green: dryRunOK})
	}
	return p.upTo(ctx, pipeline, options, goal{kind: notify.Release, green: released})
}

// Publish runs the pipeline up to the push of the version tags; no floating tag moves.
func (p Pipeline) Publish(ctx context.Context, version string) (string, error) {
	return p.upTo(ctx, upTo(pipeline, buildAndPush), Options{Version: version}, goal{green: stagePassed, until: release.PhaseImages})
}

// The words for runs in which nothing was red.
func released(r *Run) report.Outcome  { return release.Outcome(r.found.act.Record) }
func dryRunOK(*Run) report.Outcome    { return report.DryRunOK }
func stagePassed(*Run) report.Outcome { return report.StagePassed }

func (p Pipeline) upTo(ctx context.Context, stages []stage, options Options, goal goal) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, options, goal)
	if err != nil {
		return "", plain(err)
	}
	// The stage Cleanup has given the lock back, where there is such a stage.
	defer func() { _ = r.found.act.End(ctx) }()
	return r.textKept(ctx, r.runStages(ctx, stages))
}

// Validate says whether a release would be refused.
func (p Pipeline) Validate(ctx context.Context, version string) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: version}, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	return textOrError(r.runStages(ctx, upTo(pipeline, validateRelease)), "")
}

// Stage runs one gate on its own.
func (p Pipeline) Stage(ctx context.Context, name string) (string, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	return textOrError(r.runStages(ctx, alone(name)), "")
}

// Scan runs the security scan on its own.
func (p Pipeline) Scan(ctx context.Context) (string, error) { return p.Stage(ctx, securityScan) }

// Dependencies runs the dependency check on its own.
func (p Pipeline) Dependencies(ctx context.Context) (string, error) {
	return p.Stage(ctx, dependencyCheck)
}

// TestBackend runs the backend's tests on their own.
func (p Pipeline) TestBackend(ctx context.Context) (string, error) {
	return p.Stage(ctx, backendTests)
}

// TestFrontend runs the frontend's tests on their own.
func (p Pipeline) TestFrontend(ctx context.Context) (string, error) {
	return p.Stage(ctx, frontendTests)
}

// BackendReports are the files that the backend's tests write, red ones too.
func (p Pipeline) BackendReports(ctx context.Context) (*dagger.Directory, error) {
	return p.reports(ctx, func(r *Run) bool { return r.sides.backend != nil }, (*Run).backendSuite)
}

// FrontendReports are the files that the frontend's tests write, red ones too.
func (p Pipeline) FrontendReports(ctx context.Context) (*dagger.Directory, error) {
	return p.reports(ctx, func(r *Run) bool { return r.sides.frontend != nil }, (*Run).frontendSuite)
}

func (p Pipeline) reports(ctx context.Context, present func(*Run) bool, suiteOf func(*Run, context.Context) (suite, error)) (*dagger.Directory, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return nil, plain(err)
	}
	if err := r.load(ctx); err != nil {
		return nil, plain(err)
	}
	if !present(r) {
		return nil, plain(refuseState("name its folder with --backend or --frontend", "the repository has no such side"))
	}
	s, err := suiteOf(r, ctx)
	if err != nil {
		return nil, plain(err)
	}
	ran, err := r.runTests(ctx, s.required, s.command)
	return ran.folder, plain(err)
}

// Image builds one image.
func (p Pipeline) Image(ctx context.Context, name string) (*dagger.Container, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return nil, plain(err)
	}
	container, err := r.image(ctx, name)
	return container, plain(err)
}

// Plan says what a release would do.
func (p Pipeline) Plan(ctx context.Context, version string) (string, error) {
	r, err := NewRun(p.Dag, p.Settings, Options{Version: version}, goal{dry: true, green: dryRunOK})
	if err != nil {
		return "", plain(err)
	}
	text, err := r.printPlan(ctx)
	return redact.Shown(text), plain(err)
}

// Changelog returns the notes from one release to another, or to the last commit, as markdown or json.
func (p Pipeline) Changelog(ctx context.Context, from, to, format string) (string, error) {
	forms := map[string]func(changelog.Notes) string{
		"markdown": changelog.Notes.Markdown,
		"json":     func(n changelog.Notes) string { return string(n.JSON()) },
	}
	form, ok := forms[format]
	if !ok {
		return "", plain(refuseInput(fmt.Errorf("expected the format markdown or json, found %q", format)))
	}
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	if err := r.checkBetween(from, to); err != nil {
		return "", plain(err)
	}
	if err := r.load(ctx); err != nil {
		return "", plain(err)
	}
	notes, err := r.changelogBetween(ctx, from, to)
	if err != nil {
		return "", plain(err)
	}
	return form(notes), nil
}

// Report renders the report of the last run.
func (p Pipeline) Report(ctx context.Context, format string) (string, error) {
	forms := map[string]func(report.Report) (string, error){
		"text":     func(r report.Report) (string, error) { return r.Text(), nil },
		"markdown": func(r report.Report) (string, error) { return r.Markdown(), nil },
		"github":   func(r report.Report) (string, error) { return r.GitHub(), nil },
		"json":     report.Report.JSON,
		"html":     report.Report.HTML,
	}
	form, ok := forms[format]
	if !ok {
		return "", plain(refuseInput(fmt.Errorf("expected one of the formats %s, found %q", strings.Join(sortedKeys(forms), ", "), format)))
	}
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	last, err := r.lastReport(ctx)
	if err != nil {
		return "", plain(err)
	}
	return form(last)
}

func textOrError(result report.Report, note string) (string, error) {
	text := result.Text() + note
	if !result.Outcome.Green() {
		return "", errors.New(strings.TrimRight(text, "\n"))
	}
	return text, nil
}

// plain is an error as users read it: one text with what to do next, and an exit code of 1 whatever tool failed.
func plain(err error) error {
	if err == nil {
		return nil
	}
	f := explain(err)
	text := redact.Shown(f.Error())
	if lines := redact.Lines(f.output); len(lines) > 0 {
		text += "\nthe end of its output:\n" + strings.Join(lines, "\n")
	}
	if f.next != "" {
		text += "\nnext: " + f.next
	}
	if f.outcome != "" {
		text += "\nOutcome: " + string(f.outcome)
	}
	return errors.New(text)
}
