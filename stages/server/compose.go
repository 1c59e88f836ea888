package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Image is one image of a release.
type Image struct {
	Name       string
	Repository string
	Digest     string
	Size       int64 // bytes to pull at most; 0 if unknown
}

// Ref names the image by its content.
func (i Image) Ref() string { return i.Repository + "@" + i.Digest }

// ImageOf is the image that a ledger names by its content.
func ImageOf(name, ref string) Image {
	repository, digest, _ := strings.Cut(ref, "@")
	return Image{Name: name, Repository: repository, Digest: digest}
}

// service is what we need to know of a compose service.
type service struct {
	Image       string `json:"image"`
	Restart     string `json:"restart"`
	NetworkMode string `json:"network_mode"`
}

// oneShot is a service that is meant to end: nobody would start it again after it has ended well.
func (s service) oneShot() bool {
	return s.Restart == "" || s.Restart == "no" || strings.HasPrefix(s.Restart, "on-failure")
}

// compose is an application as docker compose understands it.
type compose struct {
	Name     string             `json:"name"`
	Services map[string]service `json:"services"`
}

// project is one release of the application on the server: its compose file, and the file that pins its images.
type project struct {
	conn    *Conn
	files   []string
	env     []string
	compose compose
}

// releaseDir is where a release keeps what it was deployed with, so that it can be gone back to.
func releaseDir(version string) string { return stateDir + "/releases/" + version }

// project is a release by its images' references. Compose files like to say ${REGISTRY}/backend:${VERSION}, so both are given.
func (c *Conn) project(version string, images map[string]string) *project {
	p := &project{conn: c, files: []string{releaseDir(version) + "/compose.yml"}, env: []string{"VERSION=" + version}}
	for name, ref := range images {
		if prefix, ok := strings.CutSuffix(ImageOf(name, ref).Repository, "/"+name); ok {
			p.env = []string{"VERSION=" + version, "REGISTRY=" + prefix}
		}
	}
	return p
}

// pins is the file that pins images, beside the compose file of its release.
func (p *project) pinFile() string {
	return strings.TrimSuffix(p.files[0], "compose.yml") + "images.json"
}

// loadPinned reads a project whose files are on the server.
func (p *project) loadPinned(ctx context.Context) error {
	p.files = append(p.files[:1], p.pinFile())
	return p.load(ctx)
}

func (p *project) args(args ...string) []string {
	line := []string{"docker", "compose", "--project-directory", p.conn.target.Dir}
	for _, f := range p.files {
		line = append(line, "--file", p.conn.target.Dir+"/"+f)
	}
	return append(line, args...)
}

func (p *project) ask(ctx context.Context, args ...string) (string, error) {
	return p.conn.run(ctx, command{args: p.args(args...), env: p.env})
}

// change runs a command that changes what runs, after any that a lost connection has left at work.
func (p *project) change(ctx context.Context, args ...string) (string, error) {
	return p.conn.run(ctx, command{args: busy(p.args(args...)...), env: p.env})
}

func busy(args ...string) []string {
	return append([]string{"flock", "--wait", busyWait, busyFile}, args...)
}

// load reads the compose file as compose does, with the server's own .env.
func (p *project) load(ctx context.Context) error {
	text, err := p.ask(ctx, "config", "--format", "json")
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("docker compose does not accept the compose file with the server's settings: %s", exit.output)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), &p.compose); err != nil {
		return fmt.Errorf("docker compose config has not answered in JSON (compose v2 is needed): %w", err)
	}
	return nil
}

// pin finds the services of each image by its repository, and sets them to the very digest.
func (a compose) pin(images []Image) (map[string]string, error) {
	pins := map[string]string{}
	var idle []string
	for _, image := range images {
		used := false
		for name, s := range a.Services {
			if repositoryOf(s.Image) == repositoryOf(image.Repository) {
				pins[name], used = image.Ref(), true
			}
		}
		if !used {
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

// pinText is a compose file that says nothing but the images. JSON is YAML, and quotes what must be quoted.
func pinText(pins map[string]string) ([]byte, error) {
	services := map[string]map[string]string{}
	for service, ref := range pins {
		services[service] = map[string]string{"image": ref}
	}
	return json.MarshalIndent(map[string]any{"services": services}, "", "  ")
}

// container is what the server's Docker says about one container.
type container struct {
	ID     string `json:"Id"`
	Image  string
	Name   string
	Config struct {
		Image  string
		Labels map[string]string
	}
	RestartCount int
	State        struct {
		Status   string
		ExitCode int
		Started  string `json:"StartedAt"`
		Health   *struct{ Status string }
	}
}

func (c container) service() string { return c.Config.Labels["com.docker.compose.service"] }

func (c container) oneOff() bool { return c.Config.Labels["com.docker.compose.oneoff"] == "True" }

// containers are those of the project, the stopped ones too, without the one-off runs.
func (p *project) containers(ctx context.Context) ([]container, error) {
	ids, err := p.conn.run(ctx, command{args: []string{"docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project=" + p.compose.Name}})
	if err != nil || strings.TrimSpace(ids) == "" {
		return nil, err
	}
	all, err := p.conn.inspect(ctx, strings.Fields(ids)...)
	return slices.DeleteFunc(all, container.oneOff), err
}

func (c *Conn) inspect(ctx context.Context, ids ...string) ([]container, error) {
	text, err := c.run(ctx, command{args: append([]string{"docker", "inspect", "--type", "container"}, ids...)})
	if err != nil {
		return nil, err
	}
	var found []container
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("docker inspect on the server has not answered in JSON: %w", err)
	}
	return found, nil
}

// digests tells for each local image which names and digests it was pulled as.
func (c *Conn) digests(ctx context.Context, containers []container) (map[string][]string, error) {
	args := []string{"docker", "image", "inspect"}
	for _, one := range containers {
		if !slices.Contains(args, one.Image) {
			args = append(args, one.Image)
		}
	}
	if len(args) == 3 {
		return nil, nil
	}
	text, err := c.run(ctx, command{args: args})
	if err != nil {
		return nil, err
	}
	var images []struct {
		ID          string `json:"Id"`
		RepoDigests []string
	}
	if err := json.Unmarshal([]byte(text), &images); err != nil {
		return nil, fmt.Errorf("docker image inspect on the server has not answered in JSON: %w", err)
	}
	digests := map[string][]string{}
	for _, i := range images {
		digests[i.ID] = i.RepoDigests
	}
	return digests, nil
}
