package simulation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
)

// How statements are attached to images, if they are.
const (
	attestsBare   = "bare"
	attestsSigned = "signed"
)

// kinds are what every image gets: one statement about its platform, and one about all of it.
var kinds = []string{attest.CycloneDX, attest.Provenance}

// manifest is the digest of the one image that an index holds.
func manifest(index string) string { return "sha256:1" + strings.TrimPrefix(index, "sha256:0") }

// list is what hangs below a digest.
type list struct {
	all    []attest.Artifact
	behind unseenList
}

// unseenList is what the process that has attached something still sees, and how long.
type unseenList struct {
	by    *process
	all   []attest.Artifact
	until time.Time
}

func (s *registryServer) listOf(digest string) *list {
	if s.lists[digest] == nil {
		s.lists[digest] = &list{}
	}
	return s.lists[digest]
}

// Attach implements registry.Store. The registry keeps its list under a tag, from which another writer may take what was just
// added.
func (c registryClient) Attach(ctx context.Context, image, digest string, a attest.Artifact) error {
	defer c.p.hurry()()
	upload := request{what: "registry: upload a statement for " + image}
	r := request{what: "registry: attach " + attest.Name(a.Kind) + " to " + image + short(digest), writes: true, guarded: true, lags: true}
	err := c.p.repeated(ctx, upload, func(Kind) error { return nil })
	if err == nil {
		err = c.p.repeated(ctx, r, func(f Kind) error { c.add(image, digest, a, f); return nil })
	}
	var refused *fault
	if errors.As(err, &refused) && !refused.temporary {
		c.p.world.notStored[digest] = true
		return &registry.NotStored{Err: err}
	}
	return err
}

func (c registryClient) add(image, digest string, a attest.Artifact, f Kind) {
	below, w := c.server().listOf(digest), c.p.world
	w.checkOwn(c.p, "says something of", image, digest)
	there := slices.ContainsFunc(below.all, func(b attest.Artifact) bool { return string(a.Data) == string(b.Data) })
	if there || f == Dropped {
		return
	}
	if f == Lagging {
		below.behind = unseenList{c.p, below.all, w.now.Add(w.faults.lag(at{c.p.number, c.p.requests - 1}))}
	}
	below.all = append(slices.Clone(below.all), a)
	if index, ok := w.registry.holding(image, digest); ok {
		w.meddle(c.p, image, index)
	}
}

// holding is the index that has the digest, or that has a manifest of it.
func (s *registryServer) holding(image, digest string) (index string, ok bool) {
	for index, at := range s.images {
		if at.Name == image && (index == digest || manifest(index) == digest) {
			return index, true
		}
	}
	return "", false
}

// Attached implements registry.Store.
func (c registryClient) Attached(ctx context.Context, image, digest string) (all []attest.Artifact, err error) {
	err = c.p.repeated(ctx, request{what: "registry: list what hangs below " + image + short(digest)}, func(Kind) error {
		at := c.server().listOf(digest)
		all = at.all
		if c.p == at.behind.by && c.p.world.now.Before(at.behind.until) {
			all = at.behind.all
		}
		return nil
	})
	return all, err
}

// Statement implements release.Maker. Lists of contents and signatures differ each time that they are made.
func (m *maker) Statement(_ context.Context, of release.Attestation) (attest.Artifact, error) {
	line := Line{Version: m.q.Version.String(), Commit: m.q.Commit}
	s := attest.About(fullName(of.Image), of.Digests, of.Kind, m.p.world.predicate(of.Kind, of.Image, line))
	if !m.q.Signed {
		return attest.Bare(s)
	}
	return signedWith("our key", s), nil
}

// predicate is what a statement says: of provenance what the build was asked for, of others a number. It is never the same twice.
func (w *World) predicate(kind, image string, l Line) json.RawMessage {
	w.statements++
	text := json.RawMessage(fmt.Sprint(w.statements))
	if kind != attest.Provenance {
		return text
	}
	made := attest.Made{
		Asked:     attest.Asked{Version: l.Version, Image: fullName(image)},
		Materials: []attest.Material{{Name: "source", Digest: map[string]string{"gitCommit": l.Commit}}},
		Run:       string(text),
	}
	text, err := made.Predicate(func(text string) string { return text })
	if err != nil {
		panic(err)
	}
	return text
}

// signedWith is a statement in a bundle that names the key it was signed with. Which key that was, only cosign can tell.
func signedWith(key string, s attest.Statement) attest.Artifact {
	bare, err := attest.Bare(s)
	if err != nil {
		panic(err)
	}
	signed, err := attest.Signed(fmt.Appendf(nil, `{"dsseEnvelope":{"payload":%q,"payloadType":%q,"key":%q}}`, base64.StdEncoding.EncodeToString(bare.Data), attest.BareType, key))
	if err != nil {
		panic(err)
	}
	return signed
}

func byStranger(a attest.Artifact) bool { return strings.Contains(string(a.Data), strangersKey) }

const strangersKey = "a stranger's key"

// signatures are cosign as one process runs it.
type signatures struct{ p *process }

var _ release.Signatures = signatures{}

// Doubt implements release.Signatures. Cosign, or a service that it needs, is away at times.
func (s signatures) Doubt(_ context.Context, said attest.Artifact, _ release.Attestation) (string, error) {
	if away := s.p.world.faults.dice(at{s.p.number, s.p.requests}, 10); !s.p.faultless && away.IntN(10) == 0 {
		return "", errors.New("cosign could not be run")
	}
	if byStranger(said) {
		return "signed by another key", nil
	}
	return "", nil
}

// meddle lets a stranger who may write to the registry hang what he has signed below what was just pushed or attached: most often
// the same that a release would say of it.
func (w *World) meddle(p *process, image, index string) {
	dice := w.faults.dice(at{p.number, p.requests}, 11)
	if !w.story.Stranger || dice.IntN(3) == 0 {
		return
	}
	digests := []string{index, manifest(index)}
	about := digests
	if dice.IntN(4) == 0 {
		about = digests[:1]
	}
	kind, at := kinds[dice.IntN(len(kinds))], w.registry.images[index]
	line := Line{Version: at.Version(), Commit: at.Revision()}
	said := signedWith(strangersKey, attest.About(fullName(image), about, kind, w.predicate(kind, image, line)))
	below := w.registry.listOf(digests[dice.IntN(len(digests))])
	below.all = append(slices.Clone(below.all), said)
	w.line("a stranger", "hangs "+attest.Name(said.Kind)+" below "+image+short(index))
}

// attached says what is wrong with what hangs below an image; empty: each kind is there once for each digest, and the same for
// both. What strangers have signed does not count. Statements that nobody has signed may be missing where the registry has
// refused them.
func (w *World) attached(index string) string {
	if w.story.Attests == "" {
		return ""
	}
	mayLack := w.story.Attests == attestsBare && (w.notStored[index] || w.notStored[manifest(index)])
	for _, kind := range kinds {
		said := map[string]bool{}
		for _, digest := range []string{index, manifest(index)} {
			n := 0
			for _, a := range w.registry.listOf(digest).all {
				if a.Kind == kind && !byStranger(a) {
					n++
					said[string(a.Data)] = true
				}
			}
			if n > 1 || n == 0 && !mayLack {
				return fmt.Sprintf("%d statements of the kind %s hang below %s", n, attest.Name(kind), short(digest))
			}
		}
		if len(said) > 1 {
			return "its digests have different statements of the kind " + attest.Name(kind)
		}
	}
	return ""
}

// checkAttached wants the statements of all images before the first of them is seen under its version. What a run has left that
// was cut off before has none.
func (w *World) checkAttached(p *process, commit, v string) {
	for _, image := range w.story.Images {
		var wrong []string
		tagged := w.commitTagged(image, commit, v)
		for _, digest := range tagged {
			if lacks := w.attached(digest); lacks != "" {
				wrong = append(wrong, lacks)
			}
		}
		if len(wrong) > 0 && len(wrong) == len(tagged) {
			w.violate(beforeAttested, "%s: %s of %s: %s", p.name, v, image, strings.Join(wrong, "; "))
		}
	}
}
