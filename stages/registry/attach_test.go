package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/labtest"
)

// referrers is the API of OCI 1.1 in front of a registry that has none: what is put with a subject is listed below it, with the
// artifact's own type and annotations.
type referrers struct {
	behind http.Handler
	mu     sync.Mutex
	below  map[string][]v1.Descriptor
}

func (h *referrers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	before, last, _ := cutLast(r.URL.Path, "/")
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case strings.HasSuffix(before, "/referrers"):
		all := slices.Concat([]v1.Descriptor{}, h.below[last])
		w.Header().Set("Content-Type", string(types.OCIImageIndex))
		_ = json.NewEncoder(w).Encode(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: all})
		return
	case strings.HasSuffix(before, "/manifests") && strings.HasPrefix(last, "sha256-"):
		http.Error(w, "a registry with the API needs no tag for it", http.StatusBadRequest)
		return
	case strings.HasSuffix(before, "/manifests") && r.Method == http.MethodPut:
		text, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		h.list(w, text)
	}
	h.behind.ServeHTTP(w, r)
}

func (h *referrers) list(w http.ResponseWriter, text []byte) {
	var m artifact
	if json.Unmarshal(text, &m) != nil || m.Subject == nil {
		return
	}
	w.Header().Set("OCI-Subject", m.Subject.Digest.String())
	hash, size, _ := v1.SHA256(strings.NewReader(string(text)))
	at := m.Subject.Digest.String()
	if !slices.ContainsFunc(h.below[at], func(d v1.Descriptor) bool { return d.Digest == hash }) {
		h.below[at] = append(h.below[at], v1.Descriptor{MediaType: m.Media, Digest: hash, Size: size, ArtifactType: m.ArtifactType, Annotations: m.Annotations})
	}
}

func cutLast(text, sep string) (before, after string, found bool) {
	at := strings.LastIndex(text, sep)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(sep):], true
}

// everyRegistry runs a test against registries that keep the list of what refers to a digest in different places.
func everyRegistry(t *testing.T, test func(*testing.T, *bench)) {
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	serve := func(t *testing.T, h http.Handler) *bench {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return newBench(t, server.Listener.Addr().String())
	}
	t.Run("by a tag", func(t *testing.T) { test(t, inProcess(t)) })
	t.Run("by the API", func(t *testing.T) {
		test(t, serve(t, &referrers{behind: registry.New(quiet), below: map[string][]v1.Descriptor{}}))
	})
	t.Run("by an API that lists the type of the configuration", func(t *testing.T) {
		test(t, serve(t, registry.New(quiet, registry.WithReferrersSupport(true))))
	})
	t.Run("lab", func(t *testing.T) { test(t, newBench(t, labtest.Registry(t))) })
}

// statement makes an artifact of a kind that is about a digest.
func statement(t *testing.T, kind, digest, text string) attest.Artifact {
	t.Helper()
	_, hex, _ := strings.Cut(digest, ":")
	a, err := attest.Bare(attest.Statement{
		Subjects: []attest.Subject{{Name: "backend", Digest: map[string]string{"sha256": hex}}}, PredicateType: kind,
		Predicate: json.RawMessage(fmt.Sprintf(`{"text":%q}`, text)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// bundled is a statement as cosign signs it, by nobody.
func bundled(t *testing.T, a attest.Artifact) attest.Artifact {
	t.Helper()
	data := fmt.Sprintf(`{"mediaType":%q,"dsseEnvelope":{"payload":%q,"payloadType":%q}}`, attest.BundleType, base64.StdEncoding.EncodeToString(a.Data), attest.BareType)
	signed, err := attest.Signed([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// told are kinds, types and contents, sorted.
func told(all []attest.Artifact) string {
	var lines []string
	for _, a := range all {
		lines = append(lines, attest.Name(a.Kind)+" "+a.Type+" "+string(a.Data))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (b *bench) wantAttached(t *testing.T, digest string, want ...attest.Artifact) {
	t.Helper()
	for who, c := range map[string]*Client{"who wrote it": b.client, "somebody else": b.connect(t, b.client.prefix, Auth{})} {
		got, err := c.Attached(t.Context(), "backend", digest)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, who+" finds", told(got), told(want))
	}
}

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
