package e2e

import (
	"crypto/rand"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/labtest"
)

// Images are the names of the default setting.
var Images = []string{"backend", "frontend", "arq-worker"}

// NewPrefix is a place of the test's own in the lab's registry.
func NewPrefix(t testing.TB) string {
	t.Helper()
	return path.Join(labtest.Registry(t), "test-"+strings.ToLower(rand.Text()))
}

// statements is the tag under which the lab's registry keeps the list of what is attached to a digest.
var statements = regexp.MustCompile(`^sha256-[0-9a-f]{64}$`)

func repositoryOf(t testing.TB, prefix, image string) name.Repository {
	t.Helper()
	repository, err := name.NewRepository(path.Join(prefix, image))
	if err != nil {
		t.Fatal(err)
	}
	return repository
}

// Tags reads, past Slipway, every tag of an image with its digest; none for an image that is not there.
func Tags(t testing.TB, prefix, image string) map[string]string {
	t.Helper()
	repository := repositoryOf(t, prefix, image)
	tags := map[string]string{}
	list, err := remote.List(repository)
	if err != nil && strings.Contains(err.Error(), "NAME_UNKNOWN") {
		return tags
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range list {
		if statements.MatchString(tag) {
			continue
		}
		found, err := remote.Head(repository.Tag(tag))
		if err != nil {
			t.Fatal(err)
		}
		tags[tag] = found.Digest.String()
	}
	return tags
}

// Statements counts, past Slipway, what is attached to a digest.
func Statements(t testing.TB, prefix, image, digest string) int {
	t.Helper()
	listed, err := remote.Referrers(repositoryOf(t, prefix, image).Digest(digest))
	return len(entries(t, listed, err))
}

// Manifests are the digests in an index.
func Manifests(t testing.TB, prefix, image, index string) (digests []string) {
	t.Helper()
	at, err := remote.Index(repositoryOf(t, prefix, image).Digest(index))
	for _, m := range entries(t, at, err) {
		digests = append(digests, m.Digest.String())
	}
	return digests
}

// entries are what an index lists that was read, or not.
func entries(t testing.TB, index v1.ImageIndex, err error) []v1.Descriptor {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Manifests
}

// MoveTag puts a tag on an image of nothing, past Slipway.
func MoveTag(t testing.TB, prefix, image, tag string) {
	t.Helper()
	push(t, prefix, image, tag, empty.Image)
}

// Plant puts a tag on an image of nothing that says of which commit and version it is, past Slipway.
func Plant(t testing.TB, prefix, image, tag, commit, version string) {
	t.Helper()
	labels := map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": version}
	labelled, err := mutate.Config(empty.Image, v1.Config{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	push(t, prefix, image, tag, labelled)
}

// SlowStart copies one of the lab's images to a place of the test's own, under the name there. Its containers answer five seconds later.
func SlowStart(t testing.TB, image, tag, name string) string {
	t.Helper()
	original, err := remote.Image(repositoryOf(t, path.Join(labtest.Registry(t), "library"), image).Tag(tag))
	if err != nil {
		t.Fatal(err)
	}
	config, err := original.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.Config.Entrypoint = append([]string{"sh", "-c", `sleep 5; exec "$@"`, "sh"}, config.Config.Entrypoint...)
	slow, err := mutate.Config(original, config.Config)
	if err != nil {
		t.Fatal(err)
	}
	prefix := NewPrefix(t)
	push(t, prefix, name, tag, slow)
	return path.Join(prefix, name) + ":" + tag
}

func push(t testing.TB, prefix, image, tag string, what v1.Image) {
	t.Helper()
	if err := remote.Write(repositoryOf(t, prefix, image).Tag(tag), what); err != nil {
		t.Fatal(err)
	}
}

// Label reads one label of an image, past Slipway.
func Label(t testing.TB, prefix, image, tag, label string) string {
	t.Helper()
	return config(t, prefix, image, tag).Config.Labels[label]
}

// Configuration is how a container of an image starts, without the labels.
func Configuration(t testing.TB, prefix, image, tag string) v1.Config {
	t.Helper()
	c := config(t, prefix, image, tag).Config
	c.Labels = nil
	return c
}

// Layers are those of an image, by the content that they unpack to.
func Layers(t testing.TB, prefix, image, tag string) (ids []string) {
	t.Helper()
	for _, id := range config(t, prefix, image, tag).RootFS.DiffIDs {
		ids = append(ids, id.String())
	}
	return ids
}

func config(t testing.TB, prefix, image, tag string) *v1.ConfigFile {
	t.Helper()
	ref, err := name.NewTag(path.Join(prefix, image) + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// WantTags fails unless all three images have exactly these tags.
func WantTags(t testing.TB, prefix string, want ...string) {
	t.Helper()
	slices.Sort(want)
	for _, image := range Images {
		var got []string
		for tag := range Tags(t, prefix, image) {
			got = append(got, tag)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the tags %v, want %v", image, got, want)
		}
	}
}
