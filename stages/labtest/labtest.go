// Package labtest gives tests the lab's services and a proxy that records requests and makes faults.
package labtest

import (
	"os"
	"testing"
)

// Registry returns the host:port of the lab's image registry. Without a lab the test is skipped, in CI it fails.
func Registry(t testing.TB) string {
	t.Helper()
	const name = "SLIPWAY_LAB_REGISTRY"
	address := os.Getenv(name)
	if address == "" {
		missing(t, name+" is not set: start the lab, or set it to the host:port of an image registry to write to")
	}
	return address
}

// missing fails in CI, because a test that never runs there protects nobody.
func missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
