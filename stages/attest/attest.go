// Package attest says what an image is made of and how it was made, as in-toto statements, and reads what others have said.
// It knows no engine and no registry: rules E5 and S5 to S11 of the release rules, section 15.
package attest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// Kinds of statements, by the type of their predicate.
const (
	CycloneDX  = "https://cyclonedx.org/bom"
	SPDX       = "https://spdx.dev/Document"
	Provenance = "https://slsa.dev/provenance/v1"
	VEX        = "https://openvex.dev/ns"
	Signature  = "https://sigstore.dev/cosign/sign/v1" // what cosign verify looks for
)

// Media types under which a registry keeps statements: as they are, or signed by cosign.
const (
	BareType   = "application/vnd.in-toto+json"
	BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

const (
	statementType   = "https://in-toto.io/Statement/v1"
	statementBefore = "https://in-toto.io/Statement/v0.1" // cosign's own
)

// Statement is an in-toto statement, version 1.
type Statement struct {
	Type          string          `json:"_type"`
	Subjects      []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

// Artifact is a statement as a registry keeps it.
type Artifact struct {
	Type string // BareType or BundleType
	Kind string // the predicate's type
	Data []byte
}

// Bare is a statement that nobody has signed.
func Bare(s Statement) (Artifact, error) {
	data, err := s.Encode()
	return Artifact{Type: BareType, Kind: s.PredicateType, Data: data}, err
}

// Encode writes the statement; the same one has the same bytes.
func (s Statement) Encode() ([]byte, error) {
	s.Type = statementType
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return bytes.TrimSpace(out.Bytes()), err
}

// bundle is what of a Sigstore bundle is read here. Whether its signature is right is for cosign to say.
type bundle struct {
	Envelope struct {
		Payload     string
		PayloadType string
	} `json:"dsseEnvelope"`
}

// bundleParts are all that a bundle of a statement has. One with others cosign reads in an older form, and what it checks
// then is not what is read here.
var bundleParts = []string{"mediaType", "verificationMaterial", "dsseEnvelope"}

func readBundle(data []byte) (b bundle, err error) {
	var parts map[string]json.RawMessage
	if err := cmp.Or(json.Unmarshal(data, &parts), json.Unmarshal(data, &b)); err != nil {
		return b, err
	}
	for name := range parts {
		if !slices.Contains(bundleParts, name) {
			return b, fmt.Errorf("it has a part %q", name)
		}
	}
	return b, nil
}

// Signed is a statement that cosign has signed.
func Signed(data []byte) (Artifact, error) {
	a := Artifact{Type: BundleType, Data: data}
	s, err := a.Statement()
	a.Kind = s.PredicateType
	return a, err
}

// Statement reads what the artifact says, and believes none of it.
func (a Artifact) Statement() (s Statement, err error) {
	payload := a.Data
	if a.Type == BundleType {
		b, err := readBundle(a.Data)
		if err != nil {
			return s, fmt.Errorf("expected a Sigstore bundle: %w", err)
		}
		if payload, err = base64.StdEncoding.DecodeString(b.Envelope.Payload); err != nil || b.Envelope.PayloadType != BareType {
			return s, fmt.Errorf("expected a bundle with an in-toto statement, found one of %q", b.Envelope.PayloadType)
		}
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return Statement{}, fmt.Errorf("expected an in-toto statement: %w", err)
	}
	if s.Type != statementType && s.Type != statementBefore {
		return Statement{}, fmt.Errorf("expected an in-toto statement, found %q", s.Type)
	}
	return s, nil
}

// Of says whether the statement is about a digest such as sha256:...
func (s Statement) Of(digest string) bool {
	for _, subject := range s.Subjects {
		for algorithm, hex := range subject.Digest {
			if algorithm+":"+hex == digest {
				return true
			}
		}
	}
	return false
}
