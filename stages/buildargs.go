package stages

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/dockerfile"
	"dagger/slipway/stages/report"
)

// versionArg is the build argument that Slipway itself gives to every image.
const versionArg = "VERSION"

var argPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\z`)

// parseBuildArgs reads `image:NAME=value, image:NAME=value`, by image. A value may be empty.
func parseBuildArgs(setting string, images []Image) (map[string][]pair, error) {
	args := map[string][]pair{}
	for part := range splitList(setting) {
		left, value, valued := strings.Cut(part, "=")
		image, name, scoped := strings.Cut(left, ":")
		switch {
		case !valued || !scoped:
			return nil, fmt.Errorf("expected image:NAME=value such as frontend:NEXT_PUBLIC_API_URL=https://api.example.com, found %q", part)
		case !argPattern.MatchString(name):
			return nil, fmt.Errorf("expected a name of letters, digits and _ before the =, found %q in %q", name, part)
		case name == versionArg:
			return nil, fmt.Errorf("every image is given %s by Slipway, found it in %q: leave it out", versionArg, part)
		case !slices.ContainsFunc(images, func(i Image) bool { return i.Name == image }):
			return nil, fmt.Errorf("no image is called %q, found it in %q: the setting images has %s", image, part, report.Few(imageNames(images)))
		case slices.ContainsFunc(args[image], func(p pair) bool { return p.name == name }):
			return nil, fmt.Errorf("%q stands twice", left)
		}
		args[image] = append(args[image], pair{name, value})
	}
	return args, nil
}

func imageNames(images []Image) (names []string) {
	for _, i := range images {
		names = append(names, i.Name)
	}
	return names
}

// missingArgs are the build arguments that an image uses and nobody gives, and those that a bundler in it may look for.
func (c config) missingArgs(image Image, text []byte) (used, bundled []string) {
	return dockerfile.Missing(text, image.Target, append(sortedKeys(c.givenArgs(image)), versionArg))
}

// givenArgs are the values that the settings give to an image's build arguments.
func (c config) givenArgs(image Image) map[string]string {
	given := map[string]string{}
	for _, arg := range c.buildArgs[image.Name] {
		given[arg.name] = arg.value
	}
	return given
}
