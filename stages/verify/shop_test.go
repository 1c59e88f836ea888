package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
	hosts "dagger/slipway/stages/server"
	"dagger/slipway/stages/version"
)

const (
	backend, frontend = "backend", "frontend"
	amd64, arm64      = "linux/amd64", "linux/arm64"
	job               = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"
)

var (
	commit = strings.Repeat("c0ffee12", 5)
	other  = strings.Repeat("badc0de5", 5)
)

// shop is a release of two images, one of them for two platforms, in a registry of the test's own process.
type shop struct {
	t        *testing.T
	where    string
	client   *registry.Client
	signer   signer
	checker  *checker // nil: nobody knows who has to have signed
	unsigned bool
	claims   // of the provenance
	flaws
	request release.Request
	indexes map[string]v1.ImageIndex
	digests map[string]string
	git     string // the commit that the tag names
	files   map[string][]byte
	runs    []hosts.Seen
}

type claims struct{ builder, commit, version string }

type flaws struct {
	without  string // a kind of statement that is not attached
	shallow  string // one that is attached to the index only
	twice    string // a file that the page has two of
	pageless bool
	draft    bool
	silent   error // of the registry, when asked what is attached
}

// A release refuses a registry on the loopback, so the tests' own has a private address, which leads there.
func init() {
	remote.DefaultTransport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	must(t, err)
	w := &shop{t: t, where: "10.0.0.1:" + port + "/acme", claims: claims{attest.Laptop, commit, "1.2.3"}, git: commit, signer: newSigner(t)}
	w.checker = &checker{key: w.signer.key.Public(), now: time.Now()}
	w.client, err = registry.New(w.where, registry.Auth{})
	must(t, err)
	v, err := version.Parse("1.2.3")
	must(t, err)
	w.request = release.Request{Version: v, Commit: commit, Images: []string{backend, frontend}, Prefix: version.DefaultTagPrefix}
	return w
}

// released pushes, attaches and publishes what the shop has been set to.
func (w *shop) released() *shop {
	w.t.Helper()
	w.digests, w.indexes = map[string]string{}, map[string]v1.ImageIndex{}
	w.push(frontend, "1.1.0", other, amd64)
	w.push(backend, "1.1.0", other, amd64, arm64)
	for _, i := range w.request.Images {
		platforms := []string{amd64}
		if i == backend {
			platforms = append(platforms, arm64)
		}
		w.digests[i] = w.push(i, "1.2.3", commit, platforms...)
		for _, tag := range []string{"1.2", "1", "latest"} {
			must(w.t, w.client.Put(w.t.Context(), i, tag, w.digests[i]))
		}
		w.attachAll(i)
	}
	w.publish(w.digests)
	w.runs = []hosts.Seen{w.server("staging"), w.server("production")}
	return w
}

func (w *shop) server(name string) hosts.Seen {
	current := hosts.Entry{Version: "1.2.3", Commit: commit, Images: map[string]string{}}
	for image, digest := range w.digests {
		current.Images[image] = w.where + "/" + image + "@" + digest
	}
	return hosts.Seen{Env: hosts.Environment{Name: name}, Status: hosts.Status{Deployed: true, Current: current}}
}

func (w *shop) push(image, tag, revision string, platforms ...string) (digest string) {
	w.t.Helper()
	ref, err := name.ParseReference(w.where + "/" + image + ":" + tag)
	must(w.t, err)
	index := v1.ImageIndex(empty.Index)
	for _, p := range platforms {
		layers, err := random.Image(64, 1)
		must(w.t, err)
		os, architecture, _ := strings.Cut(p, "/")
		config, err := layers.ConfigFile()
		must(w.t, err)
		config.OS, config.Architecture = os, architecture
		config.Config.Labels = map[string]string{"org.opencontainers.image.revision": revision, "org.opencontainers.image.version": tag}
		one, err := mutate.ConfigFile(layers, config)
		must(w.t, err)
		if len(platforms) == 1 {
			must(w.t, remote.Write(ref, one))
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: one, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: architecture}}})
	}
	if len(platforms) > 1 {
		w.indexes[image] = index
		must(w.t, remote.WriteIndex(ref, index))
	}
	digest, err = w.client.Resolve(w.t.Context(), image, tag)
	must(w.t, err)
	return digest
}

// attachAll attaches what a release does, to the image and to each of its platforms.
func (w *shop) attachAll(image string) {
	w.t.Helper()
	about, _, err := w.client.Inspect(w.t.Context(), image, w.digests[image])
	must(w.t, err)
	all := Image{Digest: about.Digest, Manifests: about.Manifests}.digests()
	for _, kind := range append([]string{attest.Signature}, attest.Always()...) {
		if kind == w.without || w.unsigned && kind == attest.Signature {
			continue
		}
		for _, digest := range about.Manifests {
			on := all
			if attest.PerPlatform(kind) {
				on = slices.Compact(slices.Sorted(slices.Values([]string{digest, about.Digest})))
			}
			a := w.artifact(kind, digest, on...)
			for _, at := range on {
				if kind != w.shallow || at == about.Digest {
					w.attach(image, at, a)
				}
			}
			if !attest.PerPlatform(kind) {
				break
			}
		}
	}
}

func (w *shop) attach(image, digest string, a attest.Artifact) {
	w.t.Helper()
	must(w.t, w.client.Attach(w.t.Context(), image, digest, a))
}

// artifact is a statement of a kind about some digests; a list of contents is of one of them.
func (w *shop) artifact(kind, contents string, on ...string) attest.Artifact {
	w.t.Helper()
	s := attest.Statement{PredicateType: kind, Predicate: w.predicate(kind, contents)}
	for _, digest := range on {
		s.Subjects = append(s.Subjects, attest.Subject{Digest: map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}})
	}
	a, err := attest.Bare(s)
	must(w.t, err)
	if !w.unsigned {
		a, err = attest.Signed(w.signer.sign(w.t, a.Data))
		must(w.t, err)
	}
	return a
}

func (w *shop) predicate(kind, digest string) json.RawMessage {
	if digest == "" && attest.PerPlatform(kind) {
		return json.RawMessage(`{}`)
	}
	purl := "pkg:oci/shop@" + url.QueryEscape(digest) + "?repository_url=shop"
	text := map[string]string{
		attest.Signature: `{}`, attest.VEX: `{}`, "https://scanner.example/v1": `{}`,
		attest.CycloneDX: fmt.Sprintf(`{"metadata": {"component": {"purl": %q}}}`, purl),
		attest.SPDX: fmt.Sprintf(`{"packages": [{"primaryPackagePurpose": "CONTAINER", "externalRefs": [{"referenceLocator": %q}]},
			{"primaryPackagePurpose": "LIBRARY", "externalRefs": [{"referenceLocator": "pkg:oci/base@sha256%%3Aabc"}]}]}`, purl),
		attest.Provenance: string(w.made()),
	}
	return json.RawMessage(text[kind])
}

// publish makes the files of the release's page.
func (w *shop) publish(digests map[string]string) {
	w.t.Helper()
	said := report.Report{Schema: report.Schema, Version: "1.2.3", Commit: commit}
	for _, image := range w.request.Images {
		said.Images = append(said.Images, report.Image{Name: image, Digest: digests[image]})
	}
	text, err := said.JSON()
	must(w.t, err)
	w.files = map[string][]byte{ReportFile: []byte(text), "backend.cdx.json": []byte("{}")}
	w.sum()
}

// sum writes the checksums anew, and signs them.
func (w *shop) sum() {
	var sums strings.Builder
	for _, file := range slices.Sorted(maps.Keys(w.files)) {
		if file != forge.ChecksumsFile && file != forge.SignatureFile {
			sum := sha256.Sum256(w.files[file])
			fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), file)
		}
	}
	w.files[forge.ChecksumsFile] = []byte(sums.String())
	if !w.unsigned {
		w.files[forge.SignatureFile] = w.signer.sign(w.t, []byte(sums.String()))
	}
}

// made is the provenance as a release writes it.
func (w *shop) made() json.RawMessage {
	m := attest.Made{
		Asked:   attest.Asked{Version: w.version, Image: "shop"},
		Builder: w.builder,
		Materials: []attest.Material{
			{URI: "git+https://forge.example/acme/shop", Digest: map[string]string{"gitCommit": w.commit}},
			{URI: "base", Digest: map[string]string{"sha256": "abc"}},
		},
	}
	text, err := m.Predicate(func(text string) string { return text })
	must(w.t, err)
	return text
}
