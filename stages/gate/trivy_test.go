package gate

import (
	"fmt"
	"strings"
	"testing"
)

func policy(t testing.TB, severity string, unfixed bool, deny string) Policy {
	t.Helper()
	p, err := NewPolicy(severity, unfixed, deny)
	if err == nil {
		err = p.SetMisconfigurations(severity)
	}
	p.Released = []string{"deploy/Dockerfile"}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scan is a run of Trivy whose report is among the test data.
func scan(t testing.TB, report string, exit int) Scan {
	t.Helper()
	s := map[string]Scan{
		"repository":          {Target: "repository", Artifact: "repo", Type: "filesystem", Files: []string{"backend/requirements.txt", "frontend/package-lock.json"}},
		"repository-filtered": {Target: "repository", Artifact: "repo", Type: "filesystem"},
		"empty":               {Target: "repository", Artifact: "empty", Type: "filesystem"},
		"image":               {Target: "backend image", Artifact: "backend.tar", Type: "container_image"},
		"image-licences":      {Target: "backend image", Artifact: "backend.tar", Type: "container_image"},
		"image-unfixed":       {Target: "worker image", Artifact: "unfixed.tar", Type: "container_image"},
		"image-clean":         {Target: "clean image", Artifact: "clean.tar", Type: "container_image"},
		"image-eol":           {Target: "old image", Artifact: "eol.tar", Type: "container_image"},
		"image-secret":        {Target: "leaky image", Artifact: "secret.tar", Type: "container_image"},
		"image-scratch":       {Target: "page image", Artifact: "scratch.tar", Type: "container_image"},
	}[report]
	s.Report, s.ExitCode = data(t, "trivy/"+report+".json"), exit
	return s
}

func TestJudgeRealReports(t *testing.T) {
	const (
		repository = "aws-access-key-id (CRITICAL) at repository, deploy/settings.env:1; aws-secret-access-key (CRITICAL) at repository, deploy/settings.env:2; CVE-2018-18074 (HIGH) in requests 2.19.0 at repository, backend/requirements.txt:1, fixed in 2.20.0; 3 more"
		image      = "CVE-2023-5363 (HIGH) in libssl3 3.0.9-1 at backend image, fixed in 3.0.11-1~deb12u2; CVE-2018-18074 (HIGH) in requests 2.19.0 at backend image, usr/lib/python3/site-packages/requests-2.19.0.dist-info/METADATA, fixed in 2.20.0"
		denied     = "GPL-3.0-only in readline-gpl at backend image, usr/lib/python3/site-packages/readline_gpl-1.0.dist-info/METADATA"
	)
	for name, c := range map[string]struct {
		severity, deny string
		unfixed        bool
		scans          []Scan
		verdict        Verdict
		reason         string
		figures        []string
	}{
		"a clean image": {"HIGH,CRITICAL", "", false, []Scan{scan(t, "image-clean", 0)}, Pass, "", []string{"0 critical", "0 high"}},
		"a repository with everything": {"HIGH,CRITICAL", "", false, []Scan{scan(t, "repository", 10)}, Fail, repository,
			[]string{"0 critical", "3 high", "2 secrets", "4 misconfigurations"}},
		"an image": {"HIGH,CRITICAL", "", false, []Scan{scan(t, "image", 10)}, Fail, image, []string{"1 critical (1 unfixed)", "2 high"}},
		"only critical gates and has no fix": {"CRITICAL", "", false, []Scan{scan(t, "image", 10)}, Pass, "",
			[]string{"1 critical (1 unfixed)", "2 high"}},
		"unfixed is reported": {"HIGH,CRITICAL", "", false, []Scan{scan(t, "image-unfixed", 10)}, Pass, "", []string{"1 critical (1 unfixed)", "0 high"}},
		"unfixed gates if asked for": {"CRITICAL", "", true, []Scan{scan(t, "image-unfixed", 10)}, Fail,
			"CVE-2023-45853 (CRITICAL) in zlib1g 1:1.2.13.dfsg-1 at worker image", []string{"1 critical (1 unfixed)"}},
		"end of life":                {"CRITICAL", "", false, []Scan{scan(t, "image-eol", 0)}, Fail, "end-of-life in debian 9.13 at old image", []string{"0 critical", "old image: debian 9.13 is end-of-life"}},
		"end of life, --exit-on-eol": {"CRITICAL", "", false, []Scan{scan(t, "image-eol", 10)}, Fail, "end-of-life in debian 9.13 at old image", []string{"0 critical", "old image: debian 9.13 is end-of-life"}},
		"a secret gates below the gate": {"UNKNOWN", "", false, []Scan{scan(t, "image-secret", 10)}, Fail, "aws-access-key-id (CRITICAL) at leaky image, /app/.env:1",
			[]string{"0 unknown", "1 secret"}},
		"an image from scratch": {"CRITICAL", "", false, []Scan{scan(t, "image-scratch", 0)}, Pass, "", []string{"0 critical", "page image: no packages found"}},
		"an empty repository":   {"CRITICAL", "", false, []Scan{scan(t, "empty", 0)}, Pass, "", []string{"0 critical"}},
		"a denied licence": {"CRITICAL", "gpl-3.0", false, []Scan{scan(t, "image-licences", 10)}, Fail, denied,
			[]string{"0 critical", "1 denied licence"}},
		"a licence that nobody denies":      {"CRITICAL", "AGPL-3.0", false, []Scan{scan(t, "image-licences", 10)}, Pass, "", []string{"0 critical"}},
		"licences are no matter of gates":   {"CRITICAL", "", false, []Scan{scan(t, "image-licences", 10)}, Pass, "", []string{"0 critical"}},
		"a denied licence in a free choice": {"CRITICAL", "GPL-3.0-or-later", false, []Scan{filter(t, scan(t, "repository", 10), `"Secrets"`, `"Nothing"`)}, Pass, "", []string{"0 critical", "3 high", "4 misconfigurations"}},
		"no licence is known": {"CRITICAL", "GPL-3.0", false, []Scan{forLicences(scan(t, "image-clean", 0))}, Error,
			"clean image: licenceDeny is set but not one licence is known: scan a place where the packages are installed", []string{"0 critical"}},
		"no licence is known, none denied":       {"CRITICAL", "", false, []Scan{forLicences(scan(t, "image-clean", 0))}, Pass, "", []string{"0 critical"}},
		"no licence was looked for":              {"CRITICAL", "GPL-3.0", false, []Scan{scan(t, "image-clean", 0)}, Pass, "", []string{"0 critical"}},
		"no package that could have a licence":   {"CRITICAL", "GPL-3.0", false, []Scan{forLicences(scan(t, "empty", 0))}, Pass, "", []string{"0 critical"}},
		"licences were looked for and are known": {"CRITICAL", "AGPL-3.0", false, []Scan{forLicences(scan(t, "image-licences", 10))}, Pass, "", []string{"0 critical"}},
		"several scans": {"HIGH,CRITICAL", "", false, []Scan{scan(t, "image-clean", 0), scan(t, "image-unfixed", 10), scan(t, "image", 10)}, Fail, image,
			[]string{"2 critical (2 unfixed)", "2 high"}},
		"one of them broken, none found": {"CRITICAL", "", false, []Scan{scan(t, "image-clean", 0), scan(t, "image", 1)}, Error,
			"backend image: the scan did not finish, Trivy ended with exit code 1: its log says why", []string{"0 critical"}},
		"one of them broken, another found": {"HIGH", "", false, []Scan{scan(t, "image-clean", 2), scan(t, "image", 10)}, Fail,
			image + "; clean image: the scan did not finish, Trivy ended with exit code 2: its log says why", []string{"1 critical (1 unfixed)", "2 high"}},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, policy(t, c.severity, c.unfixed, c.deny).Judge(c.scans...), c.verdict, c.reason, c.figures...)
		})
	}
}

func forLicences(s Scan) Scan {
	s.Licences = true
	return s
}

// filter changes a part of a report that must be there.
func filter(t testing.TB, s Scan, old, new string) Scan {
	t.Helper()
	changed := strings.Replace(string(s.Report), old, new, 1)
	if changed == string(s.Report) {
		t.Fatalf("the report has no %s", old)
	}
	s.Report = []byte(changed)
	return s
}

func TestJudgeFindings(t *testing.T) {
	got := policy(t, "HIGH,CRITICAL", false, "").Judge(scan(t, "repository", 10))
	in := func(file string, line int, gates bool, id, severity, title string) Finding {
		return Finding{Tool: "trivy", ID: id, Severity: severity, Title: title, Target: "repository", File: file, Line: line, Gates: gates}
	}
	vulnerability := func(f Finding, name, installed, fixed string) Finding {
		f.Package, f.Installed, f.Fixed = name, installed, fixed
		return f
	}
	checkFindings(t, got.Findings,
		in("deploy/settings.env", 1, true, "aws-access-key-id", "CRITICAL", ""),
		in("deploy/settings.env", 2, true, "aws-secret-access-key", "CRITICAL", ""),
		vulnerability(in("backend/requirements.txt", 1, true, "CVE-2018-18074", "HIGH", "python-requests: Redirect from HTTPS to HTTP does not remove Authorization header"), "requests", "2.19.0", "2.20.0"),
		vulnerability(in("backend/requirements.txt", 2, true, "CVE-2019-11324", "HIGH", "python-urllib3: Certification mishandle when error should be thrown"), "urllib3", "1.24", "1.24.2"),
		vulnerability(in("backend/requirements.txt", 2, true, "CVE-2021-33503", "HIGH", "python-urllib3: ReDoS in the parsing of authority part of URL"), "urllib3", "1.24", "2.0.0"),
		in("deploy/Dockerfile", 0, true, "DS-0002", "HIGH", "Image user should not be 'root'"),
		in("deploy/Dockerfile", 1, false, "DS-0001", "MEDIUM", "':latest' tag used"),
		in("deploy/Dockerfile", 2, false, "DS-0005", "LOW", "ADD instead of COPY"),
		in("deploy/Dockerfile", 0, false, "DS-0026", "LOW", "No HEALTHCHECK defined"),
	)
}

func TestJudgeKeepsSecretsOut(t *testing.T) {
	const value = "CANARY-7Qm2"
	report := fmt.Sprintf(`{"SchemaVersion":2,"ArtifactName":"repo","ArtifactType":"filesystem","Metadata":{"ImageConfig":{"config":{"Env":["KEY=%[1]s"]}}},
		"Results":[{"Target":".env","Class":"secret","Secrets":[{"RuleID":"generic","Severity":"LOW","Title":"%[1]s","Match":"KEY=%[1]s","StartLine":3,
		"Code":{"Lines":[{"Content":"KEY=%[1]s"}]},"Layer":{"CreatedBy":"ENV KEY=%[1]s"}}]}]}`, value)
	got := policy(t, "CRITICAL", false, "").Judge(Scan{Target: "repository", Artifact: "repo", Type: "filesystem", ExitCode: 10, Report: []byte(report)})
	if all := fmt.Sprintf("%#v", got); strings.Contains(all, value) {
		t.Errorf("the secret is in %s", all)
	}
	checkFindings(t, got.Findings, Finding{Tool: "trivy", ID: "generic", Severity: "LOW", Target: "repository", File: ".env", Line: 3, Gates: true})
}

func TestJudgeErrors(t *testing.T) {
	with := func(change func(*Scan)) Scan {
		s := scan(t, "repository", 10)
		change(&s)
		return s
	}
	report := func(exit int, results string) Scan {
		return Scan{Target: "repository", Artifact: "repo", Type: "filesystem", ExitCode: exit,
			Report: []byte(`{"SchemaVersion":2,"ArtifactName":"repo","ArtifactType":"filesystem","Results":[{"Target":"f",` + results + `}]}`)}
	}
	unreadable := "repository: the Trivy report is not readable: "
	for name, c := range map[string]struct {
		scan   Scan
		reason string
	}{
		"a crash":                           {with(func(s *Scan) { s.ExitCode = 1 }), "repository: the scan did not finish, Trivy ended with exit code 1: its log says why"},
		"killed":                            {with(func(s *Scan) { s.ExitCode = 137 }), "repository: the scan did not finish, Trivy ended with exit code 137: its log says why"},
		"a negative exit code":              {with(func(s *Scan) { s.ExitCode = -1 }), "repository: the scan did not finish, Trivy ended with exit code -1: its log says why"},
		"no report":                         {with(func(s *Scan) { s.Report = nil }), "repository: the Trivy report is missing or empty"},
		"an empty report":                   {with(func(s *Scan) { s.Report = []byte(" \n"); s.ExitCode = 0 }), "repository: the Trivy report is missing or empty"},
		"a report cut off":                  {with(func(s *Scan) { s.Report = s.Report[:900] }), unreadable + "unexpected end of JSON input"},
		"a table instead":                   {with(func(s *Scan) { s.Report = []byte("Report Summary") }), unreadable + "invalid character 'R' looking for beginning of value"},
		"another schema":                    {with(func(s *Scan) { s.Report = []byte(`{"SchemaVersion":3}`) }), "repository: the Trivy report has schema version 3, expected 2: use a Trivy that writes it"},
		"no schema":                         {with(func(s *Scan) { s.Report = []byte(`{}`) }), "repository: the Trivy report has schema version 0, expected 2: use a Trivy that writes it"},
		"a report of something else":        {with(func(s *Scan) { s.Artifact = "other" }), `repository: the Trivy report is about filesystem "repo", expected filesystem "other"`},
		"a report of another kind":          {with(func(s *Scan) { s.Type = "container_image" }), `repository: the Trivy report is about filesystem "repo", expected container_image "repo"`},
		"nothing expected":                  {with(func(s *Scan) { s.Artifact = "" }), `repository: the Trivy report is about filesystem "repo", expected filesystem ""`},
		"a lock file left out":              {with(func(s *Scan) { s.Files = []string{"backend/uv.lock"} }), "repository: the Trivy report does not cover backend/uv.lock: Trivy found no package in it, could not read it or was told to skip it"},
		"findings but exit code 0":          {report(0, `"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"p","Severity":"LOW"}]`), "repository: exit code 0 but 1 findings in the report: run Trivy with --exit-code 10"},
		"licences but exit code 0":          {report(0, `"Licenses":[{"Name":"MIT","Severity":"LOW"}]`), "repository: exit code 0 but 1 findings in the report: run Trivy with --exit-code 10"},
		"exit code 10, no findings":         {report(10, `"Misconfigurations":[{"ID":"DS-1","Severity":"LOW","Status":"PASS"},{"ID":"DS-2","Severity":"LOW","Status":"EXCEPTION"}]`), "repository: exit code 10 stands for findings, but the report has none"},
		"a vulnerability without id":        {report(10, `"Vulnerabilities":[{"PkgName":"p","Severity":"LOW"}]`), unreadable + "f: a vulnerability without id, package or known severity"},
		"a vulnerability without package":   {report(10, `"Vulnerabilities":[{"VulnerabilityID":"CVE-1","Severity":"LOW"}]`), unreadable + "f: a vulnerability without id, package or known severity"},
		"a vulnerability without severity":  {report(10, `"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"p"}]`), unreadable + "f: a vulnerability without id, package or known severity"},
		"a severity of another tool":        {report(10, `"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"p","Severity":"NEGLIGIBLE"}]`), unreadable + "f: a vulnerability without id, package or known severity"},
		"a misconfiguration without status": {report(10, `"Misconfigurations":[{"ID":"DS-1","Severity":"LOW"}]`), unreadable + "f: a misconfiguration without id, known severity or known status"},
		"a secret without rule":             {report(10, `"Secrets":[{"Severity":"LOW"}]`), unreadable + "f: a secret without the rule that found it"},
		"a licence without name":            {report(10, `"Licenses":[{"Severity":"LOW"}]`), unreadable + "f: a licence without a name"},
		"a number where a text belongs":     {report(10, `"Class":7`), unreadable + "json: cannot unmarshal number into Go struct field trivyResult.Results.Class of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			got := policy(t, "CRITICAL", false, "").Judge(c.scan)
			check(t, got, Error, c.reason, got.Figures...)
		})
	}
	t.Run("a report of nothing where nothing was expected", func(t *testing.T) {
		got := policy(t, "CRITICAL", false, "").Judge(Scan{Target: "repository", Report: []byte(`{"SchemaVersion":2}`)})
		check(t, got, Error, `repository: the Trivy report is about  "", expected  ""`, "0 critical")
	})
	t.Run("only what failed is a misconfiguration", func(t *testing.T) {
		got := policy(t, "CRITICAL", false, "").Judge(report(10, `"Misconfigurations":[{"ID":"DS-1","Severity":"CRITICAL","Status":"PASS"},{"ID":"DS-2","Severity":"LOW","Status":"FAIL"}]`))
		check(t, got, Pass, "", "0 critical", "1 misconfiguration")
	})
	t.Run("no scan", func(t *testing.T) {
		check(t, policy(t, "CRITICAL", false, "").Judge(), Error, "nothing was scanned, or no severity is set that would gate")
	})
	t.Run("no policy", func(t *testing.T) {
		check(t, Policy{}.Judge(scan(t, "image-clean", 0)), Error, "nothing was scanned, or no severity is set that would gate")
	})
}

func TestNewPolicy(t *testing.T) {
	for setting, want := range map[string]string{"HIGH,CRITICAL": "CRITICAL HIGH", "critical , High,HIGH": "CRITICAL HIGH", "unknown": "UNKNOWN", "LOW,MEDIUM,HIGH,CRITICAL,UNKNOWN": "CRITICAL HIGH MEDIUM LOW UNKNOWN"} {
		t.Run(setting, func(t *testing.T) {
			if got := strings.Join(policy(t, setting, false, "").severities, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for name, c := range map[string]struct{ severity, deny, want string }{
		"no severity":          {"", "", `severity "" names "", which is none of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN`},
		"an empty part":        {"HIGH,,LOW", "", `severity "HIGH,,LOW" names "", which is none of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN`},
		"a mistyped part":      {"HIHG", "", `severity "HIHG" names "HIHG", which is none of CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN`},
		"an empty licence":     {"HIGH", "MIT,,GPL-3.0", `licenceDeny "MIT,,GPL-3.0" has an empty entry: write licence ids such as AGPL-3.0-only, separated by single commas`},
		"a comma at the end":   {"HIGH", "MIT,", `licenceDeny "MIT," has an empty entry: write licence ids such as AGPL-3.0-only, separated by single commas`},
		"a comma with nothing": {"HIGH", " , ", `licenceDeny " , " has an empty entry: write licence ids such as AGPL-3.0-only, separated by single commas`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewPolicy(c.severity, false, c.deny); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestDenies(t *testing.T) {
	for _, c := range []struct {
		deny, licence string
		want          bool
	}{
		{"GPL-3.0-only", "GPL-3.0-only", true},
		{"gpl-3.0-ONLY", "GPL-3.0-only", true},
		{"GPL-3.0-only", "GPL-3.0-or-later", false},
		{"GPL-3.0", "GPL-3.0-or-later", true},
		{"GPL-3.0", "GPL-3.0-only", true},
		{"GPL-3.0", "GPL-3.0+", true},
		{"GPL-3.0", "AGPL-3.0", false},
		{"GPL-3.0", "LGPL-3.0-only", false},
		{"MIT, GPL-2.0", "GPL-2.0-only", true},
		{"GPL-3.0", "(MIT OR GPL-3.0-or-later)", false},
		{"GPL-3.0", "GPL-3.0-or-later OR MIT", false},
		{"GPL-3.0, MIT", "(MIT OR GPL-3.0-or-later)", true},
		{"GPL-3.0", "MIT AND GPL-3.0-only", true},
		{"GPL-3.0", "MIT AND (BSD-3-Clause OR GPL-3.0-only)", false},
		{"GPL-3.0", "MIT OR BSD-3-Clause AND GPL-3.0-only", false},
		{"GPL-3.0", "(MIT OR BSD-3-Clause) AND GPL-3.0-only", true},
		{"GPL-3.0", "mit and gpl-3.0-only", true},
		{"GPL-3.0", "GPL-3.0-only WITH GCC-exception-3.1", true},
		{"GPL-3.0-only with gcc-exception-3.1", "GPL-3.0-only WITH GCC-exception-3.1", true},
		{"GPL-3.0-only with gcc-exception-3.1", "GPL-3.0-only", false},
		{"Business Source  License", "business source license", true},
		{"GPL-3.0", "GPL-3.0 see file", false},
		{"GPL-3.0", "MIT AND", false},
		{"GPL-3.0", "(GPL-3.0", false},
		{"GPL-3.0", "GPL-3.0 WITH", false},
		{"GPL-3.0", "", false},
		{"", "GPL-3.0", false},
		{"GPL-3.0", strings.Repeat("(", 1000) + "GPL-3.0" + strings.Repeat(")", 1000), false},
	} {
		t.Run(c.deny+" of "+c.licence[:min(40, len(c.licence))], func(t *testing.T) {
			if got := policy(t, "HIGH", false, c.deny).denies(c.licence); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestWhatIsReleasedIsJudged: misconfiguration counts where something is released, by a severity of its own.
func TestWhatIsReleasedIsJudged(t *testing.T) {
	found := Scan{Target: "repository", Artifact: "repo", Type: "filesystem", ExitCode: ExitFindings, Report: []byte(`{"SchemaVersion":2,"ArtifactName":"repo","ArtifactType":"filesystem","Results":[
		{"Target":"api/Dockerfile","Misconfigurations":[{"ID":"DS-0002","Severity":"HIGH","Status":"FAIL"}]},
		{"Target":"tools/Dockerfile.dev","Misconfigurations":[{"ID":"DS-0031","Severity":"CRITICAL","Status":"FAIL"}]}]}`)}
	for severity, want := range map[string]Verdict{"CRITICAL": Pass, "HIGH": Fail, "HIGH,CRITICAL": Fail, "LOW": Pass} {
		p, err := NewPolicy("HIGH,CRITICAL", false, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetMisconfigurations(severity); err != nil {
			t.Fatal(err)
		}
		p.Released = []string{"api/Dockerfile"}
		got := p.Judge(found)
		if got.Verdict != want || len(got.Findings) != 2 {
			t.Errorf("%s: %s with %d findings, want %s with both of them", severity, got.Verdict, len(got.Findings), want)
		}
	}
	var p Policy
	if err := p.SetMisconfigurations("WORST"); err == nil || !strings.Contains(err.Error(), `"WORST"`) {
		t.Errorf("an unknown severity: %v", err)
	}
}

// TestDevelopmentDependencies: their vulnerabilities are counted apart, and stop a release only where a setting says so.
func TestDevelopmentDependencies(t *testing.T) {
	found := Scan{Target: "dependencies", Artifact: "/locks", Type: "filesystem", ExitCode: ExitFindings, Report: []byte(`{"SchemaVersion":2,"ArtifactName":"/locks","ArtifactType":"filesystem","Results":[
		{"Target":"package-lock.json","Packages":[{"Name":"a","Identifier":{"UID":"1"}},{"Name":"b","Dev":true,"Identifier":{"UID":"2"}}],"Vulnerabilities":[
			{"VulnerabilityID":"CVE-1","PkgName":"b","PkgIdentifier":{"UID":"2"},"InstalledVersion":"1","FixedVersion":"2","Severity":"CRITICAL"}]}]}`)}
	p := policy(t, "HIGH,CRITICAL", false, "")
	got := p.Judge(found)
	if got.Verdict != Pass || strings.Join(got.Figures, ", ") != "0 critical, 0 high, 1 in development dependencies" || !got.Findings[0].Dev {
		t.Errorf("got %s %q %+v", got.Verdict, got.Figures, got.Findings)
	}
	p.Dev = true
	if got := p.Judge(found); got.Verdict != Fail {
		t.Errorf("gateDev: %s", got.Verdict)
	}
}
