package gate

import (
	"fmt"
	"testing"
)

func cobertura(covered, valid string) string {
	return fmt.Sprintf(`<coverage lines-covered="%s" lines-valid="%s"><packages/></coverage>`, covered, valid)
}

func TestCoverage(t *testing.T) {
	coveragepy, istanbul := string(data(t, "coverage/coveragepy.xml")), string(data(t, "coverage/istanbul.xml"))
	for name, c := range map[string]struct {
		report, threshold string
		verdict           Verdict
		reason            string
		figures           []string
	}{
		"coverage.py, no threshold":           {coveragepy, "", Pass, "", []string{"50.0% coverage"}},
		"coverage.py, exactly the threshold":  {coveragepy, "50", Pass, "", []string{"50.0% coverage"}},
		"coverage.py, a hair more is wanted":  {coveragepy, "50.000000001", Fail, "3 of 6 lines are covered, less than the threshold of 50.000000001%: add tests or lower coverageThreshold", []string{"50.0% coverage"}},
		"istanbul, below":                     {istanbul, "80", Fail, "2 of 7 lines are covered, less than the threshold of 80%: add tests or lower coverageThreshold", []string{"28.5% coverage"}},
		"istanbul, enough":                    {istanbul, "28.5", Pass, "", []string{"28.5% coverage"}},
		"1999 of 2500 is not 80":              {cobertura("1999", "2500"), "80", Fail, "1999 of 2500 lines are covered, less than the threshold of 80%: add tests or lower coverageThreshold", []string{"79.9% coverage"}},
		"2000 of 2500 is":                     {cobertura("2000", "2500"), "80", Pass, "", []string{"80.0% coverage"}},
		"a fraction of a percent":             {cobertura("33", "40"), "82.5", Pass, "", []string{"82.5% coverage"}},
		"one line less":                       {cobertura("32", "40"), "82.5", Fail, "32 of 40 lines are covered, less than the threshold of 82.5%: add tests or lower coverageThreshold", []string{"80.0% coverage"}},
		"everything":                          {cobertura("7", "7"), "100", Pass, "", []string{"100.0% coverage"}},
		"nothing, and nothing asked":          {cobertura("0", "7"), "0", Pass, "", []string{"0.0% coverage"}},
		"numbers at the end of their range":   {cobertura("9223372036854775806", "9223372036854775807"), "100", Fail, "9223372036854775806 of 9223372036854775807 lines are covered, less than the threshold of 100%: add tests or lower coverageThreshold", []string{"99.9% coverage"}},
		"missing with a threshold":            {"", "80", Error, "coverage cannot be judged against 80%: the Cobertura report is not readable: it is missing or empty", nil},
		"missing without one":                 {"", "", Skipped, "coverage not measured: the Cobertura report is not readable: it is missing or empty", []string{"coverage not measured"}},
		"no lines with a threshold":           {cobertura("0", "0"), "0", Error, "coverage cannot be judged against 0%: the Cobertura report counts no lines at all: check which folder or package is measured", nil},
		"no lines without one":                {cobertura("0", "0"), "", Skipped, "coverage not measured: the Cobertura report counts no lines at all: check which folder or package is measured", []string{"coverage not measured"}},
		"more covered than there are":         {cobertura("8", "7"), "80", Error, "coverage cannot be judged against 80%: the Cobertura report says 8 of 7 lines are covered", nil},
		"not a whole number":                  {cobertura("7.0", "7"), "80", Error, `coverage cannot be judged against 80%: <coverage lines-covered="7.0"> is not a count`, nil},
		"a number out of range":               {cobertura("1", "9223372036854775808"), "80", Error, `coverage cannot be judged against 80%: <coverage lines-valid="9223372036854775808"> is not a count`, nil},
		"counts left out, a rate is no count": {`<coverage line-rate="0.9"/>`, "80", Error, "coverage cannot be judged against 80%: the Cobertura report has no lines-covered and lines-valid", nil},
		"cut off":                             {istanbul[:len(istanbul)-20], "20", Error, "coverage cannot be judged against 20%: the Cobertura report is not readable: XML syntax error on line 35: unexpected EOF", nil},
		"another report":                      {"<testsuites/>", "20", Error, "coverage cannot be judged against 20%: the Cobertura report is not readable: its root is <testsuites>, expected <coverage>", nil},
		"two reports in one file":             {cobertura("7", "7") + cobertura("0", "7"), "20", Error, "coverage cannot be judged against 20%: the Cobertura report is not readable: <coverage> follows its end", nil},
		"a bad threshold counts first":        {"", "eighty", Error, `coverage threshold "eighty" is not a percentage: write a number from 0 to 100 such as 80 or 82.5`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, Coverage([]byte(c.report), c.threshold), c.verdict, c.reason, c.figures...)
		})
	}
}

func TestThreshold(t *testing.T) {
	for setting, want := range map[string]string{"0": "0/1", "80": "80/1", "82.5": "165/2", "100": "100/1", "100.000": "100/1", "99.999999999": "99999999999/1000000000", "080": "80/1"} {
		t.Run(setting, func(t *testing.T) {
			if got, err := Threshold(setting); err != nil || got.String() != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if got, err := Threshold(""); got != nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
	for _, setting := range []string{"80%", " 80", "80\n", "-1", "+80", "100.1", "101", "1e2", "4/5", "0x50", "8_0", ".5", "80.", "80,5", "NaN", "Inf", "٨٠", "80.0000000000", "0080"} {
		t.Run("refused "+setting, func(t *testing.T) {
			got, err := Threshold(setting)
			if want := fmt.Sprintf("coverage threshold %q is not a percentage: write a number from 0 to 100 such as 80 or 82.5", setting); got != nil || err == nil || err.Error() != want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
