package stages

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/gate"
	"dagger/slipway/stages/report"
)

// suite is how the tests of one side of the repository are run. Required and slow tests are separate execs, so that a
// forced release leaves out the second, and coverage is that of the first alone.
type suite struct {
	name        string // for messages: "backend"
	folder      string
	required    *dagger.Container // with everything but the exec
	command     []string          // writes its reports to /reports
	slow        *dagger.Container
	slowCommand []string // nil where no test is slow
	own         bool     // the command is the repository's: it may write no reports
}

const reports = "/reports"

// judge runs the suite and reads the reports.
func (r *Run) judge(ctx context.Context, s suite) (Outcome, error) {
	both, err := together(
		func() (Outcome, error) { return r.judgeRequired(ctx, s) },
		func() (Outcome, error) { return r.judgeSlow(ctx, s) },
	)
	return bothOf(both[0], both[1]), err
}

// bothOf is the outcome of the required tests, made red by red slow ones.
func bothOf(required, slow Outcome) Outcome {
	required.Figures = append(required.Figures, slow.Figures...)
	required.Findings = gate.Distinct(append(required.Findings, slow.Findings...))
	switch {
	case !slow.Ending.Red():
	case required.Ending.Red() && required.Reason == slow.Reason: // of a file that holds both, and cannot be loaded
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
	tests := ran.tests(s.own)
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
	r.found.mu.Lock()
	defer r.found.mu.Unlock()
	r.found.coverage[side] = reports.File("coverage.xml")
}

// noTestsExit is what pytest ends with when it has collected nothing.
const noTestsExit = 5

func (r *Run) judgeSlow(ctx context.Context, s suite) (Outcome, error) {
	switch {
	case s.slowCommand == nil:
		return passed(), nil
	case r.Reason != "":
		return passed("slow tests skipped (forced)"), nil
	}
	ran, err := r.runTests(ctx, s.slow, s.slowCommand)
	if err != nil {
		return Outcome{}, err
	}
	return ran.slow(s.folder), nil
}

// slow is the outcome of a run of slow tests, of which there may be none.
func (t testRun) slow(folder string) Outcome {
	if t.nothing() {
		return passed("no slow tests")
	}
	result := t.tests(false).In(folder)
	if onlySkipped(result) && t.code == 0 {
		result.Verdict, result.Reason = gate.Pass, ""
	}
	for i, figure := range result.Figures {
		result.Figures[i] = figure + " slow"
	}
	return t.outcome(result)
}

// onlySkipped: slow tests that skip themselves are no failure, because the required tests have passed without them. A command
// that failed has another reason, and is one.
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

// tests judges what the command has reported. A command of the repository's own that reports nothing has only its exit code.
func (t testRun) tests(own bool) gate.Result {
	junit, jest := t.report("junit.xml"), t.report("jest.json")
	switch {
	case jest != nil:
		return gate.JestTests(jest, t.code)
	case own && junit == nil && t.code == 0:
		return gate.Result{Verdict: gate.Pass, Figures: []string{"tests not counted"}}
	case own && junit == nil:
		return gate.Result{Verdict: gate.Fail, Reason: "the test command ended with " + gate.ExitText(t.code), Figures: []string{"tests not counted"}}
	}
	return gate.Tests(junit, t.code)
}

// nothing says whether no test was even found.
func (t testRun) nothing() bool {
	return (t.code == noTestsExit || t.code == 0) && !strings.Contains(string(t.report("junit.xml")), "<testcase") && gate.NoJestTests(t.report("jest.json"))
}

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
func (r *Run) runTests(ctx context.Context, c *dagger.Container, command []string) (testRun, error) {
	ran, err := readTests(ctx, c, command)
	if err != nil || ran.code == 0 || ran.code == noTestsExit || ran.started.After(r.started.Add(-time.Second)) {
		return ran, err
	}
	return readTests(ctx, c.WithEnvVariable("SLIPWAY_RUN", r.nonce), command)
}

// runScript runs a command that writes its reports to /reports, and puts what Slipway reads of them into one file, because every
// question to the engine costs more than its answer: in the form of git cat-file --batch, and in base64, because an answer is
// UTF-8 whatever the file is.
const runScript = `mkdir -p /reports
started=$(date +%s)
code=0
"$@" || code=$?
cd /reports
{
	printf 'started %s\n%s\n' "${#started}" "$started"
	for report in junit.xml jest.json coverage.xml; do
		if [ -f "$report" ] && size=$(wc -c <"$report"); then
			printf '%s %s\n' "$report" "$((size))"
			cat "$report"
			echo
		fi
	done
} | base64 >.slipway || code=127
exit "$code"`

const summary = ".slipway"

// readTests keeps the exit code as a value: a red run has reports too.
func readTests(ctx context.Context, c *dagger.Container, command []string) (testRun, error) {
	c = c.WithExec(append([]string{"sh", "-c", runScript, "sh"}, command...), dagger.ContainerWithExecOpts{Expect: dagger.ReturnTypeAny})
	code, err := c.ExitCode(ctx)
	if err != nil {
		return testRun{}, err
	}
	text, err := c.File(reports + "/" + summary).Contents(ctx)
	if err != nil && code == 0 {
		return testRun{}, err // else the shell was killed with the tests, and there are no reports
	}
	ran := testRun{code: code, folder: c.Directory(reports).WithoutFile(summary)}
	if ran.files, err = parseReports(text); err != nil {
		return testRun{}, err
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

// parseReports reads what runScript has put together.
func parseReports(text string) (map[string][]byte, error) {
	files := map[string][]byte{}
	batch := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	for {
		if _, err := batch.Peek(1); errors.Is(err, io.EOF) {
			return files, nil
		}
		name, content, err := parseObject(batch)
		if err != nil {
			return nil, fmt.Errorf("the reports of the tests are cut off: %w", err)
		}
		files[name] = content
	}
}

// testContainer is where a side's tests run: in the image that the settings name for it, in which everything is installed
// already, or in one with what the repository has locked.
func (r *Run) testContainer(ctx context.Context, side string, install func() (*dagger.Container, error)) (*dagger.Container, error) {
	if image, ok := r.config.testImages[side]; ok {
		install = func() (*dagger.Container, error) { return r.testImage(ctx, image) }
	}
	c, err := install()
	if err != nil {
		return nil, err
	}
	return c.WithEnvVariable("JUNIT_XML", reports+"/junit.xml").WithEnvVariable("COVERAGE_XML", reports+"/coverage.xml"), nil
}

// testImage is an image of the repository's own, whose user may write reports.
func (r *Run) testImage(ctx context.Context, image Image) (*dagger.Container, error) {
	c := r.dockerBuild(image, r.config.platforms[0])
	user, err := c.User(ctx)
	if err != nil {
		return nil, r.buildFailure(image, err)
	}
	return c.WithoutEntrypoint().WithDirectory(reports, r.dag.Directory(), dagger.ContainerWithDirectoryOpts{Owner: user}), nil
}
