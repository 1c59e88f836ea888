package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

// cosign is the program itself, outside of Slipway, as anybody has it.
type cosign struct{ program, home string }

func newCosign(t *testing.T) cosign {
	t.Helper()
	return cosign{labtest.Cosign(t), t.TempDir()}
}

func (c cosign) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(c.program, args...)
	cmd.Dir = c.home
	cmd.Env = []string{"HOME=" + c.home, "COSIGN_PASSWORD=" + signingPassword}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	return string(out), said.String(), err
}

const signingPassword = "correct horse"

// wantSigned fails unless every image is signed and says what it is made of and how it was made, as cosign sees it.
func (c cosign) wantSigned(t *testing.T, prefix, version string, by ...string) {
	t.Helper()
	by = append(by, "--allow-http-registry")
	for _, image := range Images {
		at := path.Join(prefix, image) + "@" + Tags(t, prefix, image)[version]
		out, said, err := c.run(t, append(append([]string{"verify"}, by...), at)...)
		var found []struct{ Critical struct{ Type string } }
		if err != nil || json.Unmarshal([]byte(out), &found) != nil {
			t.Fatalf("cosign verify %s: %v: %s", at, err, said)
		}
		// cosign is content with any statement that is signed.
		signature := func(f struct{ Critical struct{ Type string } }) bool {
			return f.Critical.Type == "https://sigstore.dev/cosign/sign/v1"
		}
		if !slices.ContainsFunc(found, signature) {
			t.Errorf("%s has no signature: %s", at, out)
		}
		for _, kind := range []string{"cyclonedx", "slsaprovenance1"} {
			if _, said, err := c.run(t, append(append([]string{"verify-attestation", "--type", kind}, by...), at)...); err != nil {
				t.Errorf("cosign verify-attestation --type %s %s: %v: %s", kind, at, err, said)
			}
		}
	}
}

// cosignImage is where the lab has the image of cosign.
func cosignImage(t *testing.T) string {
	return "--tool-images=" + toolsWith(t, "cosign", labtest.Registry(t)+"/sigstore/cosign/cosign:v3.1.3")
}

// wantUnversioned fails if a tag of a version, or one that floats, is there.
func wantUnversioned(t *testing.T, prefix string) {
	t.Helper()
	for _, image := range Images {
		for tag := range Tags(t, prefix, image) {
			if !strings.HasPrefix(tag, "sha") {
				t.Errorf("%s:%s is there", image, tag)
			}
		}
	}
}

// TestSigned: cosign itself accepts what Slipway has signed by a key, and verify sees what was changed since.
func TestSigned(t *testing.T) {
	t.Parallel()
	c, s := newCosign(t), newSmallShop(t)
	if _, said, err := c.run(t, "generate-key-pair"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	public, err := os.ReadFile(filepath.Join(c.home, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.Write(t, "cosign.pub", string(public))
	s.Commit(t, "chore: who signs")
	f, prefix := inGitea(t, s), NewPrefix(t)
	f.PushToGitea(t, f.name)
	private, err := os.ReadFile(filepath.Join(c.home, "cosign.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Split(string(private), "\n")[1] // the first line of what is no heading
	f.Setenv("SIGNING_KEY", string(private))
	f.Setenv("SIGNING_PASSWORD", signingPassword)
	f.Setenv("WRONG_PASSWORD", "incorrect horse")
	call := func(function string, more ...string) Result {
		args := append(f.settings(prefix), tinyImages, cosignImage(t))
		return f.Call(t, append(append(args, more...), function, "--version=1.2.3")...)
	}
	release := func(more ...string) Result { return call("release", more...) }

	t.Run("cosign.pub wants a signature", func(t *testing.T) {
		refused(t, release(), "the release has to be signed, and there is nothing to sign with: cosign.pub is in the repository")
		wantUnversioned(t, prefix)
	})
	t.Run("a wrong password", func(t *testing.T) {
		r := release("--signing-key=env://SIGNING_KEY", "--signing-password=env://WRONG_PASSWORD")
		refused(t, r, "signingPassword does not open signingKey")
		hides(t, r.Output(), "incorrect horse", secret)
		wantUnversioned(t, prefix)
	})
	t.Run("what a plan says", func(t *testing.T) {
		green(t, call("plan", "--signing-key=env://SIGNING_KEY", "--signing-password=env://WRONG_PASSWORD"), "A real run would refuse", "signingPassword does not open signingKey")
		green(t, call("plan"), "A real run would refuse", "the release has to be signed", "not signed: no signingKey and no identity token")
	})
	t.Run("key and identity", func(t *testing.T) {
		refused(t, release("--signing-key=env://SIGNING_KEY", "--identity-token=env://SIGNING_PASSWORD"), "signingKey and an identity token are both set")
	})
	signed := []string{"--signing-key=env://SIGNING_KEY", "--signing-password=env://SIGNING_PASSWORD"}
	t.Run("by key", func(t *testing.T) {
		r := release(signed...)
		green(t, r, "signed by key sha256:", "check it: cosign verify --key cosign.pub --insecure-ignore-tlog "+prefix)
		hides(t, r.Output(), signingPassword, secret)
		c.wantSigned(t, prefix, "1.2.3", "--key=cosign.pub", "--insecure-ignore-tlog")
	})
	t.Run("checksums", func(t *testing.T) {
		page := f.releases(t)[0]
		for _, name := range []string{"checksums.txt", "checksums.txt.sigstore.json"} {
			if err := os.WriteFile(filepath.Join(c.home, name), f.get(t, f.asset(t, page, name), nil), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		verify := []string{"verify-blob", "--key=cosign.pub", "--insecure-ignore-tlog", "--bundle=checksums.txt.sigstore.json"}
		if _, said, err := c.run(t, append(verify, "checksums.txt")...); err != nil {
			t.Errorf("%v: %s", err, said)
		}
		if _, _, err := c.run(t, append(verify, "cosign.pub")...); err == nil {
			t.Error("the signature is of another file too")
		}
	})
	t.Run("again", func(t *testing.T) {
		before := Tags(t, prefix, "backend")
		green(t, release(signed...), "already-released")
		if after := Tags(t, prefix, "backend"); len(after) != len(before) {
			t.Errorf("the tags were %v, and are %v", before, after)
		}
	})
	t.Run("verify", func(t *testing.T) {
		line := append(f.settings(prefix), tinyImages, cosignImage(t), "verify", "--version=1.2.3")
		green(t, f.Call(t, line...), "checksums.txt", "not checked")
		MoveTag(t, prefix, "backend", "latest")
		red(t, f.Call(t, line...), "latest", "different")
	})
}

// TestSignedByAnIdentity: without a key, by the identity of the CI's job; Sigstore away stops a release before its version
// is there, and the same line again ends it.
func TestSignedByAnIdentity(t *testing.T) {
	t.Parallel()
	c, sigstore, s, prefix := newCosign(t), labtest.NewSigstore(t), newSmallShop(t), NewPrefix(t)
	const issuer, identity = "https://ci.example", "https://ci.example/acme/shop"
	if err := os.Mkdir(filepath.Join(s.Dir, "sigstore"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(s.Dir, "sigstore", "trusted_root.json")
	sigstore.WriteConfig(t, filepath.Join(s.Dir, "sigstore", "signing_config.json"), root)
	s.Commit(t, "chore: who signs")
	release := func(token string) Result {
		s.Setenv("SIGSTORE_ID_TOKEN", token)
		return s.Call(t, "--registry="+prefix, services, tinyImages, cosignImage(t), "--sigstore=sigstore", "--identity-token=env://SIGSTORE_ID_TOKEN",
			"--signer-identity="+identity, "--signer-issuer="+issuer, "release", "--version=1.2.3")
	}

	refused(t, release(sigstore.Token(t, issuer, identity+"/fork")), "signerIdentity and signerIssuer want "+identity)
	wantUnversioned(t, prefix)

	mend := sigstore.Fault(labtest.Fault{Path: "/signingCert$", Status: 500})
	red(t, release(sigstore.Token(t, issuer, identity)), "the certificate authority of Sigstore (Fulcio) did not answer as expected")
	wantUnversioned(t, prefix)
	mend()

	green(t, release(sigstore.Token(t, issuer, identity)), "signed by "+identity)
	c.wantSigned(t, prefix, "1.2.3", "--certificate-identity="+identity, "--certificate-oidc-issuer="+issuer, "--trusted-root="+root)
}
