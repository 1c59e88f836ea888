package stages

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/report"
)

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
		// A dry run lists what a real one would refuse, and has not checked who is away.
		away := strings.Contains(want, "did not answer") || strings.Contains(want, "could not be read") || strings.HasPrefix(want, "cosign ended")
		if (f.dry == isNotKnown) != away || (f.dry == isListed) == away {
			t.Errorf("%q: in a dry run it is %d", said, f.dry)
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
		"failed to verify signature: exactly one signature is required":                                                           "it is no signature that cosign can check",
		"failed to fetch verification content: validation error: x509: malformed certificate":                                     "it is no signature that cosign can check",
		"--trusted-root only supported with --new-bundle-format":                                                                  "it is no signature that cosign can check",
		"bundle does not contain cert for verification, please provide public key":                                                "it is no signature that cosign can check",
		`loading verifier from key opts: loading public key: Get "https://v/keys/k": dial tcp: lookup v: no such host`:            "the key service did not answer",
		"failed to verify log inclusion: not enough verified log entries":                                                         "signed by a Sigstore that is not trusted",
		"setting trusted material: getting trusted root from TUF for new bundle verification: error getting live trusted root":    "what Sigstore says about itself could not be read",
		"something new": "cosign ended with exit code 1: something new",
	} {
		if got := unsound(1, "WARNING: of no account\nError: "+said+"\nerror during command execution: "+said+"\n"); !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%s: got %q", said, got)
		}
	}
}

// TestUnaccepted: only what cosign says of the signature itself means that somebody else has signed.
func TestUnaccepted(t *testing.T) {
	for said, want := range map[string]bool{
		"failed to verify signature: could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1":                                                                             true,
		`no matching CertificateIdentity found, last error: expected SAN value "https://a", got "https://tuf"`:                                                                                                true,
		"--trusted-root only supported with --new-bundle-format":                                                                                                                                              true,
		"loading verifier from key opts: loading public key: failed to verify certificate":                                                                                                                    false,
		"setting trusted material: getting trusted root from TUF: error getting live trusted root":                                                                                                            false,
		`setting trusted material: getting trusted root from TUF: Get "https://tuf-repo-cdn.sigstore.dev/15.root.json": tls: failed to verify certificate: x509: certificate has expired or is not yet valid`: false,
		"something new": false,
	} {
		var no unaccepted
		if got := errors.As(unsound(1, "Error: "+said), &no); got != want {
			t.Errorf("%s: taken for a no: %t", said, got)
		}
	}
}

// TestOwnArguments: where the settings expect nobody, a release keeps what its own signer has signed.
func TestOwnArguments(t *testing.T) {
	mine, _ := publicKey(t)
	for want, c := range map[string]struct {
		settings Settings
		signer   *signer
	}{
		"--key /slipway/cosign.pub --insecure-ignore-tlog --trusted-root /slipway/trusted_root.json; /slipway/cosign.pub=" + mine + " /slipway/trusted_root.json=" + noRoots: {
			Settings{}, &signer{key: &signingKey{}, public: mine}},
		"--certificate-identity https://a/b@x --certificate-oidc-issuer https://i; ": {
			Settings{}, &signer{by: report.Signed{Identity: "https://a/b@x", Issuer: "https://i"}}},
		"--certificate-identity https://a/b@x --certificate-oidc-issuer https://i --trusted-root /slipway/trusted_root.json; /slipway/trusted_root.json={}": {
			Settings{Sigstore: "ci"}, &signer{by: report.Signed{Identity: "https://a/b@x", Issuer: "https://i"}}},
	} {
		how, files := signingRun(t, c.settings, map[string]string{"ci/trusted_root.json": "{}"}).ownArguments(c.signer)
		var with []string
		for _, name := range sortedKeys(files) {
			with = append(with, name+"="+files[name])
		}
		if got := strings.Join(how, " ") + "; " + strings.Join(with, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSignatureArguments(t *testing.T) {
	mine, _ := publicKey(t)
	const byKey = "--key %s --insecure-ignore-tlog --trusted-root /slipway/trusted_root.json"
	const byName = `--certificate-identity-regexp ^https://a\.b/[^/]*$ --certificate-oidc-issuer https://i`
	for name, c := range map[string]struct {
		settings  Settings
		files     map[string]string
		how, with string
		err       string
	}{
		"nobody":                   {Settings{}, nil, "", "", ""},
		"a key that is there":      {Settings{}, map[string]string{"cosign.pub": mine}, fmt.Sprintf(byKey, "/slipway/cosign.pub"), "/slipway/cosign.pub=" + mine + " /slipway/trusted_root.json=" + noRoots, ""},
		"a key by name":            {Settings{VerifyKey: "keys/a.pub"}, map[string]string{"cosign.pub": "x", "keys/a.pub": mine}, fmt.Sprintf(byKey, "/slipway/cosign.pub"), "/slipway/cosign.pub=" + mine + " /slipway/trusted_root.json=" + noRoots, ""},
		"a key that is not there":  {Settings{VerifyKey: "keys/a.pub"}, map[string]string{"cosign.pub": mine}, "", "", "the public key keys/a.pub is not in the repository"},
		"what is no key":           {Settings{}, map[string]string{"cosign.pub": "x"}, "", "", "cosign.pub: expected a public key in PEM"},
		"a key service":            {Settings{VerifyKey: "awskms:///alias/a"}, map[string]string{"cosign.pub": mine}, fmt.Sprintf(byKey, "awskms:///alias/a"), "/slipway/trusted_root.json=" + noRoots, ""},
		"an identity":              {Settings{SignerIdentity: "https://a.b/*", SignerIssuer: "https://i"}, map[string]string{"cosign.pub": mine}, byName, "", ""},
		"an identity of one's own": {Settings{SignerIdentity: "https://a.b/*", SignerIssuer: "https://i", Sigstore: "ci"}, map[string]string{"ci/trusted_root.json": "{}"}, byName + " --trusted-root /slipway/trusted_root.json", "/slipway/trusted_root.json={}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			how, files, err := signingRun(t, c.settings, c.files).signatureArguments()
			var with []string
			for _, name := range sortedKeys(files) {
				with = append(with, name+"="+files[name])
			}
			if strings.Join(how, " ") != c.how || strings.Join(with, " ") != c.with {
				t.Errorf("got %q with %q", how, with)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}
