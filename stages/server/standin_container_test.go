package server

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	numberLabel = "com.docker.compose.container-number"
	hashLabel   = "com.docker.compose.config-hash"
	imageLabel  = "com.docker.compose.image"
)

// fakeContainer is a container. What it is at a time follows from when it was started and how its image behaves.
type fakeContainer struct {
	id, name   string
	ref, image string // what it was made from, and the id of that
	labels     map[string]string
	env        []string
	restart    string
	ports      []string // of the server, with an address where it has one
	volumes    []string
	mounts     []map[string]any
	grace      time.Duration
	does       behaviour
	created    time.Time
	started    time.Time // zero: never
	ended      time.Time // by somebody's wish
	code       int
	worked     bool
	written    time.Time
	log        string
	autoRemove bool
	spec       map[string]any // of the service
}

// moment is what a container is at a time.
type moment struct {
	status         string
	code, restarts int
	began, end     time.Time
	health         string
}

func (m moment) up() bool { return m.status == "running" || m.status == "restarting" }

func (c *fakeContainer) at(now time.Time) moment {
	switch {
	case c.started.IsZero():
		return moment{status: "created"}
	case !c.ended.IsZero() && !now.Before(c.ended):
		return moment{status: "exited", code: c.code, began: c.started, end: c.ended, health: c.does.afterwards()}
	}
	m := moment{began: c.started}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Minute) {
		m.end = m.began.Add(c.does.endsAfter)
		if c.does.endsAfter == 0 || now.Before(m.end) {
			m.status, m.health, m.end = "running", c.does.health(now.Sub(m.began)), time.Time{}
			return m
		}
		m.code = c.does.endCode
		if !c.again(m) {
			m.status, m.health = "exited", c.does.afterwards()
			return m
		}
		if next := m.end.Add(pause); now.Before(next) {
			m.status = "restarting"
			return m
		}
		m.began, m.restarts = m.end.Add(pause), m.restarts+1
	}
}

// again says whether Docker starts a container again that has ended by itself.
func (c *fakeContainer) again(m moment) bool {
	if most, ok := strings.CutPrefix(c.restart, "on-failure"); ok {
		var n int
		_, err := fmt.Sscanf(most, ":%d", &n)
		return m.code != 0 && (err != nil || m.restarts < n)
	}
	return c.restart == "always" || c.restart == "unless-stopped"
}

func (b behaviour) health(age time.Duration) string {
	switch {
	case b.unhealthyAfter > 0 && age >= b.unhealthyAfter:
		return "unhealthy"
	case b.healthyAfter > 0 && age >= b.healthyAfter:
		return "healthy"
	case b.healthyAfter > 0 || b.unhealthyAfter > 0:
		return "starting"
	}
	return ""
}

// afterwards is the health of what has ended.
func (b behaviour) afterwards() string {
	if b.health(0) == "" {
		return ""
	}
	return "unhealthy"
}

// settle does what containers have done since anybody looked.
func (d *dockerd) settle() {
	now := time.Now()
	for _, c := range slices.Clone(d.containers) {
		end := c.started.Add(c.does.endsAfter)
		natural := !c.started.IsZero() && c.does.endsAfter > 0 && !now.Before(end) && (c.ended.IsZero() || end.Before(c.ended))
		if natural && c.does.work != nil && !c.worked {
			c.worked = true
			output, code := c.does.work(&d.db)
			c.log += output
			c.does.endCode = code
		}
		d.write(c, now)
	}
	d.containers = slices.DeleteFunc(d.containers, func(c *fakeContainer) bool { return c.autoRemove && c.at(now).status == "exited" })
}

const writeStep = 20 * time.Millisecond

// write adds the rows that a container has written by now.
func (d *dockerd) write(c *fakeContainer, now time.Time) {
	if !c.does.writes || c.started.IsZero() {
		return
	}
	if c.written.Before(c.started) {
		c.written = c.started
	}
	for next := c.written.Add(writeStep); !next.After(now); next = next.Add(writeStep) {
		c.written = next
		if c.at(next).status == "running" && d.databaseRuns(next) {
			d.db.rows = append(d.db.rows, fmt.Sprintf("%s at %s", c.name, next.Format("05.000")))
		}
	}
}

func (d *dockerd) databaseRuns(now time.Time) bool {
	return slices.ContainsFunc(d.containers, func(c *fakeContainer) bool { return c.does.database && c.at(now).status == "running" })
}

// create makes a container of an image that is here, and does not start it.
func (d *dockerd) create(name, ref, service string) (*fakeContainer, error) {
	i := d.local(ref)
	if i == nil {
		return nil, noImage(ref)
	}
	for _, c := range d.containers {
		if c.name == name {
			return nil, ends(1, "Error response from daemon: Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", name, c.id)
		}
	}
	d.made++
	c := &fakeContainer{id: sum256(fmt.Sprint(d.root, d.made)), name: name, ref: ref, image: i.id, labels: map[string]string{}, mounts: []map[string]any{}, restart: "no", grace: 10 * time.Second, does: i.does, created: time.Now()}
	if other, ok := i.as[service]; ok {
		c.does = other
	}
	if c.does.work != nil && c.does.endsAfter == 0 {
		c.does.endsAfter = 1
	}
	for folder := range i.does.volumes() {
		c.mounts = append(c.mounts, c.anonymous(folder))
	}
	d.containers = append(d.containers, c)
	return c, nil
}

// anonymous is a volume that goes with the container.
func (c *fakeContainer) anonymous(folder string) map[string]any {
	return map[string]any{"Type": "volume", "Name": sum256(c.id + folder), "Destination": folder, "RW": true}
}

// start fails where another container has the port.
func (d *dockerd) start(c *fakeContainer) error {
	now := time.Now()
	if c.at(now).status == "running" {
		return nil
	}
	for _, other := range d.containers {
		for _, port := range c.ports {
			if other != c && other.at(now).up() && slices.Contains(other.ports, port) {
				return ends(1, "Error response from daemon: driver failed programming external connectivity on endpoint %s (%s): Bind for %s failed: port is already allocated", c.name, sum256(c.name), port)
			}
		}
	}
	d.db.torn = d.db.torn || c.does.database && slices.ContainsFunc(d.containers, func(other *fakeContainer) bool {
		return other != c && other.does.database && other.at(now).up() && slices.ContainsFunc(c.volumes, func(v string) bool { return slices.Contains(other.volumes, v) })
	})
	c.started, c.ended, c.code, c.worked = now, time.Time{}, 0, false
	return nil
}

// askToStop lets a container end in its own time, or after the time of grace; that is the container's own if it is negative.
func (d *dockerd) askToStop(c *fakeContainer, grace time.Duration) {
	now := time.Now()
	if !c.at(now).up() || !c.ended.IsZero() {
		return
	}
	if grace < 0 {
		grace = c.grace
	}
	if c.ended = now.Add(min(c.does.stopsAfter, grace)); c.does.stopsAfter > grace {
		c.code = 137
	}
}

// stop waits until a container has ended.
func (d *dockerd) stop(by *call, c *fakeContainer, grace time.Duration) error {
	d.askToStop(c, grace)
	for c.at(time.Now()).up() {
		if err := d.wait(by, time.Until(c.ended)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dockerd) remove(c *fakeContainer, force bool) error {
	if !force && c.at(time.Now()).up() {
		return ends(1, "Error response from daemon: cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.name)
	}
	d.containers = slices.DeleteFunc(d.containers, func(one *fakeContainer) bool { return one == c })
	return nil
}

// find is a container by its name, its id or the start of that.
func (d *dockerd) find(ref string) (*fakeContainer, error) {
	for _, c := range d.containers {
		if c.name == strings.TrimPrefix(ref, "/") || c.id == ref || len(ref) > 3 && strings.HasPrefix(c.id, ref) {
			return c, nil
		}
	}
	return nil, ends(1, "Error response from daemon: No such container: %s", ref)
}

// describe is what docker inspect says.
func (d *dockerd) describe(c *fakeContainer) map[string]any {
	m := c.at(time.Now())
	state := map[string]any{
		"Status": m.status, "Running": m.up(), "Restarting": m.status == "restarting", "ExitCode": m.code,
		"StartedAt": stamp(m.began), "FinishedAt": stamp(m.end),
	}
	if m.health != "" {
		state["Health"] = map[string]any{"Status": m.health}
	}
	exposed, bindings := exposed(c.does.exposes), map[string]any{}
	for _, p := range entries(c.spec["ports"]) {
		key := fmt.Sprintf("%v/%v", p["target"], p["protocol"])
		exposed[key] = map[string]any{}
		if published, ok := p["published"]; ok {
			bindings[key] = []any{map[string]any{"HostIp": fmt.Sprint(p["host_ip"]), "HostPort": published}}
		}
	}
	policy, most := c.restart, 0
	if before, after, ok := strings.Cut(c.restart, ":"); ok {
		policy = before
		_, _ = fmt.Sscan(after, &most)
	}
	return map[string]any{
		"Mounts": c.mounts, "Id": c.id, "Name": "/" + c.name, "Image": c.image, "Created": stamp(c.created), "RestartCount": m.restarts, "State": state,
		"Path": c.line()[0], "Args": c.line()[1:],
		"Config":     map[string]any{"Image": c.ref, "Labels": c.labels, "Env": c.env, "ExposedPorts": exposed, "Healthcheck": c.healthcheck()},
		"HostConfig": map[string]any{"PortBindings": bindings, "RestartPolicy": map[string]any{"Name": policy, "MaximumRetryCount": most}, "AutoRemove": c.autoRemove},
	}
}

// line is the program that a container runs: each part of the image's is replaced by that of the service.
func (c *fakeContainer) line() []string {
	line := c.does.entrypoint
	if own := texts(c.spec["entrypoint"], ""); len(own) > 0 {
		line = own
	}
	command := c.does.command
	if own := texts(c.spec["command"], ""); len(own) > 0 {
		command = own
	}
	if line = slices.Concat(line, command); len(line) == 0 {
		return []string{"program"}
	}
	return line
}

// healthcheck is that of the service over that of the image, field by field, as Docker lays them when it makes a container.
func (c *fakeContainer) healthcheck() map[string]any {
	own, given := c.spec["healthcheck"].(map[string]any)
	if !given && c.does.healthyAfter == 0 && c.does.unhealthyAfter == 0 {
		return nil
	}
	all := map[string]any{"Test": []string{"CMD", "true"}, "Interval": cmp.Or(c.does.interval, 10*time.Millisecond), "StartPeriod": c.does.startPeriod}
	if test := texts(own["test"], ""); len(test) > 0 {
		all["Test"] = test
	}
	if own["disable"] == true {
		all["Test"] = []string{"NONE"}
	}
	for key, name := range map[string]string{"interval": "Interval", "start_period": "StartPeriod"} {
		if d, err := time.ParseDuration(word(own[key])); err == nil {
			all[name] = d
		}
	}
	return all
}

func exposed(ports []string) map[string]any {
	all := map[string]any{}
	for _, p := range ports {
		all[p] = map[string]any{}
	}
	return all
}

// entries reads a list of maps.
func entries(value any) (all []map[string]any) {
	items, _ := value.([]any)
	for _, one := range items {
		if m, ok := one.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.UTC().Format(time.RFC3339Nano)
}
