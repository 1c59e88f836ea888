package release

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/retry"
)

const (
	indexDigest = "sha256:1111"
	amd         = "sha256:aaaa"
	arm         = "sha256:bbbb"
)

// shelf is a registry with one image for two platforms, and what hangs below its digests.
type shelf struct {
	registry.Store
	below   map[string][]attest.Artifact
	refuses error // to attach
	hides   error // what is attached
	written int
}

func (s *shelf) Tags(context.Context, string) ([]string, error) { return nil, nil }

func (s *shelf) Inspect(_ context.Context, image, ref string) (registry.Image, bool, error) {
	return registry.Image{Name: image, Digest: indexDigest, Manifests: map[string]string{"linux/arm64": arm, "linux/amd64": amd}}, ref == indexDigest, nil
}

func (s *shelf) Attach(_ context.Context, _, digest string, a attest.Artifact) error {
	if s.refuses != nil {
		return s.refuses
	}
	s.written++
	s.below[digest] = append(s.below[digest], a)
	return nil
}

func (s *shelf) Attached(_ context.Context, _, digest string) ([]attest.Artifact, error) {
	return s.below[digest], s.hides
}

// notary says something new each time that it is asked, as keys and clocks do.
type notary struct {
	Maker
	signed  bool
	silent  string // about this kind it has nothing to say
	asked   []Attestation
	away    error // in place of an answer on who has signed
	doubted []string
}

// Doubt knows its own signatures; those of strangers have a hint that says so.
func (n *notary) Doubt(_ context.Context, said attest.Artifact, _ Attestation) (string, error) {
	s, err := said.Statement()
	n.doubted = append(n.doubted, string(s.Predicate))
	if strings.Contains(string(said.Data), strangersKey) {
		return "signed by another key", errors.Join(n.away, err)
	}
	return "", errors.Join(n.away, err)
}

func (n *notary) Statement(_ context.Context, of Attestation) (attest.Artifact, error) {
	n.asked = append(n.asked, of)
	if of.Kind == n.silent {
		return attest.Artifact{}, nil
	}
	return said(of, fmt.Sprint(len(n.asked)), n.signed)
}

const ourKey, strangersKey = "this release's", "the stranger's" // in this order

// signedBy is a statement in a bundle that hints at a key.
func signedBy(t *testing.T, key string, s attest.Statement) attest.Artifact {
	t.Helper()
	payload := base64.StdEncoding.EncodeToString(bareOf(t, s).Data)
	signed, err := attest.Signed(fmt.Appendf(nil, `{"dsseEnvelope":{"payload":%q,"payloadType":%q},"verificationMaterial":{"publicKey":{"hint":%q}}}`, payload, attest.BareType, key))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func bareOf(t *testing.T, s attest.Statement) attest.Artifact {
	t.Helper()
	bare, err := attest.Bare(s)
	if err != nil {
		t.Fatal(err)
	}
	return bare
}

// byStranger is what somebody else has signed, and says the same of the same digests.
func byStranger(t *testing.T, of Attestation, text string) attest.Artifact {
	return signedBy(t, strangersKey, sayingOf(of, text))
}

func sayingOf(of Attestation, text string) attest.Statement {
	s := attest.Statement{PredicateType: of.Kind, Predicate: json.RawMessage(`"` + text + of.Platform + `"`)}
	for _, digest := range of.Digests {
		_, hex, _ := strings.Cut(digest, ":")
		s.Subjects = append(s.Subjects, attest.Subject{Digest: map[string]string{"sha256": hex}})
	}
	return s
}

func said(of Attestation, text string, signed bool) (attest.Artifact, error) {
	bare, err := attest.Bare(sayingOf(of, text))
	if err != nil || !signed {
		return bare, err
	}
	return attest.Signed([]byte(fmt.Sprintf(`{"dsseEnvelope":{"payload":%q,"payloadType":%q}}`, base64.StdEncoding.EncodeToString(bare.Data), attest.BareType)))
}

// attested carries out the effect alone.
func attested(t *testing.T, s *shelf, n *notary, kinds ...string) (*Act, error) {
	t.Helper()
	q := Request{Version: parse(t, "1.2.3"), Commit: here, Images: []string{"backend"}, Attest: kinds, Signed: n.signed}
	a, err := Begin(t.Context(), World{Clock: retry.Real, Registry: s, Signatures: n, Together: Parallel}, q, n, holder, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a.digests["backend"] = indexDigest
	a.Plan.Effects = slices.DeleteFunc(a.Plan.Effects, func(e Effect) bool { _, is := e.(attestations); return !is })
	if len(a.Plan.Effects) != 1 {
		t.Fatalf("expected one effect, found %v", a.Plan.Effects)
	}
	return a, a.Do(t.Context(), PhaseImages)
}

// hangs says how many statements of each kind hang below each digest.
func (s *shelf) hangs() string {
	var all []string
	for digest, below := range s.below {
		for _, a := range below {
			all = append(all, digest[7:8]+" "+attest.Name(a.Kind))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

const whole = "1 SBOM (CycloneDX), 1 SBOM (CycloneDX), 1 provenance, a SBOM (CycloneDX), a provenance, b SBOM (CycloneDX), b provenance"

// TestAttestations: what is in an image hangs below its platform and the index, how it was made below all of them; a second run
// makes nothing and writes nothing.
func TestAttestations(t *testing.T) {
	for _, signed := range []bool{false, true} {
		s := &shelf{below: map[string][]attest.Artifact{}}
		n := &notary{signed: signed}
		first, err := attested(t, s, n, attest.CycloneDX, attest.Provenance)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.hangs(); got != whole {
			t.Errorf("signed %t: %s", signed, got)
		}
		if len(n.asked) != 3 || len(first.Record.Attached) != 7 || !first.Record.Wrote() {
			t.Errorf("made %d statements, recorded %+v", len(n.asked), first.Record.Attached)
		}
		second, err := attested(t, s, n, attest.CycloneDX, attest.Provenance)
		if err != nil {
			t.Fatal(err)
		}
		if len(n.asked) != 3 || s.written != 7 || second.Record.Wrote() || len(second.Record.Attached) != 7 {
			t.Errorf("the second run made %d, wrote %d, recorded %+v", len(n.asked), s.written, second.Record)
		}
	}
}

// TestAttestationsOf: an image for one platform has one digest, and statements about it hang there once.
func TestAttestationsOf(t *testing.T) {
	for want, manifests := range map[string]map[string]string{
		"SBOM (CycloneDX) linux/amd64: sha256:1111; provenance: sha256:1111":                         {"linux/amd64": indexDigest},
		"SBOM (CycloneDX) linux/amd64: sha256:1111 sha256:aaaa; provenance: sha256:1111 sha256:aaaa": {"linux/amd64": amd},
		"SBOM (CycloneDX) linux/amd64: sha256:1111 sha256:aaaa; SBOM (CycloneDX) linux/arm64: sha256:1111 sha256:bbbb; provenance: sha256:1111 sha256:aaaa sha256:bbbb": {
			"linux/arm64": arm, "linux/amd64": amd,
		},
	} {
		var got []string
		for _, a := range attestationsOf(registry.Image{Name: "backend", Digest: indexDigest, Manifests: manifests}, []string{attest.CycloneDX, attest.Provenance}) {
			got = append(got, strings.TrimSpace(attest.Name(a.Kind)+" "+a.Platform)+": "+strings.Join(a.Digests, " "))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
		}
	}
}

// TestAttestationsAreCompleted: a run that was killed has left some; the others get the same, and nothing is there twice.
func TestAttestationsAreCompleted(t *testing.T) {
	all := []string{indexDigest, amd, arm}
	sbom := func(platform string, digests ...string) Attestation {
		return Attestation{Kind: attest.CycloneDX, Platform: platform, Digests: append([]string{indexDigest}, digests...)}
	}
	for name, c := range map[string]struct {
		left   map[string]Attestation // by digest
		made   int
		wrote  int
		signed bool // the run; what is left is bare
	}{
		"nothing":                      {nil, 3, 7, false},
		"one kind on one digest":       {map[string]Attestation{amd: {Kind: attest.Provenance, Digests: all}}, 2, 6, false},
		"one platform's SBOM":          {map[string]Attestation{indexDigest: sbom("linux/arm64", arm)}, 2, 6, false},
		"another order of the digests": {map[string]Attestation{amd: {Kind: attest.Provenance, Digests: []string{arm, indexDigest, amd}}}, 2, 6, false},
		"of another build":             {map[string]Attestation{indexDigest: {Kind: attest.Provenance, Digests: []string{indexDigest, "sha256:cccc", arm}}}, 3, 7, false},
		"of fewer digests":             {map[string]Attestation{indexDigest: {Kind: attest.Provenance, Digests: []string{indexDigest, arm}}}, 3, 7, false},
		"of another kind":              {map[string]Attestation{indexDigest: {Kind: attest.VEX, Digests: all}}, 3, 7, false},
		"not signed, and now it is":    {map[string]Attestation{amd: {Kind: attest.Provenance, Digests: all}}, 3, 7, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{below: map[string][]attest.Artifact{}}
			for digest, of := range c.left {
				a, err := said(of, "earlier", false)
				if err != nil {
					t.Fatal(err)
				}
				s.below[digest] = []attest.Artifact{a}
			}
			n := &notary{signed: c.signed}
			a, err := attested(t, s, n, attest.CycloneDX, attest.Provenance)
			if err != nil {
				t.Fatal(err)
			}
			if len(n.asked) != c.made || s.written != c.wrote || len(a.Record.Attached) != 7 {
				t.Errorf("made %d, wrote %d, recorded %d; want %d, %d, 7", len(n.asked), s.written, len(a.Record.Attached), c.made, c.wrote)
			}
		})
	}
}

// TestStrangersStatements: whoever may write to the registry may hang what anybody has signed. A release keeps what its own
// signer has signed, signs beside what a stranger has, and stops where nobody can tell.
func TestStrangersStatements(t *testing.T) {
	of := Attestation{Image: "backend", Kind: attest.Provenance, Digests: []string{indexDigest, amd, arm}}
	hang := func(s *shelf, a attest.Artifact, err error, digests ...string) {
		if err != nil {
			t.Fatal(err)
		}
		for _, digest := range digests {
			s.below[digest] = append(s.below[digest], a)
		}
	}
	stranger := func(s *shelf, text string, digests ...string) {
		hang(s, byStranger(t, of, text), nil, digests...)
	}
	own := func(s *shelf, digests ...string) {
		a, err := said(of, "own", true)
		hang(s, a, err, digests...)
	}
	away := errors.New("cosign could not be run")
	for name, c := range map[string]struct {
		left        func(*shelf)
		unsigned    bool
		away        error
		made, wrote int
		asked       string // of whose statements, in this order
	}{
		"nothing":                           {func(*shelf) {}, false, away, 1, 3, ""},
		"the release's own":                 {func(s *shelf) { own(s, of.Digests...) }, false, nil, 0, 0, "own"},
		"its own, below one digest":         {func(s *shelf) { own(s, arm) }, false, nil, 0, 2, "own"},
		"a stranger's":                      {func(s *shelf) { stranger(s, "a", of.Digests...) }, false, nil, 1, 3, "a"},
		"a stranger's, below one digest":    {func(s *shelf) { stranger(s, "a", amd) }, false, nil, 1, 3, "a"},
		"its own behind a stranger's":       {func(s *shelf) { stranger(s, "a", of.Digests...); own(s, of.Digests...) }, false, nil, 0, 0, "a own"},
		"a stranger's in the gap":           {func(s *shelf) { own(s, indexDigest, amd); stranger(s, "a", arm) }, false, nil, 0, 1, "own"},
		"several strangers', by their text": {func(s *shelf) { stranger(s, "b", arm); stranger(s, "a", amd); stranger(s, "c", arm) }, false, nil, 1, 3, "a b c"},
		"those that hang below more, first": {func(s *shelf) { stranger(s, "a", arm); stranger(s, "b", arm, amd) }, false, nil, 1, 3, "b a"},
		"nobody can tell":                   {func(s *shelf) { own(s, of.Digests...) }, false, away, 0, 0, "own"},
		"nobody signs":                      {func(s *shelf) { stranger(s, "a", of.Digests...) }, true, away, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{below: map[string][]attest.Artifact{}}
			c.left(s)
			n := &notary{signed: !c.unsigned, away: c.away}
			a, err := attested(t, s, n, attest.Provenance)
			if stopped := c.away != nil && c.asked != ""; stopped != errors.Is(err, away) || !stopped && err != nil {
				t.Fatalf("it ends with %v", err)
			}
			if asked := strings.ReplaceAll(strings.Join(n.doubted, " "), `"`, ""); asked != c.asked {
				t.Errorf("asked who has signed %q, want %q", asked, c.asked)
			}
			if len(n.asked) != c.made || s.written != c.wrote || err == nil && len(a.Record.Attached) != 3 {
				t.Errorf("made %d, wrote %d, recorded %d; want %d, %d, 3", len(n.asked), s.written, len(a.Record.Attached), c.made, c.wrote)
			}
		})
	}
}

// TestSignedStatementsWillDo: whoever signs nothing leaves what was signed as it is.
func TestSignedStatementsWillDo(t *testing.T) {
	s := &shelf{below: map[string][]attest.Artifact{}}
	if _, err := attested(t, s, &notary{signed: true}, attest.Provenance); err != nil {
		t.Fatal(err)
	}
	if a, err := attested(t, s, &notary{}, attest.Provenance); err != nil || a.Record.Wrote() {
		t.Errorf("%v, %+v", err, a.Record)
	}
}

// TestNothingToSay: there need not be a statement of each kind.
func TestNothingToSay(t *testing.T) {
	s := &shelf{below: map[string][]attest.Artifact{}}
	a, err := attested(t, s, &notary{silent: attest.CycloneDX}, attest.CycloneDX, attest.Provenance)
	if err != nil || s.hangs() != "1 provenance, a provenance, b provenance" || len(a.Record.Attached) != 3 {
		t.Errorf("%v, %s, %+v", err, s.hangs(), a.Record.Attached)
	}
}

// TestRegistryWithoutStatements: it stops a release that signs, and no other; a registry that is away stops both.
func TestRegistryWithoutStatements(t *testing.T) {
	no, away := &registry.NotStored{Err: errors.New("the registry answered 405")}, errors.New("the registry answered 503")
	for _, c := range []struct {
		refuses error
		signed  bool
		red     bool
	}{{no, false, false}, {no, true, true}, {away, false, true}, {away, true, true}} {
		for _, s := range []*shelf{{refuses: c.refuses}, {hides: c.refuses}} {
			a, err := attested(t, s, &notary{signed: c.signed}, attest.Provenance)
			if red := err != nil; red != c.red {
				t.Errorf("%v, signed %t: %v", c.refuses, c.signed, err)
			}
			if why := a.Record.NotAttached["backend"]; !c.red && why != no.Error() || c.red && why != "" || len(a.Record.Attached) > 0 {
				t.Errorf("%v, signed %t: %q, %+v", c.refuses, c.signed, why, a.Record.Attached)
			}
		}
	}
}

// TestAttestationsInThePlan: between the tag of the commit and the version; done when every image has its version.
func TestAttestationsInThePlan(t *testing.T) {
	q := asked(t, "v", "1.2.3")
	q.Attest = []string{attest.CycloneDX, attest.SPDX, attest.Provenance}
	at := func(images ...string) Part[Images] {
		o := holding("1.2.2")
		o.Is.Version, o.Is.Commit = map[string]registry.Image{}, map[string]registry.Image{}
		for _, name := range images {
			image := registry.Image{Name: name, Labels: map[string]string{"org.opencontainers.image.revision": here, "org.opencontainers.image.version": "1.2.3"}}
			o.Is.Version[name], o.Is.Commit[name] = image, image
		}
		return o
	}
	const line = "attach to them: SBOM (CycloneDX and SPDX), provenance"
	for have, want := range map[string]string{
		"":            "push the images under sha-1111111|" + line + "|tag them 1.2.3",
		"backend":     "push the images under sha-1111111|" + line + "|tag them 1.2.3",
		"backend web": "push the images under sha-1111111 (there already)|" + line + " (there already)|tag them 1.2.3 (there already)",
	} {
		p, err := Decide(Observed{Registry: at(strings.Fields(have)...)}, q)
		if got := strings.Join(p.Lines(PhaseImages), "|"); got != want {
			t.Errorf("%q: %s, %v", have, got, err)
		}
	}
}

// TestListsOfStatementsAreNoVersions: registries that cannot list what refers to a digest keep the list under such a tag.
func TestListsOfStatementsAreNoVersions(t *testing.T) {
	tag := "sha256-" + strings.Repeat("1", 64)
	for _, name := range []string{tag, tag + ".sig", tag + ".att"} {
		if known := VersionsAmong([]string{name, "1.2.3"}); len(known) != 1 || known[0] != parse(t, "1.2.3") {
			t.Errorf("%s: %v", name, known)
		}
		if isCommitTag(name, strings.Repeat("1", 64)) {
			t.Errorf("%s is taken for a commit's tag", name)
		}
	}
}
