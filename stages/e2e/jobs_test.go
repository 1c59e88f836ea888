package e2e

import (
	"context"
	"testing"
	"time"

	"dagger.io/dagger"
)

// job is a session of its own on the engine, as a CI's job in its own checkout is.
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

func (j job) call(t *testing.T, images, name string) {
	t.Helper()
	start := time.Now()
	var answer any
	err := j.client.Do(context.Background(), &dagger.Request{
		Query:     `query($source: DirectoryID!) { slipway(source: $source, images: "` + images + `", backend: "none", frontend: "none") { ` + name + ` } }`,
		Variables: map[string]any{"source": j.source},
	}, &dagger.Response{Data: &answer})
	t.Logf("%s %.1f s: %v", name, time.Since(start).Seconds(), answer)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestTwoJobs: what one job has read is no other's, even when it ends first.
func TestTwoJobs(t *testing.T) {
	first := NewShop(t)
	first.Write(t, "Dockerfile", "FROM scratch\nCOPY hello /\nUSER 10001\n")
	first.Write(t, "hello", "hello "+t.TempDir()+"\n")
	first.Commit(t, "feat: an image of everything")
	second := Shop{Dir: t.TempDir()}
	second.Git(t, "clone", "-q", first.Dir, ".")

	one, other := startJob(t, first), startJob(t, second)
	one.call(t, "", "scan")
	other.call(t, "", "scan")
	one.client.Close()
	other.call(t, "one=.", `image(name: "one") { rootfs { entries } }`)
}
