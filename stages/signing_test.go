package stages

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/report"
)

// signingRun is a run with these settings, of a repository with these files.
func signingRun(t *testing.T, s Settings, files map[string]string) *Run {
	t.Helper()
	s.Severity = "HIGH"
	r := emptyRun(nil, goal{})
	var err error
	if r.config, err = s.read(); err != nil {
		t.Fatal(err)
	}
	r.source.files = map[string][]byte{}
	for name, text := range files {
		r.source.files[name] = []byte(text)
	}
	return r
}

func publicKey(t *testing.T) (text, hint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	hint, err = keyHint([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, hint
}

func TestCheckSigner(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		files    map[string]string
		want     string
	}{
		"nothing is set":               {Settings{}, nil, ""},
		"a public key in the source":   {Settings{}, map[string]string{"cosign.pub": "x"}, "nothing to sign with: cosign.pub is in the repository"},
		"a public key by name":         {Settings{VerifyKey: "keys/a.pub"}, nil, "nothing to sign with: verifyKey is set"},
		"an identity":                  {Settings{SignerIdentity: "a", SignerIssuer: "b"}, nil, "nothing to sign with: signerIdentity is set"},
		"a Sigstore that is not there": {Settings{Sigstore: "ci"}, map[string]string{"ci/signing_config.json": "{}"}, "the file ci/trusted_root.json of Sigstore is not in the repository"},
		"it is allowed to be unsigned": {Settings{RequireSigned: "off", VerifyKey: "keys/a.pub"}, map[string]string{"cosign.pub": "x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := signingRun(t, c.settings, c.files).checkSigner(context.Background())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCheckSignerIsExpected(t *testing.T) {
	mine, hint := publicKey(t)
	other, _ := publicKey(t)
	byKey := &signer{key: &signingKey{}, by: report.Signed{Key: hint}}
	const issuer = "https://token.actions.githubusercontent.com"
	byTag := &signer{by: report.Signed{Identity: "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.2.3", Issuer: issuer}}
	pattern := "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/*"
	for name, c := range map[string]struct {
		signer   *signer
		settings Settings
		files    map[string]string
		want     string
	}{
		"a key that nobody expects":  {byKey, Settings{}, nil, ""},
		"the key":                    {byKey, Settings{}, map[string]string{"cosign.pub": mine}, ""},
		"another key":                {byKey, Settings{}, map[string]string{"cosign.pub": other}, "cosign.pub is of another key than signingKey"},
		"another key, by name":       {byKey, Settings{VerifyKey: "a.pub"}, map[string]string{"a.pub": other, "cosign.pub": mine}, "a.pub is of another key"},
		"what is no key":             {byKey, Settings{}, map[string]string{"cosign.pub": "x"}, "cosign.pub: expected a public key in PEM"},
		"a key service":              {byKey, Settings{VerifyKey: "awskms:///alias/a"}, map[string]string{"cosign.pub": other}, ""},
		"the identity":               {byTag, Settings{SignerIdentity: byTag.by.Identity, SignerIssuer: issuer}, nil, ""},
		"the identity by a pattern":  {byTag, Settings{SignerIdentity: pattern, SignerIssuer: issuer}, nil, ""},
		"another branch":             {byTag, Settings{SignerIdentity: strings.Replace(pattern, "tags/*", "heads/*", 1), SignerIssuer: issuer}, nil, "and this job is https://github.com/acme/shop"},
		"a dot is no wildcard":       {byTag, Settings{SignerIdentity: strings.Replace(pattern, "acme/shop", "acme.shop", 1), SignerIssuer: issuer}, nil, "and this job is"},
		"a longer one":               {byTag, Settings{SignerIdentity: "https://github.com/acme/shop/*", SignerIssuer: issuer}, nil, "and this job is"},
		"another issuer":             {byTag, Settings{SignerIdentity: pattern, SignerIssuer: "https://gitlab.com"}, nil, "of https://gitlab.com to sign"},
		"an identity, and nobody is": {byTag, Settings{}, nil, ""},
		"a key for an identity":      {byKey, Settings{SignerIdentity: pattern, SignerIssuer: issuer}, map[string]string{"cosign.pub": mine}, "would be signed by a key"},
		"an identity for the key":    {byTag, Settings{}, map[string]string{"cosign.pub": mine}, "the release has to be signed by the key cosign.pub, and this job would sign as https://github.com/acme/shop"},
		"an identity for a service":  {byTag, Settings{VerifyKey: "awskms:///alias/a"}, nil, "by the key awskms:///alias/a, and this job"},
		"an identity beside a key":   {byTag, Settings{SignerIdentity: pattern, SignerIssuer: issuer}, map[string]string{"cosign.pub": mine}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := signingRun(t, c.settings, c.files).checkSignerIsExpected(c.signer)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestSignedBy: who has signed what hangs there stands in the report, whichever run it was; of what nobody has looked at, nobody.
func TestSignedBy(t *testing.T) {
	const issuer, pattern = "https://i", "https://a/b@refs/tags/*"
	byKey, byName := report.Signed{Key: "x="}, report.Signed{Identity: "https://a/b@refs/heads/main", Issuer: issuer}
	images := []report.Image{{Repository: "ghcr.io/acme/shop", Digest: "sha256:00"}}
	found, wrote := []release.Attached{{Image: "shop"}}, []release.Attached{{Image: "shop", Wrote: true}}
	for name, c := range map[string]struct {
		by       report.Signed
		settings Settings
		made     int64
		attached []release.Attached
		images   []report.Image
		want     string
	}{
		"nothing looked at": {byKey, Settings{}, 0, nil, images, ""},
		"no images":         {byKey, Settings{}, 1, nil, nil, ""},
		"signed now":        {byKey, Settings{}, 1, wrote, images, "by key sha256:x="},
		"found signed":      {byKey, Settings{}, 0, found, images, "by key sha256:x="},
		"by an identity":    {byName, Settings{SignerIdentity: pattern, SignerIssuer: issuer}, 1, wrote, images, "by https://a/b@refs/heads/main (https://i)"},
		"by one of several": {byName, Settings{SignerIdentity: pattern, SignerIssuer: issuer}, 1, append(found, wrote...), images, "by " + pattern + " (https://i)"},
		"by its own again":  {byName, Settings{}, 0, found, images, "by https://a/b@refs/heads/main (https://i)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := signingRun(t, c.settings, nil)
			r.access.signer, r.found.act = &signer{by: c.by}, &release.Act{Record: release.Record{Attached: c.attached}}
			r.access.signer.count.Store(c.made)
			got := ""
			if by := r.signedBy(c.images); by != nil {
				got = by.String()
			}
			if got != c.want {
				t.Errorf("signed %q, want %q", got, c.want)
			}
		})
	}
}

func TestSigningSettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		want     string
	}{
		"an identity alone":        {Settings{SignerIdentity: "a"}, "setting signerIdentity: expected it together with signerIssuer"},
		"an issuer alone":          {Settings{SignerIssuer: "a"}, "setting signerIdentity: expected it together with signerIssuer"},
		"key and identity":         {Settings{VerifyKey: "a", SignerIdentity: "b", SignerIssuer: "c"}, "setting verifyKey: signerIdentity is set too"},
		"a key elsewhere":          {Settings{VerifyKey: "/etc/cosign.pub"}, "setting verifyKey: expected a path inside the repository"},
		"a Sigstore elsewhere":     {Settings{Sigstore: "../sigstore"}, "setting sigstore: expected a path inside the repository"},
		"a word that is not known": {Settings{RequireSigned: "yes"}, `setting requireSigned: expected off or nothing, found "yes"`},
	} {
		c.settings.Severity = "HIGH"
		if _, err := c.settings.read(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestCheckLine(t *testing.T) {
	const image = "ghcr.io/acme/shop@sha256:00"
	byKey, byName := report.Signed{Key: "x="}, report.Signed{Identity: "https://a/b@refs/tags/$(id)'", Issuer: "https://i"}
	bySome := report.Signed{Identity: "https://a.b/c@*", Issuer: "https://i"}
	for want, c := range map[string]struct {
		settings Settings
		by       report.Signed
	}{
		"cosign verify --key cosign.pub --insecure-ignore-tlog " + image:                                                                                          {Settings{}, byKey},
		"cosign verify --key 'my keys/a.pub' --insecure-ignore-tlog " + image:                                                                                     {Settings{VerifyKey: "my keys/a.pub"}, byKey},
		"cosign verify --key awskms:///alias/a --insecure-ignore-tlog " + image:                                                                                   {Settings{VerifyKey: "awskms:///alias/a"}, byKey},
		`cosign verify --certificate-identity 'https://a/b@refs/tags/$(id)'\''' --certificate-oidc-issuer https://i --trusted-root ci/trusted_root.json ` + image: {Settings{Sigstore: "ci"}, byName},
		`cosign verify --certificate-identity-regexp '^https://a\.b/c@[^/]*$' --certificate-oidc-issuer https://i ` + image:                                       {Settings{}, bySome},
	} {
		if got := signingRun(t, c.settings, nil).checkLine(c.by, image); got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
	}
}
