package report

import (
	"fmt"
	"maps"
	"slices"

	"dagger/slipway/stages/gate"
)

// Metrics are the numbers of a run that are worth comparing with those of another.
type Metrics struct {
	Seconds      float64             `json:"seconds"`
	Stages       map[string]float64  `json:"stages,omitempty"`       // seconds of each that was done
	BuildSeconds float64             `json:"buildSeconds,omitempty"` // of all images, which are built beside each other
	Images       map[string]float64  `json:"images,omitempty"`       // seconds to build each; one that was there already has none
	Coverage     map[string]Coverage `json:"coverage,omitempty"`     // by side of the repository
	// Vulnerabilities are by stage, then by severity.
	Vulnerabilities map[string]map[string]int `json:"vulnerabilities,omitempty"`
	Deployments     map[string]Ending         `json:"deployments,omitempty"` // by environment
}

// Coverage is how many of a side's lines its required tests reach.
type Coverage struct {
	Covered int64 `json:"covered"`
	Total   int64 `json:"total"`
}

// String rounds down to a tenth, so that 79.96 is never shown as 80.
func (c Coverage) String() string {
	if c.Total <= 0 {
		return "not measured"
	}
	tenths := c.Covered * 1000 / c.Total
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}

// severities are in the order in which readers want them.
var severities = []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"}

// Vulnerabilities counts a scan's vulnerabilities by severity. It is nil when the scan was no verdict: that none are
// known is not the same as none.
func Vulnerabilities(scan gate.Result) map[string]int {
	if scan.Verdict != gate.Pass && scan.Verdict != gate.Fail {
		return nil
	}
	counts := map[string]int{}
	for _, severity := range severities {
		counts[severity] = 0
	}
	for _, f := range scan.Findings {
		// Licences and ended systems have a package too, but no severity; secrets and misconfigurations have no package.
		if _, known := counts[f.Severity]; known && f.Package != "" && !f.Dev {
			counts[f.Severity]++
		}
	}
	return counts
}

// Measure computes the metrics from the rest of the report.
func (r Report) Measure() Metrics {
	m := Metrics{
		Seconds: r.Seconds, Stages: map[string]float64{}, Images: map[string]float64{}, Coverage: map[string]Coverage{},
		Vulnerabilities: map[string]map[string]int{}, Deployments: map[string]Ending{},
	}
	for _, i := range r.Images {
		if !i.Reused {
			m.Images[i.Name] = i.Seconds
		}
	}
	for _, s := range r.Stages {
		if s.Ending == Passed {
			m.Stages[s.Name] = s.Seconds
		}
		if len(m.Images) > 0 {
			m.BuildSeconds += s.Prepared.Seconds
		}
		maps.Copy(m.Coverage, s.Coverage)
		if s.Vulnerabilities != nil {
			m.Vulnerabilities[s.Name] = maps.Clone(s.Vulnerabilities)
		}
		if s.Environment != "" {
			m.Deployments[s.Environment] = s.Ending
		}
	}
	return m
}

// metric is one number with its unit, ready to be shown.
type metric struct{ Name, Value string }

func (m Metrics) times() []metric {
	return append([]metric{{"run", duration(m.Seconds)}}, m.buildTimes()...)
}

func (m Metrics) buildTimes() []metric {
	var all []metric
	if m.BuildSeconds > 0 {
		all = append(all, metric{"build", duration(m.BuildSeconds)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Images)) {
		all = append(all, metric{"build " + name, duration(m.Images[name])})
	}
	return all
}

func (m Metrics) results() []metric {
	var all []metric
	for _, side := range slices.Sorted(maps.Keys(m.Coverage)) {
		all = append(all, metric{"coverage " + side, m.Coverage[side].String()})
	}
	for _, environment := range slices.Sorted(maps.Keys(m.Deployments)) {
		all = append(all, metric{"deployment " + environment, string(m.Deployments[environment])})
	}
	return all
}

func (m Metrics) vulnerabilities() []metric {
	var all []metric
	for _, stage := range slices.Sorted(maps.Keys(m.Vulnerabilities)) {
		for _, severity := range severities {
			all = append(all, metric{"vulnerabilities " + stage + " " + severity, fmt.Sprint(m.Vulnerabilities[stage][severity])})
		}
	}
	return all
}

// comparable are the numbers of a run of which an other has the same kind. The time of the whole run is one only if both
// have done the same stages: a report that was made before the last of them has the time until then.
func (m Metrics) comparable(other Metrics) []metric {
	all := slices.Concat(m.results(), m.vulnerabilities())
	if maps.EqualFunc(m.Stages, other.Stages, func(float64, float64) bool { return true }) {
		return append(all, m.times()...)
	}
	for _, stage := range slices.Sorted(maps.Keys(m.Stages)) {
		all = append(all, metric{stage, duration(m.Stages[stage])})
	}
	return append(all, m.buildTimes()...)
}

// Compare lists what both have measured and is no longer what it was before.
func (m Metrics) Compare(before Metrics) []string {
	old := map[string]string{}
	for _, was := range before.comparable(m) {
		old[was.Name] = was.Value
	}
	var lines []string
	for _, is := range m.comparable(before) {
		if was, ok := old[is.Name]; ok && was != is.Value {
			lines = append(lines, is.Name+" "+was+" → "+is.Value)
		}
	}
	return lines
}

// comparison is the title of what compared lists.
const comparison = "Compared with the release before"

func (r Report) compared() []string {
	if r.Before == nil {
		return nil
	}
	return r.Metrics.Compare(*r.Before)
}
