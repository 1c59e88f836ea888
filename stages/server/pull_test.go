package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// privateShop is a server whose registry insists on ann and her token, which the server itself knows if it is logged in.
func privateShop(t *testing.T, loggedIn bool) (*server, Release) {
	t.Helper()
	s := standIn(t)
	s.image("backend", "1.0.0", behaviour{healthyAfter: 10 * time.Millisecond})
	s.private("ann", "pull-token")
	if loggedIn {
		config := filepath.Join(s.home, ".docker")
		if err := os.MkdirAll(config, 0o700); err != nil {
			t.Fatal(err)
		}
		text, err := Registry{Host: "registry.example.com", User: "ann", Token: "pull-token"}.dockerConfig()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(config, "config.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s, s.release("1.0.0", "services:\n  backend:\n    image: ${REGISTRY}/backend:${VERSION}\n    restart: always\n")
}

func TestPullWithWhoseCredentials(t *testing.T) {
	t.Parallel()
	ours, others := Registry{Host: "registry.example.com", User: "ann", Token: "pull-token"}, Registry{Host: "registry.example.com", User: "ann", Token: "push-token"}
	for _, c := range []struct {
		name     string
		loggedIn bool
		with     Registry
		sent     bool
		want     string
	}{
		{"the server's own", true, others, false, ""},
		{"the server's own, and none set", true, Registry{}, false, ""},
		{"those of the settings, where the server is refused", false, ours, true, ""},
		{"none", false, Registry{}, false, "the server cannot pull registry.example.com/shop/backend@"},
		{"wrong ones", false, others, true, "the server cannot pull registry.example.com/shop/backend@"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, release := privateShop(t, c.loggedIn)
			release.Registry = c.with
			_, err := Deploy(t.Context(), s.environment(), release)
			if !strings.HasPrefix(message(err), c.want) || (err == nil) != (c.want == "") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if sent := len(s.lines("--config")) > 0; sent != c.sent {
				t.Errorf("the credentials of the settings were sent: %t, want %t", sent, c.sent)
			}
		})
	}
}

func TestWhatIsNoRefusalNeedsNoCredentials(t *testing.T) {
	s, release := privateShop(t, true)
	release.Registry = Registry{Host: "registry.example.com", User: "ann", Token: "push-token"}
	s.on("docker pull", func(*dockerd, *call) error {
		return ends(1, "Error response from daemon: write /var/lib/docker/tmp/layer: no space left on device")
	})
	_, err := Deploy(t.Context(), s.environment(), release)
	if !strings.Contains(message(err), "no space left on device") || len(s.lines("--config")) > 0 {
		t.Errorf("got %v and %q", err, s.lines("--config"))
	}
}

// What registries say when they mean that one may not, or does not see it for lack of a login.
func TestRefused(t *testing.T) {
	for text, want := range map[string]bool{
		"Error response from daemon: pull access denied for acme/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied": true,
		"Error response from daemon: Head \"https://ghcr.io/v2/acme/b/manifests/sha256:1\": unauthorized":                                                                        true,
		"Error response from daemon: error from registry: denied":                                                                                                                true,
		"Error response from daemon: Head \"https://1.dkr.ecr.eu-west-1.amazonaws.com/v2/b\": no basic auth credentials":                                                         true,
		"Error response from daemon: Get \"https://r.example/v2/\": unknown: 403 Forbidden":                                                                                      true,
		"Error response from daemon: unexpected status from HEAD request to https://r.example/v2/b: 401 Unauthorized":                                                            true,
		"Error response from daemon: manifest for r.example/b@sha256:1 not found: manifest unknown: manifest unknown":                                                            true,
		"Error response from daemon: Get \"https://r.example/v2/\": dial tcp: lookup r.example on 10.0.0.2:53: no such host":                                                     false,
		"Error response from daemon: Get \"https://r.example/v2/\": net/http: request canceled (Client.Timeout exceeded)":                                                        false,
		"Error response from daemon: Get \"https://r.example/v2/\": dial tcp 10.0.0.1:443: connect: connection refused":                                                          false,
		"write /var/lib/docker/tmp/layer: no space left on device":                                                                                                               false,
		"toomanyrequests: You have reached your unauthenticated pull rate limit.":                                                                                                true,
	} {
		if got := refused(&exitError{output: text}); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}

func TestPruneStopsWhereDockerHangs(t *testing.T) {
	s, release := privateShop(t, true)
	for _, old := range []string{"0.1.0", "0.2.0", "0.3.0"} {
		s.sh("docker pull registry.example.com/shop/backend@" + s.image("backend", old, behaviour{}).digest)
	}
	d := newDeployment(s.environment(), connect(t, s.target, s.environment().Login), release, Deployed)
	command := commandTime
	commandTime = 500 * time.Millisecond
	t.Cleanup(func() { commandTime = command })
	s.on("docker image rm", func(*dockerd, *call) error { time.Sleep(time.Second); return nil })
	if err := d.prune(t.Context()); !strings.Contains(message(err), "docker image rm on 127.0.0.1 has not answered") || len(s.lines("docker image rm")) > 1 {
		t.Errorf("got %v after %q", err, s.lines("docker image rm"))
	}
}
