package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
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
