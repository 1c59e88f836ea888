package gate

import (
	"fmt"
	"strings"
	"testing"
)

func TestTestsOfRealReports(t *testing.T) {
	const unhandled = "the test command ended with exit code 1 although no test failed: its log tells of an unhandled error, a crash or a limit of the project's own"
	for _, c := range []struct {
		report  string
		exit    int
		verdict Verdict
		reason  string
		figures []string
	}{
		{"pytest-green", 0, Pass, "", []string{"3 passed", "2 skipped"}},
		{"pytest-green", 1, Error, unhandled, []string{"3 passed", "2 skipped"}},
		{"pytest-red", 1, Fail, "6 of 6 tests failed, first: tests.test_red.TestShop::test_wrong", []string{"0 passed", "4 failed", "2 errored"}},
		{"pytest-red", 0, Fail, "6 of 6 tests failed, first: tests.test_red.TestShop::test_wrong", []string{"0 passed", "4 failed", "2 errored"}},
		{"pytest-xunit1", 1, Fail, "6 of 6 tests failed, first: tests.test_red.TestShop::test_wrong", []string{"0 passed", "4 failed", "2 errored"}},
		{"pytest-all-skipped", 0, Fail, "no test passed: 2 found, 2 skipped", []string{"0 passed", "2 skipped"}},
		{"pytest-none", 5, Fail, "no test passed: 0 found, 0 skipped", []string{"0 passed"}},
		{"pytest-collection", 2, Fail, "1 test file could not be loaded, first: tests.test_bad: ModuleNotFoundError: No module named 'nowhere'", []string{"0 passed", "1 errored"}},
		{"pytest-subtests", 0, Pass, "", []string{"2 passed"}},
		{"pytest-subtests-red", 1, Fail, "1 of 1 tests failed, first: tests.test_subred::test_subs", []string{"0 passed", "1 failed"}},
		{"pytest-subtests-skip", 0, Pass, "", []string{"1 passed", "2 skipped"}},
		{"pytest6-subtests", 0, Pass, "", []string{"5 passed", "2 skipped"}},
		{"pytest-reruns", 0, Pass, "", []string{"2 passed"}},
		{"pytest-xdist", 0, Pass, "", []string{"5 passed", "2 skipped"}},
		{"pytest-characters", 1, Fail, "1 of 7 tests failed, first: tests.test_esc::test_out", []string{"5 passed", "1 failed", "1 skipped"}},
		{"vitest-green", 0, Pass, "", []string{"3 passed", "2 skipped"}},
		{"vitest-red", 1, Fail, "3 of 4 tests failed, first: src/red.test.js::shop > adds", []string{"0 passed", "3 failed", "1 skipped"}},
		{"vitest-mixed", 1, Fail, "3 of 9 tests failed and 1 test file could not be loaded, first: src/bad.test.js", []string{"3 passed", "4 failed", "3 skipped"}},
		{"vitest-import", 1, Fail, "1 test file could not be loaded, first: src/bad.test.js: Cannot find module './nowhere.js' imported from '/src/src/bad.test.js'", []string{"0 passed", "1 failed"}},
		{"vitest-all-skipped", 0, Fail, "no test passed: 2 found, 2 skipped", []string{"0 passed", "2 skipped"}},
		{"vitest-none", 1, Fail, "no test passed: 0 found, 0 skipped", []string{"0 passed"}},
		{"vitest-retry", 0, Pass, "", []string{"1 passed"}},
		{"vitest-unhandled", 1, Error, unhandled, []string{"1 passed"}},
	} {
		t.Run(fmt.Sprint(c.report, " exit ", c.exit), func(t *testing.T) {
			check(t, Tests(data(t, "junit/"+c.report+".xml"), c.exit), c.verdict, c.reason, c.figures...)
		})
	}
}

func TestTestsPlacesFailures(t *testing.T) {
	failure := func(id, title, file string, line int) Finding {
		return Finding{Tool: "tests", ID: id, Title: title, File: file, Line: line, Gates: true}
	}
	const red = "tests.test_red"
	for report, want := range map[string][]Finding{
		"pytest-red": {
			failure(red+".TestShop::test_wrong", "assert 3 == 4 + where 3 = add(1, 2)", "tests/test_red.py", 7),
			failure(red+".TestShop::test_raises", "ValueError: negative", "tests/test_red.py", 10),
			failure(red+"::test_setup", `failed on setup with "RuntimeError: no database"`, "tests/test_red.py", 15),
			failure(red+"::test_teardown", `failed on teardown with "RuntimeError: cannot close"`, "tests/test_red.py", 21),
			failure(red+"::test_double", "assert False", "tests/test_red.py", 33),
			failure(red+"::test_double", `failed on teardown with "RuntimeError: cannot close"`, "tests/test_red.py", 21),
			failure(red+"::test_xpass_strict", "[XPASS(strict)]", "", 0),
		},
		"pytest-collection": {failure("tests.test_bad", "ModuleNotFoundError: No module named 'nowhere'", "tests/test_bad.py", 1)},
		"vitest-red": {
			failure("src/red.test.js::shop > adds", "expected 3 to be 4 // Object.is equality", "src/red.test.js", 5),
			failure("src/red.test.js::shop > prices", "negative", "src/red.test.js", 7),
			failure("src/red.test.js::broken", "no database", "src/red.test.js", 10),
		},
	} {
		t.Run(report, func(t *testing.T) { checkFindings(t, Tests(data(t, "junit/"+report+".xml"), 1).Findings, want...) })
	}
	t.Run("pytest-xunit1 knows where a test without a traceback is defined", func(t *testing.T) {
		got := Tests(data(t, "junit/pytest-xunit1.xml"), 1).Findings
		checkFindings(t, got[6:], failure(red+"::test_xpass_strict", "[XPASS(strict)]", "tests/test_red.py", 36))
	})
}

func TestTestsOfBrokenReports(t *testing.T) {
	const unreadable = "the JUnit report is not readable: "
	deep := strings.Repeat("<testsuite>", 102) + `<testcase name="a"/>` + strings.Repeat("</testsuite>", 102)
	for name, c := range map[string]struct{ report, reason string }{
		"missing":                   {"", "the tests did not run: their command ended with exit code 0 and left no report"},
		"only white space":          {" \n", "the tests did not run: their command ended with exit code 0 and left no report"},
		"not XML":                   {"collected 3 items", unreadable + "there is text outside of its root element"},
		"another root":              {"<coverage/>", unreadable + "its root is <coverage>, expected <testsuites>"},
		"cut off between tests":     {`<testsuites><testsuite><testcase name="a"/>`, unreadable + "XML syntax error on line 1: unexpected EOF"},
		"cut off in a tag":          {`<testsuite><testcase name="a"/><testc`, unreadable + "XML syntax error on line 1: unexpected EOF"},
		"cut off in a failure":      {`<testsuite><testcase name="a"><failure>boom`, unreadable + "XML syntax error on line 1: unexpected EOF"},
		"cut off after a failure":   {`<testsuite><testcase name="a"><failure>boom</failure>`, unreadable + "XML syntax error on line 1: unexpected EOF"},
		"cut off in a skip":         {`<testsuite><testcase name="a"><skipped>`, unreadable + "XML syntax error on line 1: unexpected EOF"},
		"two reports in one file":   {`<testsuite><testcase name="a"/></testsuite><testsuite/>`, unreadable + "<testsuite> follows its end"},
		"text after the end":        {`<testsuite><testcase name="a"/></testsuite>Killed`, unreadable + "there is text outside of its root element"},
		"an end tag too many":       {`<testsuite><testcase name="a"/></testsuite></testsuite>`, unreadable + "XML syntax error on line 1: unexpected end element </testsuite>"},
		"a count that is no number": {`<testsuite tests="many"><testcase name="a"/></testsuite>`, unreadable + `<testsuite tests="many"> is not a count`},
		"a negative count":          {`<testsuite tests="-1"><testcase name="a"/></testsuite>`, unreadable + `<testsuite tests="-1"> is not a count`},
		"a count given twice":       {`<testsuite tests="1" tests="1"><testcase name="a"/></testsuite>`, unreadable + "<testsuite> has two attributes tests"},
		"a test inside a test":      {`<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, unreadable + "a test has tests inside of it"},
		"suites without bottom":     {deep, unreadable + "its suites are nested more than 100 deep"},
		"another encoding":          {`<?xml version="1.0" encoding="utf-16"?><testsuite/>`, unreadable + `xml: encoding "utf-16" declared but Decoder.CharsetReader is nil`},
		"more tests counted than listed": {`<testsuite name="s" tests="3"><testcase name="a"/></testsuite>`,
			`the JUnit report contradicts itself: suite "s" counts 3 tests, 0 failures, 0 errors, 0 skipped, but lists 1 tests, none of them failed, 0 skipped`},
		"fewer tests counted by pytest than listed": {`<testsuite name="pytest" tests="1"><testcase name="a"/><testcase name="b"/></testsuite>`,
			`the JUnit report contradicts itself: suite "pytest" counts 1 tests, 0 failures, 0 errors, 0 skipped, but lists 2 tests, none of them failed, 0 skipped`},
		"a failure counted by pytest, none listed": {`<testsuite name="pytest" tests="1" failures="1"><testcase name="a"/></testsuite>`,
			`the JUnit report contradicts itself: suite "pytest" counts 1 tests, 1 failures, 0 errors, 0 skipped, but lists 1 tests, none of them failed, 0 skipped`},
		"an error counted by the root only": {`<testsuites name="r" errors="1"><testsuite><testcase name="a"/></testsuite></testsuites>`,
			`the JUnit report contradicts itself: suite "r" counts 1 tests, 0 failures, 1 errors, 0 skipped, but lists 1 tests, none of them failed, 0 skipped`},
		"another count of skipped": {`<testsuite name="s" skipped="1"><testcase name="a"/></testsuite>`,
			`the JUnit report contradicts itself: suite "s" counts 1 tests, 0 failures, 0 errors, 1 skipped, but lists 1 tests, none of them failed, 0 skipped`},
	} {
		t.Run(name, func(t *testing.T) {
			got := Tests([]byte(c.report), 0)
			if got.Verdict != Error || got.Reason != c.reason {
				t.Errorf("got %s %q\nwant error %q", got.Verdict, got.Reason, c.reason)
			}
		})
	}
}

func TestTestsShapes(t *testing.T) {
	for name, c := range map[string]struct {
		report  string
		verdict Verdict
		figures []string
	}{
		"nested suites with inclusive counters": {`<testsuites tests="3"><testsuite tests="3"><testcase name="a"/><testsuite tests="2" skipped="1"><testcase name="b"/><testcase name="c"><skipped/></testcase></testsuite></testsuite></testsuites>`, Pass, []string{"2 passed", "1 skipped"}},
		"a failed hook of a suite":              {`<testsuite tests="1"><testcase name="a"/><error message="teardown"/></testsuite>`, Fail, []string{"1 passed", "1 errored"}},
		"failed and skipped at once":            {`<testsuite><testcase name="a"><failure/><skipped/></testcase></testsuite>`, Fail, []string{"0 passed", "1 failed"}},
		"two tests of one name, not of pytest":  {`<testsuite tests="2"><testcase name="a"/><testcase name="a"/></testsuite>`, Pass, []string{"2 passed"}},
		"a failure with elements in it":         {`<testsuite><testcase name="a"><failure>x<b>y</b>z</failure></testcase><testcase name="b"/></testsuite>`, Fail, []string{"1 passed", "1 failed"}},
		"tried again, then skipped":             {`<testsuite name="pytest" tests="1" skipped="1"><testcase name="a"/><testcase name="a"><skipped/></testcase></testsuite>`, Fail, []string{"0 passed", "1 skipped"}},
		"failed, then listed as passed":         {`<testsuite name="pytest"><testcase name="a"><failure/></testcase><testcase name="a"/></testsuite>`, Fail, []string{"0 passed", "1 failed"}},
		"properties and output between":         {`<testsuite><properties><property name="error"/></properties><testcase name="a"><system-out>FAILED &lt;failure/&gt;</system-out></testcase><system-err/></testsuite>`, Pass, []string{"1 passed"}},
		"a contradiction beside a failed test":  {`<testsuites><testsuite tests="9"><testcase name="a"/></testsuite><testsuite><testcase name="b"><error/></testcase></testsuite></testsuites>`, Fail, []string{"1 passed", "1 errored"}},
		"no suite at all":                       {`<testsuites/>`, Fail, []string{"0 passed"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Tests([]byte(c.report), 0)
			check(t, got, c.verdict, got.Reason, c.figures...)
		})
	}
}

func TestTestsBounds(t *testing.T) {
	failing := func(text string) string {
		return `<testcase classname="c" name="` + strings.Repeat("n", 1000) + `"><failure message="` + strings.Repeat("m", 1000) + `">` + text + `c.py:3</failure></testcase>`
	}
	long := strings.Repeat("text ", 20_000)
	got := Tests([]byte("<testsuite>"+failing(long)+strings.Repeat(failing(""), 149)+"</testsuite>"), 1)
	check(t, got, Fail, "150 of 150 tests failed, first: "+got.Findings[0].ID, "0 passed", "150 failed")
	if n := len(got.Findings); n != 100 {
		t.Fatalf("%d findings, want 100", n)
	}
	id, title := "c::"+strings.Repeat("n", 297)+"…", strings.Repeat("m", 300)+"…"
	checkFindings(t, got.Findings[:2],
		Finding{Tool: "tests", ID: id, Title: title, Gates: true},
		Finding{Tool: "tests", ID: id, Title: title, File: "c.py", Line: 3, Gates: true})
}

func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		test testcase
		text string
		file string
		line int
	}{
		"the test's own line before a deeper one":   {testcase{class: "tests.test_a.TestB"}, "shop/x.py:3: E\ntests/test_a.py:7: E", "tests/test_a.py", 7},
		"a helper where the test itself is not":     {testcase{class: "tests.test_a"}, "shop/x.py:3: E\nshop/y.py:4: E", "shop/x.py", 3},
		"a class seen from above":                   {testcase{class: "backend.tests.test_a.TestB"}, "shop/x.py:3: E\ntests/test_a.py:7: E", "tests/test_a.py", 7},
		"a file that is called like a package":      {testcase{class: "tests.api.test_x"}, "api.py:3: E\ntests/api/test_x.py:7: E", "tests/api/test_x.py", 7},
		"a module that only starts alike":           {testcase{class: "tests.test_ab"}, "tests/test_a.py:1:\ntests/test_ab.py:2:", "tests/test_ab.py", 2},
		"nothing installed, nothing outside":        {testcase{class: "t"}, "/usr/lib/x.py:1: ../y.py:2 node_modules/v/z.js:3:4 .venv/site-packages/q.py:5", "", 0},
		"a vitest file without a line":              {testcase{class: "src/a.test.tsx"}, "", "src/a.test.tsx", 0},
		"a vitest file outside":                     {testcase{class: "../a.test.ts"}, "", "", 0},
		"attributes, counted from 0":                {testcase{file: "tests/a.py", line: "0"}, "", "tests/a.py", 1},
		"attributes without a usable line":          {testcase{file: "tests/a.py", line: "x"}, "", "tests/a.py", 0},
		"a line that is too large for a line":       {testcase{file: "tests/a.py"}, "tests/a.py:12345678901", "tests/a.py", 0},
		"a time of day and an address are no place": {testcase{class: "t"}, "12:30:15 localhost:5432", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if file, line := c.test.place(c.text); file != c.file || line != c.line {
				t.Errorf("got %s:%d, want %s:%d", file, line, c.file, c.line)
			}
		})
	}
}
