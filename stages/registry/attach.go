package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/retry"
)

// NotStored is the definite no of a registry that keeps no statements.
type NotStored struct{ Err error }

func (e *NotStored) Error() string { return e.Err.Error() }
func (e *NotStored) Unwrap() error { return e.Err }

// emptyConfig is what OCI has for a manifest that configures nothing.
const emptyConfig types.MediaType = "application/vnd.oci.empty.v1+json"

// longestStatement keeps a stranger's artifact from filling the memory; lists of contents have some megabytes.
const longestStatement = 64 << 20

// artifact is the manifest that hangs a statement below its subject. The same statement has the same bytes, so that putting it
// again changes nothing.
type artifact struct {
	SchemaVersion int               `json:"schemaVersion"`
	Media         types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        v1.Descriptor     `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Subject       *v1.Descriptor    `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// RawManifest and MediaType make it something that can be pushed.
func (m artifact) RawManifest() ([]byte, error)        { return json.Marshal(m) }
func (m artifact) MediaType() (types.MediaType, error) { return m.Media, nil }

func newArtifact(subject *remote.Descriptor, a attest.Artifact, config, statement v1.Layer) (artifact, error) {
	m := artifact{
		SchemaVersion: 2, Media: types.OCIManifestSchema1, ArtifactType: a.Type, Annotations: annotations(a),
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest},
	}
	var err, other error
	m.Config, err = describeBlob(config)
	m.Layers = make([]v1.Descriptor, 1)
	m.Layers[0], other = describeBlob(statement)
	return m, errors.Join(err, other)
}

func describeBlob(blob v1.Layer) (d v1.Descriptor, err error) {
	d.MediaType, _ = blob.MediaType()
	d.Size, _ = blob.Size()
	d.Digest, err = blob.Digest()
	return d, err
}

// annotations are by which cosign and Trivy find a statement of a kind without reading all of them.
func annotations(a attest.Artifact) map[string]string {
	if a.Type == attest.BundleType {
		return map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": a.Kind}
	}
	return map[string]string{"in-toto.io/predicate-type": a.Kind}
}

// Attach implements Store. A registry that cannot list what refers to a digest keeps the list under a tag, which two writers at
// once overwrite for each other: whoever calls it does one after the other.
func (c *Client) Attach(ctx context.Context, image, digest string, a attest.Artifact) error {
	where, err := c.digest(image, digest)
	if err != nil {
		return err
	}
	subject, err := c.manifest(ctx, image, digest)
	if err != nil {
		return err
	}
	config, statement := static.NewLayer([]byte("{}"), emptyConfig), static.NewLayer(a.Data, types.MediaType(a.Type))
	m, err := newArtifact(subject, a, config, statement)
	if err != nil {
		return err
	}
	stored, err := c.store(ctx, where.Context(), m, config, statement)
	if err != nil {
		return c.notStored(fmt.Sprintf("attaching %s to %s", attest.Name(a.Kind), where.Name()), err)
	}
	c.statements.Store(below(image, digest, stored), a)
	return nil
}

// below finds a statement again: by its own manifest, and what that hangs below.
func below(image, subject, digest string) key { return key{image, digest + " of " + subject} }

// store writes the blobs, and then what names them.
func (c *Client) store(ctx context.Context, repo name.Repository, m artifact, blobs ...v1.Layer) (digest string, err error) {
	for _, blob := range blobs {
		if err := c.pusher.Upload(ctx, repo, blob); err != nil {
			return "", err
		}
	}
	text, err := m.RawManifest()
	if err != nil {
		return "", err
	}
	hash, _, err := v1.SHA256(bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	return hash.String(), c.pusher.Put(ctx, repo.Digest(hash.String()), m)
}

// notStored tells a registry that does not know statements from one that is busy or away.
func (c *Client) notStored(what string, err error) error {
	failure := c.fail(what, err)
	var answer *transport.Error
	if !errors.As(err, &answer) || retry.Temporary(answer.StatusCode) && answer.StatusCode != http.StatusNotImplemented {
		return failure
	}
	return &NotStored{failure}
}

// Attached implements Store. What others have hung there and is no statement is left out.
func (c *Client) Attached(ctx context.Context, image, digest string) ([]attest.Artifact, error) {
	where, err := c.digest(image, digest)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(where, remote.WithContext(ctx), remote.Reuse(c.puller))
	if err != nil {
		return nil, c.notStored("reading what is attached to "+where.Name(), err)
	}
	listed, err := index.IndexManifest()
	if err != nil {
		return nil, c.fail("reading what is attached to "+where.Name(), err)
	}
	var all []attest.Artifact
	for _, m := range listed.Manifests {
		if !mayBeStatement(m.ArtifactType) {
			continue
		}
		a, ok, err := c.statement(ctx, image, where, m.Digest.String())
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, a)
		}
	}
	return all, nil
}

// mayBeStatement: some registries list the type of the configuration in place of the artifact's.
func mayBeStatement(artifactType string) bool {
	return slices.Contains([]string{attest.BareType, attest.BundleType, string(emptyConfig), ""}, artifactType)
}

// statement reads what one manifest hangs below a subject. It is kept, because what has a digest does not change.
func (c *Client) statement(ctx context.Context, image string, subject name.Digest, digest string) (attest.Artifact, bool, error) {
	at := below(image, subject.DigestStr(), digest)
	if kept, ok := c.statements.Load(at); ok {
		return kept.(attest.Artifact), true, nil
	}
	repo := subject.Context()
	found, err := c.get(ctx, repo.Digest(digest))
	if found == nil || err != nil {
		return attest.Artifact{}, false, err
	}
	var m artifact
	if json.Unmarshal(found.Manifest, &m) != nil || !m.states(subject.DigestStr()) {
		return attest.Artifact{}, false, nil
	}
	a := attest.Artifact{Type: string(m.Layers[0].MediaType)}
	if a.Data, err = c.blob(ctx, repo, m.Layers[0]); err != nil {
		return a, false, err
	}
	s, err := a.Statement()
	if err != nil {
		return a, false, nil //nolint:nilerr // a stranger's, and none that anybody could read
	}
	a.Kind = s.PredicateType
	c.statements.Store(at, a)
	return a, true, nil
}

// states says whether the manifest hangs one statement below the subject, as it itself says.
func (m artifact) states(subject string) bool {
	return m.Subject != nil && m.Subject.Digest.String() == subject && len(m.Layers) == 1 && m.Layers[0].Size <= longestStatement &&
		slices.Contains([]string{attest.BareType, attest.BundleType}, string(m.Layers[0].MediaType))
}

func (c *Client) blob(ctx context.Context, repo name.Repository, at v1.Descriptor) ([]byte, error) {
	where := repo.Digest(at.Digest.String())
	layer, err := c.puller.Layer(ctx, where)
	if err != nil {
		return nil, c.fail("reading "+where.Name(), err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, c.fail("reading "+where.Name(), err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, longestStatement))
	if err != nil {
		return nil, c.fail("reading "+where.Name(), err)
	}
	return data, nil
}

// Attach hangs statements below a digest and lists them again: what another writer's list has lost is put once more. What is
// there already is for the caller to know.
func Attach(ctx context.Context, s Store, clock retry.Clock, image, digest string, all ...attest.Artifact) error {
	for try := range retry.Tries {
		if try > 0 {
			if err := clock.Sleep(ctx, retry.Delay(try-1)); err != nil {
				return err
			}
		}
		for _, a := range all {
			if err := s.Attach(ctx, image, digest, a); err != nil {
				return err
			}
		}
		there, err := s.Attached(ctx, image, digest)
		if err != nil {
			return err
		}
		if all = without(all, there); len(all) == 0 {
			return nil
		}
	}
	return fmt.Errorf("the registry accepted %s for %s@%s, and read back it is not there: look for another writer of this image, then run again",
		attest.Name(all[0].Kind), image, digest)
}

func without(all, there []attest.Artifact) []attest.Artifact {
	return slices.DeleteFunc(slices.Clone(all), func(a attest.Artifact) bool {
		return slices.ContainsFunc(there, func(b attest.Artifact) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) })
	})
}
