package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ExitFindings is the exit code that Trivy is told to use for findings, since 1 is also every crash of it.
const ExitFindings = 10

// Scan is one run of Trivy. It must run without --severity and --ignore-unfixed: the policy filters here, so
// that what does not gate is still reported.
type Scan struct {
	Target   string   // what was scanned, in the words of a reader: "backend image"
	Artifact string   // what Trivy was told to scan, for a report of something else proves nothing
	Type     string   // Trivy's word for it: "container_image", "filesystem" or "repository"
	Files    []string // lock files that the report must cover
	Licences bool     // it ran with --scanners license
	ExitCode int
	Report   []byte // its JSON report
}

// trivyReport is the part of schema version 2 that is read. What a secret's entry says beyond the rule and the
// place is left out on purpose.
type trivyReport struct {
	SchemaVersion int
	ArtifactName  string
	ArtifactType  string
	Metadata      struct {
		OS struct {
			Family, Name string
			EOSL         bool
		}
	}
	Results []trivyResult
}

type trivyResult struct {
	Target, Class string
	Packages      []struct {
		Identifier trivyIdentifier
		Dev        bool
		Locations  []struct{ StartLine int }
	}
	Vulnerabilities []struct {
		VulnerabilityID, PkgName, PkgPath, InstalledVersion, FixedVersion, Severity, Title string

		PkgIdentifier trivyIdentifier
	}
	Misconfigurations []struct {
		ID, Title, Severity, Status string

		CauseMetadata struct{ StartLine int }
	}
	Secrets []struct {
		RuleID, Severity string
		StartLine        int
	}
	Licenses []struct{ Severity, PkgName, FilePath, Name string }
}

type trivyIdentifier struct{ UID string }

// Judge is the verdict over all scans of a release.
func (p Policy) Judge(scans ...Scan) Result {
	if len(p.severities) == 0 || len(scans) == 0 {
		return unjudged("nothing was scanned, or no severity is set that would gate")
	}
	var c catch
	var unread []string
	for _, scan := range scans {
		if err := c.add(p, scan); err != nil {
			unread = append(unread, scan.Target+": "+err.Error())
		}
	}
	result := Result{Verdict: Pass, Figures: c.figures(p), Findings: c.findings()}
	gating := slices.DeleteFunc(slices.Clone(result.Findings), func(f Finding) bool { return !f.Gates })
	switch {
	case len(gating) > 0:
		result.Verdict, result.Reason = Fail, strings.Join(append([]string{summary(gating)}, unread...), "; ")
	case len(unread) > 0:
		result.Verdict, result.Reason = Error, strings.Join(unread, "; ")
	}
	return result
}

// catch is what all scans together found.
type catch struct {
	vulnerabilities, misconfigurations, secrets, licences, endOfLife []Finding

	packages int      // listed
	empty    []string // images without any package
}

// add takes in one scan. Exit code and report must say the same, since either may come from a run that broke off.
func (c *catch) add(p Policy, scan Scan) error {
	if scan.ExitCode != 0 && scan.ExitCode != ExitFindings {
		return fmt.Errorf("the scan did not finish, Trivy ended with exit code %d: its log says why", scan.ExitCode)
	}
	report, err := scan.read()
	if err != nil {
		return err
	}
	entries, packages, licences := 0, c.packages, 0
	for _, result := range report.Results {
		licences += len(result.Licenses)
		n, err := c.addResult(p, scan, result)
		if err != nil {
			return err
		}
		entries += n
	}
	if os := report.Metadata.OS; os.EOSL {
		c.endOfLife = append(c.endOfLife, Finding{Tool: "trivy", ID: "end-of-life", Target: scan.Target, Gates: true,
			Package: oneLine(os.Family), Installed: oneLine(os.Name), Title: "the base image's operating system no longer gets security updates"})
	}
	if scan.Type == "container_image" && c.packages == packages {
		c.empty = append(c.empty, scan.Target)
	}
	if len(p.deny) > 0 && scan.Licences && licences == 0 && c.packages > packages {
		return errors.New("licenceDeny is set but not one licence is known: scan a place where the packages are installed")
	}
	return scan.agrees(entries, report.Metadata.OS.EOSL)
}

// read decodes the report and makes sure that it is about what was to be scanned.
func (s Scan) read() (report trivyReport, err error) {
	if len(bytes.TrimSpace(s.Report)) == 0 {
		return report, errors.New("the Trivy report is missing or empty")
	}
	if err := json.Unmarshal(s.Report, &report); err != nil {
		return report, fmt.Errorf("the Trivy report is not readable: %w", err)
	}
	if report.SchemaVersion != 2 {
		return report, fmt.Errorf("the Trivy report has schema version %d, expected 2: use a Trivy that writes it", report.SchemaVersion)
	}
	if s.Artifact == "" || report.ArtifactName != s.Artifact || report.ArtifactType != s.Type {
		return report, fmt.Errorf("the Trivy report is about %s %q, expected %s %q",
			oneLine(report.ArtifactType), oneLine(report.ArtifactName), s.Type, s.Artifact)
	}
	for _, file := range s.Files {
		if !slices.ContainsFunc(report.Results, func(r trivyResult) bool { return r.Target == file }) {
			return report, fmt.Errorf("the Trivy report does not cover %s: Trivy found no package in it, could not read it or was told to skip it", file)
		}
	}
	return report, nil
}

// agrees holds the exit code against what the report lists.
func (s Scan) agrees(entries int, endOfLife bool) error {
	switch {
	case s.ExitCode == 0 && entries > 0:
		return fmt.Errorf("exit code 0 but %d findings in the report: run Trivy with --exit-code %d", entries, ExitFindings)
	case s.ExitCode == ExitFindings && entries == 0 && !endOfLife:
		return fmt.Errorf("exit code %d stands for findings, but the report has none", ExitFindings)
	}
	return nil
}

// findings are all of them, the gating ones first.
func (c *catch) findings() []Finding {
	all := slices.Concat(c.secrets, c.endOfLife, c.vulnerabilities, c.misconfigurations, c.licences)
	gatingFirst(all)
	return all
}

// figures always name the severities that gate, the other ones only where there is something.
func (c *catch) figures(p Policy) []string {
	var figures []string
	for _, severity := range severities {
		n, unfixed := 0, 0
		for _, f := range c.vulnerabilities {
			if f.Severity == severity && !f.Dev {
				n++
				if f.Fixed == "" {
					unfixed++
				}
			}
		}
		figure := fmt.Sprintf("%d %s", n, strings.ToLower(severity))
		if unfixed > 0 {
			figure += fmt.Sprintf(" (%d unfixed)", unfixed)
		}
		if n > 0 || p.gates(severity) {
			figures = append(figures, figure)
		}
	}
	if dev := c.dev(); dev > 0 {
		figures = append(figures, fmt.Sprintf("%d in development dependencies", dev))
	}
	for _, f := range c.endOfLife {
		figures = append(figures, fmt.Sprintf("%s: %s %s is end-of-life", f.Target, f.Package, f.Installed))
	}
	for _, target := range c.empty {
		figures = append(figures, target+": no packages found")
	}
	return append(figures, c.otherFigures()...)
}

// dev counts the vulnerabilities of what is installed for development and tests only.
func (c *catch) dev() (n int) {
	for _, f := range c.vulnerabilities {
		if f.Dev {
			n++
		}
	}
	return n
}

func (c *catch) otherFigures() (figures []string) {
	for _, kind := range []struct {
		findings  []Finding
		one, many string
	}{
		{c.secrets, "secret", "secrets"},
		{c.misconfigurations, "misconfiguration", "misconfigurations"},
		{c.licences, "denied licence", "denied licences"},
	} {
		switch n := len(kind.findings); n {
		case 0:
		case 1:
			figures = append(figures, "1 "+kind.one)
		default:
			figures = append(figures, fmt.Sprintf("%d %s", n, kind.many))
		}
	}
	return figures
}

// summary names the first few of the findings that stop the release.
func summary(gating []Finding) string {
	const named = 3
	var names []string
	for _, f := range gating[:min(named, len(gating))] {
		names = append(names, f.String())
	}
	if more := len(gating) - named; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, "; ")
}
