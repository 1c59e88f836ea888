package registry

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

func TestResolve(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		for ref, want := range map[string]string{"1.2.0": digest, digest: digest, "1.2.1": ""} {
			got, err := b.client.Resolve(t.Context(), "backend", ref)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, ref, got, want)
		}
	})
}

func TestPutReadsAManifestOnlyIfItIsNew(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee")
	for _, tag := range []string{"1.2.0", "1.2.1"} {
		if _, err := b.client.Resolve(t.Context(), "backend", digest); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := b.client.Put(t.Context(), "backend", tag, digest); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "requests besides the first contact", strings.Count(b.requests(), "GET /v2/test"), 0)
		wantEqual(t, tag, b.at(t, "backend", tag), digest)
	}
	fresh := b.connect(t, b.client.prefix, Auth{})
	if err := fresh.Put(t.Context(), "backend", "1.2.2", digest); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "1.2.2", b.at(t, "backend", "1.2.2"), digest)
}

// A digest of one image is not one of another, so what is kept must not be written there.
func TestPutOfAnotherImagesDigest(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee")
	if _, err := b.client.Resolve(t.Context(), "backend", digest); err != nil {
		t.Fatal(err)
	}
	err := b.client.Put(t.Context(), "frontend", "1.2.0", digest)
	wantError(t, err, "/frontend@"+digest+" is not in the registry: push the image before tagging it")
	wantEqual(t, "writes", b.writes(), "")
}

func TestPutBackOfAManifestThatIsGone(t *testing.T) {
	b := inProcess(t)
	old, next := b.push(t, "backend", "0ld", "1.2"), b.push(t, "backend", "c0ffee")
	if _, err := b.client.Resolve(t.Context(), "backend", "1.2"); err != nil {
		t.Fatal(err)
	}
	if _, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2", next}); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(b.ref(t, "backend@"+old)); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Put(t.Context(), "backend", "1.2", old); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "1.2", b.at(t, "backend", "1.2"), old)
}

func TestRemove(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		b.push(t, "backend", "c0ffee", "1.2.0", "latest")
		for range 2 {
			if err := b.client.Remove(t.Context(), "backend", "latest"); err != nil {
				t.Fatal(err)
			}
		}
		wantEqual(t, "latest", b.at(t, "backend", "latest"), "")
	})
}

func TestRemoveWhoseAnswerIsLost(t *testing.T) {
	b := inProcess(t)
	b.push(t, "backend", "c0ffee", "latest")
	b.Fault(labtest.Fault{Method: "DELETE", Times: 1, Lose: true})
	if err := b.client.Remove(t.Context(), "backend", "latest"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "writes", b.writes(), "DELETE backend:latest, DELETE backend:latest")
}

// requests lists all requests as method and path.
func (b *bench) requests() string {
	var all []string
	for _, r := range b.Requests() {
		all = append(all, r.Method+" "+r.Path)
	}
	return strings.Join(all, ", ")
}
