package labtest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Cosign returns the program of the lab. Without it the test is skipped, in CI it fails.
func Cosign(t testing.TB) string {
	t.Helper()
	return made(t, "SLIPWAY_LAB_COSIGN", "")
}

// made names a file of what only the tests of signatures need.
func made(t testing.TB, variable, file string) string {
	t.Helper()
	path := filepath.Join(os.Getenv(variable), file)
	if _, err := os.Stat(path); os.Getenv(variable) == "" || err != nil {
		missing(t, variable+" does not lead to it: go run -C testdata/lab . cosign")
	}
	return path
}

// Sigstore imitates Fulcio, Rekor and a timestamp authority, behind a proxy for faults.
type Sigstore struct {
	*Proxy
	cosign, node, scripts string
	trust                 string // what a trusted root is made from
}

// NewSigstore starts one where the engine's containers reach it, until the test ends.
func NewSigstore(t testing.TB) *Sigstore {
	t.Helper()
	s := &Sigstore{cosign: Cosign(t), node: made(t, "SLIPWAY_LAB_SIGSTORE", "node"), trust: t.TempDir()}
	s.scripts = filepath.Dir(s.node)
	services := exec.Command(s.node, filepath.Join(s.scripts, "sigstore.js"), s.trust)
	services.Stderr = os.Stderr
	said, err := services.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := services.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		services.Process.Kill() //nolint:errcheck // it may have ended
		services.Wait()         //nolint:errcheck // it was killed
	})
	lines := bufio.NewScanner(said)
	if !lines.Scan() {
		t.Fatal("the imitation of Sigstore has ended at once")
	}
	s.Proxy = ListenForContainers(t, lines.Text())
	go func() {
		for lines.Scan() { // so that it never waits for a reader
		}
	}()
	return s
}

// WriteConfig writes the two files by which cosign finds and trusts this Sigstore.
func (s *Sigstore) WriteConfig(t testing.TB, signingConfig, trustedRoot string) {
	t.Helper()
	at, since := "url=http://"+s.Addr(), ",start-time=2024-01-01T00:00:00Z"
	file := func(name string) string { return filepath.Join(s.trust, name) }
	s.run(t, s.cosign, "trusted-root", "create", "--out", trustedRoot,
		"--fulcio", at+",certificate-chain="+file("fulcio.pem"),
		"--ctfe", at+",public-key="+file("ctfe.pub")+since,
		"--rekor", at+",public-key="+file("rekor.pub")+since,
		"--tsa", at+"/api/v1/timestamp,certificate-chain="+file("tsa.pem"))
	s.run(t, s.cosign, "signing-config", "create", "--out", signingConfig,
		"--fulcio", at+",api-version=1,operator=lab"+since,
		"--rekor", at+",api-version=1,operator=lab"+since, "--rekor-config", "ANY",
		"--tsa", at+"/api/v1/timestamp,api-version=1,operator=lab"+since, "--tsa-config", "ANY")
}

// Token is an identity token as a CI gives it.
func (s *Sigstore) Token(t testing.TB, issuer, subject string) string {
	t.Helper()
	return s.run(t, s.node, filepath.Join(s.scripts, "token.js"), issuer, subject)
}

func (s *Sigstore) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", filepath.Base(name), strings.Join(args[:2], " "), err, out)
	}
	return string(out)
}
