package labtest

import (
	"os"
	"testing"
)

// Histories returns the folder of the lab's bare repositories, whose histories are those of public projects. Without a lab
// the test is skipped, in CI it fails.
func Histories(t testing.TB) string {
	t.Helper()
	const name = "SLIPWAY_LAB_HISTORIES"
	dir := os.Getenv(name)
	if dir == "" {
		missing(t, name+" is not set: start the lab")
	}
	return dir
}
