package server

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Image is one image of a release.
type Image struct {
	Name       string
	Repository string
	Digest     string
	Size       int64 // bytes to pull at most; 0 if unknown
	Build      Build // what it is built from; empty if unknown
}

// Ref names the image by its content.
func (i Image) Ref() string { return i.Repository + "@" + i.Digest }

// ImageOf is the image that a ledger names by its content.
func ImageOf(name, ref string) Image {
	repository, digest, _ := strings.Cut(ref, "@")
	return Image{Name: name, Repository: repository, Digest: digest}
}

// Build is what an image is built from, in the repository's own terms.
type Build struct{ Context, Dockerfile, Target string }

func (b Build) same(other Build) bool {
	return b.Context == other.Context && b.file() == other.file() && b.Target == other.Target
}

func (b Build) file() string { return path.Join(b.Context, b.Dockerfile) }

// String is the build in the form of the setting images.
func (b Build) String() string {
	text := b.Context
	if b.Dockerfile != "Dockerfile" {
		text += ":" + b.Dockerfile
	}
	if b.Target != "" {
		text += "#" + b.Target
	}
	return text
}

// sameImage says whether two references name one content. Docker leaves docker.io/ and library/ out of what it answers.
func sameImage(a, b string) bool {
	x, y := ImageOf("", a), ImageOf("", b)
	return x.Digest == y.Digest && repositoryOf(x.Repository) == repositoryOf(y.Repository)
}

// amongImages says whether one of the references names the same content.
func amongImages(refs []string, ref string) bool {
	return slices.ContainsFunc(refs, func(other string) bool { return sameImage(other, ref) })
}

// shortRepository is one as Docker's own lists have it, and as their filters want it.
func shortRepository(repository string) string {
	short, hub := strings.CutPrefix(repositoryOf(repository), name.DefaultRegistry+"/")
	if !hub {
		return repository
	}
	return strings.TrimPrefix(short, "library/")
}

// digests tells for each local image which names and digests it was pulled as.
func (c *Conn) digests(ctx context.Context, containers []container) (map[string][]string, error) {
	args := []string{"docker", "image", "inspect"}
	for _, one := range containers {
		if !slices.Contains(args, one.Image) {
			args = append(args, one.Image)
		}
	}
	if len(args) == 3 {
		return nil, nil
	}
	text, err := c.run(ctx, command{args: args})
	if err != nil {
		return nil, err
	}
	return parseDigests(text)
}

// parseDigests reads both of Docker's image stores: an image's id is the digest of its configuration in the one, and its
// own in the other.
func parseDigests(text string) (map[string][]string, error) {
	var images []struct {
		ID          string `json:"Id"`
		RepoDigests []string
	}
	if err := json.Unmarshal([]byte(text), &images); err != nil {
		return nil, fmt.Errorf("docker image inspect on the server has not answered in JSON: %w", err)
	}
	digests := map[string][]string{}
	for _, i := range images {
		digests[i.ID] = i.RepoDigests
	}
	return digests, nil
}
