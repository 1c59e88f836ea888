package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dagger/slipway/stages/gate"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it with: go test ./stages/report -update && git diff\n%s", path, got)
	}
}

// example is a release in which everything happened that a report can tell of, and went well.
func example() Report {
	r := Report{
		Schema: Schema, Outcome: Released, Version: "1.3.0", Previous: "1.2.4", Commit: "4f2a9c1be07d3358a6b1c90e2f7d64a8013b5c7e",
		Source: "https://git.example.com/acme/shop", Started: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), Seconds: 212.4,
		Forced: "the checkout is down for all customers", By: "ada",
		Stages: exampleStages(),
		CriticalPath: []Part{
			{"Validate Release", 4.2}, {"Backend Tests", 121.3}, {"Build and Push", 19.6}, {"Create Release", 6.1}, {"Deploy Staging", 58.9}, {"Notify Team", 0.7},
		},
		Images: exampleImages(),
		Tags:   exampleTags(),
		Signed: &Signed{
			Identity: "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.3.0", Issuer: "https://token.actions.githubusercontent.com",
			Check: "cosign verify --certificate-identity https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.3.0 ghcr.io/acme/shop/backend@sha256:00",
		},
		NotChecked: []string{"G7: the remote has no branch rules that could be read"},
		Notes:      "## 1.3.0\n\n### Features\n\n- Guests can pay without an account (#412)\n- `GET /orders` takes a page size <= 100 (#420)\n\n### Bug Fixes\n\n- The basket keeps its coupon after a login (#418)\n",
		Before: &Metrics{
			Seconds: 240.9, Stages: map[string]float64{"Validate Release": 4.2, "Backend Tests": 139.9, "Frontend Tests": 44}, BuildSeconds: 61.3, Images: map[string]float64{"backend": 61.3, "frontend": 38},
			Coverage:        map[string]Coverage{"backend": {1662, 2000}, "frontend": {743, 1010}},
			Vulnerabilities: map[string]map[string]int{"Security Scan": {"CRITICAL": 0, "HIGH": 3, "MEDIUM": 12, "LOW": 40}},
			Deployments:     map[string]Ending{"staging": Failed},
		},
	}
	r.Metrics = r.Measure()
	return r
}

func exampleStages() []Stage {
	return []Stage{
		{Number: 1, Name: "Validate Release", Ending: Passed, Seconds: 4.2, Figures: []string{"commit 4f2a9c1", "after 1.2.4"}},
		{
			Number: 2, Name: "Security Scan", Ending: Skipped, Reason: "forced: the checkout is down for all customers", Start: 53.1, Seconds: 21.7,
			Figures:         []string{"0 critical", "1 high (1 unfixed)", "9 medium", "38 low"},
			Vulnerabilities: map[string]int{"CRITICAL": 0, "HIGH": 1, "MEDIUM": 9, "LOW": 38, "UNKNOWN": 0},
			Findings: []gate.Finding{{
				Tool: "trivy", ID: "CVE-2026-1234", Severity: "HIGH", Title: "zlib: heap overflow in inflate", Target: "backend image", Package: "zlib1g", Installed: "1:1.3",
			}},
		},
		{
			Number: 3, Name: "Dependency Check", Ending: Passed, Start: 4.2, Seconds: 17.5, Figures: []string{"0 critical", "0 high", "uv.lock in step"},
			Vulnerabilities: map[string]int{"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0},
		},
		{
			Number: 4, Name: "Backend Tests", Ending: Passed, Start: 4.2, Seconds: 121.3, Figures: []string{"418 passed", "2 skipped", "82.4% coverage", "slow tests skipped (forced)"},
			Coverage: map[string]Coverage{"backend": {1703, 2065}},
		},
		{
			Number: 5, Name: "Frontend Tests", Ending: Passed, Start: 4.2, Seconds: 44, Figures: []string{"203 passed", "74.0% coverage"},
			Coverage: map[string]Coverage{"frontend": {760, 1026}},
		},
		{Number: 6, Name: "Build and Push", Ending: Passed, Start: 125.5, Seconds: 68.5, Prepared: Span{4.2, 48.9}, Figures: []string{"3 images, 1 already published"}},
		{Number: 7, Name: "Create Release", Ending: Passed, Start: 145.1, Seconds: 6.1, Figures: []string{"tag v1.3.0 pushed", "draft with 5 files"}},
		{Number: 8, Name: "Deploy Staging", Ending: Passed, Start: 151.2, Seconds: 58.9, Figures: []string{"1.3.0 is healthy, after 1.2.4"}, Environment: "staging"},
		{Number: 9, Name: "Notify Team", Ending: Passed, Start: 210.1, Seconds: 0.7, Figures: []string{"message sent"}},
		{Number: 10, Name: "Cleanup", Ending: NotConfigured, Reason: "no retention is set", Start: 210.8},
	}
}

func exampleImages() []Image {
	return []Image{
		{
			Name: "backend", Repository: "ghcr.io/acme/backend", Digest: "sha256:9d1c3f5a7b2e4d6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7",
			Tags: []string{"sha-4f2a9c1", "1.3.0", "1.3", "1", "latest"}, Seconds: 48.8,
		},
		{
			Name: "frontend", Repository: "ghcr.io/acme/frontend", Digest: "sha256:0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c",
			Tags: []string{"sha-4f2a9c1", "1.3.0", "1.3", "1", "latest"}, Seconds: 31.4,
		},
		{
			Name: "arq-worker", Repository: "ghcr.io/acme/arq-worker", Digest: "sha256:77aa66bb55cc44dd33ee22ff1100ffeeddccbbaa99887766554433221100abcd",
			Tags: []string{"sha-4f2a9c1", "1.3.0", "1.3", "1", "latest"}, Reused: true, Seconds: 0.4,
		},
	}
}

func exampleTags() []Tag {
	var tags []Tag
	for _, tag := range []string{"1.3", "1", "latest"} {
		old := "sha256:1111111aaaa"
		if tag == "1.3" {
			old = ""
		}
		tags = append(tags, Tag{Image: "backend", Tag: tag, Old: old, New: "sha256:9d1c3f5a7b2e", Final: "sha256:9d1c3f5a7b2e"})
	}
	return tags
}

// redExample is a release that was stopped, with text in it that wants to be more than text.
func redExample() Report {
	r := example()
	r.Outcome, r.Forced, r.Seconds, r.Next = GateFail, "", 126, "mend what is named above, then run the same line again: what is done is not done twice"
	r.CriticalPath = []Part{{"Validate Release", 4.2}, {"Backend Tests", 121.3}}
	r.WouldRefuse = []string{"the working tree has changes: <b>*README.md*</b>"}
	failTests(&r.Stages[3])
	failScan(&r.Stages[1])
	for i := 5; i < 10; i++ {
		s := &r.Stages[i]
		*s = Stage{Number: s.Number, Name: s.Name, Ending: NotRun, Reason: "waits for Backend Tests, Security Scan", Prepared: s.Prepared, Start: 125.5}
	}
	r.Tags = []Tag{
		{Image: "backend", Tag: "latest", Old: "sha256:1111111aaaa", New: "sha256:9d1c3f5a7b2e", Final: "sha256:1111111aaaa"},
		{Image: "backend", Tag: "1", Old: "sha256:1111111aaaa", New: "sha256:1111111aaaa", Final: "sha256:1111111aaaa"},
	}
	r.Metrics = r.Measure()
	return r
}

func failTests(s *Stage) {
	s.Ending, s.Reason = Failed, "12 of 420 tests failed, first: tests.test_cart::test_total[<script>alert(1)</script>]"
	s.Output = "\x1b[31mE   assert 1 == 2\x1b[0m\r\n```\n::set-output name=a::b\n  ::stop-commands::x\n##[add-mask]a\n</pre><script>alert(1)</script>\n12 failed, 406 passed in 118.2s\n"
	s.Next = "see the whole reports, HTML coverage included: dagger call backend-reports export --path=reports"
	for i := range 12 {
		s.Findings = append(s.Findings, gate.Finding{
			Tool: "tests", ID: "tests.test_cart::test_total[" + string(rune('a'+i)) + "]", Title: "assert 100% == 50%, `a` | b", File: "backend/tests/test_cart.py", Line: 10 + i, Gates: true,
		})
	}
}

func failScan(s *Stage) {
	s.Ending, s.Reason = Failed, "CVE-2026-9999 (CRITICAL) in openssl 3.0.1 at backend image, fixed in 3.0.2"
	s.Vulnerabilities = map[string]int{"CRITICAL": 1, "HIGH": 1, "MEDIUM": 9, "LOW": 38, "UNKNOWN": 0}
	s.Figures = []string{"1 critical", "1 high (1 unfixed)", "9 medium", "38 low"}
	s.Findings = append([]gate.Finding{
		{Tool: "trivy", ID: "CVE-2026-9999", Severity: "CRITICAL", Title: "openssl: remote code execution", Target: "backend image", File: "usr/lib/ssl.so", Package: "openssl", Installed: "3.0.1", Fixed: "3.0.2", Gates: true},
		{Tool: "trivy", ID: "aws-access-key-id", Severity: "CRITICAL", Target: "repository", File: "backend/settings, old.py", Line: 3, Gates: true},
	}, s.Findings...)
}

func pageOf(t *testing.T, r Report) string {
	t.Helper()
	text, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]Report{"green": example(), "red": redExample()} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", r.Text())
			golden(t, name+".md", r.Markdown())
			golden(t, name+".github.txt", r.GitHub())
			golden(t, name+".html", pageOf(t, r))
			text, err := r.JSON()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", text)
		})
	}
}
