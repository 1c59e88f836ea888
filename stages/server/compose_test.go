package server

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

func TestPin(t *testing.T) {
	backend := Image{Name: "backend", Repository: "registry.example.com:5000/shop/backend", Digest: "sha256:b"}
	frontend := Image{Name: "frontend", Repository: "registry.example.com:5000/shop/frontend", Digest: "sha256:f"}
	hub := Image{Name: "backend", Repository: "docker.io/acme/backend", Digest: "sha256:h"}
	const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name     string
		services map[string]string
		images   []Image
		want     map[string]string
		err      string
	}{
		{"by tag", map[string]string{"api": "registry.example.com:5000/shop/backend:1.2.3", "db": "postgres:17"}, []Image{backend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b"}, ""},
		{"without a tag", map[string]string{"api": "registry.example.com:5000/shop/backend"}, []Image{backend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b"}, ""},
		{"by digest", map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:" + hex}, []Image{backend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b"}, ""},
		{"by tag and digest", map[string]string{"api": "registry.example.com:5000/shop/backend:1.2.3@sha256:" + hex}, []Image{backend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b"}, ""},
		{"several services of one image", map[string]string{"api": "registry.example.com:5000/shop/backend:1", "arq-worker": "registry.example.com:5000/shop/backend:1", "web": "registry.example.com:5000/shop/frontend:1"}, []Image{backend, frontend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b", "arq-worker": "registry.example.com:5000/shop/backend@sha256:b", "web": "registry.example.com:5000/shop/frontend@sha256:f"}, ""},
		{"short name of Docker Hub", map[string]string{"api": "acme/backend:1"}, []Image{hub}, map[string]string{"api": "docker.io/acme/backend@sha256:h"}, ""},
		{"full name of Docker Hub", map[string]string{"api": "index.docker.io/acme/backend:1"}, []Image{hub}, map[string]string{"api": "docker.io/acme/backend@sha256:h"}, ""},
		{"official image of Docker Hub", map[string]string{"cache": "redis"}, []Image{{Repository: "docker.io/library/redis", Digest: "sha256:r"}},
			map[string]string{"cache": "docker.io/library/redis@sha256:r"}, ""},
		{"no images", map[string]string{"db": "postgres:17"}, nil, map[string]string{}, ""},
		{"another registry", map[string]string{"api": "other.example.com/shop/backend:1", "db": "postgres:17"}, []Image{backend}, nil,
			"no service of the compose file uses registry.example.com:5000/shop/backend: expected a line such as image: registry.example.com:5000/shop/backend:${VERSION}; its services use other.example.com/shop/backend:1, postgres:17"},
		{"longer repository", map[string]string{"api": "registry.example.com:5000/shop/backend-api:1"}, []Image{backend}, nil,
			"no service of the compose file uses registry.example.com:5000/shop/backend: expected a line such as image: registry.example.com:5000/shop/backend:${VERSION}; its services use registry.example.com:5000/shop/backend-api:1"},
		{"two without a service", map[string]string{"db": "postgres:17", "db2": "postgres:17"}, []Image{frontend, backend}, nil,
			"no service of the compose file uses registry.example.com:5000/shop/backend, registry.example.com:5000/shop/frontend: expected a line such as image: registry.example.com:5000/shop/backend:${VERSION}; its services use postgres:17"},
		{"one of two without a service", map[string]string{"api": "registry.example.com:5000/shop/backend:1"}, []Image{backend, frontend}, nil,
			"no service of the compose file uses registry.example.com:5000/shop/frontend: expected a line such as image: registry.example.com:5000/shop/frontend:${VERSION}; its services use registry.example.com:5000/shop/backend:1"},
		{"service that is built", map[string]string{"api": "", "db": "postgres:17"}, []Image{backend}, nil,
			"no service of the compose file uses registry.example.com:5000/shop/backend: expected a line such as image: registry.example.com:5000/shop/backend:${VERSION}; its services use postgres:17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := compose{Services: map[string]service{}}
			for name, image := range c.services {
				file.Services[name] = service{Image: image}
			}
			got, err := file.pin(c.images)
			if message(err) != c.err || !maps.Equal(got, c.want) {
				t.Errorf("got %v, %q, want %v, %q", got, message(err), c.want, c.err)
			}
		})
	}
}

func TestPinText(t *testing.T) {
	for _, c := range []struct {
		name string
		pins map[string]string
		want string
	}{
		{"none", nil, `{"services":{}}`},
		{"two", map[string]string{"web": "r/f@sha256:f", "api": "r/b@sha256:b"}, `{"services":{"api":{"image":"r/b@sha256:b"},"web":{"image":"r/f@sha256:f"}}}`},
		{"names that YAML would misread", map[string]string{"on": "r/b@sha256:b", "a: b": "x\ny"}, `{"services":{"a: b":{"image":"x\ny"},"on":{"image":"r/b@sha256:b"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := pinText(c.pins)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(text, &value); err != nil {
				t.Fatal(err)
			}
			if got, _ := json.Marshal(value); string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestProject(t *testing.T) {
	c := &Conn{target: Target{Dir: "/srv/shop"}}
	for _, test := range []struct {
		name   string
		images map[string]string
		env    []string
	}{
		{"no images", nil, []string{"VERSION=1.2.3"}},
		{"images of one registry", map[string]string{"backend": "r:5000/shop/backend@sha256:b", "frontend": "r:5000/shop/frontend@sha256:f"}, []string{"VERSION=1.2.3", "REGISTRY=r:5000/shop"}},
		{"images of other names", map[string]string{"api": "r:5000/shop/backend@sha256:b"}, []string{"VERSION=1.2.3"}},
		{"name that is only an ending", map[string]string{"end": "r:5000/shop/backend@sha256:b"}, []string{"VERSION=1.2.3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := c.project("1.2.3", test.images)
			if !slices.Equal(p.env, test.env) || p.pinFile() != ".slipway/releases/1.2.3/images.json" {
				t.Errorf("got %v, %s, want %v", p.env, p.pinFile(), test.env)
			}
			want := []string{"docker", "compose", "--project-directory", "/srv/shop", "--file", "/srv/shop/.slipway/releases/1.2.3/compose.yml", "config"}
			if got := p.args("config"); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestOneShot(t *testing.T) {
	for restart, want := range map[string]bool{"": true, "no": true, "always": false, "unless-stopped": false, "on-failure": true, "on-failure:3": true} {
		t.Run(restart, func(t *testing.T) {
			if got := (service{Restart: restart}).oneShot(); got != want {
				t.Errorf("got %t, want %t", got, want)
			}
		})
	}
}

func TestContainer(t *testing.T) {
	var c container
	text := `{"Id":"1","Name":"/shop-api-1","RestartCount":2,"Image":"sha256:i","Config":{"Image":"r/b","Labels":{"com.docker.compose.service":"api","com.docker.compose.oneoff":"True"}},
		"State":{"Status":"running","ExitCode":3,"StartedAt":"2026-01-02T03:04:05.678Z","Health":{"Status":"starting"}}}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.ID != "1" || c.Image != "sha256:i" || c.Config.Image != "r/b" || c.RestartCount != 2 || c.State.ExitCode != 3 || c.State.Started != "2026-01-02T03:04:05.678Z" || c.State.Health.Status != "starting" {
		t.Errorf("got %+v", c)
	}
	if c.service() != "api" || !c.oneOff() {
		t.Errorf("got service %q, one-off %t", c.service(), c.oneOff())
	}
	if c.Config.Labels["com.docker.compose.oneoff"] = "False"; c.oneOff() {
		t.Error("a container of compose up counts as a one-off")
	}
}
