package server

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// service is what we need to know of a compose service, by the keys of its JSON. Its paths lie in the application's folder, or are absolute.
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
		Required  *bool  `json:"required"`
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
	Environment map[string]any       `json:"environment"`
	Healthcheck map[string]any       `json:"healthcheck"`
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

// mount is something that a container sees: a path of the server, or the name of a config or a secret.
type mount struct {
	Type     string `json:"type"`
	Source   string `json:"source"`
	ReadOnly bool   `json:"read_only"`
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
