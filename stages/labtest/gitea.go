package labtest

import (
	"os"
	"strings"
	"testing"
)

// Gitea returns the address of the lab's Gitea, without a slash at the end, and a token of its administrator. Without a
// lab the test is skipped, in CI it fails.
func Gitea(t testing.TB) (url, token string) {
	t.Helper()
	const address, secret = "SLIPWAY_LAB_GITEA", "SLIPWAY_LAB_GITEA_TOKEN"
	url, token = strings.TrimSuffix(os.Getenv(address), "/"), os.Getenv(secret)
	if url == "" || token == "" {
		missing(t, address+" and "+secret+" are not set: start the lab, or set them to a Gitea and a token for all of it")
	}
	return url, token
}
