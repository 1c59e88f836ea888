package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSigstore: cosign signs by an identity that it shows to the imitation, and accepts what it has signed from nobody else.
func TestSigstore(t *testing.T) {
	s := NewSigstore(t)
	const issuer, subject = "https://ci.example", "https://ci.example/acme/shop"
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s.WriteConfig(t, at("signing_config.json"), at("trusted_root.json"))
	if err := os.WriteFile(at("file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	cosign := func(args ...string) (string, error) {
		cmd := exec.Command(s.cosign, args...)
		cmd.Env = []string{"HOME=" + dir, "SIGSTORE_ID_TOKEN=" + s.Token(t, issuer, subject)}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := cosign("sign-blob", "--yes", "--signing-config", at("signing_config.json"), "--trusted-root", at("trusted_root.json"), "--bundle", at("bundle"), at("file")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for identity, want := range map[string]string{subject: "Verified OK", subject + "2": `got "` + subject + `"`} {
		out, _ := cosign("verify-blob", "--trusted-root", at("trusted_root.json"), "--bundle", at("bundle"), "--certificate-identity", identity, "--certificate-oidc-issuer", issuer, at("file"))
		if !strings.Contains(out, want) {
			t.Errorf("%s: got %s, want %s", identity, out, want)
		}
	}
}
