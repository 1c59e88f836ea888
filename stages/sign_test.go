package stages

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/report"
)

func TestParseSigningKey(t *testing.T) {
	pemOf := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("secret bytes")}))
	}
	for name, c := range map[string]struct{ text, reference, credentials, err string }{
		"a key of cosign":        {pemOf("ENCRYPTED SIGSTORE PRIVATE KEY"), "env://SLIPWAY_SIGNING_KEY", "", ""},
		"a key of an old cosign": {pemOf("ENCRYPTED COSIGN PRIVATE KEY"), "env://SLIPWAY_SIGNING_KEY", "", ""},
		"a key of openssl":       {pemOf("PRIVATE KEY"), "", "", "holds a PRIVATE KEY, expected an ENCRYPTED SIGSTORE PRIVATE KEY: make one of it with cosign import-key-pair"},
		"the public half":        {pemOf("PUBLIC KEY"), "", "", "holds a PUBLIC KEY, expected"},
		"AWS":                    {"awskms:///alias/release", "awskms:///alias/release", "", ""},
		"Vault with credentials": {"hashivault://release\n\n# of the CI\nVAULT_ADDR=https://vault.example\nexport VAULT_TOKEN='hvs.1 2'\n", "hashivault://release", "VAULT_ADDR=https://vault.example VAULT_TOKEN=hvs.1 2", ""},
		"a reference of nobody":  {"foo://release", "", "", "neither a private key of cosign nor a reference"},
		"the address of a key":   {"https://keys.example/cosign.key", "", "", "neither a private key of cosign nor a reference"},
		"the path of a key":      {"cosign.key", "", "", "give it as file://cosign.key"},
		"credentials of nothing": {"awskms:///a\nno value", "", "", "has no NAME=value in line 2"},
		"a name of small ones":   {"awskms:///a\nA=1\nb=secret bytes", "", "", "has no NAME=value in line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := parseSigningKey(c.text)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret bytes") {
					t.Errorf("got %v, want an error with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var credentials []string
			for _, p := range key.credentials {
				credentials = append(credentials, p.name+"="+p.value)
			}
			if key.reference() != c.reference || strings.Join(credentials, " ") != c.credentials {
				t.Errorf("got %s with %q", key.reference(), credentials)
			}
		})
	}
}

// The hint was printed by cosign itself, into a bundle that this key has signed.
func TestKeyHint(t *testing.T) {
	const public = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELrKXXYGQmVBhEi1mqe3kwibQ6ziA
ErYX0UJd3mw1wx7gtT+sJ3/+J7InVI0MF91u/82WtODWzlJeJzTMTaoGvw==
-----END PUBLIC KEY-----
`
	if got, err := keyHint([]byte(public)); err != nil || got != "tbwcOp2IYH2uIuUPaY3OIkJRMF7RUrFNeS6wIoQ+thI=" {
		t.Errorf("got %s, %v", got, err)
	}
	for _, text := range []string{"", "no key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})), strings.ReplaceAll(public, "PUBLIC", "PRIVATE")} {
		if got, err := keyHint([]byte(text)); err == nil || !strings.Contains(err.Error(), "expected a public key in PEM") {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

// jwt is a token with these claims. Who has made it, nobody here asks.
func jwt(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(text) + ".c2ln"
}

func TestIdentityOf(t *testing.T) {
	later := time.Now().Add(time.Minute).Unix()
	for name, c := range map[string]struct {
		token           string
		identity, wrong string
	}{
		"GitHub": {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "repo:acme/shop:ref:refs/tags/v1", "job_workflow_ref": "acme/shop/.github/workflows/release.yml@refs/tags/v1"}),
			"https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1", ""},
		"GitLab": {jwt(map[string]any{"iss": "i", "aud": []string{"x", "sigstore"}, "exp": later, "sub": "project_path:acme/shop", "ci_config_ref_uri": "gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main"}),
			"https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main", ""},
		"CircleCI": {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "org/1", "oidc.circleci.com/project-id": "p", "oidc.circleci.com/pipeline-definition-id": "d"}),
			"https://circleci.com/api/v2/projects/p/pipeline-definitions/d", ""},
		"a person":          {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "1", "email": "ada@example.com"}), "ada@example.com", ""},
		"anybody else":      {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": later, "sub": "https://ci.example/job"}), "https://ci.example/job", ""},
		"for another":       {jwt(map[string]any{"iss": "i", "aud": "sts.amazonaws.com", "exp": later}), "", "is for sts.amazonaws.com, expected the audience sigstore"},
		"for nobody":        {jwt(map[string]any{"iss": "i", "exp": later}), "", "is for nobody, expected the audience sigstore"},
		"that has ended":    {jwt(map[string]any{"iss": "i", "aud": "sigstore", "exp": 1e9}), "", "has expired at 2001-09-09 01:46:40"},
		"without an issuer": {jwt(map[string]any{"aud": "sigstore", "exp": later}), "", "says no issuer"},
		"no token":          {"ghs_secretsecret", "", "expected three parts"},
		"three words":       {"a.b.c", "", "says no issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identityOf(c.token)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "secretsecret") {
					t.Errorf("got %v, want an error with %q", err, c.wrong)
				}
				return
			}
			if want := (report.Signed{Identity: c.identity, Issuer: "i"}); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestRequestToken(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "bearer of-the-job" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("empty") == "" {
			fmt.Fprintf(w, `{"count": 1, "value": "%s %s"}`, r.URL.Query().Get("audience"), r.URL.Query().Get("api-version"))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ address, credential, token, err string }{
		"GitHub's own":     {server.URL + "/secret-path?api-version=2.0", "of-the-job", "sigstore 2.0", ""},
		"of another job":   {server.URL + "/secret-path", "stale-token", "", "answered 403 Forbidden: the job needs the permission id-token: write"},
		"an empty answer":  {server.URL + "/secret-path?empty=1", "of-the-job", "", "answered 200 OK: the job needs the permission"},
		"nobody there":     {gone.URL + "/secret-path", "of-the-job", "", "the CI gave no identity token: dial tcp"},
		"not an address":   {"secret-path", "of-the-job", "", "is no address"},
		"with odd letters": {"https://ci.example/\x7fsecret-path", "of-the-job", "", "is no address"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := requestToken(t.Context(), server.Client(), c.address, c.credential)
			if c.err == "" && (err != nil || got != c.token) {
				t.Errorf("got %q, %v", got, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), c.credential)) {
				t.Errorf("got %v, want an error with %q and without address and token", err, c.err)
			}
		})
	}
}

// What cosign v3.1.3 prints, tried with it.
func TestCosignFailed(t *testing.T) {
	for said, want := range map[string]string{
		"Error: decrypt: encrypted: decryption failed\nerror during command execution: decrypt: encrypted: decryption failed\n": "signingPassword does not open signingKey",
		"Error: reading key: decrypt: encrypted: decryption failed\n":                                                           "signingPassword does not open signingKey",
		"Error: invalid pem block\n":                 "cosign cannot read signingKey",
		"Error: unsupported pem type: PRIVATE KEY\n": "cosign cannot read signingKey",
		"Error: getting public key: operation error KMS: GetPublicKey, exceeded maximum number of attempts, 3, get identity: get credentials: no\n": "the key service got no credentials",
		"Error: kms get: VAULT_ADDR or BAO_ADDR is not set\n":                                                                                                         "the key service got no credentials",
		"Error: kms get: new gcp kms client: credentials: could not find default credentials. See https://cloud.google.com/x\n":                                       "the key service got no credentials",
		"Error: new for config: error creating REST client config in-cluster: unable to load in-cluster configuration, X must be defined\n":                           "the key service got no credentials",
		"Error: could not find \"GITLAB_TOKEN\"\n":                                                                                                                    "the key service got no credentials",
		"Error: getting public key: operation error KMS: GetPublicKey, https response error StatusCode: 400, AccessDeniedException: no\n":                             "the key service refuses to sign",
		"Error: public key: public key: Get \"https://v/keys/k/?api-version=2025-07-01\": dial tcp: lookup v: no such host\n":                                         "the key service did not answer",
		"Non-interactive mode detected, using device flow.\nError: retrieving ID token: selecting OIDC issuer: no matching service found\n":                           "cosign was given no identity token",
		"Error: signing bundle: Fulcio returned 400: {\"code\":3, \"message\":\"There was an error processing the identity token\"}\n":                                "Sigstore refused the identity token",
		"Error: signing f: signing bundle: error signing bundle: Post \"http://127.0.0.1:1/api/v2/signingCert\": dial tcp 127.0.0.1:1: connect: connection refused\n": "the certificate authority of Sigstore (Fulcio) did not answer as expected",
		"Error: signing f: signing bundle: error signing bundle: Fulcio returned 404: \n":                                                                             "the certificate authority of Sigstore (Fulcio) did not answer as expected",
		"Error: signing f: signing bundle: error signing bundle: unable to get subject from identity token\n":                                                         "Sigstore refused the identity token",
		"Error: signing f: signing bundle: error signing bundle: Post \"http://127.0.0.1:1/api/v1/timestamp\": dial tcp 127.0.0.1:1: refused\n":                       "the timestamp authority of Sigstore did not answer as expected",
		"Error: signing f: signing bundle: error signing bundle: Post \"http://127.0.0.1:1/api/v1/log/entries\": giving up after 2 attempt(s)\n":                      "the log of Sigstore (Rekor) did not answer as expected",
		"WARNING: Could not fetch trusted_root.json from the TUF repository.\nError: something new\n":                                                                 "cosign ended with exit code 1: something new",
		"Error: signing bundle: timestamp authority returned 500: no\n":                                                                                               "the timestamp authority of Sigstore did not answer as expected",
		"Error: signing bundle: [POST /api/v1/log/entries][500] createLogEntry default\n":                                                                             "the log of Sigstore (Rekor) did not answer as expected",
		"Error: error getting signing config from TUF: Get https://tuf-repo-cdn.sigstore.dev/1.root.json\n":                                                           "what Sigstore says about itself could not be read",
		"something new\n": "cosign ended with exit code 1: something new",
	} {
		f := cosignFailed(1, "WARNING: of no account\n"+said)
		if !strings.HasPrefix(f.Error(), want) || f.next == "" || strings.Contains(f.Error(), "\n") {
			t.Errorf("%q: got %q, next %q", said, f, f.next)
		}
	}
}

func TestUnsound(t *testing.T) {
	for said, want := range map[string]string{
		`no matching attestations: failed to verify certificate identity: no matching CertificateIdentity found, last error: expected SAN value "https://a", got "https://b"`: "signed by https://b, expected https://a",
		`failed to verify certificate identity: no matching CertificateIdentity found, last error: expected SAN value to match regex "^a$", got "https://b"`:                  "signed by https://b, expected ^a$",
		`failed: last error: expected issuer value "https://gitlab.com", got "https://token.actions.githubusercontent.com"`:                                                   "signed by an identity of https://token.actions.githubusercontent.com, expected one of https://gitlab.com",
		"invalid predicate type, expected https://slsa.dev/provenance/v1 got https://cyclonedx.org/bom":                                                                       "the statement is a https://cyclonedx.org/bom, expected a https://slsa.dev/provenance/v1",
		"failed to verify signature: provided artifact digest does not match any digest in statement":                                                                         "the statement is about another image",
		"expected key signature, not certificate": "signed by an identity, expected the key",
		"failed to verify signature: could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1": "signed by another key, or changed after it was signed",
		"failed to verify signature: could not verify message: invalid signature when validating ASN.1 encoded signature":         "signed by another key, or changed after it was signed",
		"failed to verify log inclusion: not enough verified log entries":                                                         "signed by a Sigstore that is not trusted",
		"setting trusted material: getting trusted root from TUF for new bundle verification: error getting live trusted root":    "what Sigstore says about itself could not be read",
		"something new": "cosign ended with exit code 1: something new",
	} {
		if got := unsound(1, "WARNING: of no account\nError: "+said+"\nerror during command execution: "+said+"\n"); !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%s: got %q", said, got)
		}
	}
}

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
	} {
		t.Run(name, func(t *testing.T) {
			err := signingRun(t, c.settings, c.files).checkSignerIsExpected(c.signer)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
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
	for want, c := range map[string]struct {
		settings Settings
		by       report.Signed
	}{
		"cosign verify --key cosign.pub --insecure-ignore-tlog " + image:                                                                                          {Settings{}, byKey},
		"cosign verify --key 'my keys/a.pub' --insecure-ignore-tlog " + image:                                                                                     {Settings{VerifyKey: "my keys/a.pub"}, byKey},
		"cosign verify --key awskms:///alias/a --insecure-ignore-tlog " + image:                                                                                   {Settings{VerifyKey: "awskms:///alias/a"}, byKey},
		`cosign verify --certificate-identity 'https://a/b@refs/tags/$(id)'\''' --certificate-oidc-issuer https://i --trusted-root ci/trusted_root.json ` + image: {Settings{Sigstore: "ci"}, byName},
	} {
		if got := signingRun(t, c.settings, nil).checkLine(c.by, image); got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
	}
}
