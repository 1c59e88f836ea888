package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

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

// project is one release of the application on the server: its compose file, and the file that pins its images.
type project struct {
	conn          *Conn
	version       string
	composeFile   string // as the repository calls it
	folder        string // of that, where its relative paths start
	files         []string
	name, envFile string // where they were given to compose by hand
	env           []string
	view          *view // what is read instead of the application's folder, until the release's files are there
	compose       compose
}

// releaseDir is where a release keeps what it was deployed with, so that it can be gone back to.
func releaseDir(version string) string { return stateDir + "/releases/" + version }

// project is a release by its images' references. Compose files like to say ${REGISTRY}/backend:${VERSION}, so both are given.
func (c *Conn) project(version string, images map[string]string, composeFile string) *project {
	p := &project{conn: c, version: version, composeFile: composeFile, folder: path.Dir(composeFile), files: []string{releaseDir(version) + "/compose.yml"}, env: []string{"VERSION=" + version}}
	for name, ref := range images {
		if prefix, ok := strings.CutSuffix(ImageOf(name, ref).Repository, "/"+name); ok {
			p.env = []string{"VERSION=" + version, "REGISTRY=" + prefix}
		}
	}
	return p
}

// pinFile pins images, beside the compose file of its release.
func (p *project) pinFile() string { return releaseDir(p.version) + "/images.json" }

// loadPinned reads a project whose files are on the server.
func (p *project) loadPinned(ctx context.Context) error {
	p.files, p.view = append(slices.DeleteFunc(p.files, func(f string) bool { return f == p.pinFile() }), p.pinFile()), nil
	return p.load(ctx)
}

func (p *project) args(args ...string) []string {
	line := []string{"docker", "compose", "--project-directory", p.conn.inside(p.folder)}
	if p.name != "" {
		line = append(line, "--project-name", p.name)
	}
	if p.envFile != "" {
		line = append(line, "--env-file", p.envFile)
	}
	for _, f := range p.files {
		line = append(line, "--file", p.conn.inside(f))
	}
	return append(line, args...)
}

// inside is a path of the application's folder, or one that is absolute already.
func (c *Conn) inside(file string) string {
	if path.IsAbs(file) {
		return file
	}
	return path.Join(c.target.Dir, file)
}

func (p *project) ask(ctx context.Context, args ...string) (string, error) {
	return p.askWithin(ctx, fileTime, args...) // its files go along, as long as they are not on the server
}

func (p *project) askWithin(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	if p.view != nil {
		return p.view.ask(ctx, p, limit, args...)
	}
	return p.conn.run(ctx, command{args: p.args(args...), env: p.env, time: limit})
}

// change runs a command that changes what runs, after any that a lost connection has left at work.
func (p *project) change(ctx context.Context, args ...string) (string, error) {
	return p.changeWithin(ctx, changeTime, args...)
}

func (p *project) changeWithin(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	return p.conn.run(ctx, command{args: busy(p.args(args...)...), env: p.env, time: limit})
}

func busy(args ...string) []string {
	return append([]string{"flock", "--wait", busyWait, busyFile}, args...)
}

// load reads the compose file as compose does, with the server's own .env. Services of profiles that are not asked for are
// read as well, because people run them by hand; where they cannot be read they are left out.
func (p *project) load(ctx context.Context) error {
	err := p.config(ctx, "--profile", "*")
	if exit := new(exitError); errors.As(err, &exit) {
		err = p.config(ctx)
	}
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("docker compose does not accept the compose file with the server's settings: %s", exit.output)
	}
	if err != nil {
		return err
	}
	active, err := p.ask(ctx, "config", "--services")
	if err != nil {
		return err
	}
	for name, s := range p.compose.Services {
		s.inactive = !slices.Contains(strings.Fields(active), name)
		p.compose.Services[name] = s
	}
	p.compose.markOneShots()
	return nil
}

func (p *project) config(ctx context.Context, profile ...string) error {
	text, err := p.ask(ctx, append(profile, "config", "--format", "json")...)
	if err != nil {
		return err
	}
	root := p.conn.target.Dir
	if p.view != nil {
		root = p.view.root
	}
	p.compose = compose{}
	if err := json.Unmarshal([]byte(text), &p.compose); err != nil {
		return fmt.Errorf("docker compose config has not answered in JSON (compose v2 is needed): %w", err)
	}
	p.compose.localise(root, p.conn.target.Dir)
	return nil
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
func pinText(pins, contents map[string]string) ([]byte, error) {
	services := map[string]map[string]any{}
	for service, ref := range pins {
		services[service] = map[string]any{"image": ref}
	}
	for service, sum := range contents {
		if services[service] == nil {
			services[service] = map[string]any{}
		}
		services[service]["labels"] = map[string]string{contentLabel: sum}
	}
	return json.MarshalIndent(map[string]any{"services": services}, "", "  ")
}

// container is what the server's Docker says about one container.
type container struct {
	ID     string `json:"Id"`
	Image  string
	Name   string
	Config struct {
		Image        string
		Labels       map[string]string
		ExposedPorts portSet
	}
	Mounts       []struct{ Type, Name, Destination string }
	RestartCount int
	State        struct {
		Status   string
		ExitCode int
		Started  string `json:"StartedAt"`
		Health   *struct{ Status string }
	}
}

// What docker compose writes on the containers that it makes.
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	oneOffLabel  = "com.docker.compose.oneoff"
	folderLabel  = projectLabel + ".working_dir"
	filesLabel   = projectLabel + ".config_files"
	envFileLabel = projectLabel + ".environment_file"
)

func (c container) service() string { return c.Config.Labels[serviceLabel] }

func (c container) oneOff() bool { return c.Config.Labels[oneOffLabel] == "True" }

func (c container) trial() bool { return c.oneOff() && strings.HasPrefix(c.Name, "/"+trialPrefix) }

func (c container) running() bool { return c.State.Status == "running" }

// serves says whether anybody could be served by it, now or soon.
func (c container) serves() bool {
	return c.running() && (c.State.Health == nil || c.State.Health.Status != "unhealthy")
}

// anonymousVolume is where a container keeps data in a volume that only it knows: Docker names those by a hash.
func (c container) anonymousVolume() string {
	for _, m := range c.Mounts {
		if m.Type == "volume" && hashPattern.MatchString(m.Name) {
			return m.Destination
		}
	}
	return ""
}

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}\z`)

// containers are those of the project, the stopped ones too, without the one-off runs.
func (p *project) containers(ctx context.Context) ([]container, error) {
	all, err := p.everything(ctx)
	return slices.DeleteFunc(all, container.oneOff), err
}

// everything are all containers of the project.
func (p *project) everything(ctx context.Context) ([]container, error) {
	return p.conn.labelled(ctx, projectLabel+"="+p.compose.Name)
}

func (c *Conn) labelled(ctx context.Context, label string) ([]container, error) {
	ids, err := c.run(ctx, command{args: []string{"docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=" + label}})
	if err != nil || strings.TrimSpace(ids) == "" {
		return nil, err
	}
	return c.inspect(ctx, strings.Fields(ids)...)
}

func (c *Conn) inspect(ctx context.Context, ids ...string) ([]container, error) {
	text, err := c.run(ctx, command{args: append([]string{"docker", "inspect", "--type", "container"}, ids...)})
	if err != nil {
		return nil, err
	}
	return parseContainers(text)
}

func parseContainers(text string) ([]container, error) {
	var found []container
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("docker inspect on the server has not answered in JSON: %w", err)
	}
	return found, nil
}
