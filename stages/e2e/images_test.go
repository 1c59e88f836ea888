package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"path"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestImagesAsTeamsBuildThem is about what builds need besides their context, and about several platforms.
func TestImagesAsTeamsBuildThem(t *testing.T) {
	t.Parallel()
	s := newSmallShop(t)
	t.Run("platforms", func(t *testing.T) { publishPlatforms(t, s) })
	t.Run("private", func(t *testing.T) { buildPrivately(t, s) })
}

// buildPrivately builds on a private image, with an argument and a secret, by a Dockerfile from outside of its context whose
// own ignore file counts.
func buildPrivately(t *testing.T, s Shop) {
	password, secret := "canary/"+rand.Text(), "canary+"+rand.Text()
	private := listen(t, withToken(t, "bot", password))
	s.Write(t, "docker/Dockerfile.ui", `ARG BASE
FROM $BASE
ARG API_URL
COPY . /ui/
RUN --mount=type=secret,id=npm.token,required=true \
    echo "$API_URL, $(wc -c < /run/secrets/npm.token) bytes, $(ls -A /ui)" | tr '\n' ' ' > /built
`)
	s.Write(t, "docker/Dockerfile.ui.dockerignore", "left-out\n")
	s.Write(t, "ui/kept", "")
	s.Write(t, "ui/left-out", "")
	s.Commit(t, "feat: a user interface")
	s.Setenv("AUTH", `{"auths": {"`+private.Addr()+`": {"auth": "`+base64.StdEncoding.EncodeToString([]byte("bot:"+password))+`"}}}`)
	s.Setenv("BUILD_SECRETS", "# for npm\nnpm.token="+secret+"\n")
	call := func(settings ...string) Result {
		return s.Call(t, append(append([]string{"--images=team-ui=ui:../docker/Dockerfile.ui"}, settings...), "image", "--name=team-ui", "file", "--path=/built", "contents")...)
	}
	base := "--build-args=team-ui:API_URL=https://api.example.com/v1?a=b,team-ui:BASE=" + path.Join(private.Addr(), "library", "nginx:1.26")
	red(t, call(base, "--build-secrets=env://BUILD_SECRETS"), "image team-ui: ", "401 Unauthorized")
	r := call(base, "--build-secrets=env://BUILD_SECRETS", "--registry-auth=env://AUTH")
	green(t, r, "https://api.example.com/v1?a=b, 33 bytes, kept ")
	hides(t, r.Output(), secret, password)
	refused(t, s.Call(t, "--images=team-ui=ui:../docker/Dockerfile.ui", "--registry="+NewPrefix(t), "validate", "--version=1.2.3"),
		"image team-ui: docker/Dockerfile.ui uses build arguments that have no value: API_URL, BASE", "buildArgs (team-ui:API_URL=value", "Outcome: refused-state")
	s.Write(t, "docker/Dockerfile.ui", "FROM nginx:1.26\nRUN --mount=type=secret,id=npm.token cat /run/secrets/npm.token; exit 3\n")
	s.Commit(t, "fix: show what it is")
	hides(t, refused(t, call("--build-secrets=env://BUILD_SECRETS"), "image team-ui: "), secret)
}

// publishPlatforms publishes one index for two platforms, of which the lab can run only one: its images hold no programs.
func publishPlatforms(t *testing.T, s Shop) {
	prefix := NewPrefix(t)
	publish := func(platforms string) Result {
		return s.Call(t, "--registry="+prefix, "--images=backend=tiny", "--platforms="+platforms, "publish", "--version=1.2.3")
	}
	green(t, publish("linux/amd64, linux/arm64"), "Build and Push")
	repository, err := name.NewRepository(path.Join(prefix, "backend"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(repository.Tag("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Platform.String()+" "+config.Platform().String()+" "+config.Config.Labels["org.opencontainers.image.version"])
	}
	slices.Sort(got)
	if want := []string{"linux/amd64 linux/amd64 1.2.3", "linux/arm64 linux/arm64 1.2.3"}; !slices.Equal(got, want) {
		t.Errorf("the index has %q, want %q", got, want)
	}
	green(t, publish("linux/arm64,linux/amd64"), "found in the registry")
}
