package registry

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

func TestTagCopiesTheManifestByteForByte(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.push(t, "backend", "c0ffee")
		if _, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2.1", digest}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "digest under the tag", b.at(t, "backend", "1.2.1"), digest)
		wantEqual(t, "writes", b.writes(), "PUT backend:1.2.1")
		wantEqual(t, "waits", len(b.waits), 0)
		found, err := remote.Get(b.ref(t, "backend@"+digest))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "bytes written", b.Writes()[0].Body, string(found.Manifest))
		wantEqual(t, "media type", b.Writes()[0].Header.Get("Content-Type"), string(found.MediaType))
	})
}

func TestTagAnIndex(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		digest := b.index(t, "backend", "sha-c0ffee0", entry(newImage(t, "c0ffee"), "linux"))
		if _, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2.1", digest}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "digest under the tag", b.at(t, "backend", "1.2.1"), digest)
		wantEqual(t, "writes", b.writes(), "PUT backend:1.2.1")
	})
}

func TestTagMovesAndThenHasNothingToDo(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		old := b.push(t, "backend", "0ld", "1.2")
		digest := b.push(t, "backend", "c0ffee")
		for _, before := range []string{old, digest} {
			got, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2", digest})
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, "result", got, Moved{"backend", "1.2", before, digest, digest})
			wantEqual(t, "changed", got.Changed(), before != digest)
		}
		wantEqual(t, "digest under the tag", b.at(t, "backend", "1.2"), digest)
		wantEqual(t, "writes", b.writes(), "PUT backend:1.2")
	})
}

func TestTagOfAbsentDigest(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		b.push(t, "backend", "0ld", "1.2")
		digest := "sha256:" + strings.Repeat("0a", 32)
		_, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2", digest})
		wantError(t, err, "/backend@"+digest+" is not in the registry: push the image before tagging it")
		wantEqual(t, "writes", b.writes(), "")
	})
}

func TestTagWaitsForStaleReads(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee")
	// The first read is the one before the write.
	b.Fault(labtest.Fault{Method: "GET", Path: `/manifests/1\.2$`, Skip: 1, Times: 2, Status: 404, Body: manifestUnknown})
	if _, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2", digest}); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "writes", b.writes(), "PUT backend:1.2")
	wantEqual(t, "waits", len(b.waits), 2)
	if b.waits[1] <= b.waits[0] {
		t.Errorf("the waits do not grow: %v", b.waits)
	}
}

func TestTagThatNeverSettles(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee")
	b.Fault(labtest.Fault{Method: "GET", Path: `/manifests/1\.2$`, Status: 404, Body: manifestUnknown})
	_, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2", digest})
	wantError(t, err, "read back it is absent and not "+digest)
	wantEqual(t, "waits", len(b.waits), 5)
}

func TestManifestPutIsRepeated(t *testing.T) {
	faults := map[string]labtest.Fault{
		"429": {Status: 429, Header: http.Header{"Retry-After": {"2"}}}, "500": {Status: 500}, "502": {Status: 502},
		"503": {Status: 503}, "504": {Status: 504}, "reset": {Reset: true}, "answer lost": {Lose: true},
	}
	for name, fault := range faults {
		for times := 1; times <= 2; times++ {
			t.Run(fmt.Sprint(times, " ", name), func(t *testing.T) {
				b := inProcess(t)
				digest := b.push(t, "backend", "c0ffee")
				fault.Method, fault.Times = "PUT", times
				b.Fault(fault)
				if _, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2.1", digest}); err != nil {
					t.Fatal(err)
				}
				wantEqual(t, "digest under the tag", b.at(t, "backend", "1.2.1"), digest)
				wantEqual(t, "writes", len(b.Writes()), times+1)
				wantEqual(t, "waits", len(b.waits), times)
				if fault.Status == 429 && b.waits[0] != 2*time.Second {
					t.Errorf("Retry-After 2 is not kept: %v", b.waits)
				}
			})
		}
	}
}

func TestManifestPutThatFailsForGood(t *testing.T) {
	for status, tries := range map[int]int{400: 1, 401: 1, 403: 1, 404: 1, 405: 1, 429: 6, 503: 6} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := inProcess(t)
			digest := b.push(t, "backend", "c0ffee")
			b.Fault(labtest.Fault{Method: "PUT", Status: status})
			_, err := Tag(t.Context(), b.client, b, Move{"backend", "1.2.1", digest})
			wantError(t, err, "setting "+b.client.prefix+"/backend:1.2.1: ", fmt.Sprint(status))
			wantEqual(t, "tries", len(b.Writes()), tries)
			wantEqual(t, "waits", len(b.waits), tries-1)
		})
	}
}

func TestTagOnce(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		backend, frontend := b.push(t, "backend", "c0ffee"), b.push(t, "frontend", "c0ffee", "1.2.1")
		moves := []Move{{"backend", "1.2.1", backend}, {"frontend", "1.2.1", frontend}}
		for range 2 {
			if _, err := TagOnce(t.Context(), b.client, b, moves...); err != nil {
				t.Fatal(err)
			}
		}
		wantEqual(t, "backend", b.at(t, "backend", "1.2.1"), backend)
		wantEqual(t, "writes", b.writes(), "PUT backend:1.2.1")
	})
}

func TestTagOnceNeverOverwrites(t *testing.T) {
	eachRegistry(t, func(t *testing.T, b *bench) {
		backend := b.push(t, "backend", "c0ffee")
		frontendOld, workerOld := b.push(t, "frontend", "0ld", "1.2.1"), b.push(t, "worker", "0ld", "1.2.1")
		_, err := TagOnce(t.Context(), b.client, b, Move{"backend", "1.2.1", backend},
			Move{"frontend", "1.2.1", b.push(t, "frontend", "c0ffee")}, Move{"worker", "1.2.1", b.push(t, "worker", "c0ffee")})
		wantError(t, err, "frontend:1.2.1 already points to "+frontendOld, "worker:1.2.1 already points to "+workerOld)
		wantEqual(t, "writes", b.writes(), "")
		wantEqual(t, "frontend", b.at(t, "frontend", "1.2.1"), frontendOld)
		wantEqual(t, "backend", b.at(t, "backend", "1.2.1"), "")
	})
}

func TestTagOnceIsCompletedByTheNextRun(t *testing.T) {
	b := inProcess(t)
	backend, frontend := b.push(t, "backend", "c0ffee"), b.push(t, "frontend", "c0ffee")
	moves := []Move{{"backend", "1.2.1", backend}, {"frontend", "1.2.1", frontend}}
	b.Fault(labtest.Fault{Method: "PUT", Path: "frontend", Status: 403})
	got, err := TagOnce(t.Context(), b.client, b, moves...)
	wantError(t, err, "setting "+b.client.prefix+"/frontend:1.2.1")
	wantEqual(t, "what was written", got[0], Moved{"backend", "1.2.1", "", backend, backend})
	wantEqual(t, "what was not", got[1], Moved{"frontend", "1.2.1", "", frontend, ""})
	wantEqual(t, "backend stays", b.at(t, "backend", "1.2.1"), backend)
	b.Heal()
	b.Reset()
	if _, err := TagOnce(t.Context(), b.client, b, moves...); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "writes", b.writes(), "PUT frontend:1.2.1")
}
