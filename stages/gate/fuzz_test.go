package gate

import (
	"encoding/json"
	"encoding/xml"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// seed adds every report of a folder to the corpus.
func seed(f *testing.F, folder string, add func(report []byte)) {
	f.Helper()
	names, err := os.ReadDir(filepath.Join("testdata", folder))
	if err != nil || len(names) == 0 {
		f.Fatal("no reports", err)
	}
	for _, name := range names {
		add(data(f, folder+"/"+name.Name()))
	}
}

// sound is what holds for every result.
func sound(t *testing.T, r Result) {
	t.Helper()
	if !slices.Contains([]Verdict{Pass, Fail, Error, Skipped}, r.Verdict) || (r.Verdict == Pass) != (r.Reason == "") {
		t.Errorf("%s with reason %q", r.Verdict, r.Reason)
	}
	if gates := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Gates }); gates && !r.Verdict.Red() {
		t.Errorf("%s with a finding that gates", r.Verdict)
	}
	for _, f := range r.Findings {
		if strings.ContainsAny(f.ID+f.Title+f.File+f.Package+f.Installed+f.Fixed, "\n\r\x00\x1b") {
			t.Errorf("a finding with control characters: %#v", f)
		}
	}
}

// element is any XML element, read the simple way.
type element struct {
	XMLName  xml.Name
	Children []element `xml:",any"`
}

func (e element) has(name string) bool {
	return slices.ContainsFunc(e.Children, func(c element) bool { return c.XMLName.Local == name })
}

// tests are the tests of a suite and of the suites inside of it.
func (e element) tests() (tests []element) {
	for _, c := range e.Children {
		switch c.XMLName.Local {
		case "testcase":
			tests = append(tests, c)
		case "testsuite":
			tests = append(tests, c.tests()...)
		}
	}
	return tests
}

func FuzzTests(f *testing.F) {
	seed(f, "junit", func(report []byte) { f.Add(report, 0) })
	f.Add([]byte(`<testsuite name="pytest" tests="2"><testcase name="a"/><testsuite><testcase name="a"><skipped/></testcase></testsuite><error/></testsuite>`), 1)
	f.Fuzz(func(t *testing.T, report []byte, exit int) {
		got := Tests(report, exit)
		sound(t, got)
		if got.Verdict != Pass {
			return
		}
		var root element
		if err := xml.Unmarshal(report, &root); err != nil || exit != 0 {
			t.Fatalf("passed with exit code %d and %v", exit, err)
		}
		tests, anyPassed := root.tests(), false
		for _, c := range tests {
			if c.has("failure") || c.has("error") {
				t.Error("passed with a failed test")
			}
			anyPassed = anyPassed || !c.has("skipped")
		}
		if !anyPassed {
			t.Error("passed although nothing passed")
		}
	})
}

func FuzzCoverage(f *testing.F) {
	seed(f, "coverage", func(report []byte) { f.Add(report, "50") })
	f.Add([]byte(cobertura("1999", "2500")), "79.96")
	f.Add([]byte(cobertura("0", "0")), "")
	f.Fuzz(func(t *testing.T, report []byte, threshold string) {
		got := Coverage(report, threshold)
		sound(t, got)
		if got.Verdict != Pass {
			return
		}
		var root struct {
			Covered string `xml:"lines-covered,attr"`
			Valid   string `xml:"lines-valid,attr"`
		}
		err := xml.Unmarshal(report, &root)
		covered, ok := new(big.Rat).SetString(root.Covered)
		valid, ok2 := new(big.Rat).SetString(root.Valid)
		if err != nil || !ok || !ok2 || valid.Sign() <= 0 || covered.Cmp(valid) > 0 {
			t.Fatalf("passed with %q of %q lines, %v", root.Covered, root.Valid, err)
		}
		limit := new(big.Rat)
		if threshold != "" {
			limit.SetString(threshold)
		}
		if covered.Mul(covered.Quo(covered, valid), big.NewRat(100, 1)).Cmp(limit) < 0 {
			t.Errorf("passed %s of %s at %s", root.Covered, root.Valid, threshold)
		}
	})
}

func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"", "0", "80", "82.5", "100", "100.0", "100.1", "1e2", "1/2", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, setting string) {
		got, err := Threshold(setting)
		if (got == nil) != (err != nil || setting == "") {
			t.Fatalf("got %v and %v", got, err)
		}
		if got == nil {
			return
		}
		if got.Sign() < 0 || got.Cmp(big.NewRat(100, 1)) > 0 || strings.Trim(setting, "0123456789.") != "" {
			t.Errorf("%q was read as %s", setting, got)
		}
	})
}

func FuzzJudge(f *testing.F) {
	seed(f, "trivy", func(report []byte) { f.Add(report, 10, false) })
	f.Add([]byte(`{"SchemaVersion":2,"ArtifactName":"repo","ArtifactType":"filesystem","Results":[{"Vulnerabilities":[{"VulnerabilityID":"C","PkgName":"p","Severity":"LOW"}]}]}`), 10, true)
	f.Add([]byte(`{"SchemaVersion":2,"ArtifactName":"repo","ArtifactType":"filesystem"}`), 0, false)
	f.Fuzz(func(t *testing.T, report []byte, exit int, unfixed bool) {
		got := policy(t, "HIGH,CRITICAL", unfixed, "").Judge(Scan{Target: "repository", Artifact: "repo", Type: "filesystem", ExitCode: exit, Report: report})
		sound(t, got)
		if got.Verdict != Pass {
			return
		}
		var r struct {
			SchemaVersion              int
			ArtifactName, ArtifactType string
			Metadata                   struct{ OS struct{ EOSL bool } }
			Results                    []struct {
				Secrets, Licenses []any
				Vulnerabilities   []struct{ Severity, FixedVersion string }
				Misconfigurations []struct{ Severity, Status string }
			}
		}
		if err := json.Unmarshal(report, &r); err != nil || r.SchemaVersion != 2 || r.ArtifactName != "repo" || r.ArtifactType != "filesystem" || r.Metadata.OS.EOSL {
			t.Fatalf("passed with %v and %+v", err, r)
		}
		entries, gates := 0, func(severity string) bool { return severity != "MEDIUM" && severity != "LOW" && severity != "UNKNOWN" }
		for _, result := range r.Results {
			entries += len(result.Vulnerabilities) + len(result.Licenses)
			for _, v := range result.Vulnerabilities {
				if gates(v.Severity) && (unfixed || strings.TrimSpace(v.FixedVersion) != "") {
					t.Errorf("passed with %+v", v)
				}
			}
			for _, m := range result.Misconfigurations {
				if m.Status == "FAIL" {
					entries++
				}
				if gates(m.Severity) && m.Status == "FAIL" {
					t.Errorf("passed with %+v", m)
				}
			}
			if len(result.Secrets) > 0 {
				t.Error("passed with a secret")
			}
		}
		if exit != map[bool]int{true: 10, false: 0}[entries > 0] {
			t.Errorf("passed with exit code %d and %d entries", exit, entries)
		}
	})
}

func FuzzDenies(f *testing.F) {
	for _, s := range []string{"(MIT OR GPL-3.0-or-later)", "MIT AND (BSD-3-Clause OR GPL-3.0-only WITH x)", "((", "or and with"} {
		f.Add(s, "GPL-3.0, MIT")
	}
	f.Fuzz(func(t *testing.T, licence, deny string) {
		p, err := NewPolicy("HIGH", false, deny)
		if err != nil {
			return
		}
		words := strings.ToLower(strings.Join(strings.Fields(deny), " "))
		if p.denies(licence) && !slices.ContainsFunc(strings.Split(words, ","), func(d string) bool {
			return strings.Contains(strings.ToLower(strings.Join(strings.Fields(licence), " ")), strings.TrimSpace(d))
		}) {
			t.Errorf("%q was denied by %q", licence, deny)
		}
	})
}

func FuzzDatabase(f *testing.F) {
	f.Add(data(f, "trivy/version.json"))
	f.Add(data(f, "trivy/version-no-database.json"))
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, version []byte) {
		got := Database(version, now)
		sound(t, got)
		var v struct{ VulnerabilityDB struct{ UpdatedAt time.Time } }
		err := json.Unmarshal(version, &v)
		if age := now.Sub(v.VulnerabilityDB.UpdatedAt); got.Verdict == Pass && (err != nil || age > 72*time.Hour || age < -time.Hour) {
			t.Errorf("passed at %v with %v", age, err)
		}
	})
}

func FuzzIgnores(f *testing.F) {
	f.Add([]byte(ignored))
	f.Add([]byte("secrets:\n- &a {id: a, statement: s, expired_at: 2025-06-30}\n- *a\n- {<<: *a, id: b}"))
	f.Add([]byte("licenses: ~\n---\nsecrets: [{id: !!str 1, statement: |\n  s\n, expired_at: 2025-06-30}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got := Ignores(ignoreName, content, noon)
		sound(t, got)
		if got.Verdict != Pass {
			return
		}
		type entry struct { // as Trivy reads it
			ID        string    `yaml:"id"`
			Paths     []string  `yaml:"paths"`
			PURLs     []string  `yaml:"purls"`
			Statement string    `yaml:"statement"`
			ExpiredAt time.Time `yaml:"expired_at"`
		}
		var sections map[string][]entry
		if err := yaml.Unmarshal(content, &sections); err != nil {
			t.Fatalf("passed what Trivy cannot read: %v", err)
		}
		for section, entries := range sections {
			for _, e := range entries {
				ahead := e.ExpiredAt.Sub(noon)
				if !slices.Contains(ignoreSections, section) || strings.TrimSpace(e.ID) == "" || strings.TrimSpace(e.Statement) == "" || e.ExpiredAt.IsZero() || ahead > 90*24*time.Hour {
					t.Errorf("passed %s %+v", section, e)
				}
			}
		}
	})
}

func FuzzRequirement(f *testing.F) {
	for _, s := range []string{"httpx[http2]>=0.27,<1", "tomli (>=2) ; python_version < '3.11'", "a @ https://example.com/a.whl ; x", "a==1.*", "a===x", "A_b.-c~=1.2"} {
		f.Add(s, "1.2.3")
	}
	shape := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	f.Fuzz(func(t *testing.T, text, version string) {
		r, err := parseRequirement(text)
		if err != nil {
			return
		}
		if !shape.MatchString(r.name) {
			t.Errorf("%q has the name %q", text, r.name)
		}
		if pinned := r.pinned(); pinned != "" && !r.allows(pinned) {
			t.Errorf("%q pins %q but does not allow it", text, pinned)
		}
		r.allows(version)
	})
}

func FuzzPythonLocks(f *testing.F) {
	f.Add(data(f, "locks/pyproject.toml"), data(f, "locks/requirements.txt"), data(f, "locks/requirements-dev.txt"))
	f.Add([]byte("[project]\ndependencies=['a>1;x']\n[dependency-groups]\ndev=['b',{include-group='c'}]"), []byte("a==1 \\\n --hash=x\n"), []byte("b"))
	f.Fuzz(func(t *testing.T, manifest, lock, dev []byte) {
		sound(t, PythonLocks(File{"pyproject.toml", manifest}, File{"requirements.txt", lock}, File{"requirements-dev.txt", dev}))
	})
}

func FuzzNpmLock(f *testing.F) {
	f.Add(data(f, "locks/package.json"), data(f, "locks/package-lock.json"))
	f.Add([]byte(`{"devDependencies":{"a":"1"}}`), []byte(`{"packages":{"":{"devDependencies":{"a":"1"}},"node_modules/a":{}}}`))
	f.Fuzz(func(t *testing.T, manifest, lock []byte) {
		got := NpmLock(File{"package.json", manifest}, File{"package-lock.json", lock})
		sound(t, got)
		if got.Verdict != Pass {
			return
		}
		var wanted struct{ Dependencies, DevDependencies map[string]string }
		var locked struct{ Packages map[string]json.RawMessage }
		if json.Unmarshal(manifest, &wanted) != nil || json.Unmarshal(lock, &locked) != nil {
			t.Fatal("passed what is not readable")
		}
		for name := range wanted.DevDependencies {
			if locked.Packages["node_modules/"+name] == nil {
				t.Errorf("passed without an entry for %q", name)
			}
		}
	})
}
