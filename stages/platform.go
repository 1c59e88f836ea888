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

// checkPlatforms finds images of an earlier run that were built for others.
func (r *Run) checkPlatforms() error {
	var wanted []string
	for _, p := range r.config.platforms {
		wanted = append(wanted, string(p))
	}
	slices.Sort(wanted)
	for _, i := range r.config.images {
		if at, ok := r.state.published(i.Name); ok && !slices.Equal(at.Platforms, wanted) {
			where, _ := r.registry.Repository(i.Name)
			return r.refuse("set platforms to what the release began with, or commit something and release that",
				"%s@%s was pushed for %s, and the setting platforms says %s", where, at.Digest, strings.Join(at.Platforms, ", "), strings.Join(wanted, ", "))
		}
	}
	return nil
}
