package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// service is what we need to know of a compose service. Its paths lie in the application's folder, or are absolute.
type service struct {
	Image         string    `json:"image"`
	ContainerName string    `json:"container_name"`
	NetworkMode   string    `json:"network_mode"`
	MAC           string    `json:"mac_address"`
	Command       []string  `json:"command"`
	Entrypoint    []string  `json:"entrypoint"`
	Ports         []binding `json:"ports"`
	Scale         *int      `json:"scale"`
	Deploy        swarm     `json:"deploy"`
	DependsOn     map[string]struct {
		Condition string `json:"condition"`
	} `json:"depends_on"`
	Build *struct {
		Build
		Inline string `json:"dockerfile_inline"`
	} `json:"build"`
	Volumes     []mount              `json:"volumes"`
	Configs     []mount              `json:"configs"`
	Secrets     []mount              `json:"secrets"`
	Networks    map[string]*endpoint `json:"networks"`
	Labels      map[string]string    `json:"labels"`
	Healthcheck *healthcheck         `json:"healthcheck"`
	inactive    bool                 // its profile is not asked for
	ends        bool                 // it is a one-shot
}

// binding is a port that a service publishes on the server.
type binding struct {
	Target    int    `json:"target"`
	Published string `json:"published"`
}

// swarm is what compose took over from Docker Swarm.
type swarm struct {
	Replicas     *int `json:"replicas"`
	UpdateConfig struct {
		Order string `json:"order"`
	} `json:"update_config"`
}

// endpoint is a service's place in a network.
type endpoint struct {
	IPv4 string `json:"ipv4_address"`
	IPv6 string `json:"ipv6_address"`
	MAC  string `json:"mac_address"`
}

// healthcheck is a service's, as far as it says when to look.
type healthcheck struct {
	StartPeriod string `json:"start_period"` // as Go writes durations
}

// mount is something that a container sees: a path of the server, or the name of a config or a secret.
type mount struct {
	Type   string `json:"type"`
	Source string `json:"source"`
}

// oneShotLabel is how a service says that it is meant to end, if no other waits for that.
const oneShotLabel = "slipway.one-shot"

// markOneShots finds the services that are meant to end (D7): others wait until they have, or they say so. A missing restart
// policy does not: most people's application services have none.
func (a compose) markOneShots() {
	ends := map[string]bool{}
	for name, s := range a.Services {
		ends[name] = ends[name] || s.Labels[oneShotLabel] == "true"
		for other, how := range s.DependsOn {
			ends[other] = ends[other] || how.Condition == "service_completed_successfully"
		}
	}
	for name, s := range a.Services {
		s.ends = ends[name]
		a.Services[name] = s
	}
}

// compose is an application as docker compose understands it.
type compose struct {
	Name     string             `json:"name"`
	Services map[string]service `json:"services"`
	Configs  map[string]content `json:"configs"`
	Secrets  map[string]content `json:"secrets"`
	Networks map[string]outside `json:"networks"`
	Volumes  map[string]outside `json:"volumes"`
}

// outside is a network or a volume, which somebody else may have to make.
type outside struct {
	Name     string `json:"name"`
	External bool   `json:"external"`
}

// content is the file of a config or a secret; empty if it comes from elsewhere.
type content struct {
	File string `json:"file"`
}

// localise makes every path one in the application's folder, wherever that was when compose was asked.
func (a compose) localise(roots ...string) {
	for _, s := range a.Services {
		for n, v := range s.Volumes {
			if v.Type == "bind" {
				s.Volumes[n].Source = within(v.Source, roots)
			}
		}
		if s.Build != nil {
			s.Build.Context = within(s.Build.Context, roots)
		}
	}
	for _, all := range []map[string]content{a.Configs, a.Secrets} {
		for name, c := range all {
			all[name] = content{within(c.File, roots)}
		}
	}
}

func within(file string, roots []string) string {
	for _, root := range roots {
		if rel, err := filepath.Rel(root, file); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return rel
		}
	}
	return file
}

// mounted are the paths in the application's folder that a service sees.
func (a compose) mounted(s service) []string {
	var all []string
	for _, v := range s.Volumes {
		if v.Type == "bind" {
			all = append(all, v.Source)
		}
	}
	for _, c := range s.Configs {
		all = append(all, a.Configs[c.Source].File)
	}
	for _, c := range s.Secrets {
		all = append(all, a.Secrets[c.Source].File)
	}
	return slices.DeleteFunc(all, func(p string) bool { return p == "" || path.IsAbs(p) })
}

// sources are the paths in the application's folder that any service sees.
func (a compose) sources() []string {
	var all []string
	for _, s := range a.Services {
		all = append(all, a.mounted(s)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// external are the networks and volumes that have to be on the server before the services that run.
func (a compose) external() (networks, volumes []string) {
	for _, s := range a.Services {
		if s.inactive {
			continue
		}
		for name := range s.Networks {
			if n := a.Networks[name]; n.External {
				networks = append(networks, n.Name)
			}
		}
		for _, m := range s.Volumes {
			if v := a.Volumes[m.Source]; m.Type == "volume" && v.External {
				volumes = append(volumes, v.Name)
			}
		}
	}
	slices.Sort(networks)
	slices.Sort(volumes)
	return slices.Compact(networks), slices.Compact(volumes)
}

// pin finds the services of each image, by its repository or by what they are built from, and sets them to the very digest.
func (a compose) pin(images []Image) (map[string]string, error) {
	pins, used := map[string]string{}, map[string]bool{}
	for name, s := range a.Services {
		if image, ok := s.imageAmong(images); ok {
			pins[name], used[image.Repository] = image.Ref(), true
		}
	}
	var idle []string
	for _, image := range images {
		if !used[image.Repository] {
			idle = append(idle, image.Repository)
		}
	}
	if len(idle) > 0 {
		slices.Sort(idle)
		return nil, fmt.Errorf("no service of the compose file uses %s: expected a line such as image: %s:${VERSION}; its services use %s",
			strings.Join(idle, ", "), idle[0], strings.Join(a.images(), ", "))
	}
	return pins, nil
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
