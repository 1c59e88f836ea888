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

// What stands in values for what a release is of, so that it need not be written into the settings anew each time.
const (
	versionValue = "{version}"
	commitValue  = "{commit}"
)

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
func (r *Run) missingArgs(image Image) (used, bundled []string) {
	given := []string{versionArg}
	for _, arg := range r.config.buildArgs[image.Name] {
		given = append(given, arg.name)
	}
	return dockerfile.Missing(r.source.files[image.path()], image.Target, given)
}

// arguments are those that an image is built with.
func (r *Run) arguments(image Image) []pair {
	return append([]pair{{versionArg, r.versionText()}}, r.givenArgs(image)...)
}

// givenArgs are the values that the settings give to an image's build arguments.
func (r *Run) givenArgs(image Image) (given []pair) {
	of := strings.NewReplacer(versionValue, r.versionText(), commitValue, r.source.commit)
	for _, arg := range r.config.buildArgs[image.Name] {
		given = append(given, pair{arg.name, of.Replace(arg.value)})
	}
	return given
}

// example is what to write for one of some arguments: for one whose name tells its value, if there is one.
func example(image string, names []string) string {
	for _, name := range names {
		if value := valueFor(name); value != "" {
			return fmt.Sprintf("%s:%s=value, or %s", image, name, value)
		}
	}
	return image + ":" + names[0] + "=value"
}

// valueFor is the value that an argument's name asks for.
func valueFor(name string) string {
	name = strings.ToUpper(name)
	ends := func(end string) bool { return strings.HasSuffix(name, end) }
	switch {
	case ends("VERSION"):
		return versionValue + " for the version that is released"
	case ends("COMMIT"), ends("SHA"), ends("REVISION"):
		return commitValue + " for the commit that is released"
	}
	return ""
}
