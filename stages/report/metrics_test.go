package report

import (
	"reflect"
	"slices"
	"testing"

	"dagger/slipway/stages/gate"
)

func TestMeasure(t *testing.T) {
	want := Metrics{
		Seconds: 212.4, Stages: map[string]float64{
			"Validate Release": 4.2, "Dependency Check": 17.5, "Backend Tests": 121.3, "Frontend Tests": 44, "Build and Push": 68.5,
			"Create Release": 6.1, "Deploy Staging": 58.9, "Notify Team": 0.7,
		}, BuildSeconds: 48.9, Images: map[string]float64{"backend": 48.8, "frontend": 31.4},
		Coverage: map[string]Coverage{"backend": {1703, 2065}, "frontend": {760, 1026}},
		Vulnerabilities: map[string]map[string]int{
			"Security Scan":    {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 9, "LOW": 38, "UNKNOWN": 0},
			"Dependency Check": {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0},
		},
		Deployments: map[string]Ending{"staging": Passed},
	}
	r := example()
	if got := r.Measure(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range r.Images {
		r.Images[i].Reused = true
	}
	if got := r.Measure(); got.BuildSeconds != 0 || len(got.Images) != 0 {
		t.Errorf("nothing was built: got %v", got)
	}
}

func TestCompare(t *testing.T) {
	now := Metrics{
		Seconds: 10.04, Coverage: map[string]Coverage{"backend": {824, 1000}, "new": {1, 2}}, Images: map[string]float64{"backend": 9.8},
		Vulnerabilities: map[string]map[string]int{"Security Scan": {"HIGH": 1, "LOW": 4}}, Deployments: map[string]Ending{"staging": Passed},
	}
	before := Metrics{
		Seconds: 9.98, Coverage: map[string]Coverage{"backend": {831, 1000}, "old": {1, 2}}, Images: map[string]float64{"backend": 12.1}, BuildSeconds: 3,
		Vulnerabilities: map[string]map[string]int{"Security Scan": {"HIGH": 3, "LOW": 4}}, Deployments: map[string]Ending{"staging": Passed},
	}
	want := []string{"coverage backend 83.1% → 82.4%", "vulnerabilities Security Scan HIGH 3 → 1", "build backend 12.1 s → 9.8 s"}
	if got := now.Compare(before); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := now.Compare(now); got != nil {
		t.Errorf("compared with itself: %q", got)
	}
	if got := now.Compare(Metrics{Seconds: 10.04}); got != nil {
		t.Errorf("compared with nothing: %q", got)
	}
}

// The report that is attached to a release was made before staging; its time is no run's.
func TestCompareOnlyWhatBothHold(t *testing.T) {
	whole := Metrics{Seconds: 76.5, Stages: map[string]float64{"Backend Tests": 20, "Deploy Staging": 50, "Validate Release": 2}}
	early := Metrics{Seconds: 24.2, Stages: map[string]float64{"Backend Tests": 21, "Validate Release": 2}}
	tests := []struct {
		name        string
		now, before Metrics
		want        []string
	}{
		{"with a whole run", whole, Metrics{Seconds: 80, Stages: whole.Stages}, []string{"run 80.0 s → 76.5 s"}},
		{"with one until staging", whole, early, []string{"Backend Tests 21.0 s → 20.0 s"}},
		{"of two that were stopped alike", early, Metrics{Seconds: 23, Stages: early.Stages}, []string{"run 23.0 s → 24.2 s"}},
		{"with one that does not tell", whole, Metrics{Seconds: 24.2}, nil},
	}
	for _, test := range tests {
		if got := test.now.Compare(test.before); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCoverage(t *testing.T) {
	for c, want := range map[Coverage]string{
		{1999, 2500}: "79.9%", {2000, 2500}: "80.0%", {2500, 2500}: "100.0%", {0, 7}: "0.0%", {}: "not measured",
	} {
		if got := c.String(); got != want {
			t.Errorf("%d of %d: got %s, want %s", c.Covered, c.Total, got, want)
		}
	}
}

func TestVulnerabilities(t *testing.T) {
	findings := []gate.Finding{
		{ID: "CVE-1", Severity: "HIGH", Package: "a"}, {ID: "CVE-2", Severity: "HIGH", Package: "b", Gates: true}, {ID: "CVE-3", Severity: "UNKNOWN", Package: "a"},
		{ID: "DS-1", Severity: "HIGH"}, {ID: "key", Severity: "CRITICAL"}, {ID: "MIT", Package: "a"}, {ID: "end-of-life", Package: "debian"},
	}
	for verdict, want := range map[gate.Verdict]map[string]int{
		gate.Fail:    {"CRITICAL": 0, "HIGH": 2, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 1},
		gate.Pass:    {"CRITICAL": 0, "HIGH": 2, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 1},
		gate.Error:   nil,
		gate.Skipped: nil,
		"":           nil,
	} {
		if got := Vulnerabilities(gate.Result{Verdict: verdict, Findings: findings}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", verdict, got, want)
		}
	}
}

func TestState(t *testing.T) {
	for want, c := range map[string]struct {
		tag Tag
		dry bool
	}{
		"moved":                 {Tag{Old: "a", New: "b", Final: "b"}, false},
		"stays":                 {Tag{Old: "a", New: "a", Final: "a"}, false},
		"not moved, is a":       {Tag{Old: "a", New: "b", Final: "a"}, false},
		"not moved, is absent":  {Tag{New: "b"}, false},
		"would move":            {Tag{Old: "a", New: "b"}, true},
		"not moved, is another": {Tag{Old: "a", New: "a", Final: "another"}, false},
	} {
		if got := (Report{DryRun: c.dry}).state(c.tag); got != want {
			t.Errorf("%v: got %q, want %q", c, got, want)
		}
	}
	if got := (Report{DryRun: true}).state(Tag{Old: "a", New: "a"}); got != "stays" {
		t.Errorf("a dry run: got %q", got)
	}
	if got := (Report{}).state(Tag{Old: "a", Final: "a"}); got != "stays" {
		t.Errorf("nothing to point to: got %q", got)
	}
}
