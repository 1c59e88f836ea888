package server

import "testing"

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
