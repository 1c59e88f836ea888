package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// jestReport is what is read of the JSON that jest --json writes.
type jestReport struct {
	Total  *int `json:"numTotalTests"`
	Suites []struct {
		Name, Status, Message string

		Tests []struct {
			FullName, Status string

			Messages []string `json:"failureMessages"`
			Location *struct{ Line int }
		} `json:"assertionResults"`
	} `json:"testResults"`
}

func readJest(text []byte) (r jestReport, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return r, err
	}
	if r.Total == nil {
		return r, errors.New("it counts no tests")
	}
	return r, nil
}

// NoJestTests says whether a report, if there is one, lists no test at all.
func NoJestTests(text []byte) bool {
	r, err := readJest(text)
	return text == nil || err == nil && *r.Total == 0 && len(r.Suites) == 0
}

// JestTests judges jest's own report together with the exit code of the command that wrote it, by the same rules as Tests.
func JestTests(text []byte, exitCode int) Result {
	report, err := readJest(text)
	if err != nil {
		return unjudged("jest's report is not readable: " + oneLine(err.Error()))
	}
	cases, findings := report.cases()
	all := tally(cases)
	result := Result{Verdict: Pass, Figures: all.figures(), Findings: findings}
	switch {
	case all.red() > 0:
		result.Verdict, result.Reason = Fail, all.redReason(all.errored, findings[0])
	case all.total() != *report.Total:
		result.Verdict, result.Reason = Error, fmt.Sprintf("jest's report contradicts itself: it counts %d tests and lists %d", *report.Total, all.total())
	case all.passed == 0:
		result.Verdict, result.Reason = Fail, fmt.Sprintf(NonePassed+": %d found, %d skipped", all.total(), all.skipped)
	case exitCode != 0:
		result.Verdict, result.Reason = Error, failedWithoutTest(exitCode)
	}
	return result
}

// cases are how the tests ended. A file that could not be run counts like a test that erred.
func (r jestReport) cases() (cases []outcome, findings []Finding) {
	note := func(id, file, message string, line int) {
		if len(findings) < maxFailing {
			findings = append(findings, Finding{Tool: "tests", ID: oneLine(id), Title: oneLine(message), File: file, Line: line, Gates: true})
		}
	}
	for _, suite := range r.Suites {
		file := strings.TrimPrefix(suite.Name, "/app/")
		if suite.Status == "failed" && len(suite.Tests) == 0 {
			cases = append(cases, erring)
			note(file, file, suite.Message, 0)
		}
		for _, test := range suite.Tests {
			switch test.Status {
			case "passed":
				cases = append(cases, passed)
			case "failed":
				cases = append(cases, failing)
				line := 0
				if test.Location != nil {
					line = test.Location.Line
				}
				note(test.FullName, file, strings.Join(test.Messages, " "), line)
			default: // pending, todo, skipped, disabled
				cases = append(cases, skipped)
			}
		}
	}
	return cases, findings
}
