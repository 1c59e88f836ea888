package stages

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

// suite is how the tests of one side of the repository are run. Required and slow tests are separate execs, so that a
// forced release leaves out the second, and coverage is that of the first alone.
type suite struct {
	name     string // for messages: "backend"
	folder   string
	required *dagger.Container // with everything but the exec
	command  string            // writes junit.xml and coverage.xml to /reports
	slow     string            // writes junit.xml to /reports
}

const reports = "/reports"

// judge runs the suite and reads the reports.
func (r *Run) judge(ctx context.Context, s suite) (Outcome, error) {
	var required, slow Outcome
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		required, err = r.judgeRequired(ctx, s)
		return err
	})
	group.Go(func() (err error) {
		slow, err = r.judgeSlow(ctx, s)
		return err
	})
	if err := group.Wait(); err != nil {
		return Outcome{}, err
	}
	return bothOf(required, slow), nil
}

// bothOf is the outcome of the required tests, made red by red slow ones.
func bothOf(required, slow Outcome) Outcome {
	required.Figures = append(required.Figures, slow.Figures...)
	required.Findings = append(required.Findings, slow.Findings...)
	switch {
	case !slow.Ending.Red():
	case required.Ending.Red():
		required.Reason += "; slow tests: " + slow.Reason
	default:
		required.Ending, required.Reason, required.Output = slow.Ending, "slow tests: "+slow.Reason, slow.Output
	}
	return required
}

func (r *Run) judgeRequired(ctx context.Context, s suite) (Outcome, error) {
	ran, err := r.runTests(ctx, s.required, s.command)
	if err != nil {
		return Outcome{}, err
	}
	tests := gate.Tests(ran.report("junit.xml"), ran.code)
	coverage := gate.Coverage(ran.report("coverage.xml"), r.config.CoverageThreshold)
	if coverage.Verdict == gate.Skipped {
		coverage.Verdict = gate.Pass // "not measured" is a figure here, and no reason to call the tests skipped
		coverage.Reason = ""
	}
	o := ran.outcome(gate.Join(tests, coverage).In(s.folder))
	if covered, total, err := gate.Lines(ran.report("coverage.xml")); err == nil {
		o.Coverage = map[string]report.Coverage{s.name: {Covered: covered, Total: total}}
		r.noteCoverage(s.name, ran.folder)
	}
	return o, nil
}

// noteCoverage keeps a side's report for the coverage service.
func (r *Run) noteCoverage(side string, reports *dagger.Directory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.coverage[side] = reports.File("coverage.xml")
}

// noTestsExit is what pytest ends with when it has collected nothing.
const noTestsExit = 5

func (r *Run) judgeSlow(ctx context.Context, s suite) (Outcome, error) {
	if r.Reason != "" {
		return passed("slow tests skipped (forced)"), nil
	}
	ran, err := r.runTests(ctx, s.required, s.slow)
	if err != nil {
		return Outcome{}, err
	}
	junit := ran.report("junit.xml")
	if (ran.code == noTestsExit || ran.code == 0) && !strings.Contains(string(junit), "<testcase") {
		return passed("no slow tests"), nil
	}
	result := gate.Tests(junit, ran.code).In(s.folder)
	if onlySkipped(result) {
		result.Verdict, result.Reason = gate.Pass, ""
	}
	for i, figure := range result.Figures {
		result.Figures[i] = figure + " slow"
	}
	return ran.outcome(result), nil
}

// onlySkipped: slow tests that skip themselves are no failure, because the required tests have passed without them.
func onlySkipped(r gate.Result) bool {
	return r.Verdict == gate.Fail && strings.HasPrefix(r.Reason, gate.NonePassed)
}

// testRun is one exec of a test tool.
type testRun struct {
	code    int
	folder  *dagger.Directory
	files   map[string][]byte
	output  string
	started time.Time
}

func (t testRun) report(name string) []byte { return t.files[name] }

func (t testRun) outcome(r gate.Result) Outcome {
	o := judged(r)
	if o.Ending.Red() {
		o.Output = t.output
		o.Next = "see the whole reports, HTML coverage included: dagger call backend-reports (or frontend-reports) export --path=reports"
	}
	return o
}

// runTests runs the command, and once more when what came back is red and from an earlier run: the engine keeps the
// result of an exec for its input, and a test that was red by bad luck would otherwise stay red until the code changes.
func (r *Run) runTests(ctx context.Context, c *dagger.Container, command string) (testRun, error) {
	ran, err := readTests(ctx, c, command)
	if err != nil || ran.code == 0 || ran.code == noTestsExit || ran.started.After(r.started.Add(-time.Second)) {
		return ran, err
	}
	return readTests(ctx, c.WithEnvVariable("SLIPWAY_RUN", r.nonce), command)
}

// readTests keeps the exit code as a value: a red run has reports too.
func readTests(ctx context.Context, c *dagger.Container, command string) (testRun, error) {
	script := "mkdir -p " + reports + "; date +%s > " + reports + "/started; " + command
	c = c.WithExec([]string{"sh", "-c", script}, dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny})
	code, err := c.ExitCode(ctx)
	if err != nil {
		return testRun{}, err
	}
	ran := testRun{code: code, folder: c.Directory(reports), files: map[string][]byte{}}
	names, err := ran.folder.Entries(ctx)
	if err != nil {
		return testRun{}, err
	}
	for _, name := range []string{"started", "junit.xml", "coverage.xml"} {
		if !slices.Contains(names, name) {
			continue
		}
		text, err := ran.folder.File(name).Contents(ctx)
		if err != nil {
			return testRun{}, err
		}
		ran.files[name] = []byte(text)
	}
	var seconds int64
	fmt.Sscan(string(ran.files["started"]), &seconds) //nolint:errcheck // without it the run counts as old
	ran.started = time.Unix(seconds, 0)
	if code != 0 {
		ran.output, err = c.CombinedOutput(ctx)
	}
	ran.output = lastLines(ran.output)
	return ran, err
}

// subset mounts only the named files of a folder, those that are there: an install step then depends on nothing else.
func (r *Run) subset(c *dagger.Container, folder string, names []string) (*dagger.Container, []string) {
	var found []string
	for _, name := range names {
		if _, ok := r.source.files[path.Join(folder, name)]; ok {
			c = c.WithMountedFile(path.Join("/app", name), r.source.folders[folder].File(name))
			found = append(found, name)
		}
	}
	return c.WithWorkdir("/app"), found
}
