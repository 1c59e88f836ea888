package attest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	committed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("east", 2*60*60))
	today     = time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)
	images    = []string{"pkg:oci/api@sha256%3Aaa?repository_url=r.example%2Fapi", "pkg:oci/api@sha256%3Abb?repository_url=r.example%2Fapi"}
)

// TestOpenVEX: what the ignore file says, in words of the standard.
func TestOpenVEX(t *testing.T) {
	const both = `[{"@id":"pkg:oci/api@sha256%3Aaa?repository_url=r.example%2Fapi"},{"@id":"pkg:oci/api@sha256%3Abb?repository_url=r.example%2Fapi"}]`
	const zlib = `"subcomponents":[{"@id":"pkg:deb/debian/zlib1g"},{"@id":"pkg:pypi/jinja2@2.10"}]`
	for name, c := range map[string]struct {
		file, statements string
		untold           []string
	}{
		"no file":         {"", "", nil},
		"nothing ignored": {"vulnerabilities: []\n", "", nil},
		"other sections":  {"misconfigurations: [{id: DS-0002, statement: s, expired_at: 2026-04-01}]\nsecrets: [{id: k, statement: s, expired_at: 2026-04-01}]\n", "", nil},
		"everywhere": {"vulnerabilities:\n  - id: CVE-2026-1\n    statement: 'not <built> & not run '\n    expired_at: 2026-04-01\n",
			`{"vulnerability":{"name":"CVE-2026-1"},"products":` + both + `,"status":"not_affected","status_notes":"holds until 2026-04-01, 00:00 UTC","impact_statement":"not <built> & not run"}`, nil},
		"some packages": {"vulnerabilities:\n  - {id: GHSA-x, purls: ['pkg:deb/debian/zlib1g', 'pkg:pypi/jinja2@2.10'], statement: s, expired_at: 2026-04-01}\n",
			`{"vulnerability":{"name":"GHSA-x"},"products":[{"@id":"` + images[0] + `",` + zlib + `},{"@id":"` + images[1] + `",` + zlib + `}],"status":"not_affected","status_notes":"holds until 2026-04-01, 00:00 UTC","impact_statement":"s"}`, nil},
		"a fix comes": {"vulnerabilities: [{id: CVE-2026-1, statement: 'Affected: do not expose port 80', expired_at: 2026-03-11}]\n",
			`{"vulnerability":{"name":"CVE-2026-1"},"products":` + both + `,"status":"affected","status_notes":"holds until 2026-03-11, 00:00 UTC","action_statement":"do not expose port 80"}`, nil},
		"ended today":     {"vulnerabilities: [{id: CVE-2026-1, statement: s, expired_at: 2026-03-10}]\n", "", nil},
		"some paths only": {"vulnerabilities: [{id: CVE-2026-1, paths: [usr/lib/**], purls: ['pkg:a/b'], statement: s, expired_at: 2026-04-01}]\n", "", []string{"CVE-2026-1"}},
		"ended, of paths": {"vulnerabilities: [{id: CVE-2026-1, paths: [usr/lib/**], statement: s, expired_at: 2026-03-01}]\n", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, untold, err := OpenVEX([]byte(c.file), images, "r.example/acme", committed, today)
			if err != nil || !slices.Equal(untold, c.untold) {
				t.Fatalf("untold %q, %v, want %q", untold, err, c.untold)
			}
			if c.statements == "" {
				if got != nil {
					t.Errorf("got %s, want no document", got)
				}
				return
			}
			var d vexDocument
			if err := json.Unmarshal(got, &d); err != nil {
				t.Fatal(err)
			}
			want := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"` + d.ID + `","author":"r.example/acme","timestamp":"2026-03-01T10:00:00Z","version":1,"statements":[` + c.statements + `]}`
			if string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if _, _, err := OpenVEX([]byte("vulnerabilities: 1"), images, "a", committed, today); err == nil || !strings.Contains(err.Error(), "expected an ignore file in YAML") {
		t.Errorf("got %v", err)
	}
}

// TestOpenVEXIsTheSameAgain: a second run at the same commit makes the same document, and another text another name.
func TestOpenVEXIsTheSameAgain(t *testing.T) {
	make := func(statement string, now time.Time) (string, string) {
		t.Helper()
		got, _, err := OpenVEX([]byte("vulnerabilities: [{id: CVE-2026-1, statement: "+statement+", expired_at: 2026-04-01}]\n"), images, "a", committed, now)
		var d vexDocument
		if err != nil || json.Unmarshal(got, &d) != nil {
			t.Fatalf("%s, %v", got, err)
		}
		return string(got), d.ID
	}
	one, id := make("s", today)
	if again, _ := make("s", today.AddDate(0, 0, 1)); again != one {
		t.Errorf("got\n%s\nthen\n%s", one, again)
	}
	if _, other := make("t", today); other == id || !strings.HasPrefix(id, "https://openvex.dev/docs/public/vex-") {
		t.Errorf("the documents are called %s and %s", id, other)
	}
}
