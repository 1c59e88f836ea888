package e2e

import (
	"context"
	"testing"

	"dagger.io/dagger"
)

// job is a session of its own on the engine, as a CI's job in a checkout of its own is.
type job struct {
	client *dagger.Client
	source dagger.DirectoryID
}

func startJob(t *testing.T, s Shop) job {
	t.Helper()
	needEngine(t)
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	t.Cleanup(cancel)
	client, err := dagger.Connect(ctx, dagger.WithWorkdir(s.Dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := client.ModuleSource(Module()).AsModule().Serve(ctx); err != nil {
		t.Fatal(err)
	}
	source, err := client.Host().Directory(".").ID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return job{client, source}
}

// dependencies checks those of the frontend.
func (j job) dependencies(t *testing.T, ignoreFile string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	err := j.client.Do(ctx, &dagger.Request{
		Query: `query($source: DirectoryID!, $ignoreFile: String!, $tools: String!) {
			slipway(source: $source, ignoreFile: $ignoreFile, images: "", backend: "none", toolImages: $tools) { dependencies }
		}`,
		Variables: map[string]any{"source": j.source, "ignoreFile": ignoreFile, "tools": tools()},
	}, &dagger.Response{Data: new(any)})
	if err != nil {
		t.Fatal(err)
	}
}

// TestJobsOnOneEngine: the engine knows a file by its content, also one that it has from another job. What it does then is
// what the other job did, so nothing of that may need the other's checkout, which is gone when the other has ended.
func TestJobsOnOneEngine(t *testing.T) {
	t.Parallel()
	one := NewShop(t)
	one.Write(t, "ignored.yaml", "# "+t.TempDir()+"\nvulnerabilities: []\n")
	one.Commit(t, "chore: nothing is ignored")
	other := Shop{Dir: t.TempDir()}
	other.Git(t, "clone", "-q", one.Dir, ".")
	other.Write(t, "README.md", "# The same lock, in another commit\n")
	other.Commit(t, "docs: less to read")

	first, second := startJob(t, one), startJob(t, other)
	first.dependencies(t, "")
	second.dependencies(t, "")
	if err := first.client.Close(); err != nil {
		t.Fatal(err)
	}
	second.dependencies(t, "ignored.yaml")
}
