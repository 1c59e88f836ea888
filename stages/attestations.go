package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/dockerfile"
	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
)

// statementSigner signs an in-toto statement, and returns the Sigstore bundle.
type statementSigner interface {
	Statement(ctx context.Context, text []byte) ([]byte, error)
}

// signs says whether there is something to sign with, which stage 1 has found out.
func (r *Run) signs() bool { return r.access.signer != nil }

// identity is who signs for the job; empty where that is a key, or nobody.
func (r *Run) identity() string {
	if !r.signs() {
		return ""
	}
	return r.access.signer.by.Identity
}

// kinds are the statements that each image gets.
func (r *Run) kinds() []string {
	kinds := attest.Always()
	if told, _, err := r.vex(nil); err == nil && told != nil { // a bad ignore file is for the scan to refuse
		kinds = append(kinds, attest.VEX)
	}
	if r.signs() {
		kinds = append(kinds, attest.Signature)
	}
	return kinds
}

// Statement implements release.Maker.
func (m maker) Statement(ctx context.Context, of release.Attestation) (a attest.Artifact, err error) {
	defer func() { err = aboutStatement(of, err) }()
	predicate, err := m.predicate(ctx, of)
	if err != nil || predicate == nil {
		return attest.Artifact{}, err
	}
	where, err := m.access.registry.Repository(of.Image)
	if err != nil {
		return attest.Artifact{}, err
	}
	var signer statementSigner // none: statements are attached as they are
	if m.signs() {
		signer = m.access.signer
	}
	return asAttached(ctx, signer, attest.About(where, of.Digests, of.Kind, predicate))
}

// aboutStatement says in an error which statement it is about.
func aboutStatement(of release.Attestation, err error) error {
	if err == nil {
		return nil
	}
	f := *explain(err)
	f.err = fmt.Errorf("the statement about image %s (%s): %w", of.Image, attest.Name(of.Kind), f.err)
	return &f
}

// signatures tells by cosign whose they are.
type signatures struct{ *Run }

var _ release.Signatures = signatures{}

// Doubt implements release.Signatures. What a bundle says of its signer anybody can write: only cosign can tell.
func (s signatures) Doubt(ctx context.Context, said attest.Artifact, of release.Attestation) (string, error) {
	k, err := s.releaseChecker(ctx)
	if err == nil {
		err = k.Envelope(ctx, said.Data, of.Digests[0], of.Kind)
	}
	var no unaccepted
	if errors.As(err, &no) {
		return redact.OneLine(no.Error()), nil
	}
	return "", aboutStatement(of, err)
}

// asAttached is a statement signed, or as it is where nobody signs.
func asAttached(ctx context.Context, signer statementSigner, s attest.Statement) (attest.Artifact, error) {
	if signer == nil {
		return attest.Bare(s)
	}
	text, err := s.Encode()
	if err != nil {
		return attest.Artifact{}, err
	}
	bundle, err := signer.Statement(ctx, text)
	if err != nil {
		return attest.Artifact{}, err
	}
	return attest.Signed(bundle)
}

// predicate is what a statement says; nil: nothing.
func (r *Run) predicate(ctx context.Context, of release.Attestation) (json.RawMessage, error) {
	b := r.found.images[of.Image]
	switch of.Kind {
	case attest.CycloneDX, attest.SPDX:
		return r.listOf(ctx, b, of)
	case attest.Provenance:
		return r.provenance(ctx, b)
	case attest.VEX:
		return r.vexOf(of)
	}
	return json.RawMessage("{}"), nil // a signature says no more than which digests it is of
}

// vex is what the ignore file says of vulnerabilities, and the entries that cannot be told.
func (r *Run) vex(purls []string) (predicate json.RawMessage, untold []string, err error) {
	return attest.OpenVEX(r.source.files[r.config.IgnoreFile], purls, r.who(), r.source.time, r.started)
}

// vexOf is what the ignore file says of an image.
func (r *Run) vexOf(of release.Attestation) (json.RawMessage, error) {
	where, err := r.access.registry.Repository(of.Image)
	if err != nil {
		return nil, err
	}
	var purls []string
	for _, digest := range of.Digests {
		purls = append(purls, imagePURL(where, digest))
	}
	predicate, untold, err := r.vex(purls)
	if len(untold) > 0 {
		r.notCheckedf("by the VEX of %s: %s, which %s ignores for some paths only", of.Image, strings.Join(untold, ", "), r.config.IgnoreFile)
	}
	return predicate, err
}

// listOf is the list of contents of one platform's image, by its own digest.
func (r *Run) listOf(ctx context.Context, b *built, of release.Attestation) (json.RawMessage, error) {
	at := slices.IndexFunc(b.variants, func(v *variant) bool { return string(v.platform) == of.Platform })
	if at < 0 {
		return nil, fmt.Errorf("expected an image for %s, as the registry has one, and built for %s", of.Platform, strings.Join(r.platformNames(), ", "))
	}
	if r.unlisted(b.variants[at]) {
		return nil, nil
	}
	return r.readList(ctx, b.variants[at], of.Kind, of.Digests[len(of.Digests)-1])
}

// provenance says how an image was made, as far as this run can know.
func (r *Run) provenance(ctx context.Context, b *built) (json.RawMessage, error) {
	if b.reused && r.signs() {
		return nil, b.gone() // with the provenance by which it was known: what is signed was built by who signs
	}
	page, err := r.runPage(ctx)
	if err != nil {
		return nil, err
	}
	page = redact.URLs(page)
	where, err := r.access.registry.Repository(b.Name)
	if err != nil {
		return nil, err
	}
	pinned, moving := dockerfile.Bases(r.source.files[b.path()], b.Target)
	return attest.Made{
		Asked: r.asked(b.Image, where), Reused: b.reused, Unpinned: moving, Materials: r.materials(pinned),
		Builder: attest.Builder(r.identity(), page), Run: orDefault(page, r.nonce), Started: r.started, Finished: time.Now(),
	}.Predicate(r.mask)
}

// asked is what the settings say of an image.
func (r *Run) asked(image Image, where string) attest.Asked {
	asked := attest.Asked{
		Version: r.versionText(), Image: where, Context: image.Context, Dockerfile: image.Dockerfile, Target: image.Target, Platforms: r.platformNames(),
	}
	for _, a := range r.arguments(image) {
		asked.Arguments = append(asked.Arguments, attest.Argument{Name: a.name, Value: a.value})
	}
	for _, s := range r.concealed.builds {
		asked.Secrets = append(asked.Secrets, s.id)
	}
	return asked
}

// materials are the commit, the bases and the tools: those by a digest, because another name says nothing about what it was.
func (r *Run) materials(bases []string) []attest.Material {
	all := []attest.Material{{Name: "source", URI: gitURI(r.source.remote), Digest: map[string]string{"gitCommit": r.source.commit}}}
	add := func(what, ref string) {
		digest, err := name.NewDigest(ref)
		if err != nil {
			return
		}
		_, hex, _ := strings.Cut(digest.DigestStr(), ":")
		all = append(all, attest.Material{Name: what, URI: imagePURL(digest.Context().Name(), digest.DigestStr()), Digest: map[string]string{"sha256": hex}})
	}
	for _, ref := range bases {
		add("base image", ref)
	}
	for _, tool := range sortedKeys(r.config.tools) {
		add("tool "+tool, r.config.tools[tool])
	}
	return all
}

// gitURI names a repository as SPDX and SLSA do; empty without a remote.
func gitURI(remote string) string {
	host, folder, scp := strings.Cut(remote, ":")
	switch {
	case remote == "":
		return ""
	case strings.Contains(remote, "://"):
		return "git+" + remote
	case scp:
		return "git+ssh://" + host + "/" + folder
	}
	return "git+file://" + remote
}

// attached are the statements about an image that this run has attached or found.
func (r *Run) attached(image string) (all []report.Attachment) {
	for _, a := range r.record().Attached {
		if a.Image == image {
			all = append(all, report.Attachment{Kind: a.Kind, ArtifactType: a.Type, Digest: a.Digest})
		}
	}
	return all
}

// attachFigures say what became of the statements.
func (r *Run) attachFigures() (figures []string) {
	record := r.record()
	wrote := 0
	for _, a := range record.Attached {
		if a.Wrote {
			wrote++
		}
	}
	if wrote > 0 {
		figures = append(figures, fmt.Sprintf("%d statements attached", wrote))
	}
	for _, image := range sortedKeys(record.NotAttached) {
		figures = append(figures, "warning: "+image+": not attached: "+record.NotAttached[image])
	}
	return figures
}
