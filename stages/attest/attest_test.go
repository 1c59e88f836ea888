package attest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func about(kind string, digests ...string) Statement {
	return About("api", digests, kind, json.RawMessage(`{"a":"<b>"}`))
}

// TestStatements: what was written is read again, bare and signed alike.
func TestStatements(t *testing.T) {
	bare, err := Bare(about(VEX, "sha256:aa", "sha256:bb"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"api","digest":{"sha256":"aa"}},{"name":"api","digest":{"sha256":"bb"}}],"predicateType":"https://openvex.dev/ns","predicate":{"a":"<b>"}}`
	if string(bare.Data) != want {
		t.Errorf("got  %s\nwant %s", bare.Data, want)
	}
	signed, err := Signed(fmt.Appendf(nil, `{"dsseEnvelope":{"payload":%q,"payloadType":%q}}`, base64.StdEncoding.EncodeToString(bare.Data), BareType))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Artifact{bare, signed} {
		s, err := a.Statement()
		if err != nil || a.Kind != VEX || !s.Of("sha256:bb") || s.Of("sha256:cc") || s.Of("sha512:aa") {
			t.Errorf("%s: %v, %+v", a.Type, err, s)
		}
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"dsseEnvelope":{"payload":"e30=","payloadType":"text/plain"}}`, `{"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json"}}`, `{"dsseEnvelope":{"payload":"?","payloadType":"application/vnd.in-toto+json"}}`} {
		if _, err := Signed([]byte(bad)); err == nil {
			t.Errorf("%s is no bundle of a statement, and was taken as one", bad)
		}
	}
}

// TestBundleIsReadAsCosignReadsIt: what has more parts than a bundle, cosign reads in its old form, which may be rightly signed
// and say something else.
func TestBundleIsReadAsCosignReadsIt(t *testing.T) {
	bare, err := Bare(about(VEX, "sha256:aa"))
	if err != nil {
		t.Fatal(err)
	}
	envelope := fmt.Sprintf(`"dsseEnvelope":{"payload":%q,"payloadType":%q}`, base64.StdEncoding.EncodeToString(bare.Data), BareType)
	for parts, ok := range map[string]bool{
		`"mediaType":"x","verificationMaterial":{},`: true,
		`"base64Signature":"e30=","cert":"x",`:       false,
		`"DSSEEnvelope":{},`:                         false,
		`"dsse_envelope":{},`:                        false,
	} {
		if _, err := Signed([]byte("{" + parts + envelope + "}")); (err == nil) != ok {
			t.Errorf("%s: %v", parts, err)
		}
	}
}

// TestIsOf: about these digests, in whatever order, and about no others.
func TestIsOf(t *testing.T) {
	s := about(SPDX, "sha256:aa", "sha256:bb")
	for digests, want := range map[string]bool{
		"sha256:aa sha256:bb": true, "sha256:bb sha256:aa": true, "sha256:aa": false, "sha256:aa sha256:cc": false, "sha256:aa sha256:bb sha256:cc": false, "": false,
	} {
		if got := s.IsOf(strings.Fields(digests)); got != want {
			t.Errorf("%s: %t", digests, got)
		}
	}
}

func TestNames(t *testing.T) {
	for want, kinds := range map[string][]string{
		"SBOM (CycloneDX and SPDX), provenance, signature": {CycloneDX, SPDX, Provenance, Signature},
		"SBOM (SPDX), VEX":                       {SPDX, VEX},
		"provenance, https://example.com/theirs": {Provenance, "https://example.com/theirs"},
	} {
		if got := Names(kinds); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
