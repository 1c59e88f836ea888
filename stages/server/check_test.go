package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// What docker compose version prints, of many packages and of what stands in for it. Without a version it is refused.
func TestComposeVersion(t *testing.T) {
	var answers []struct{ Of, Args, Prints, Version string }
	if err := json.Unmarshal([]byte(readFile(t, "testdata/docker/compose-versions.json")), &answers); err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		t.Run(a.Of, func(t *testing.T) {
			got, ok := versionIn(a.Prints)
			if ok != (a.Version != "") || ok && got.String() != a.Version {
				t.Errorf("got %v, %t of %q, want %q", got, ok, a.Prints, a.Version)
			}
		})
	}
}

func TestCheckVersion(t *testing.T) {
	c := &Conn{target: Target{Host: "staging"}}
	for _, test := range []struct{ prints, want string }{
		{"2.40.3+ds1-0ubuntu1~22.04.1\n", ""},
		{"2.22.0\n", ""},
		{"v2.21.0\n", `expected docker compose 2.22.0 or newer on staging, found "v2.21.0"`},
		{"dev\n", `expected docker compose 2.22.0 or newer on staging, found "dev"`},
		{"", `expected docker compose 2.22.0 or newer on staging, found ""`},
		{"podman-compose version 1.5.0\npodman version 5.7.1\n", "docker on staging is Podman in Docker's place: expected Docker's own engine with its plugin docker compose, 2.22.0 or newer"},
	} {
		if got := message(c.checkVersion(test.prints)); got != test.want {
			t.Errorf("got %q of %q, want %q", got, test.prints, test.want)
		}
	}
}

func TestDockerDoesNotWork(t *testing.T) {
	c := &Conn{target: Target{Host: "staging", User: "deploy"}}
	for _, test := range []struct{ name, prints, want string }{
		{"no right", "permission denied while trying to connect to the Docker daemon socket", "docker does not work for deploy on staging (is the user in the group docker?): permission denied"},
		{"podman-docker", "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\nError: template: info:1:2: executing \"info\" at <.DockerRootDir>: can't evaluate field DockerRootDir", "docker on staging is Podman in Docker's place: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := message(c.dockerError(test.prints)); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %q...", got, test.want)
			}
		})
	}
}

func TestDockerConfig(t *testing.T) {
	for _, c := range []struct {
		name string
		of   Registry
		want string
	}{
		{"plain", Registry{"registry.example.com", "ann", "secret"}, `{"auths":{"registry.example.com":{"auth":"YW5uOnNlY3JldA=="}}}`},
		{"port", Registry{"registry.example.com:5000", "ann", "secret"}, `{"auths":{"registry.example.com:5000":{"auth":"YW5uOnNlY3JldA=="}}}`},
		{"token with colons and quotes", Registry{"r", "ann", `a:"b"`}, `{"auths":{"r":{"auth":"YW5uOmE6ImIi"}}}`},
		{"Docker Hub", Registry{"docker.io", "ann", "secret"}, `{"auths":{"https://index.docker.io/v1/":{"auth":"YW5uOnNlY3JldA=="}}}`},
		{"Docker Hub by its other name", Registry{"index.docker.io", "ann", "secret"}, `{"auths":{"https://index.docker.io/v1/":{"auth":"YW5uOnNlY3JldA=="}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.of.dockerConfig()
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestLastLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"one", "a", "a"},
		{"several", "a\nb\nc\n\n", "c"},
		{"only line feeds", "\n\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lastLine(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
