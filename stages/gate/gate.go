// Package gate reads the machine-readable reports of a release's checks and says what they mean. A gate never
// looks at a tool's output for people, and what it could not judge is never green.
package gate

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"dagger/slipway/stages/redact"
)

// Verdict is how a gate ended. The zero value is none of the four, so a verdict that was forgotten is red.
type Verdict string

// The four ends of a gate.
const (
	Pass    Verdict = "pass"    // judged, nothing in the way
	Fail    Verdict = "fail"    // judged, and something was found
	Error   Verdict = "error"   // could not be judged
	Skipped Verdict = "skipped" // not judged on purpose, the reason says why
)

// Red says whether the verdict stops a release.
func (v Verdict) Red() bool { return v != Pass && v != Skipped }

// Result is what one gate has to say.
type Result struct {
	Verdict  Verdict   `json:"verdict"`
	Reason   string    `json:"reason,omitempty"`   // why, for every verdict but Pass
	Figures  []string  `json:"figures,omitempty"`  // key figures for a summary line, in order
	Findings []Finding `json:"findings,omitempty"` // the ones that gate come first
}

// Finding is one thing a tool complained about. A secret's value is never part of it.
type Finding struct {
	Tool      string `json:"tool"`
	ID        string `json:"id"` // rule, vulnerability, licence or test
	Severity  string `json:"severity,omitempty"`
	Title     string `json:"title,omitempty"`
	Target    string `json:"target,omitempty"` // what was looked at, "backend image" say
	File      string `json:"file,omitempty"`   // within the target
	Line      int    `json:"line,omitempty"`   // 0: unknown
	Package   string `json:"package,omitempty"`
	Installed string `json:"installed,omitempty"`
	Fixed     string `json:"fixed,omitempty"` // the version to go to
	Dev       bool   `json:"dev,omitempty"`   // of a dependency for development or tests only
	Gates     bool   `json:"gates"`           // false: reported only
}

// String names the finding in a sentence: what, in what, where, and the version to go to.
func (f Finding) String() string {
	s := f.ID
	if f.Severity != "" {
		s += " (" + f.Severity + ")"
	}
	if f.Package != "" {
		s += strings.TrimRight(" in "+f.Package+" "+f.Installed, " ")
	}
	place := f.Target
	if f.File != "" {
		place = strings.TrimPrefix(place+", "+f.File, ", ")
	}
	if f.File != "" && f.Line > 0 {
		place += ":" + strconv.Itoa(f.Line)
	}
	if place != "" {
		s += " at " + place
	}
	if f.Fixed != "" {
		s += ", fixed in " + f.Fixed
	}
	return s
}

// Skip is the result of a gate that was left out on purpose. Without a reason that cannot be told from a
// gate that was forgotten, so it is an error then.
func Skip(reason string) Result {
	if strings.TrimSpace(reason) == "" {
		return unjudged("the gate was skipped without a reason")
	}
	return Result{Verdict: Skipped, Reason: reason}
}

// Join is one result for several. One sure finding outweighs what could not be judged, that outweighs what
// passed, and only skipped gates together are skipped. Nothing to join is an error: nothing was judged.
func Join(results ...Result) Result {
	joined := Result{Verdict: Error, Reason: "nothing was judged"}
	for _, v := range []Verdict{Skipped, Pass, Error, Fail} {
		if slices.ContainsFunc(results, func(r Result) bool { return r.verdict() == v }) {
			joined = Result{Verdict: v}
		}
	}
	var reasons []string
	for _, r := range results {
		if r.Reason != "" && (r.verdict() == joined.Verdict || r.verdict().Red()) {
			reasons = appendNew(reasons, r.Reason)
		}
		joined.Figures = append(joined.Figures, r.Figures...)
		joined.Findings = append(joined.Findings, r.Findings...)
	}
	if len(results) > 0 {
		joined.Reason = strings.Join(reasons, "; ")
	}
	joined.Findings = Distinct(joined.Findings)
	gatingFirst(joined.Findings)
	return joined
}

// In returns the result with its files placed in dir, for tools that ran in a folder of the repository.
func (r Result) In(dir string) Result {
	r.Findings = slices.Clone(r.Findings)
	for i, f := range r.Findings {
		if f.File != "" && !path.IsAbs(f.File) {
			r.Findings[i].File = path.Join(dir, f.File)
		}
	}
	return r
}

// verdict reads a verdict that was never set as an error.
func (r Result) verdict() Verdict {
	switch r.Verdict {
	case Pass, Fail, Skipped:
		return r.Verdict
	}
	return Error
}

// Distinct leaves out what is listed already, by another run of the same tool say.
func Distinct(findings []Finding) (all []Finding) {
	for _, f := range findings {
		all = appendNew(all, f)
	}
	return all
}

func appendNew[T comparable](all []T, item T) []T {
	if slices.Contains(all, item) {
		return all
	}
	return append(all, item)
}

// ExitText is the end of a command in words. The one code that everybody has to look up is the kernel's.
func ExitText(code int) string {
	text := "exit code " + strconv.Itoa(code)
	if code == killed {
		text += " (killed, perhaps for lack of memory)"
	}
	return text
}

// killed is 128 and the number of the signal that nothing survives.
const killed = 137

// unjudged is the result of a gate that could not judge.
func unjudged(reason string) Result { return Result{Verdict: Error, Reason: reason} }

// gatingFirst keeps the tool's own order within each half.
func gatingFirst(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		switch {
		case a.Gates == b.Gates:
			return 0
		case a.Gates:
			return -1
		}
		return 1
	})
}

// maxText bounds every text that is taken out of a report.
const maxText = 300

// oneLine makes a report's text fit for one line, and bounded.
func oneLine(s string) string {
	s = redact.OneLine(s)
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return s
}
