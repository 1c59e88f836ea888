package gate

import (
	"errors"
	"fmt"
	"slices"
)

// addResult sorts one target's findings by kind and counts the entries that Trivy's exit code stands for.
func (c *catch) addResult(p Policy, scan Scan, r trivyResult) (entries int, err error) {
	failing, err := r.check()
	if err != nil {
		return 0, fmt.Errorf("the Trivy report is not readable: %s: %w", oneLine(r.Target), err)
	}
	c.packages += len(r.Packages)
	c.addVulnerabilities(p, scan, r)
	c.addMisconfigurations(p, scan, r)
	c.addSecrets(scan, r)
	c.addLicences(p, scan, r)
	return len(r.Vulnerabilities) + failing + len(r.Secrets) + len(r.Licenses), nil
}

// check refuses entries without the fields that decide, so that another schema is never read as harmless. It
// counts the misconfigurations that failed.
func (r trivyResult) check() (failing int, err error) {
	complete := func(id, severity string) bool { return id != "" && slices.Contains(severities, severity) }
	for _, v := range r.Vulnerabilities {
		if !complete(v.VulnerabilityID, v.Severity) || v.PkgName == "" {
			return 0, errors.New("a vulnerability without id, package or known severity")
		}
	}
	for _, m := range r.Misconfigurations {
		if !complete(m.ID, m.Severity) || !slices.Contains([]string{"FAIL", "PASS", "EXCEPTION"}, m.Status) {
			return 0, errors.New("a misconfiguration without id, known severity or known status")
		}
		if m.Status == "FAIL" {
			failing++
		}
	}
	for _, s := range r.Secrets {
		if s.RuleID == "" {
			return 0, errors.New("a secret without the rule that found it")
		}
	}
	for _, l := range r.Licenses {
		if l.Name == "" {
			return 0, errors.New("a licence without a name")
		}
	}
	return failing, nil
}

func (c *catch) addVulnerabilities(p Policy, scan Scan, r trivyResult) {
	lines, dev := map[trivyIdentifier]int{}, map[trivyIdentifier]bool{}
	for _, pkg := range r.Packages {
		dev[pkg.Identifier] = pkg.Dev && pkg.Identifier.UID != ""
		if len(pkg.Locations) > 0 && pkg.Identifier.UID != "" {
			lines[pkg.Identifier] = pkg.Locations[0].StartLine
		}
	}
	for _, v := range r.Vulnerabilities {
		f := Finding{Tool: "trivy", ID: oneLine(v.VulnerabilityID), Severity: v.Severity, Title: oneLine(v.Title), Target: scan.Target,
			Package: oneLine(v.PkgName), Installed: oneLine(v.InstalledVersion), Fixed: oneLine(v.FixedVersion)}
		f.Dev = dev[v.PkgIdentifier]
		f.Gates = p.gates(v.Severity) && (p.unfixed || f.Fixed != "") && (p.Dev || !f.Dev)
		switch {
		case v.PkgPath != "":
			f.File = oneLine(v.PkgPath)
		case r.Class != "os-pkgs": // an OS package belongs to no file
			f.File, f.Line = oneLine(r.Target), lines[v.PkgIdentifier]
		}
		c.vulnerabilities = append(c.vulnerabilities, f)
	}
}

func (c *catch) addMisconfigurations(p Policy, scan Scan, r trivyResult) {
	for _, m := range r.Misconfigurations {
		if m.Status != "FAIL" {
			continue
		}
		c.misconfigurations = append(c.misconfigurations, Finding{Tool: "trivy", ID: oneLine(m.ID), Severity: m.Severity, Title: oneLine(m.Title),
			Target: scan.Target, File: oneLine(r.Target), Line: m.CauseMetadata.StartLine, Gates: p.gatesMisconfiguration(m.Severity, r.Target)})
	}
}

// addSecrets lets every secret gate: there is no harmless one in what ships.
func (c *catch) addSecrets(scan Scan, r trivyResult) {
	for _, s := range r.Secrets {
		c.secrets = append(c.secrets, Finding{Tool: "trivy", ID: oneLine(s.RuleID), Severity: oneLine(s.Severity),
			Target: scan.Target, File: oneLine(r.Target), Line: s.StartLine, Gates: true})
	}
}

// addLicences keeps the denied ones only: a report names the licence of every package.
func (c *catch) addLicences(p Policy, scan Scan, r trivyResult) {
	for _, l := range r.Licenses {
		if !p.denies(l.Name) {
			continue
		}
		c.licences = append(c.licences, Finding{Tool: "trivy", ID: oneLine(l.Name), Title: "licence is on the deny list", Target: scan.Target,
			File: oneLine(l.FilePath), Package: oneLine(l.PkgName), Gates: true})
	}
}
