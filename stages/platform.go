package stages

import (
	"fmt"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
)

// platforms that images are built for: those of the official base images.
var platforms = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x"}

// parsePlatform reads the platform of the images. An empty one is that of most servers, whatever the engine runs on.
func parsePlatform(setting string) (dagger.Platform, error) {
	named := slices.Collect(splitList(setting))
	for _, p := range named {
		if !slices.Contains(platforms, p) {
			return "", fmt.Errorf("no platform is called %q: expected one of %s", p, strings.Join(platforms, ", "))
		}
	}
	switch len(named) {
	case 0:
		return dagger.Platform(platforms[0]), nil
	case 1:
		return dagger.Platform(named[0]), nil
	}
	return "", fmt.Errorf("expected one platform for now, found %q", setting)
}

// container is one for the platform of the images.
func (r *Run) container() *dagger.Container {
	return r.dag.Container(dagger.ContainerOpts{Platform: r.config.platform})
}
