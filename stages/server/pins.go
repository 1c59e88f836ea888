package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// pin finds the services of each image, by its repository or by what they are built from, and sets them to the very digest.
func (a compose) pin(images []Image) (map[string]string, error) {
	pins := map[string]string{}
	for name, s := range a.Services {
		if image, ok := s.imageAmong(images); ok {
			pins[name] = image.Ref()
		}
	}
	if idle := a.idle(images); len(idle) > 0 && len(pins) == 0 {
		return nil, fmt.Errorf("no service of the compose file uses %s: expected a line such as image: %s:${VERSION}; its services use %s",
			strings.Join(idle, ", "), idle[0], strings.Join(a.images(), ", "))
	}
	return pins, nil
}

// idle are the images that no service uses.
func (a compose) idle(images []Image) (repositories []string) {
	used := map[string]bool{}
	for _, s := range a.Services {
		image, _ := s.imageAmong(images)
		used[image.Repository] = true
	}
	for _, image := range images {
		if !used[image.Repository] {
			repositories = append(repositories, image.Repository)
		}
	}
	slices.Sort(repositories)
	return repositories
}

// warnings are about what was most likely forgotten, and may be meant: an image that is only run by hand.
func (a compose) warnings(images []Image) (all []string) {
	for _, one := range a.idle(images) {
		all = append(all, fmt.Sprintf("warning: no service of the compose file uses %s: give it a line such as image: %s:${VERSION}, or leave it out of the setting images", one, one))
	}
	return all
}

// imageAmong is the image that a service runs. A service's own name for what it is built from means nothing elsewhere.
func (s service) imageAmong(images []Image) (Image, bool) {
	for _, image := range images {
		if repositoryOf(s.Image) == repositoryOf(image.Repository) {
			return image, true
		}
	}
	for _, image := range images {
		if s.Build != nil && s.Build.Inline == "" && image.Build != (Build{}) && s.Build.same(image.Build) {
			return image, true
		}
	}
	return Image{}, false
}

// refusal says what of a compose file cannot be deployed: nothing is built on the server, and one repository has one digest.
func (a compose) refusal(images []Image) error {
	tags := map[string]map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Services)) {
		s := a.Services[name]
		image, ours := s.imageAmong(images)
		switch {
		case !ours && s.Build != nil && !s.inactive:
			return fmt.Errorf("service %s is built from %s, which is none of the release's images: expected a line such as image: ${REGISTRY}/%s:${VERSION}, and %s=%s in the setting images",
				name, s.Build, name, name, s.Build)
		case !ours || s.Image == "" || repositoryOf(s.Image) != repositoryOf(image.Repository):
			continue
		}
		if tags[image.Repository] == nil {
			tags[image.Repository] = map[string]string{}
		}
		tags[image.Repository][tagOf(s.Image)] = name
	}
	for _, repository := range slices.Sorted(maps.Keys(tags)) {
		if used := tags[repository]; len(used) > 1 {
			names := slices.Sorted(maps.Values(used))
			return fmt.Errorf("services %s use several tags of %s (%s), and a release is one image of it: expected an image of its own for each program (setting images), or the same tag",
				strings.Join(names, ", "), repository, strings.Join(slices.Sorted(maps.Keys(used)), ", "))
		}
	}
	return nil
}

func tagOf(image string) string {
	ref, err := name.ParseReference(image)
	if err != nil {
		return image
	}
	return ref.Identifier()
}

func (a compose) images() []string {
	var images []string
	for _, s := range a.Services {
		if s.Image != "" { // one that is built has none
			images = append(images, s.Image)
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// repositoryOf is the full name of an image without tag and digest; what is no image name stands for itself.
func repositoryOf(image string) string {
	ref, err := name.ParseReference(image)
	if err != nil {
		return image
	}
	return ref.Context().Name()
}

// contentLabel makes compose replace a container whose files were: it does not see into what it mounts.
const contentLabel = "slipway.files"

// contents are, by service, a sum of the release's files that it sees.
func (a compose) contents(files []File) map[string]string {
	sums := map[string]string{}
	for name, s := range a.Services {
		if sum := contentOf(files, a.mounted(s)); sum != "" {
			sums[name] = sum
		}
	}
	return sums
}

// pinText is a compose file that says nothing but the images and the contents. JSON is YAML, and quotes what must be quoted.
// What is here is not asked for again: the registry may be down, and an image that was built here is in none.
func pinText(pins, contents map[string]string) ([]byte, error) {
	services := map[string]map[string]any{}
	for service, ref := range pins {
		services[service] = map[string]any{"image": ref, "pull_policy": "missing"}
	}
	for service, sum := range contents {
		if services[service] == nil {
			services[service] = map[string]any{}
		}
		services[service]["labels"] = map[string]string{contentLabel: sum}
	}
	return json.MarshalIndent(map[string]any{"services": services}, "", "  ")
}
