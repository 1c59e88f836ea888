package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/labtest"
)

// TestAttach: what is attached is found again by everybody, once however often it is attached, and changes no version.
func TestAttach(t *testing.T) {
	everyRegistry(t, func(t *testing.T, b *bench) {
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		b.wantAttached(t, digest)
		sbom := statement(t, attest.CycloneDX, digest, "flask & jinja")
		signed := bundled(t, statement(t, attest.Provenance, digest, "c0ffee"))
		for range 2 {
			if err := Attach(t.Context(), b.client, b, "backend", digest, sbom, signed); err != nil {
				t.Fatal(err)
			}
		}
		b.wantAttached(t, digest, sbom, signed)
		wantEqual(t, "1.2.0", b.at(t, "backend", "1.2.0"), digest)
		names, err := b.client.Tags(t.Context(), "backend")
		if err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") })
		wantEqual(t, "tags", strings.Join(names, " "), "1.2.0")
	})
}

// TestArtifactAsOthersReadIt: cosign and Trivy find a statement by these types and annotations.
func TestArtifactAsOthersReadIt(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee", "1.2.0")
	bare := statement(t, attest.Provenance, digest, "c0ffee")
	for want, a := range map[string]attest.Artifact{
		`{"in-toto.io/predicate-type":"https://slsa.dev/provenance/v1"}`:                                                       bare,
		`{"dev.sigstore.bundle.content":"dsse-envelope","dev.sigstore.bundle.predicateType":"https://slsa.dev/provenance/v1"}`: bundled(t, bare),
	} {
		if err := b.client.Attach(t.Context(), "backend", digest, a); err != nil {
			t.Fatal(err)
		}
		index, err := remote.Referrers(b.ref(t, "backend@"+digest).(name.Digest), remote.WithFilter("artifactType", a.Type))
		if err != nil {
			t.Fatal(err)
		}
		list, err := index.IndexManifest()
		if err != nil || len(list.Manifests) != 1 {
			t.Fatalf("%d are listed as %s, %v", len(list.Manifests), a.Type, err)
		}
		found, err := remote.Get(b.ref(t, "backend@"+list.Manifests[0].Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(found.Manifest, &m); err != nil {
			t.Fatal(err)
		}
		notes, _ := json.Marshal(m["annotations"])
		wantEqual(t, "annotations", string(notes), want)
		config, _ := m["config"].(map[string]any)
		layer, _ := m["layers"].([]any)[0].(map[string]any)
		wantEqual(t, "types", fmt.Sprint(m["mediaType"], m["artifactType"], config["mediaType"], layer["mediaType"]),
			fmt.Sprint("application/vnd.oci.image.manifest.v1+json", a.Type, "application/vnd.oci.empty.v1+json", a.Type))
	}
}

// TestAttachReadsNothingAgain: what this run has written, it knows.
func TestAttachReadsNothingAgain(t *testing.T) {
	b := inProcess(t)
	digest := b.push(t, "backend", "c0ffee", "1.2.0")
	a := statement(t, attest.VEX, digest, "c0ffee")
	if err := b.client.Attach(t.Context(), "backend", digest, a); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	got, err := b.client.Attached(t.Context(), "backend", digest)
	if err != nil || told(got) != told([]attest.Artifact{a}) || strings.Contains(b.requests(), "/blobs/") {
		t.Errorf("%s, %v by %s", told(got), err, b.requests())
	}
}

// TestAttachToAnIndex: the index and each of its images have statements of their own.
func TestAttachToAnIndex(t *testing.T) {
	everyRegistry(t, func(t *testing.T, b *bench) {
		image := newImage(t, "c0ffee")
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
		if err := remote.WriteIndex(b.ref(t, "backend:1.2.0"), index); err != nil {
			t.Fatal(err)
		}
		found, there, err := b.client.Inspect(t.Context(), "backend", "1.2.0")
		if err != nil || !there {
			t.Fatal(there, err)
		}
		own, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the image of linux/amd64", found.Manifests["linux/amd64"], own.String())
		for _, digest := range []string{found.Digest, own.String()} {
			if err := b.client.Attach(t.Context(), "backend", digest, statement(t, attest.SPDX, digest, "of this")); err != nil {
				t.Fatal(err)
			}
		}
		for _, digest := range []string{found.Digest, own.String()} {
			b.wantAttached(t, digest, statement(t, attest.SPDX, digest, "of this"))
		}
	})
}

// forgetful is a store in which another writer's list takes the place of ours, some times.
type forgetful struct {
	*Client
	t     *testing.T
	b     *bench
	times int
	puts  int
}

func (f *forgetful) Attach(ctx context.Context, image, digest string, a attest.Artifact) error {
	before, err := remote.Get(f.b.ref(f.t, image+":"+strings.Replace(digest, ":", "-", 1)))
	if e := f.Client.Attach(ctx, image, digest, a); e != nil {
		return e
	}
	if f.puts++; f.puts <= f.times && err == nil {
		return remote.Tag(f.b.ref(f.t, image+":"+strings.Replace(digest, ":", "-", 1)).Context().Tag(strings.Replace(digest, ":", "-", 1)), before)
	}
	return nil
}

// TestAttachAgainWhatAnotherWriterLost: a list under a tag knows no two writers.
func TestAttachAgainWhatAnotherWriterLost(t *testing.T) {
	for times, ok := range map[int]bool{1: true, 3: true, 1000: false} {
		b := inProcess(t)
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		others := statement(t, attest.VEX, digest, "another writer's")
		if err := b.client.Attach(t.Context(), "backend", digest, others); err != nil {
			t.Fatal(err)
		}
		ours := statement(t, attest.CycloneDX, digest, "ours")
		f := &forgetful{Client: b.client, t: t, b: b, times: times}
		err := Attach(t.Context(), f, b, "backend", digest, ours)
		if !ok {
			wantError(t, err, "the registry accepted SBOM (CycloneDX)", "look for another writer")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		b.wantAttached(t, digest, others, ours)
	}
}

// TestAttachedLeavesOutWhatIsNone: anybody may hang anything below an image.
func TestAttachedLeavesOutWhatIsNone(t *testing.T) {
	everyRegistry(t, func(t *testing.T, b *bench) {
		digest, other := b.push(t, "backend", "c0ffee", "1.2.0"), b.push(t, "backend", "c0ffee", "1.2.1")
		good := statement(t, attest.VEX, digest, "good")
		for _, a := range []attest.Artifact{
			good,
			{Type: attest.BareType, Data: []byte(`{"_type":"of another world"}`)},
			{Type: attest.BareType, Data: []byte("\x00")},
			{Type: attest.BundleType, Data: []byte(`{"messageSignature":{}}`)},
			{Type: "text/plain", Data: []byte("hello")},
		} {
			if err := b.client.Attach(t.Context(), "backend", digest, a); err != nil {
				t.Fatal(err)
			}
		}
		fresh := b.connect(t, b.client.prefix, Auth{})
		got, err := fresh.Attached(t.Context(), "backend", digest)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "attached", told(got), told([]attest.Artifact{good}))
		b.wantAttached(t, other)
	})
}

// TestAttachedOfAnothersList: a list that names what hangs below another image does not make it ours.
func TestAttachedOfAnothersList(t *testing.T) {
	b := inProcess(t)
	digest, other := b.push(t, "backend", "c0ffee", "1.2.0"), b.push(t, "backend", "c0ffee", "1.2.1")
	if err := b.client.Attach(t.Context(), "backend", other, statement(t, attest.VEX, other, "of the other")); err != nil {
		t.Fatal(err)
	}
	list, err := remote.Get(b.ref(t, "backend:"+strings.Replace(other, ":", "-", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(b.ref(t, "backend:1.2.0").Context().Tag(strings.Replace(digest, ":", "-", 1)), list); err != nil {
		t.Fatal(err)
	}
	got, err := b.connect(t, b.client.prefix, Auth{}).Attached(t.Context(), "backend", digest)
	if err != nil || len(got) > 0 {
		t.Errorf("found %s, %v", told(got), err)
	}
}

// TestAttachRefused: a registry that says no is told from one that is away.
func TestAttachRefused(t *testing.T) {
	for status, forGood := range map[int]bool{400: true, 403: true, 404: true, 405: true, 415: true, 429: false, 500: false, 503: false} {
		b := inProcess(t)
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		b.Fault(labtest.Fault{Method: http.MethodPut, Path: "/manifests/", Status: status})
		err := b.client.Attach(t.Context(), "backend", digest, statement(t, attest.CycloneDX, digest, "a"))
		wantError(t, err, "attaching SBOM (CycloneDX) to ", fmt.Sprint(status))
		var no *NotStored
		if isNo := errors.As(err, &no); isNo != forGood {
			t.Errorf("%d: refused for good: %t, want %t", status, isNo, forGood)
		}
	}
	b := inProcess(t)
	gone := "sha256:" + strings.Repeat("0", 64)
	wantError(t, b.client.Attach(t.Context(), "backend", gone, statement(t, attest.VEX, gone, "a")), "is not in the registry")
	for status, forGood := range map[int]bool{403: true, 405: true, 501: true, 429: false, 503: false} {
		b := inProcess(t)
		b.Fault(labtest.Fault{Method: http.MethodGet, Path: "/referrers/", Status: status})
		_, err := b.client.Attached(t.Context(), "backend", b.push(t, "backend", "c0ffee", "1.2.0"))
		wantError(t, err, "reading what is attached to ", fmt.Sprint(status))
		var no *NotStored
		if isNo := errors.As(err, &no); isNo != forGood {
			t.Errorf("%d: no list for good: %t, want %t", status, isNo, forGood)
		}
	}
}

// TestAttachThroughFaults: a registry that is busy, or whose answer is lost, has the statement once in the end.
func TestAttachThroughFaults(t *testing.T) {
	for name, f := range map[string]labtest.Fault{
		"busy when an upload begins":      {Method: http.MethodPost, Path: "/blobs/uploads/", Status: 503, Times: 1},
		"busy while it is uploaded":       {Method: http.MethodPatch, Status: 429, Times: 1},
		"busy with the manifest":          {Method: http.MethodPut, Path: "/manifests/sha256:", Status: 502, Times: 1},
		"the manifest's answer is lost":   {Method: http.MethodPut, Path: "/manifests/sha256:", Lose: true, Times: 1},
		"the list's answer is lost":       {Method: http.MethodPut, Path: "/manifests/sha256-", Lose: true, Times: 1},
		"busy when the list is read":      {Method: http.MethodGet, Path: "/manifests/sha256-", Status: 500, Times: 2},
		"the connection breaks at a list": {Method: http.MethodGet, Path: "/referrers/", Reset: true, Times: 1},
	} {
		b := inProcess(t)
		digest := b.push(t, "backend", "c0ffee", "1.2.0")
		b.Fault(f)
		a := statement(t, attest.CycloneDX, digest, name)
		if err := Attach(t.Context(), b.client, b, "backend", digest, a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.wantAttached(t, digest, a)
	}
}

// TestAttachedDoesNotBelieveTheLength of what somebody says is a statement.
func TestAttachedDoesNotBelieveTheLength(t *testing.T) {
	m := artifact{Subject: &v1.Descriptor{}, Layers: []v1.Descriptor{{MediaType: types.MediaType(attest.BareType), Size: longestStatement}}}
	subject := m.Subject.Digest.String()
	if !m.states(subject) {
		t.Error("the longest statement is none")
	}
	m.Layers[0].Size++
	if m.states(subject) {
		t.Error("a longer one is read")
	}
}
