package gate

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// data reads a report that a real tool wrote.
func data(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check compares everything but the findings.
func check(t *testing.T, got Result, verdict Verdict, reason string, figures ...string) {
	t.Helper()
	if got.Verdict != verdict || got.Reason != reason {
		t.Errorf("got %s %q\nwant %s %q", got.Verdict, got.Reason, verdict, reason)
	}
	if len(got.Figures)+len(figures) > 0 && !reflect.DeepEqual(got.Figures, figures) {
		t.Errorf("figures %q, want %q", got.Figures, figures)
	}
}

func checkFindings(t *testing.T, got []Finding, want ...Finding) {
	t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("findings\n%#v\nwant\n%#v", got, want)
	}
}

func TestVerdictRed(t *testing.T) {
	for v, red := range map[Verdict]bool{Pass: false, Skipped: false, Fail: true, Error: true, "": true, "passed": true} {
		if v.Red() != red {
			t.Errorf("%q.Red() = %t, want %t", v, !red, red)
		}
	}
}

func TestSkip(t *testing.T) {
	t.Run("with a reason", func(t *testing.T) { check(t, Skip("no backend folder"), Skipped, "no backend folder") })
	t.Run("without a reason", func(t *testing.T) { check(t, Skip(" \n"), Error, "the gate was skipped without a reason") })
}

func TestJoin(t *testing.T) {
	pass := Result{Verdict: Pass, Figures: []string{"p"}, Findings: []Finding{{ID: "reported"}}}
	fail := Result{Fail, "found", []string{"f"}, []Finding{{ID: "gating", Gates: true}}}
	broken := Result{Verdict: Error, Reason: "broken"}
	for name, c := range map[string]struct {
		results []Result
		verdict Verdict
		reason  string
		figures []string
		ids     string
	}{
		"nothing":                   {nil, Error, "nothing was judged", nil, ""},
		"passes":                    {[]Result{pass, pass}, Pass, "", []string{"p", "p"}, "reported"},
		"a skip beside a pass":      {[]Result{Skip("none"), pass}, Pass, "", []string{"p"}, "reported"},
		"only skips":                {[]Result{Skip("none"), Skip("off")}, Skipped, "none; off", nil, ""},
		"an error beside a pass":    {[]Result{pass, broken}, Error, "broken", []string{"p"}, "reported"},
		"a finding beside an error": {[]Result{pass, broken, fail}, Fail, "broken; found", []string{"p", "f"}, "gating reported"},
		"a verdict never set":       {[]Result{pass, {}}, Error, "", []string{"p"}, "reported"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Join(c.results...)
			check(t, got, c.verdict, c.reason, c.figures...)
			var ids []string
			for _, f := range got.Findings {
				ids = append(ids, f.ID)
			}
			if strings.Join(ids, " ") != c.ids {
				t.Errorf("findings %q, want %q", ids, c.ids)
			}
		})
	}
}

func TestIn(t *testing.T) {
	before := Result{Findings: []Finding{{File: "tests/test_a.py"}, {File: "/app/.env"}, {}}}
	got := before.In("backend")
	checkFindings(t, got.Findings, Finding{File: "backend/tests/test_a.py"}, Finding{File: "/app/.env"}, Finding{})
	if before.Findings[0].File != "tests/test_a.py" {
		t.Error("the original result was changed")
	}
}

// Two runs of one tool stumble over the same file.
func TestJoinListsAFindingOnce(t *testing.T) {
	bad := Finding{Tool: "tests", ID: "tests.test_bad", File: "tests/test_bad.py", Line: 1, Gates: true}
	other := Finding{Tool: "tests", ID: "tests.test_bad", File: "tests/test_bad.py", Line: 2, Gates: true}
	red := Result{Verdict: Fail, Reason: "x", Findings: []Finding{bad}}
	checkFindings(t, Join(red, Result{Verdict: Fail, Reason: "x", Findings: []Finding{bad, other}}).Findings, bad, other)
	if got := Join(red, red).Reason; got != "x" {
		t.Errorf("the reason is %q", got)
	}
	if got := Distinct(nil); got != nil {
		t.Errorf("got %v of nothing", got)
	}
}

func TestExitText(t *testing.T) {
	for code, want := range map[int]string{
		0: "exit code 0", 1: "exit code 1", 137: "exit code 137 (killed, perhaps for lack of memory)", 143: "exit code 143",
	} {
		if got := ExitText(code); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Tests(nil, 137).Reason; got != "the tests did not run: their command ended with exit code 137 (killed, perhaps for lack of memory) and left no report" {
		t.Errorf("got %q", got)
	}
}

func TestFindingString(t *testing.T) {
	for want, f := range map[string]Finding{
		"CVE-1 (HIGH) in requests 2.19.0 at repository, backend/requirements.txt:1, fixed in 2.20.0": {ID: "CVE-1", Severity: "HIGH",
			Package: "requests", Installed: "2.19.0", Target: "repository", File: "backend/requirements.txt", Line: 1, Fixed: "2.20.0"},
		"tests.test_a::test_b at tests/test_a.py": {ID: "tests.test_a::test_b", File: "tests/test_a.py"},
		"CVE-2 in zlib1g at backend image":        {ID: "CVE-2", Package: "zlib1g", Target: "backend image", Line: 3},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for name, c := range map[string][2]string{
		"line breaks and tabs":      {"a\r\n\tb", "a b"},
		"control characters":        {"\x1b[31mred\x00\u0085", "red"},
		"broken UTF-8":              {"a\xffb", "a\ufffdb"},
		"exactly the bound":         {strings.Repeat("é", 300), strings.Repeat("é", 300)},
		"one character more":        {strings.Repeat("é", 301), strings.Repeat("é", 300) + "…"},
		"broken UTF-8 over a bound": {strings.Repeat("a\xff", 400), strings.Repeat("a\ufffd", 150) + "…"},
		"bidirectional overrides":   {"a\u202eb\u2066c", "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := oneLine(c[0]); got != c[1] {
				t.Errorf("got %q, want %q", got, c[1])
			}
		})
	}
}
