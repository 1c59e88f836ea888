package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/registry"
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

// makeKey makes cosign.key and cosign.pub.
func (c cosign) makeKey(t *testing.T) {
	t.Helper()
	if _, said, err := c.run(t, "generate-key-pair"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// write writes a file where cosign works.
func (c cosign) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.home, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// hang hangs a statement below a digest, signed by this cosign's own key.
func (c cosign) hang(t *testing.T, prefix, image, digest string, s attest.Statement) {
	t.Helper()
	statement, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "statement.json", statement)
	c.write(t, "config.json", []byte(`{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": {}, "tsaConfig": {}}`))
	c.write(t, "root.json", []byte(`{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`))
	if _, said, err := c.run(t, "attest-blob", "--yes", "--key=cosign.key", "--signing-config=config.json", "--trusted-root=root.json",
		"--statement=statement.json", "--bundle=bundle.json"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	bundle, err := os.ReadFile(filepath.Join(c.home, "bundle.json"))
	if err != nil {
		t.Fatal(err)
	}
	said, err := attest.Signed(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := client(t, prefix).Attach(t.Context(), image, digest, said); err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, prefix string) *registry.Client {
	t.Helper()
	c, err := registry.New(prefix, registry.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said is what hangs below a digest, by kind.
func said(t *testing.T, prefix, image, digest string) map[string]attest.Statement {
	t.Helper()
	all, err := client(t, prefix).Attached(t.Context(), image, digest)
	if err != nil {
		t.Fatal(err)
	}
	statements := map[string]attest.Statement{}
	for _, a := range all {
		if statements[a.Kind], err = a.Statement(); err != nil {
			t.Fatal(err)
		}
	}
	return statements
}

// wantSigned fails unless every image is signed and says what it is made of and how it was made, as cosign sees it.
func (c cosign) wantSigned(t *testing.T, prefix, version string, by ...string) {
	t.Helper()
	for _, image := range Images {
		c.wantSignedAt(t, path.Join(prefix, image), []string{Tags(t, prefix, image)[version]}, by...)
	}
}

// wantSignedAt looks at some digests of an image.
func (c cosign) wantSignedAt(t *testing.T, repository string, digests []string, by ...string) {
	t.Helper()
	by = append(by, "--allow-http-registry")
	for _, digest := range digests {
		at := repository + "@" + digest
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

// twoPlatforms make an index of each image; those that hold no program are built without an emulator.
const twoPlatforms = "--platforms=linux/amd64, linux/arm64"

// TestSigned: cosign itself accepts what Slipway has signed by a key, and verify sees what was changed since.
func TestSigned(t *testing.T) {
	t.Parallel()
	c, s := newCosign(t), newSmallShop(t)
	c.makeKey(t)
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
		args := append(f.settings(prefix), tinyImages, twoPlatforms, cosignImage(t))
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
	})
	t.Run("key and identity", func(t *testing.T) {
		refused(t, release("--signing-key=env://SIGNING_KEY", "--identity-token=env://SIGNING_PASSWORD"), "signingKey and an identity token are both set")
	})
	signed := []string{"--signing-key=env://SIGNING_KEY", "--signing-password=env://SIGNING_PASSWORD"}
	t.Run("by key", func(t *testing.T) {
		commit := f.Git(t, "rev-parse", "HEAD")
		shorter, longer := "sha-"+commit[:7], "sha-"+commit[:8]
		Plant(t, prefix, "backend", shorter, commit, "1.2.3")
		r := release(signed...)
		green(t, r, "signed by key sha256:", "check it: cosign verify --key cosign.pub --insecure-ignore-tlog "+prefix, "who has built backend:"+shorter)
		if tags := Tags(t, prefix, "backend"); tags["1.2.3"] == tags[shorter] || tags["1.2.3"] != tags[longer] {
			t.Errorf("a stranger's image lay under %s, and the tags are %v", shorter, tags)
		}
		hides(t, r.Output(), signingPassword, secret)
		by := []string{"--key=cosign.pub", "--insecure-ignore-tlog"}
		c.wantSigned(t, prefix, "1.2.3", by...)
		manifests := Manifests(t, prefix, "backend", Tags(t, prefix, "backend")["1.2.3"])
		if len(manifests) != 2 {
			t.Errorf("expected an index of two manifests, found %q", manifests)
		}
		c.wantSignedAt(t, path.Join(prefix, "backend"), manifests, by...)
	})
	t.Run("checksums", func(t *testing.T) {
		page := f.releases(t)[0]
		for _, name := range []string{"checksums.txt", "checksums.txt.sigstore.json"} {
			c.write(t, name, f.get(t, f.asset(t, page, name), nil))
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
		line := append(f.settings(prefix), tinyImages, twoPlatforms, cosignImage(t), "verify", "--version=1.2.3")
		green(t, f.Call(t, line...), "checksums.txt", "not checked")
		MoveTag(t, prefix, "backend", "latest")
		red(t, f.Call(t, line...), "latest", "different")
	})
	t.Run("production", func(t *testing.T) { refuseUnsigned(t, f.Shop, prefix) })
}

// refuseUnsigned: what staging ran, but the expected key has not signed, does not come to production. One image is signed by
// another key, and the others by none.
func refuseUnsigned(t *testing.T, s Shop, prefix string) {
	d := DeployShop{Shop: s, Prefix: prefix}
	d.addServers(t)
	images := map[string]string{}
	for _, image := range Images {
		MoveTag(t, prefix, image, "1.2.4")
		images[image] = path.Join(prefix, image) + "@" + Tags(t, prefix, image)["1.2.4"]
	}
	stranger := newCosign(t)
	stranger.makeKey(t)
	_, digest, _ := strings.Cut(images["backend"], "@")
	stranger.hang(t, prefix, "backend", digest, attest.About(path.Join(prefix, "backend"), []string{digest}, attest.Signature, json.RawMessage("{}")))
	ran, err := json.Marshal(map[string]any{"kind": "deploy", "result": "healthy", "version": "1.2.4", "commit": s.Git(t, "rev-parse", "HEAD"), "images": images})
	if err != nil {
		t.Fatal(err)
	}
	d.Staging.Run(t, fmt.Sprintf("mkdir %[1]s/.slipway && printf '%%s\n' '%[2]s' > %[1]s/.slipway/ledger.jsonl", d.Staging.Dir, ran))
	refused(t, d.Call(t, d.Arguments(cosignImage(t), "deploy", "--environment=production", "--version=1.2.4")...),
		"1.2.4 is not shown to be what was released", "signature of backend: expected signed by key cosign.pub, found ", "signed by another key, or changed after it was signed",
		"signature of frontend: expected signed by key cosign.pub, found none for ", "nothing was changed", "Outcome: refused-state")
	if running := d.Production.Running(t); len(running) > 0 {
		t.Errorf("production runs %v", running)
	}
}

// TestSignedByAnIdentity: without a key, by the identity of the CI's job; Sigstore away stops a release before its version
// is there, and the same line again ends it. What a stranger has hung there meanwhile stays beside what the release says.
func TestSignedByAnIdentity(t *testing.T) {
	t.Parallel()
	c, sigstore, s, reg := newCosign(t), labtest.NewSigstore(t), newSmallShop(t), newProxied(t)
	const issuer, identity = "https://ci.example", "https://ci.example/acme/shop"
	if err := os.Mkdir(filepath.Join(s.Dir, "sigstore"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(s.Dir, "sigstore", "trusted_root.json")
	sigstore.WriteConfig(t, filepath.Join(s.Dir, "sigstore", "signing_config.json"), root)
	s.Commit(t, "chore: who signs")
	call := func(args ...string) Result {
		return s.Call(t, append([]string{reg.setting(), services, tinyImages, cosignImage(t), "--sigstore=sigstore",
			"--signer-identity=" + identity, "--signer-issuer=" + issuer}, args...)...)
	}
	release := func(as string) Result {
		s.Setenv("SIGSTORE_ID_TOKEN", sigstore.Token(t, issuer, as))
		return call("--identity-token=env://SIGSTORE_ID_TOKEN", "release", "--version=1.2.3")
	}

	refused(t, release(identity+"/fork"), "signerIdentity and signerIssuer want "+identity)
	wantUnversioned(t, reg.prefix)

	noFulcio := labtest.Fault{Path: "/signingCert$", Status: 500}
	mend := sigstore.Fault(noFulcio)
	red(t, release(identity), "the certificate authority of Sigstore (Fulcio) did not answer as expected")
	wantUnversioned(t, reg.prefix)
	mend()

	// Nobody could tell what that run has left from a stranger's, so that the next one builds it again.
	mend = reg.Fault(labtest.Fault{Method: http.MethodPut, Path: "/manifests/1.2.3$", Status: http.StatusForbidden})
	red(t, release(identity), "403 Forbidden")
	wantUnversioned(t, reg.prefix)
	mend()
	digest := Tags(t, reg.prefix, "backend")["sha-"+s.Git(t, "rev-parse", "HEAD")[:8]]

	// Somebody else who may write to the registry says the same of an image, by a key of his own.
	stranger := newCosign(t)
	stranger.makeKey(t)
	own, strangers := said(t, reg.prefix, "backend", digest), []string{attest.Signature, attest.Provenance}
	for _, kind := range strangers {
		stranger.hang(t, reg.prefix, "backend", digest, own[kind])
	}
	attached := Statements(t, reg.prefix, "backend", digest)

	// All that the release says is there, signed by the identity: nothing is signed again.
	sigstore.Fault(noFulcio)
	green(t, release(identity), "Outcome: resumed", "signed by "+identity)
	frontend := Statements(t, reg.prefix, "frontend", Tags(t, reg.prefix, "frontend")["1.2.3"])
	if now := Statements(t, reg.prefix, "backend", digest); now != attached || now != frontend+len(strangers) {
		t.Errorf("%d statements hung below the image, and now %d, of which %d are a stranger's", attached, now, len(strangers))
	}
	s.Git(t, "tag", "v1.2.3") // there is no remote
	green(t, call("verify", "--version=1.2.3"), "more signature of backend", "more provenance of backend")
	c.wantSigned(t, reg.prefix, "1.2.3", "--certificate-identity="+identity, "--certificate-oidc-issuer="+issuer, "--trusted-root="+root)
}
