package stages

import (
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
)

// platforms that images are built for: those of the official base images.
var platforms = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x"}

// parsePlatforms reads what images are built for. Nothing is the platform of most servers, whatever the engine runs on.
func parsePlatforms(setting string) ([]dagger.Platform, error) {
	var all []dagger.Platform
	for part := range splitList(setting) {
		p := dagger.Platform(part)
		switch {
		case !slices.Contains(platforms, part):
			return nil, fmt.Errorf("no platform is called %q: expected one of %s", part, strings.Join(platforms, ", "))
		case slices.Contains(all, p):
			return nil, fmt.Errorf("the platform %q stands twice", part)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		all = append(all, dagger.Platform(platforms[0]))
	}
	return all, nil
}

// on is a container for a platform.
func (r *Run) on(platform dagger.Platform) *dagger.Container {
	return r.dag.Container(dagger.ContainerOpts{Platform: platform})
}

// platformNames are what every image is built for, sorted.
func (r *Run) platformNames() (names []string) {
	for _, p := range r.config.platforms {
		names = append(names, string(p))
	}
	slices.Sort(names)
	return names
}
