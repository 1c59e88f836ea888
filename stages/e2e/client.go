package e2e

import (
	"context"
	"testing"

	"dagger.io/dagger"
)

// Connect opens a session with the engine, as other Dagger programs do. It is no test file, because `dagger develop` sees
// none of those and would drop the requirement from go.mod.
func Connect(t testing.TB) (context.Context, *dagger.Client) {
	t.Helper()
	needEngine(t)
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	t.Cleanup(cancel)
	client, err := dagger.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return ctx, client
}
