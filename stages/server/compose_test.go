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
		{"one of two without a service", map[string]string{"api": "registry.example.com:5000/shop/backend:1"}, []Image{backend, frontend},
			map[string]string{"api": "registry.example.com:5000/shop/backend@sha256:b"}, ""},
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
		name           string
		pins, contents map[string]string
		want           string
	}{
		{"none", nil, nil, `{"services":{}}`},
		{"contents", map[string]string{"web": "r/f@sha256:f"}, map[string]string{"web": "12", "proxy": "34"},
			`{"services":{"proxy":{"labels":{"slipway.files":"34"}},"web":{"image":"r/f@sha256:f","labels":{"slipway.files":"12"},"pull_policy":"missing"}}}`},
		{"two", map[string]string{"web": "r/f@sha256:f", "api": "r/b@sha256:b"}, nil, `{"services":{"api":{"image":"r/b@sha256:b","pull_policy":"missing"},"web":{"image":"r/f@sha256:f","pull_policy":"missing"}}}`},
		{"names that YAML would misread", map[string]string{"on": "r/b@sha256:b", "a: b": "x\ny"}, nil, `{"services":{"a: b":{"image":"x\ny","pull_policy":"missing"},"on":{"image":"r/b@sha256:b","pull_policy":"missing"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := pinText(c.pins, c.contents)
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
			p := c.project("1.2.3", test.images, "compose.yml")
			if !slices.Equal(p.env, test.env) || p.pinFile() != ".slipway/releases/1.2.3/images.json" {
				t.Errorf("got %v, %s, want %v", p.env, p.pinFile(), test.env)
			}
			want := []string{"docker", "compose", "--project-directory", "/srv/shop", "--file", "/srv/shop/.slipway/releases/1.2.3/compose.yml", "config"}
			if got := p.args("config"); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for composeFile, want := range map[string]string{"": "/srv/shop", "compose.yml": "/srv/shop", "deploy/prod/compose.yml": "/srv/shop/deploy/prod"} {
		if got := c.project("1.2.3", nil, composeFile).args()[3]; got != want {
			t.Errorf("the paths of %q start in %s, want %s", composeFile, got, want)
		}
	}
}

// recorded is what docker compose 2.26 has answered about a compose file in the folder deploy, as teams write them.
func recorded(t *testing.T) compose {
	t.Helper()
	var a compose
	if err := json.Unmarshal([]byte(readFile(t, "testdata/config.json")), &a); err != nil {
		t.Fatal(err)
	}
	a.localise("/srv/shop")
	for _, name := range []string{"migrate", "dev"} {
		s := a.Services[name]
		s.inactive = true
		a.Services[name] = s
	}
	return a
}

func TestRecorded(t *testing.T) {
	backend := Image{Name: "backend", Repository: "registry.example.com/shop/backend", Digest: "sha256:b", Build: Build{"backend", "Dockerfile", ""}}
	worker := Image{Name: "worker", Repository: "registry.example.com/shop/worker", Digest: "sha256:w", Build: Build{"backend", "Dockerfile.worker", "run"}}
	frontend := Image{Name: "frontend", Repository: "registry.example.com/shop/frontend", Digest: "sha256:f", Build: Build{"frontend", "Dockerfile", ""}}
	a := recorded(t)
	pins, err := a.pin([]Image{backend, worker, frontend})
	want := map[string]string{"api": backend.Ref(), "collectstatic": backend.Ref(), "migrate": backend.Ref(), "worker": worker.Ref(), "web": frontend.Ref()}
	if err != nil || !maps.Equal(pins, want) {
		t.Errorf("pinned are %v, %v, want %v", pins, err, want)
	}
	if err := a.refusal([]Image{backend, worker, frontend}); err != nil {
		t.Errorf("refused: %v", err)
	}
	if networks, volumes := a.external(); !slices.Equal(networks, []string{"edge"}) || len(volumes) > 0 {
		t.Errorf("from outside are %v, %v", networks, volumes)
	}
	if got, want := a.sources(), []string{"certs", "deploy/nginx/nginx.conf", "migrations", "secrets/token"}; !slices.Equal(got, want) {
		t.Errorf("mounted are %v, want %v", got, want)
	}
	conf, token := File{Path: "deploy/nginx/nginx.conf", Text: []byte("a")}, File{Path: "secrets/token"}
	got := a.contents([]File{conf, token})
	if len(got) != 2 || got["web"] == "" || got["api"] == "" {
		t.Errorf("the contents are %v", got)
	}
	conf.Text = []byte("b")
	if then := a.contents([]File{conf, token}); then["web"] == got["web"] || then["api"] != got["api"] {
		t.Errorf("after a change of nginx.conf they are %v, before it %v", then, got)
	}
	p := &project{compose: a}
	if up := slices.Sorted(maps.Keys(p.services(Environment{Migrate: "migrate"}))); !slices.Equal(up, []string{"api", "collectstatic", "db", "web", "worker"}) {
		t.Errorf("brought up are %v", up)
	}
	if got := p.rolling(Environment{Migrate: "migrate"}, pins, nil); !slices.Equal(got, []string{"collectstatic", "worker"}) {
		t.Errorf("started beside are %v", got)
	}
}

func TestRefusal(t *testing.T) {
	app := Image{Name: "app", Repository: "docker.io/acme/app", Build: Build{"backend", "Dockerfile", ""}}
	for _, c := range []struct {
		name     string
		services string
		want     string
	}{
		{"one tag", `{"a":{"image":"acme/app:1"},"b":{"image":"docker.io/acme/app:1"}}`, ""},
		{"no tag is latest", `{"a":{"image":"acme/app"},"b":{"image":"acme/app:latest"}}`, ""},
		{"a tag for each program", `{"api":{"image":"acme/app:backend"},"web":{"image":"acme/app:frontend"}}`,
			"services api, web use several tags of docker.io/acme/app (backend, frontend), and a release is one image of it: expected an image of its own for each program (setting images), or the same tag"},
		{"several tags of what is not ours", `{"a":{"image":"postgres:16"},"b":{"image":"postgres:17"},"c":{"image":"acme/app:1"}}`, ""},
		{"built as ours is, under a name of its own", `{"api":{"image":"acme/app:1"},"job":{"image":"shop-job","build":{"context":"/srv/shop/backend","dockerfile":"Dockerfile"}}}`, ""},
		{"our image, built from elsewhere", `{"api":{"image":"acme/app:1","build":{"context":"/srv/shop/other","dockerfile":"Dockerfile"}}}`, ""},
		{"another Dockerfile", `{"api":{"build":{"context":"/srv/shop/backend","dockerfile":"Dockerfile.dev"}}}`,
			"service api is built from backend:Dockerfile.dev, which is none of the release's images: expected a line such as image: ${REGISTRY}/api:${VERSION}, and api=backend:Dockerfile.dev in the setting images"},
		{"another target", `{"api":{"build":{"context":"/srv/shop/backend","dockerfile":"Dockerfile","target":"dev"}}}`,
			"service api is built from backend#dev, which is none of the release's images: expected a line such as image: ${REGISTRY}/api:${VERSION}, and api=backend#dev in the setting images"},
		{"a Dockerfile inside of the compose file", `{"api":{"build":{"context":"/srv/shop/backend","dockerfile":"Dockerfile","dockerfile_inline":"FROM x"}}}`,
			"service api is built from backend, which is none of the release's images: expected a line such as image: ${REGISTRY}/api:${VERSION}, and api=backend in the setting images"},
		{"a name that only the server knows", `{"api":{"image":"shop-api","build":{"context":"/srv/shop/api","dockerfile":"Dockerfile"}}}`,
			"service api is built from api, which is none of the release's images: expected a line such as image: ${REGISTRY}/api:${VERSION}, and api=api in the setting images"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := compose{Services: map[string]service{}}
			if err := json.Unmarshal([]byte(c.services), &a.Services); err != nil {
				t.Fatal(err)
			}
			a.localise("/srv/shop")
			if got := message(a.refusal([]Image{app})); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
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
