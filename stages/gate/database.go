package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	maxDatabaseAge = 72 * time.Hour
	maxClockSkew   = time.Hour // between this clock and the one that stamped the database
)

// Database judges the output of `trivy version --format json`: a scan with an old vulnerability database, or
// with none, is no scan.
func Database(version []byte, now time.Time) Result {
	updated, err := databaseDate(version)
	if err != nil {
		return unjudged(err.Error() + ": let Trivy download its database before the scan")
	}
	age := now.Sub(updated)
	switch {
	case age > maxDatabaseAge:
		return unjudged(fmt.Sprintf("Trivy's vulnerability database is of %s, more than %d hours ago: its mirror may be stale, let Trivy download a new one",
			updated.Format(time.RFC3339), maxDatabaseAge/time.Hour))
	case age < -maxClockSkew:
		return unjudged(fmt.Sprintf("Trivy's vulnerability database is of %s, which is in the future: check the clock", updated.Format(time.RFC3339)))
	}
	return Result{Verdict: Pass, Figures: []string{fmt.Sprintf("database %d h old", max(age, 0)/time.Hour)}}
}

func databaseDate(version []byte) (time.Time, error) {
	var v struct {
		VulnerabilityDB struct{ UpdatedAt time.Time }
	}
	if err := json.Unmarshal(version, &v); err != nil {
		return time.Time{}, errors.New("the version output of Trivy is missing or not readable")
	}
	if v.VulnerabilityDB.UpdatedAt.IsZero() {
		return time.Time{}, errors.New("there is no vulnerability database, or one without a date")
	}
	return v.VulnerabilityDB.UpdatedAt, nil
}
