package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// project is one release of the application on the server: its compose file, and the file that pins its images.
type project struct {
	conn        *Conn
	version     string
	composeFile string // as the repository calls it
	folder      string // of that, where its relative paths start
	files       []string
	name        string   // where it was given to compose by hand
	envFiles    []string // likewise
	env         []string
	view        *view              // what is read instead of the application's folder, until the release's files are there
	exposed     map[string]portSet // by service, what its image exposes; empty before it is pulled
	compose     compose
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
		line = append(line, "--project-name="+p.name)
	}
	for _, f := range p.envFiles {
		line = append(line, "--env-file", f)
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

// idle waits until nothing is at work any more that changes what runs.
func (c *Conn) idle(ctx context.Context) error {
	_, err := c.run(ctx, command{args: busy("true"), time: changeTime})
	if exit := new(exitError); errors.As(err, &exit) {
		return fmt.Errorf("after %s seconds a command still holds %s", busyWait, busyFile)
	}
	return err
}
