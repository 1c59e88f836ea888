package stages

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Image says how one image of the release is built.
type Image struct {
	Name       string // in the registry, below the prefix
	Context    string // folder the build sees
	Dockerfile string // relative to the context
	Target     string // stage of the Dockerfile, its last one if empty
}

var (
	imagePattern  = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*\z`)
	targetPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*\z`)
)

// ParseImages reads `name=context[:dockerfile][#target]`, separated by commas; none means that only a tag and a
// release are made. An error quotes the part that is wrong.
func ParseImages(setting string) ([]Image, error) {
	var images []Image
	seen := map[string]bool{}
	for part := range splitList(setting) {
		image, err := parseImage(part)
		if err != nil {
			return nil, err
		}
		if seen[image.Name] {
			return nil, fmt.Errorf("the image %q stands twice", image.Name)
		}
		seen[image.Name] = true
		images = append(images, image)
	}
	return images, nil
}

func parseImage(part string) (Image, error) {
	name, rest, ok := strings.Cut(part, "=")
	if !ok {
		return Image{}, fmt.Errorf("expected name=context[:dockerfile][#target], found %q: it has no =", part)
	}
	rest, target, hasTarget := strings.Cut(rest, "#")
	context, dockerfile, hasDockerfile := strings.Cut(rest, ":")
	image := Image{Name: name, Context: path.Clean(context), Dockerfile: "Dockerfile", Target: target}
	if hasDockerfile {
		image.Dockerfile = path.Clean(dockerfile)
	}
	switch {
	case !imagePattern.MatchString(name):
		return Image{}, fmt.Errorf("expected an image name of a-z, 0-9 and single . _ - or / before the =, found %q in %q", name, part)
	case context == "":
		return Image{}, fmt.Errorf("expected a folder after the = in %q, found nothing (the repository's root is .)", part)
	case hasDockerfile && dockerfile == "":
		return Image{}, fmt.Errorf("expected a Dockerfile after the : in %q, found nothing", part)
	case hasTarget && !targetPattern.MatchString(target):
		return Image{}, fmt.Errorf("expected a build stage after the # in %q, found %q", part, target)
	}
	for _, p := range []string{image.Context, image.Dockerfile} {
		if err := checkPath(p); err != nil {
			return Image{}, fmt.Errorf("in %q: %w", part, err)
		}
	}
	return image, nil
}
