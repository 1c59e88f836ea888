package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What Docker's two image stores say of one deployment from Docker Hub: they differ in the image's id.
func TestDockerHub(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for _, store := range []string{"overlay2", "containerd"} {
		for _, repository := range []string{"docker.io/acme/backend", "index.docker.io/acme/backend", "acme/backend"} {
			t.Run(store+" "+repository, func(t *testing.T) {
				containers, err := parseContainers(readFile(t, "testdata/docker/"+store+"-containers.json"))
				if err != nil {
					t.Fatal(err)
				}
				digests, err := parseDigests(readFile(t, "testdata/docker/"+store+"-images.json"))
				if err != nil {
					t.Fatal(err)
				}
				pin := Image{Repository: repository, Digest: digest}.Ref()
				l := look{at: now, containers: containers, digests: digests, pins: map[string]string{"api": pin}, services: map[string]service{"api": {}}}
				if v := l.judge(); !v.good() {
					t.Errorf("got %q, want a healthy api", v.bad())
				}
				if got := l.describe(containers[0]); got.Drift != "" || got.Image != pin {
					t.Errorf("got %+v, want %s as it was deployed", got, pin)
				}
				l.pins["api"] = Image{Repository: repository, Digest: "sha256:" + strings.Repeat("b", 64)}.Ref()
				if v, s := l.judge(), l.describe(containers[0]); len(v.fatal) != 1 || s.Drift != "was deployed as "+l.pins["api"] {
					t.Errorf("got %q and %+v for another digest", v.bad(), s)
				}
			})
		}
	}
}

func TestPrunable(t *testing.T) {
	a, b := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	for _, c := range []struct {
		name, repository string
		there            []string
		keep, want       []string
	}{
		{"nothing there", "r.example/b", nil, []string{"r.example/b@" + a}, nil},
		{"kept and not", "r.example/b", []string{"r.example/b@" + a, "r.example/b@" + b}, []string{"r.example/b@" + a}, []string{"r.example/b@" + b}},
		{"built on the server", "r.example/b", []string{"r.example/b@<none>"}, nil, nil},
		{"one of Docker Hub that is needed", "docker.io/acme/b", []string{"acme/b@" + a, "acme/b@" + b}, []string{"docker.io/acme/b@" + a}, []string{"acme/b@" + b}},
		{"named twice by the containerd store", "r.example/b", []string{"r.example/b@" + b, "r.example/b@" + b}, nil, []string{"r.example/b@" + b}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := prunable(strings.Join(c.there, "\n"), c.keep); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestShortRepository(t *testing.T) {
	for of, want := range map[string]string{
		"docker.io/acme/b":        "acme/b",
		"index.docker.io/acme/b":  "acme/b",
		"acme/b":                  "acme/b",
		"docker.io/library/redis": "redis",
		"redis":                   "redis",
		"ghcr.io/acme/b":          "ghcr.io/acme/b",
		"localhost:5000/b":        "localhost:5000/b",
		"10.88.0.1:5000/acme/b":   "10.88.0.1:5000/acme/b",
	} {
		if got := shortRepository(of); got != want {
			t.Errorf("%s: got %s, want %s", of, got, want)
		}
	}
}

// The whole way of an image of Docker Hub: it is found healthy, and what nothing needs is removed, with tags and without.
func TestDeployFromDockerHub(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"28.3.0", "29.1.0"} {
		t.Run("Docker "+version, func(t *testing.T) {
			s := standIn(t)
			s.shop, s.versions.docker = "docker.io/acme", version
			old := s.image("backend", "0.9.0", behaviour{})
			s.image("backend", "1.0.0", behaviour{healthyAfter: 10 * time.Millisecond})
			s.sh("docker pull acme/backend@" + old.digest)
			release := s.release("1.0.0", "services:\n  backend:\n    image: acme/backend:${VERSION}\n    restart: always\n")
			result, err := Deploy(t.Context(), s.environment(), release)
			if err != nil || !slices.Contains(result.Figures, "1 images of older releases removed") {
				t.Errorf("got %+v, %v", result, err)
			}
			status, err := Read(t.Context(), s.environment())
			if err != nil || len(status.Problems) > 0 || len(status.Services) != 1 || status.Services[0].Drift != "" {
				t.Errorf("got %+v, %v", status, err)
			}
		})
	}
}
