package gate

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

const (
	maxNesting = 100      // suites in suites; a report nested deeper is not one
	maxFailing = 100      // failing tests that are listed one by one; the figures count all
	maxOutput  = 64 << 10 // of a failure's text, which is only searched for a file and line
)

// NonePassed begins the reason of a run in which no test failed and none passed.
const NonePassed = "no test passed"

// Tests judges the JUnit report of pytest or vitest together with the exit code of the command that wrote it.
// The counts decide, because both tools end with 0 when every test was skipped; the exit code is needed too,
// because vitest reports only passed tests when an unhandled error made its run fail.
func Tests(junit []byte, exitCode int) Result {
	r := &junitReader{unloaded: map[string]bool{}}
	err := r.read(junit)
	all := tally(r.cases)
	result := Result{Verdict: Pass, Figures: all.figures(), Findings: r.findings}
	switch {
	case len(bytes.TrimSpace(junit)) == 0:
		result.Verdict, result.Reason, result.Figures = Error, "the tests did not run: their command ended with "+ExitText(exitCode)+" and left no report", nil
	case err != nil:
		result.Verdict, result.Reason = Error, "the JUnit report is not readable: "+oneLine(err.Error())
	case all.red() > 0:
		result.Verdict, result.Reason = Fail, all.redReason(len(r.unloaded), r.findings[0])
	case r.disagreement != nil:
		result.Verdict, result.Reason = Error, r.disagreement.Error()
	case all.passed == 0:
		result.Verdict, result.Reason = Fail, fmt.Sprintf(NonePassed+": %d found, %d skipped", all.total(), all.skipped)
	case exitCode != 0:
		result.Verdict, result.Reason = Error, failedWithoutTest(exitCode)
	}
	return result
}

func failedWithoutTest(exitCode int) string {
	return fmt.Sprintf("the test command ended with %s although no test failed: its log tells of an unhandled error, a crash or a limit of the project's own", ExitText(exitCode))
}

// junitReader walks a report as a stream, for reports can be far larger than what is kept of them.
type junitReader struct {
	dec          *xml.Decoder
	cases        []outcome
	seen         map[string]int // place in cases of each test of the open suite
	pytest       bool
	findings     []Finding
	unloaded     map[string]bool // files that were listed in place of their tests
	disagreement error           // the first one
}

func (r *junitReader) read(junit []byte) error {
	dec, root, err := openXML(junit, "testsuites", "testsuite")
	if err != nil {
		return err
	}
	r.dec = dec
	if err := r.suite(root, 0); err != nil {
		return err
	}
	return closeXML(dec)
}

// suite reads a suite, or the root that holds them, and compares its own counters with what it lists.
func (r *junitReader) suite(start xml.StartElement, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("its suites are nested more than %d deep", maxNesting)
	}
	first := len(r.cases)
	r.seen = map[string]int{}
	name := attr(start, "name")
	r.pytest = r.pytest || name == "pytest" || name == "pytest tests"
	for {
		token, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return r.compare(start, tally(r.cases[first:]))
		case xml.StartElement:
			if err := r.child(t, depth); err != nil {
				return err
			}
		}
	}
}

// child reads one element of a suite. A failure outside of any test, of a hook say, counts like a test of its own.
func (r *junitReader) child(start xml.StartElement, depth int) error {
	switch start.Name.Local {
	case "testsuite":
		return r.suite(start, depth+1)
	case "testcase":
		return r.testcase(start)
	case "failure", "error":
		r.cases = append(r.cases, erring)
		return r.failure(testcase{name: "(suite)"}, start)
	}
	return r.dec.Skip()
}

// testcase is what names and places a test.
type testcase struct{ class, name, file, line string }

func (t testcase) id() string {
	if t.class == t.name {
		return oneLine(t.name)
	}
	return oneLine(strings.TrimPrefix(t.class+"::"+t.name, "::"))
}

func (r *junitReader) testcase(start xml.StartElement) error {
	test := testcase{attr(start, "classname"), attr(start, "name"), attr(start, "file"), attr(start, "line")}
	ended := passed
	for {
		token, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			r.add(test, ended)
			return nil
		case xml.StartElement:
			o, err := r.ending(test, t)
			if err != nil {
				return err
			}
			ended = max(ended, o)
		}
	}
}

// ending reads one element of a test; what is none of the three endings says nothing against it.
func (r *junitReader) ending(test testcase, start xml.StartElement) (outcome, error) {
	switch start.Name.Local {
	case "failure":
		return failing, r.failure(test, start)
	case "error":
		return erring, r.failure(test, start)
	case "skipped":
		return skipped, r.dec.Skip()
	case "testcase", "testsuite":
		return passed, errors.New("a test has tests inside of it")
	}
	return passed, r.dec.Skip()
}

// add counts a test. Only pytest names each test once, so only there is a repeated one the same test: tried
// again by a plugin (each try is listed, and only the last one says how it ended), or failed twice.
func (r *junitReader) add(test testcase, ended outcome) {
	key := test.class + "\x00" + test.name
	at, repeated := r.seen[key]
	if !repeated || !r.pytest {
		r.seen[key] = len(r.cases)
		r.cases = append(r.cases, ended)
	} else if r.cases[at] < failing {
		r.cases[at] = ended
	}
}

// failure notes why a test failed, and where.
func (r *junitReader) failure(test testcase, start xml.StartElement) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	message := attr(start, "message")
	if message == "" {
		message = strings.TrimSpace(text)
	}
	f := Finding{Tool: "tests", ID: test.id(), Title: oneLine(message), Gates: true}
	if test.isFile(message) {
		r.unloaded[f.ID] = true
		f.Title = oneLine(cmp.Or(lastError(text), message))
	}
	f.File, f.Line = test.place(text)
	if len(r.findings) < maxFailing {
		r.findings = append(r.findings, f)
	}
	return nil
}

// isFile says whether what failed is a file: pytest says so in words, vitest by giving it its own name once more.
func (t testcase) isFile(message string) bool {
	return message == "collection failure" || t.class != "" && t.class == t.name
}

// lastError is the last line that pytest marks as the error itself.
func lastError(traceback string) (message string) {
	for line := range strings.Lines(traceback) {
		if text, ok := strings.CutPrefix(line, "E   "); ok {
			message = strings.TrimSpace(text)
		}
	}
	return message
}

// text reads the start of an element's text up to the element's end.
func (r *junitReader) text() (string, error) {
	var text strings.Builder
	for depth := 1; depth > 0; {
		token, err := r.dec.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			text.Write(t[:min(len(t), maxOutput-text.Len())])
		}
	}
	return text.String(), nil
}

// counters are the numbers that a suite gives about itself.
var counters = [...]string{"tests", "failures", "errors", "skipped"}

// compare holds a suite's counters against its tests. Red tests need no second witness. pytest counts subtests
// that it does not list, so there the count of tests may only not be too small.
func (r *junitReader) compare(suite xml.StartElement, listed counts) error {
	expected := [...]int64{int64(listed.total()), 0, 0, int64(listed.skipped)}
	counted := expected // what a suite leaves out agrees
	for i, name := range counters {
		n, found, err := count(suite, name)
		if err != nil {
			return err
		}
		if found {
			counted[i] = n
		}
	}
	if r.pytest && counted[0] >= expected[0] {
		counted[0], counted[3] = expected[0], expected[3]
	}
	if listed.red() == 0 && r.disagreement == nil && counted != expected {
		r.disagreement = fmt.Errorf("the JUnit report contradicts itself: suite %q counts %d tests, %d failures, %d errors, %d skipped, but lists %d tests, none of them failed, %d skipped",
			oneLine(attr(suite, "name")), counted[0], counted[1], counted[2], counted[3], listed.total(), listed.skipped)
	}
	return nil
}
