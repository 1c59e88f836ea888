package gate

import (
	"fmt"
	"testing"
	"time"
)

func TestDatabase(t *testing.T) {
	now := time.Date(2025, 6, 10, 12, 0, 0, 0, time.UTC)
	aged := func(age time.Duration) string {
		return fmt.Sprintf(`{"Version":"0.70.0","VulnerabilityDB":{"Version":2,"UpdatedAt":%q}}`, now.Add(-age).Format(time.RFC3339Nano))
	}
	const (
		download = ": let Trivy download its database before the scan"
		unread   = "the version output of Trivy is missing or not readable" + download
		absent   = "there is no vulnerability database, or one without a date" + download
	)
	for name, c := range map[string]struct {
		version string
		verdict Verdict
		reason  string
		figures []string
	}{
		"fresh":                        {aged(5*time.Hour + 59*time.Minute), Pass, "", []string{"database 5 h old"}},
		"exactly 72 hours":             {aged(72 * time.Hour), Pass, "", []string{"database 72 h old"}},
		"a second more":                {aged(72*time.Hour + time.Second), Error, "Trivy's vulnerability database is of 2025-06-07T11:59:59Z, more than 72 hours ago: its mirror may be stale, let Trivy download a new one", nil},
		"a clock a little behind":      {aged(-time.Hour), Pass, "", []string{"database 0 h old"}},
		"from the future":              {aged(-time.Hour - time.Second), Error, "Trivy's vulnerability database is of 2025-06-10T13:00:01Z, which is in the future: check the clock", nil},
		"no database (real output)":    {string(data(t, "trivy/version-no-database.json")), Error, absent, nil},
		"a database without a date":    {`{"VulnerabilityDB":{"Version":2}}`, Error, absent, nil},
		"a date that is none":          {`{"VulnerabilityDB":{"UpdatedAt":"yesterday"}}`, Error, unread, nil},
		"another database's date":      {`{"JavaDB":{"UpdatedAt":"2025-06-10T11:00:00Z"}}`, Error, absent, nil},
		"nothing":                      {"", Error, unread, nil},
		"the output for people":        {"Version: 0.70.0", Error, unread, nil},
		"two outputs, one after other": {aged(0) + aged(0), Error, unread, nil},
	} {
		t.Run(name, func(t *testing.T) { check(t, Database([]byte(c.version), now), c.verdict, c.reason, c.figures...) })
	}
	t.Run("real output", func(t *testing.T) {
		made := time.Date(2026, 11, 23, 13, 4, 57, 667407645, time.UTC)
		check(t, Database(data(t, "trivy/version.json"), made.Add(71*time.Hour)), Pass, "", "database 71 h old")
	})
}
