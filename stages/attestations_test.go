package stages

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
)

const hexDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// attesting is a run that has built one image for two platforms.
func attesting(t *testing.T) *Run {
	t.Helper()
	client, err := registry.New("registry.example.com/acme", registry.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	image := Image{Name: "api", Context: "backend", Dockerfile: "Dockerfile"}
	r := emptyRun(nil, goal{})
	r.config.images, r.config.platforms = []Image{image}, []dagger.Platform{"linux/arm64", "linux/amd64"}
	r.config.tools = map[string]string{"git": "alpine/git:v2.49.1@sha256:" + hexDigest, "trivy": "aquasec/trivy:0.70.0"}
	r.source.commit, r.source.remote = strings.Repeat("c", 40), "https://git.example.com/acme/shop"
	r.source.files = map[string][]byte{"backend/Dockerfile": []byte("FROM ghcr.io/acme/base:1@sha256:" + hexDigest + "\nCOPY --from=node:22 /a /a")}
	r.access.registry = client
	b := &built{Image: image}
	for _, p := range r.config.platforms {
		b.variants = append(b.variants, &variant{Image: image, platform: p})
	}
	r.found.images["api"] = b
	return r
}

// provenanceOf is what a run says of its image, as a reader of JSON sees it.
func provenanceOf(t *testing.T, r *Run) (text string, p struct {
	BuildDefinition struct {
		ExternalParameters   attest.Asked
		InternalParameters   map[string]any
		ResolvedDependencies []attest.Material
	}
	RunDetails struct {
		Builder  struct{ ID string }
		Metadata struct{ InvocationID string }
	}
}) {
	t.Helper()
	data, err := r.provenance(t.Context(), r.found.images["api"])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return string(data), p
}

// TestProvenanceOfARun: what it was made of by digest, and what could not be known is not claimed.
func TestProvenanceOfARun(t *testing.T) {
	r := attesting(t)
	_, p := provenanceOf(t, r)
	var materials []string
	for _, m := range p.BuildDefinition.ResolvedDependencies {
		materials = append(materials, m.Name+" "+m.URI+" "+m.Digest["gitCommit"]+m.Digest["sha256"])
	}
	want := []string{
		"source git+https://git.example.com/acme/shop " + r.source.commit,
		"base image pkg:oci/base@sha256%3A" + hexDigest + "?repository_url=ghcr.io%2Facme%2Fbase " + hexDigest,
		"tool git pkg:oci/git@sha256%3A" + hexDigest + "?repository_url=index.docker.io%2Falpine%2Fgit " + hexDigest,
	}
	if got := strings.Join(materials, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("materials:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	if got := fmt.Sprint(p.BuildDefinition.InternalParameters); got != "map[reused:false unpinned:[node:22]]" {
		t.Errorf("internal: %s", got)
	}
	asked := p.BuildDefinition.ExternalParameters
	if got := fmt.Sprintf("%s %s %s %s %s", asked.Image, asked.Context, asked.Dockerfile, asked.Platforms, asked.Arguments[0].Name); got != "registry.example.com/acme/api backend Dockerfile [linux/amd64 linux/arm64] VERSION" {
		t.Errorf("asked: %s", got)
	}
	if p.RunDetails.Builder.ID != attest.Laptop || p.RunDetails.Metadata.InvocationID != r.nonce {
		t.Errorf("made by %+v", p.RunDetails)
	}
	r.found.images["api"].reused = true
	if _, p := provenanceOf(t, r); p.BuildDefinition.InternalParameters["reused"] != true {
		t.Error("an image that was found in the registry is said to be built by this run")
	}
	r.access.signer = &signer{}
	if _, err := r.provenance(t.Context(), r.found.images["api"]); err == nil || !strings.Contains(err.Error(), "api was in the registry when this run began, and is not there now as it was") {
		t.Errorf("a run signs how an image was built that another has built: %v", err)
	}
}

// TestProvenanceOfHostileSettings: secrets stand where people put them by mistake.
func TestProvenanceOfHostileSettings(t *testing.T) {
	const token, value = "a-token-of-the-registry", "a-value-of-a-build-secret"
	r := attesting(t)
	r.hide("ci", token)
	r.concealed.builds = []buildSecret{{"npm", value}}
	r.hide("", value)
	r.config.buildArgs = map[string][]pair{"api": {
		{"PLAIN", "production"}, {"COPIED", value}, {"INSIDE", "https://x/" + value + "/y"}, {"REGISTRY", token},
		{"ENCODED", base64.StdEncoding.EncodeToString([]byte("ci:" + token))}, {"NPM_TOKEN", "unknown-to-us"}, {"INDEX", "https://user:unknown-to-us@pypi.example.com/simple"},
	}}
	r.config.images[0].Target, r.source.remote = token, "https://git.example.com/"+value
	r.found.images["api"].Target = token
	text, p := provenanceOf(t, r)
	for _, secret := range []string{token, value, "unknown-to-us", base64.StdEncoding.EncodeToString([]byte("ci:" + token))} {
		if strings.Contains(text, secret) {
			t.Errorf("%s stands in %s", secret, text)
		}
	}
	var said []string
	for _, a := range p.BuildDefinition.ExternalParameters.Arguments {
		said = append(said, a.Name+"="+a.Value)
	}
	if got := strings.Join(said[1:], " "); got != "PLAIN=production COPIED= INSIDE= REGISTRY= ENCODED= NPM_TOKEN= INDEX=" {
		t.Errorf("arguments: %s", got)
	}
	if got := strings.Join(p.BuildDefinition.ExternalParameters.Secrets, " "); got != "npm" {
		t.Errorf("secrets by name: %s", got)
	}
}

// TestStatementOfAKind: each says of which digests it is, and a signature nothing more.
func TestStatementOfAKind(t *testing.T) {
	m := maker{attesting(t)}
	of := release.Attestation{Image: "api", Kind: attest.Signature, Digests: []string{"sha256:aa", "sha256:bb"}}
	a, err := m.Statement(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"registry.example.com/acme/api","digest":{"sha256":"aa"}},{"name":"registry.example.com/acme/api","digest":{"sha256":"bb"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`
	if string(a.Data) != want || a.Type != attest.BareType {
		t.Errorf("got %s %s", a.Type, a.Data)
	}
	_, err = m.Statement(t.Context(), release.Attestation{Image: "api", Kind: attest.SPDX, Platform: "linux/386", Digests: of.Digests})
	if err == nil || !strings.Contains(err.Error(), "the statement about image api (SBOM (SPDX)): expected an image for linux/386, as the registry has one, and built for linux/amd64, linux/arm64") {
		t.Errorf("a platform that was not built: %v", err)
	}
	m.Reason = "urgent"
	of.Kind, of.Platform = attest.CycloneDX, "linux/amd64"
	if a, err := m.Statement(t.Context(), of); err != nil || a.Data != nil {
		t.Errorf("a forced release without a scan has a list of contents: %v, %s", err, a.Data)
	}
}

// clerk signs what it is given, or says what it was told to.
type clerk struct {
	instead string
	err     error
}

func (c clerk) Statement(_ context.Context, text []byte) ([]byte, error) {
	if c.instead != "" {
		return []byte(c.instead), c.err
	}
	return fmt.Appendf(nil, `{"dsseEnvelope":{"payload":%q,"payloadType":%q}}`, base64.StdEncoding.EncodeToString(text), attest.BareType), c.err
}

// TestSignedStatement: what is signed is the statement itself, and what is no bundle is not attached.
func TestSignedStatement(t *testing.T) {
	s := attest.About("api", []string{"sha256:aa"}, attest.VEX, json.RawMessage("{}"))
	a, err := asAttached(t.Context(), clerk{}, s)
	if err != nil || a.Type != attest.BundleType || a.Kind != attest.VEX {
		t.Errorf("%+v, %v", a, err)
	}
	if said, err := a.Statement(); err != nil || !said.Of("sha256:aa") {
		t.Errorf("it says %+v, %v", said, err)
	}
	for _, bad := range []clerk{{instead: "{}"}, {err: errors.New("no key")}} {
		if a, err := asAttached(t.Context(), bad, s); err == nil {
			t.Errorf("attached without a signature: %+v", a)
		}
	}
}

func TestGitURI(t *testing.T) {
	for remote, want := range map[string]string{
		"":                                  "",
		"https://git.example.com/acme/shop": "git+https://git.example.com/acme/shop",
		"ssh://git.example.com/acme/shop":   "git+ssh://git.example.com/acme/shop",
		"git.example.com:acme/shop.git":     "git+ssh://git.example.com/acme/shop.git",
		"/srv/git/shop.git":                 "git+file:///srv/git/shop.git",
	} {
		if got := gitURI(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
