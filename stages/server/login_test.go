package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// keys are made once, because an RSA key takes its time.
var keys = sync.OnceValue(func() map[string]crypto.PrivateKey {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	_, ed2, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return map[string]crypto.PrivateKey{"ed25519": &ed, "ed25519-2": &ed2, "rsa": rsaKey}
})

func signer(t testing.TB, name string) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(keys()[name])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func privatePEM(t testing.TB, name string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(keys()[name], "a comment")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestParseKeys(t *testing.T) {
	ed, rsaKey := privatePEM(t, "ed25519"), privatePEM(t, "rsa")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"ed25519", ed, []string{"ed25519"}},
		{"RSA", rsaKey, []string{"rsa"}},
		{"no line feed at the end", strings.TrimSpace(ed), []string{"ed25519"}},
		{"line feeds of Windows", strings.ReplaceAll(ed, "\n", "\r\n"), []string{"ed25519"}},
		{"several", ed + rsaKey + privatePEM(t, "ed25519-2"), []string{"ed25519", "rsa", "ed25519-2"}},
		{"text around", "my key:\n" + ed + "\nthe other:\n" + rsaKey + "\nend", []string{"ed25519", "rsa"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseKeys(c.text)
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("got %d keys, %v, want %d", len(got), err, len(c.want))
			}
			for n, name := range c.want {
				if !bytes.Equal(got[n].PublicKey().Marshal(), signer(t, name).PublicKey().Marshal()) {
					t.Errorf("key %d is another than %s", n, name)
				}
			}
		})
	}
}

func TestParseKeysRefuses(t *testing.T) {
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(keys()["ed25519"], "", []byte("phrase"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		passphrase = "sshKey is locked by a passphrase: set a key without one, or use sshAgent"
		unreadable = "sshKey is not a private key that OpenSSH can read"
		none       = "sshKey holds no private key: expected -----BEGIN ... PRIVATE KEY----- and what follows"
		body       = "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
	)
	ed := privatePEM(t, "ed25519")
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", none},
		{"blank", " \n", none},
		{"path", "~/.ssh/id_ed25519", none},
		{"public key", string(ssh.MarshalAuthorizedKey(signer(t, "ed25519").PublicKey())), none},
		{"key on one line", strings.ReplaceAll(ed, "\n", " "), none},
		{"cut off", ed[:len(ed)/2], none},
		{"garbage in an envelope", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + body + "\n-----END OPENSSH PRIVATE KEY-----\n", unreadable},
		{"public key in an envelope", "-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----\n", unreadable},
		{"locked", string(pem.EncodeToMemory(locked)), passphrase},
		{"locked in the old form", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n" + body + "\n-----END RSA PRIVATE KEY-----\n", passphrase},
		{"locked in PKCS #8", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + "\n-----END ENCRYPTED PRIVATE KEY-----\n", passphrase},
		{"second one is locked", ed + string(pem.EncodeToMemory(locked)), passphrase},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseKeys(c.text)
			if message(err) != c.want || got != nil {
				t.Errorf("got %d keys, %q, want %q", len(got), message(err), c.want)
			}
			for _, line := range strings.Fields(c.text) {
				if len(line) > 20 && strings.Contains(message(err), line) {
					t.Errorf("the error %q holds a part of the key", err)
				}
			}
		})
	}
}

func TestAuthRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		login      Login
	}{
		{"neither key nor agent", "neither sshKey nor sshAgent is set: one of them opens the server", Login{}},
		{"bad key", "sshKey holds no private key: expected -----BEGIN ... PRIVATE KEY----- and what follows", Login{Keys: "x"}},
		{"agent that is gone", "the SSH agent does not answer: gone", Login{Agent: func(context.Context) (net.Conn, error) { return nil, errors.New("gone") }}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := c.login.auth(t.Context()); message(err) != c.want {
				t.Errorf("got %q, want %q", message(err), c.want)
			}
		})
	}
}

func knownLine(t testing.TB, address, key string) string {
	t.Helper()
	return knownhosts.Line([]string{knownhosts.Normalize(address)}, signer(t, key).PublicKey()) + "\n"
}

func TestKnownAlgorithms(t *testing.T) {
	target := Target{User: "deploy", Host: "staging.example.com", Port: 2222}
	const here, elsewhere = "staging.example.com:2222", "staging.example.com:22"
	hashed := knownhosts.HashHostname("[staging.example.com]:2222") + strings.TrimPrefix(knownLine(t, here, "ed25519"), "[staging.example.com]:2222")
	for _, c := range []struct {
		name, known string
		want        []string
	}{
		{"ed25519", knownLine(t, here, "ed25519"), []string{"ssh-ed25519"}},
		{"RSA, which signs in newer ways", knownLine(t, here, "rsa"), []string{"rsa-sha2-512", "rsa-sha2-256"}},
		{"both", knownLine(t, here, "rsa") + knownLine(t, here, "ed25519"), []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"}},
		{"hashed", hashed, []string{"ssh-ed25519"}},
		{"only of another port", knownLine(t, elsewhere, "ed25519"), nil},
		{"other ports left out", knownLine(t, elsewhere, "ed25519") + knownLine(t, here, "rsa"), []string{"rsa-sha2-512", "rsa-sha2-256"}},
		{"comments", "# a comment\n\n" + knownLine(t, here, "ed25519"), []string{"ssh-ed25519"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := Login{KnownHosts: c.known}.hostKeys(target)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestHostKeys(t *testing.T) {
	target := Target{User: "deploy", Host: "staging.example.com", Port: 22}
	key := signer(t, "ed25519").PublicKey()
	found := ssh.FingerprintSHA256(key)
	here := target.Address()
	for _, c := range []struct{ name, known, want string }{
		{"known", knownLine(t, here, "ed25519"), ""},
		{"known among several", knownLine(t, here, "rsa") + knownLine(t, here, "ed25519-2") + knownLine(t, here, "ed25519"), ""},
		{"unknown host", knownLine(t, "production.example.com:22", "ed25519"),
			"the host key of staging.example.com:22 is not in knownHosts: it has answered with " + found + "; compare that with the server's own, then add the output of ssh-keyscan"},
		{"changed", knownLine(t, here, "ed25519-2"),
			"staging.example.com:22 has answered with another host key (" + found + ") than knownHosts says: if the server was made anew, replace its line; if not, somebody stands in between"},
		{"revoked", "@revoked " + knownLine(t, here, "ed25519"), "knownhosts: key is revoked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			verify, _, err := Login{KnownHosts: c.known}.hostKeys(target)
			if err != nil {
				t.Fatal(err)
			}
			err = verify(here, &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 22}, key)
			if message(err) != c.want {
				t.Errorf("got %q, want %q", message(err), c.want)
			}
		})
	}
}

func TestHostKeysRefuses(t *testing.T) {
	for _, c := range []struct{ name, known, want string }{
		{"nothing", " \n", "knownHosts is not set: without it nobody knows whether staging is the right server; add the output of ssh-keyscan after comparing it"},
		{"no known_hosts file", "hello", "knownHosts is not in the form of a known_hosts file: 1: knownhosts: missing host pattern"},
		{"broken key", "# x\nstaging ssh-ed25519 AAAA", "knownHosts is not in the form of a known_hosts file: 2: ssh: short read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			if _, _, err := (Login{KnownHosts: c.known}).hostKeys(Target{Host: "staging", Port: 22}); message(err) != c.want {
				t.Errorf("got %q, want %q", message(err), c.want)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// stranger plays a server that lets nobody in, and counts who tries.
type stranger struct {
	target   Target
	mu       sync.Mutex
	attempts int
	ended    sync.WaitGroup
}

func newStranger(t *testing.T, hostKey string) *stranger {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{target: Target{User: "deploy", Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Dir: "/opt/app"}}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("nobody") },
		AuthLogCallback:   func(ssh.ConnMetadata, string, error) { s.mu.Lock(); s.attempts++; s.mu.Unlock() },
	}
	config.AddHostKey(signer(t, hostKey))
	t.Cleanup(func() { listener.Close() })
	s.ended.Add(1)
	go func() {
		defer s.ended.Done()
		raw, err := listener.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		if conn, _, _, err := ssh.NewServerConn(raw, config); err == nil {
			conn.Close()
		}
	}()
	return s
}

// tried waits for the end of the one connection, and tells how often somebody asked to be let in.
func (s *stranger) tried() int {
	s.ended.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func TestConnectShowsNoKeyToAStranger(t *testing.T) {
	for _, c := range []struct {
		name, known string
		changed     bool
	}{
		{"another key is known", "ed25519-2", true},
		{"another kind of key is known", "rsa", true},
		{"the host is not known", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStranger(t, "ed25519")
			known := knownLine(t, "10.1.2.3:22", "ed25519")
			if c.known != "" {
				known = knownLine(t, s.target.Address(), c.known)
			}
			_, err := Connect(t.Context(), s.target, Login{Keys: privatePEM(t, "ed25519"), KnownHosts: known})
			wrong := new(HostKeyError)
			if !errors.As(err, &wrong) || wrong.Changed != c.changed || wrong.Address != s.target.Address() {
				t.Errorf("got %v, want a HostKeyError of %s, changed: %t", err, s.target.Address(), c.changed)
			}
			if n := s.tried(); n != 0 {
				t.Errorf("the stranger was asked %d times to let us in, want 0", n)
			}
		})
	}
}

func TestConnectNotLetIn(t *testing.T) {
	s := newStranger(t, "ed25519")
	_, err := Connect(t.Context(), s.target, Login{Keys: privatePEM(t, "rsa"), KnownHosts: knownLine(t, s.target.Address(), "ed25519")})
	want := fmt.Sprintf("%s does not let deploy in with this key: add its public half to ~/.ssh/authorized_keys there", s.target.Address())
	if message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if n := s.tried(); n == 0 {
		t.Error("the server was never asked to let us in, so the tests with a stranger prove nothing")
	}
}

// deafPort is one on which nobody listens, nor does another test.
const deafPort = 1

func TestConnectWithoutAServer(t *testing.T) {
	target := Target{User: "deploy", Host: "127.0.0.1", Port: deafPort}
	_, err := Connect(t.Context(), target, Login{Keys: privatePEM(t, "ed25519"), KnownHosts: knownLine(t, target.Address(), "ed25519")})
	if want := "no connection to " + target.Address() + ": "; !strings.HasPrefix(message(err), want) {
		t.Errorf("got %v, want %s...", err, want)
	}
}
