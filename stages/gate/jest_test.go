package gate

import (
	"slices"
	"testing"
)

const (
	jestGreen = `{"numTotalTests":3,"numPassedTests":2,"testResults":[{"name":"/app/src/a.test.ts","status":"passed","assertionResults":[
		{"fullName":"a adds","status":"passed"},{"fullName":"a waits","status":"pending"},{"fullName":"a subtracts","status":"passed"}]}]}`
	jestRed = `{"numTotalTests":2,"testResults":[{"name":"/app/src/a.test.ts","status":"failed","assertionResults":[
		{"fullName":"a adds","status":"passed"},{"fullName":"a subtracts","status":"failed","failureMessages":["expected 1, found 2"],"location":{"line":7}}]},
		{"name":"/app/src/b.test.ts","status":"failed","message":"Cannot find module 'x'","assertionResults":[]}]}`
	jestSkipped = `{"numTotalTests":1,"testResults":[{"name":"/app/a.test.ts","status":"passed","assertionResults":[{"fullName":"a","status":"todo"}]}]}`
	jestNone    = `{"numTotalTests":0,"testResults":[]}`
)

func TestJestTests(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		code    int
		verdict Verdict
		reason  string
		figures []string
	}{
		"green":                     {jestGreen, 0, Pass, "", []string{"2 passed", "1 skipped"}},
		"green, and a limit broken": {jestGreen, 1, Error, failedWithoutTest(1), []string{"2 passed", "1 skipped"}},
		"red":                       {jestRed, 1, Fail, "1 of 2 tests failed and 1 test file could not be loaded, first: a subtracts", []string{"1 passed", "1 failed", "1 errored"}},
		"nothing passed":            {jestSkipped, 0, Fail, "no test passed: 1 found, 1 skipped", []string{"0 passed", "1 skipped"}},
		"nothing found":             {jestNone, 1, Fail, "no test passed: 0 found, 0 skipped", []string{"0 passed"}},
		"another file":              {`{"a":1}`, 0, Error, "jest's report is not readable: it counts no tests", nil},
		"cut off":                   {jestGreen[:40], 0, Error, "jest's report is not readable: unexpected end of JSON input", nil},
		"counts that differ":        {`{"numTotalTests":9,"testResults":[]}`, 0, Error, "jest's report contradicts itself: it counts 9 tests and lists 0", []string{"0 passed"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := JestTests([]byte(c.text), c.code)
			if got.Verdict != c.verdict || got.Reason != c.reason || !slices.Equal(got.Figures, c.figures) {
				t.Errorf("got %s %q %q", got.Verdict, got.Reason, got.Figures)
			}
		})
	}
	if f := JestTests([]byte(jestRed), 1).Findings; len(f) != 2 || f[0].File != "src/a.test.ts" || f[0].Line != 7 || f[1].Title != "Cannot find module 'x'" {
		t.Errorf("findings %+v", f)
	}
	if !NoJestTests(nil) || !NoJestTests([]byte(jestNone)) || NoJestTests([]byte(jestGreen)) || NoJestTests([]byte("{")) {
		t.Error("no tests are told from some by something else than the report")
	}
}
