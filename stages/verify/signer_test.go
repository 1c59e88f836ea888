package verify

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	"dagger/slipway/stages/attest"
)

// signer signs as cosign does, as far as what is read here goes: by a key, or by an identity for which there is a certificate.
type signer struct {
	key         ed25519.PrivateKey
	certificate []byte
}

func newSigner(t *testing.T) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return signer{key: key}
}

// identity is a signer with a certificate for an address that ends at a time.
func identity(t *testing.T, address string, end time.Time) signer {
	t.Helper()
	s := newSigner(t)
	who, err := url.Parse(address)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), URIs: []*url.URL{who}, NotBefore: end.Add(-10 * time.Minute), NotAfter: end}
	s.certificate, err = x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	must(t, err)
	return s
}

// bundle is what of a Sigstore bundle the tests need.
type bundle struct {
	Material struct {
		Certificate *struct {
			Bytes []byte `json:"rawBytes"`
		} `json:"certificate,omitempty"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signature   []byte `json:"sig"`
	} `json:"dsseEnvelope"`
}

func (s signer) sign(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bundle
	if s.certificate != nil {
		b.Material.Certificate = &struct {
			Bytes []byte `json:"rawBytes"`
		}{s.certificate}
	}
	b.Envelope.Payload, b.Envelope.PayloadType, b.Envelope.Signature = text, attest.BareType, ed25519.Sign(s.key, text)
	data, err := json.Marshal(b)
	must(t, err)
	return data
}

// checker stands for cosign: it knows the key, or the identity, that has to have signed.
type checker struct {
	key      crypto.PublicKey
	identity string
	now      time.Time
	asked    int
}

func (c *checker) Envelope(_ context.Context, data []byte, digest, kind string) error {
	c.asked++
	a, err := attest.Signed(data)
	if err != nil {
		return err
	}
	if s, err := a.Statement(); err != nil || s.PredicateType != kind || !s.Of(digest) {
		return fmt.Errorf("provided artifact digest does not match any digest in statement: %v", err)
	}
	return c.check(data, nil)
}

func (c *checker) File(_ context.Context, _ string, data, signature []byte) error {
	return c.check(signature, data)
}

func (c *checker) check(data, file []byte) error {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return err
	}
	if file != nil && string(b.Envelope.Payload) != string(file) {
		return errors.New("invalid signature")
	}
	key := c.key
	if c.identity != "" {
		if b.Material.Certificate == nil {
			return errors.New("expected certificate, not key")
		}
		certificate, err := x509.ParseCertificate(b.Material.Certificate.Bytes)
		switch {
		case err != nil:
			return err
		case certificate.URIs[0].String() != c.identity:
			return fmt.Errorf("no matching CertificateIdentity found: got %s", certificate.URIs[0])
		case certificate.NotAfter.Before(c.now):
			return errors.New("integrated time outside certificate validity")
		}
		key = certificate.PublicKey
	}
	if !ed25519.Verify(key.(ed25519.PublicKey), b.Envelope.Payload, b.Envelope.Signature) {
		return errors.New("accepted signatures do not match threshold")
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
