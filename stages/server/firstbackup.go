package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// held is what the server says about a service before anything of the project runs.
type held struct {
	database bool // one that keeps its data outside of its containers
	data     bool // which are there
}

// firstBackup says whether the first deployment saves a database, and what it has to start for it. Where the compose file has
// no database, there may be one elsewhere, which the script knows; where it has one without data, there is nothing to save.
func firstBackup(services map[string]held) (start []string, saves bool) {
	own := false
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		own = own || s.database
		if s.database && s.data {
			start = append(start, name)
		}
	}
	return start, !own || len(start) > 0
}

// wake starts the databases that are on the server and do not run, and says whether there is anything to save.
func (d *deployment) wake(ctx context.Context) (saves bool, err error) {
	if d.previous != nil {
		return true, d.startStopped(ctx)
	}
	services, err := d.findHeld(ctx)
	if err != nil {
		return false, err
	}
	d.woken, saves = firstBackup(services)
	if len(d.woken) == 0 {
		return saves, nil
	}
	if err := d.next.upOnly(ctx, d.woken); err != nil {
		return false, err
	}
	return true, d.awake(ctx, d.next, d.woken)
}

// awake waits for the health of some services, and for the end of those that are one-shots.
func (d *deployment) awake(ctx context.Context, p *project, names []string) error {
	services := map[string]service{}
	for _, name := range names {
		services[name] = p.compose.Services[name]
	}
	return d.conn.gate(ctx, &watch{services: services, see: p.containers, ends: func(container) bool { return true }, pace: d.env.Pace})
}

// startStopped starts databases that an earlier attempt, or somebody, has stopped: a script cannot ask them otherwise.
func (d *deployment) startStopped(ctx context.Context) error {
	all, err := d.previous.containers(ctx)
	if err != nil {
		return err
	}
	var stopped []container
	var names, running []string
	for _, c := range all {
		if c.running() {
			running = append(running, c.service())
		}
	}
	for _, c := range all {
		if d.keeps(databasePorts, c) && !slices.Contains(running, c.service()) {
			stopped, names = append(stopped, c), append(names, c.service())
		}
	}
	if len(stopped) == 0 {
		return nil
	}
	if err := d.conn.docker(ctx, stopped, "start"); err != nil {
		return err
	}
	return d.awake(ctx, d.previous, names)
}

// sleep takes away again what was started for a backup that failed, so that the next run finds what this one has found.
func (d *deployment) sleep(ctx context.Context) {
	if len(d.woken) > 0 {
		_, _ = d.next.change(context.WithoutCancel(ctx), append([]string{"rm", "--stop", "--force"}, d.woken...)...)
		d.woken = nil
	}
}

// findHeld looks at the services that keep running: their images say what they are, their mounts whether data are there. A
// database may be an image of the release.
func (d *deployment) findHeld(ctx context.Context) (map[string]held, error) {
	var names, images []string
	running := d.next.services(d.env)
	for _, name := range slices.Sorted(maps.Keys(running)) {
		if s := running[name]; !s.ends {
			names, images = append(names, name), append(images, s.Image)
		}
	}
	about, err := d.conn.imagesSay(ctx, images)
	if err != nil {
		return nil, err
	}
	volumes, err := d.conn.run(ctx, command{args: []string{"docker", "volume", "ls", "--format", "{{.Name}}"}})
	if err != nil {
		return nil, err
	}
	services := map[string]held{}
	for n, name := range names {
		keeps, data, err := d.mountsOf(ctx, name, strings.Fields(volumes))
		if err != nil {
			return nil, err
		}
		services[name] = held{about[n].ExposedPorts.any(databasePorts) && (keeps || len(about[n].Volumes) > 0), data}
	}
	return services, nil
}

// imageConfig is what an image says about its containers.
type imageConfig struct {
	ExposedPorts portSet
	Volumes      map[string]struct{}
}

// imagesSay asks Docker about images, in their order.
func (c *Conn) imagesSay(ctx context.Context, refs []string) ([]imageConfig, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	text, err := c.run(ctx, command{args: append([]string{"docker", "image", "inspect"}, refs...)})
	if err != nil {
		return nil, err
	}
	var images []struct{ Config imageConfig }
	if err := json.Unmarshal([]byte(text), &images); err != nil || len(images) != len(refs) {
		return nil, fmt.Errorf("docker image inspect on the server has not answered in JSON: %.100q", text)
	}
	var all []imageConfig
	for _, i := range images {
		all = append(all, i.Config)
	}
	return all, nil
}

// mountsOf says whether a service keeps anything outside of its containers, and whether any of that is there. What the
// commit has is none of its data.
func (d *deployment) mountsOf(ctx context.Context, name string, volumes []string) (keeps, data bool, err error) {
	for _, m := range d.next.compose.Services[name].Volumes {
		shipped := slices.ContainsFunc(d.files, func(f File) bool { return below(m.Source, f.Path) })
		there := false
		switch {
		case m.Type == "volume" && m.Source != "":
			there = slices.Contains(volumes, d.next.compose.Volumes[m.Source].Name)
		case m.Type == "bind" && !shipped:
			text, err := d.conn.run(ctx, command{args: []string{"sh", "-c", `test ! -e "$1" || echo there`, "sh", m.Source}})
			if err != nil {
				return false, false, err
			}
			there = text != ""
		default:
			continue
		}
		keeps, data = true, data || there
	}
	return keeps, data, nil
}
