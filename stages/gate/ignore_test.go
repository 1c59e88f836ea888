package gate

import (
	"strings"
	"testing"
	"time"
)

const ignoreName = ".trivyignore.yaml"

// noon is a moment at which the day in UTC differs from the one in its zone.
var noon = time.Date(2025, 6, 11, 1, 0, 0, 0, time.FixedZone("east", 2*60*60)) // 2025-06-10 in UTC

const ignored = `# why and until when
vulnerabilities:
  - id: CVE-2023-45853
    paths:
      - "usr/lib/**"
    purls: ["pkg:deb/debian/zlib1g"]
    statement: minizip is not built
    expired_at: 2025-09-08
  - id: CVE-2023-0001
    statement: waiting for the distribution
    expired_at: 2025-06-11
misconfigurations:
  - id: DS-0002
    statement: the base image needs root
    expired_at: 2025-06-10
secrets:
licenses: []
`

func TestIgnores(t *testing.T) {
	t.Run("a good file", func(t *testing.T) {
		got := Ignores(ignoreName, []byte(ignored), noon)
		check(t, got, Pass, "", "2 ignored", "1 no longer ignored")
		checkFindings(t, got.Findings, Finding{Tool: "ignore file", ID: "DS-0002", File: ignoreName, Line: 13,
			Title: "entry DS-0002 of misconfigurations ended on 2025-06-10, its findings count again"})
	})
	t.Run("no file", func(t *testing.T) { check(t, Ignores(ignoreName, nil, noon), Skipped, "no ignore file") })
	for name, content := range map[string]string{"empty": "", "only a comment": "# none\n", "null": "~", "empty sections": "vulnerabilities: []\nsecrets:\n"} {
		t.Run(name, func(t *testing.T) { check(t, Ignores(ignoreName, []byte(content), noon), Pass, "", "0 ignored") })
	}
	t.Run("all that is wrong is listed", func(t *testing.T) {
		got := Ignores(ignoreName, []byte("secrets:\n  - id: a\n  - id: b\n    statement: s\n"), noon)
		check(t, got, Error, ".trivyignore.yaml line 2: entry a of secrets has no statement: say why it is ignored (and 2 more)")
		wrong := func(line int, id, title string) Finding {
			return Finding{Tool: "ignore file", ID: id, Title: title, File: ignoreName, Line: line, Gates: true}
		}
		checkFindings(t, got.Findings,
			wrong(2, "a", ".trivyignore.yaml line 2: entry a of secrets has no statement: say why it is ignored"),
			wrong(2, "a", ".trivyignore.yaml line 2: entry a of secrets has no expired_at: add a date at most 90 days ahead"),
			wrong(3, "b", ".trivyignore.yaml line 3: entry b of secrets has no expired_at: add a date at most 90 days ahead"))
	})
}

func TestIgnoresDates(t *testing.T) {
	for date, figures := range map[string]string{
		"2025-05-10": "0 ignored, 1 no longer ignored",
		"2025-06-09": "0 ignored, 1 no longer ignored",
		"2025-06-10": "0 ignored, 1 no longer ignored", // it counts again on its day
		"2025-06-11": "1 ignored",
		"2025-09-08": "1 ignored", // 90 days
	} {
		t.Run(date, func(t *testing.T) {
			got := Ignores(ignoreName, []byte("secrets:\n- {id: a, statement: s, expired_at: "+date+"}"), noon)
			check(t, got, Pass, "", strings.Split(figures, ", ")...)
		})
	}
	for date, want := range map[string]string{
		"2025-09-09":           "is 2025-09-09, more than 90 days ahead",
		"9999-12-31":           "is 9999-12-31, more than 90 days ahead",
		`"2025-06-30"`:         `is "2025-06-30": write a date such as 2025-12-31, without quotes`,
		"!!str 2025-06-30":     `is "2025-06-30": write a date such as 2025-12-31, without quotes`,
		"2025-6-30":            `is "2025-6-30": write a date such as 2025-12-31, without quotes`,
		"2025-06-31":           `is "2025-06-31": write a date such as 2025-12-31, without quotes`,
		"2025-06-30T23:00:00Z": `is "2025-06-30T23:00:00Z": write a date such as 2025-12-31, without quotes`,
		"30.06.2025":           `is "30.06.2025": write a date such as 2025-12-31, without quotes`,
		"never":                `is "never": write a date such as 2025-12-31, without quotes`,
		"[2025-06-30]":         `is "": write a date such as 2025-12-31, without quotes`,
	} {
		t.Run("refused "+date, func(t *testing.T) {
			got := Ignores(ignoreName, []byte("secrets:\n- {id: a, statement: s, expired_at: "+date+"}"), noon)
			check(t, got, Error, ".trivyignore.yaml line 2: expired_at of entry a of secrets "+want)
		})
	}
}

func TestIgnoresErrors(t *testing.T) {
	const rest = ", statement: s, expired_at: 2025-06-30}"
	for name, c := range map[string]struct{ content, want string }{
		"no YAML":                  {"a: b: c", "line 1: not readable: yaml: mapping values are not allowed in this context"},
		"no YAML, further down":    {"secrets:\n  - id: a\n  bad", "line 3: not readable: yaml: line 3: could not find expected ':'"},
		"a list":                   {"- id: a", "line 1: the file is not a mapping of vulnerabilities, misconfigurations, secrets, licenses"},
		"Trivy's plain format":     {"CVE-2023-1 exp:2025-06-30", "line 1: the file is not a mapping of vulnerabilities, misconfigurations, secrets, licenses"},
		"a mistyped section":       {"vulnerability: []", `line 1: "vulnerability" in the file is none of vulnerabilities, misconfigurations, secrets, licenses`},
		"a section twice":          {"secrets: []\nsecrets: []", "line 2: secrets stands twice in the file"},
		"a section without a list": {"secrets:\n  a: b", "line 2: secrets is not a list of entries"},
		"a section with a text":    {"secrets: none", "line 1: secrets is not a list of entries"},
		"an entry that is a text":  {"secrets: [a]", "line 1: an entry of secrets is not a mapping of id, paths, purls, statement, expired_at"},
		"an alias":                 {"secrets:\n- &a {id: a" + rest + "\n- *a", "line 3: an entry of secrets is not a mapping of id, paths, purls, statement, expired_at"},
		"a merged entry":           {"secrets:\n- &a {id: a" + rest + "\n- {<<: *a, id: b" + rest, `line 3: "<<" in an entry of secrets is none of id, paths, purls, statement, expired_at`},
		"no id":                    {"licenses:\n- {statement: s, expired_at: 2025-06-30}", "line 2: an entry of licenses has no id"},
		"an empty id":              {"licenses:\n- {id: ' '" + rest, "line 2: an entry of licenses has no id"},
		"an id that is a list":     {"licenses:\n- {id: [a]" + rest, "line 2: an entry of licenses has no id"},
		"an id twice":              {"licenses:\n- {id: a, id: b" + rest, "line 2: id stands twice in an entry of licenses"},
		"a blank statement":        {"secrets:\n- {id: a, statement: '  ', expired_at: 2025-06-30}", "line 2: entry a of secrets has no statement: say why it is ignored"},
		"a statement of null":      {"secrets:\n- {id: a, statement: ~, expired_at: 2025-06-30}", "line 2: entry a of secrets has no statement: say why it is ignored"},
		"no date":                  {"secrets:\n- {id: a, statement: s}", "line 2: entry a of secrets has no expired_at: add a date at most 90 days ahead"},
		"a date of null":           {"secrets:\n- {id: a, statement: s, expired_at: }", "line 2: entry a of secrets has no expired_at: add a date at most 90 days ahead"},
		"a mistyped limit":         {"secrets:\n- {id: a, path: [x]" + rest, `line 2: "path" in an entry of secrets is none of id, paths, purls, statement, expired_at`},
		"an empty limit":           {"secrets:\n- {id: a, paths: []" + rest, "line 2: paths of entry a of secrets is not a list of texts: fill it or leave it out"},
		"a limit of null":          {"secrets:\n- {id: a, paths: " + rest, "line 2: paths of entry a of secrets is not a list of texts: fill it or leave it out"},
		"a limit that is a text":   {"secrets:\n- {id: a, paths: x" + rest, "line 2: paths of entry a of secrets is not a list of texts: fill it or leave it out"},
		"an empty text in a limit": {"secrets:\n- {id: a, paths: [x, '']" + rest, "line 2: paths of entry a of secrets is not a list of texts: fill it or leave it out"},
		"purls of a secret":        {"secrets:\n- {id: a, purls: ['pkg:npm/x']" + rest, "line 2: entry a of secrets has purls, which only work for vulnerabilities"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, Ignores(ignoreName, []byte(c.content), noon), Error, ignoreName+" "+c.want)
		})
	}
	t.Run("another kind of file", func(t *testing.T) {
		check(t, Ignores(".trivyignore", []byte(ignored), noon), Error, ".trivyignore is not a YAML file: Trivy's plain format has no statements, so write it as .trivyignore.yaml")
	})
}
