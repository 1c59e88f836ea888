package registry

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestNewAccepts(t *testing.T) {
	for _, prefix := range []string{
		"ghcr.io/acme", "ghcr.io/acme/team", "registry.example.com", "registry.example.com:5000/a.b_c__d-e--f",
		"10.1.2.3:5000", "10.1.2.3:5000/team", "192.168.0.7", "169.254.10.1:5000", "registry:5000", "docker.io/acme",
		"index.docker.io/acme", "[fd00::1]:5000", "[fd00::1]/acme", "xn--bcher-kva.example/acme", "1password.example",
		"localhost.example.com/acme",
	} {
		t.Run(prefix, func(t *testing.T) {
			c, err := New(prefix, Auth{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Repository("backend")
			if want := prefix + "/backend"; got != want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	const loopback = "containers that have a loopback of their own"
	tests := []struct{ name, prefix, message string }{
		{"nothing", "", "no registry is given"},
		{"scheme", "https://ghcr.io/acme", "must not start with a scheme"},
		{"user information", "bob:hunter2@ghcr.io/acme", "user information or a query"},
		{"query", "ghcr.io/acme?token=hunter2", "user information or a query"},
		{"upper case host", "GHCR.io/acme", "all lower-case"},
		{"upper case path", "ghcr.io/Acme", "all lower-case"},
		{"upper case beyond ASCII", "ghcr.io/É", "all lower-case"},
		{"slash at the end", "ghcr.io/acme/", "must not end with a slash"},
		{"slash alone", "/", "must not end with a slash"},
		{"path with empty part", "ghcr.io//acme", `invalid path "/acme"`},
		{"path with tag", "ghcr.io/acme:1.2.3", `invalid path "acme:1.2.3"`},
		{"path upwards", "ghcr.io/../v2", `invalid path "../v2"`},
		{"path with three underscores", "ghcr.io/a___b", `invalid path "a___b"`},
		{"space before", " ghcr.io", `host " ghcr.io" is not valid`},
		{"line break after", "ghcr.io\n", `host "ghcr.io\n" is not valid`},
		{"line break after the path", "ghcr.io/acme\n", `invalid path "acme\n"`},
		{"NUL", "ghcr.io\x00", "is not valid"},
		{"no host", "acme/team", `start with a host, and "acme" is none`},
		{"one word", "acme", `start with a host, and "acme" is none`},
		{"Docker Hub without account", "docker.io", "needs your account"},
		{"no host before the port", ":5000", "is not valid"},
		{"port zero", "ghcr.io:0", "no valid port"},
		{"port too large", "ghcr.io:65536", "no valid port"},
		{"port is no number", "ghcr.io:http", "is not valid"},
		{"label ends with a hyphen", "ghcr-.io", "is not valid"},
		{"two dots", "ghcr..io", "is not valid"},
		{"IPv4 part too large", "10.1.2.256:5000", "not a valid IP address"},
		{"IPv4 with leading zero", "10.1.2.03:5000", "not a valid IP address"},
		{"IPv4 in brackets", "[10.1.2.3]:5000", "not a valid IP address"},
		{"IPv6 without brackets", "fd00::1", "is not valid"},
		{"IPv6 malformed", "[fd00:::1]:5000", "not a valid IP address"},
		{"localhost", "localhost:5000/team", loopback},
		{"localhost without port", "localhost", loopback},
		{"name below localhost", "registry.localhost:5000", loopback},
		{"127.0.0.1", "127.0.0.1:5000", loopback},
		{"127.9.9.9", "127.9.9.9/team", loopback},
		{"127.1", "127.1:5000", "not a valid IP address"},
		{"loopback as one number", "2130706433:5000", "not a valid IP address"},
		{"loopback as hexadecimal number", "0x7f000001:5000", "not a valid IP address"},
		{"0.0.0.0", "0.0.0.0:5000", loopback},
		{"::1", "[::1]:5000", loopback},
		{"::", "[::]:5000", loopback},
		{"127.0.0.1 as IPv6", "[::ffff:127.0.0.1]:5000", loopback},
		{"0.0.0.0 as IPv6", "[::ffff:0.0.0.0]:5000", loopback},
		{"127.0.0.1 as hexadecimal IPv6", "[::ffff:7f00:1]:5000", loopback},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.prefix, Auth{})
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("got %v, want %q", err, test.message)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password stands in the error: %v", err)
			}
		})
	}
}

func FuzzNew(f *testing.F) {
	for _, seed := range []string{
		"ghcr.io/acme", "10.1.2.3:5000/team", "[::1]:5000", "localhost", "docker.io/a", "0x7f.1", "a..b", "a/b:c", "é.io",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		if _, err := New(prefix, Auth{}); err != nil {
			return
		}
		repo, err := name.NewRepository(prefix+"/backend", name.StrictValidation)
		if err != nil {
			if len(prefix) < 240 {
				t.Fatalf("%q is accepted, and the library refuses it: %v", prefix, err)
			}
			return
		}
		if strings.ToLower(repo.Name()) != repo.Name() {
			t.Errorf("%q is not lower-case", repo.Name())
		}
		host, _, _ := strings.Cut(repo.RegistryStr(), ":")
		ip, err := netip.ParseAddr(host)
		if host == "localhost" || err == nil && ip.IsLoopback() {
			t.Errorf("%q is a loopback address", prefix)
		}
	})
}

func TestNewWithHalfTheCredentials(t *testing.T) {
	_, err := New("ghcr.io/acme", Auth{Token: "canary-token"})
	if err == nil || !strings.Contains(err.Error(), "registryUser is not") || strings.Contains(err.Error(), "canary") {
		t.Errorf("token without user: got %v", err)
	}
	// A user from the settings and no token is what a dry run on a laptop has.
	if _, err := New("ghcr.io/acme", Auth{User: "ci"}); err != nil {
		t.Errorf("user without token: got %v", err)
	}
}

func TestRepositoryRefuses(t *testing.T) {
	c, err := New("ghcr.io/acme", Auth{})
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{
		"", "Backend", "back end", "backend/", "/backend", "backend:1", "backend@sha256", "../backend", "a//b", "-a", "a-",
		"backend\n", "bäckend", strings.Repeat("a", 256),
	} {
		if got, err := c.Repository(image); err == nil || got != "" {
			t.Errorf("%q: got %q, %v", image, got, err)
		}
	}
	for _, image := range []string{"backend", "arq-worker", "team/back_end", "a.b", "a--b", "a__b"} {
		if got, err := c.Repository(image); got != "ghcr.io/acme/"+image || err != nil {
			t.Errorf("%q: got %q, %v", image, got, err)
		}
	}
}

func TestTagAndDigestGrammar(t *testing.T) {
	c, err := New("ghcr.io/acme", Auth{})
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]bool{
		"1.2.3": true, "latest": true, "_x": true, "sha-0123456": true, "V1": true, strings.Repeat("a", 128): true,
		"": false, ".x": false, "-x": false, "a b": false, "a/b": false, "../x": false, "a:b": false, "1.2.3\n": false,
		"1.2.3+4": false, "é": false, strings.Repeat("a", 129): false,
	} {
		if _, err := c.tag("backend", tag); (err == nil) != want {
			t.Errorf("tag %q: %v", tag, err)
		}
	}
	hex := strings.Repeat("0a", 32)
	for digest, want := range map[string]bool{
		"sha256:" + hex: true,
		"":              false, hex: false, "sha256:" + hex[1:]: false, "sha256:" + hex + "0": false,
		"sha256:" + strings.ToUpper(hex): false, "sha512:" + hex + hex: false, "sha256:" + hex + "\n": false,
	} {
		if _, err := c.digest("backend", digest); (err == nil) != want {
			t.Errorf("digest %q: %v", digest, err)
		}
	}
}
