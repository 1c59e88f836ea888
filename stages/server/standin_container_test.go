package server

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	oneOffLabel  = "com.docker.compose.oneoff"
	numberLabel  = "com.docker.compose.container-number"
	hashLabel    = "com.docker.compose.config-hash"
	imageLabel   = "com.docker.compose.image"
)

// kept is a container. What it is at a time follows from when it was started and how its image behaves.
type kept struct {
	id, name   string
	ref, image string // what it was made from, and the id of that
	labels     map[string]string
	env        []string
	restart    string
	ports      []string // of the server, with an address where it has one
	volumes    []string
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

func (c *kept) at(now time.Time) moment {
	switch {
	case c.started.IsZero():
		return moment{status: "created"}
	case !c.ended.IsZero() && !now.Before(c.ended):
		return moment{status: "exited", code: c.code, began: c.started, end: c.ended}
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
			m.status = "exited"
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
func (c *kept) again(m moment) bool {
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
	d.containers = slices.DeleteFunc(d.containers, func(c *kept) bool { return c.autoRemove && c.at(now).status == "exited" })
}

const writeStep = 20 * time.Millisecond

// write adds the rows that a container has written by now.
func (d *dockerd) write(c *kept, now time.Time) {
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
	return slices.ContainsFunc(d.containers, func(c *kept) bool { return c.does.database && c.at(now).status == "running" })
}

// create makes a container of an image that is here, and does not start it.
func (d *dockerd) create(name, ref, service string) (*kept, error) {
	i := d.local(ref)
	if i == nil {
		return nil, ends(1, "Error response from daemon: No such image: %s", ref)
	}
	for _, c := range d.containers {
		if c.name == name {
			return nil, ends(1, "Error response from daemon: Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", name, c.id)
		}
	}
	d.made++
	c := &kept{id: sum256(fmt.Sprint(d.root, d.made)), name: name, ref: ref, image: i.id, labels: map[string]string{}, restart: "no", grace: 10 * time.Second, does: i.does, created: time.Now()}
	if other, ok := i.as[service]; ok {
		c.does = other
	}
	if c.does.work != nil && c.does.endsAfter == 0 {
		c.does.endsAfter = 1
	}
	d.containers = append(d.containers, c)
	return c, nil
}

// start fails where another container has the port.
func (d *dockerd) start(c *kept) error {
	now := time.Now()
	if c.at(now).status == "running" {
		return nil
	}
	for _, other := range d.containers {
		for _, port := range c.ports {
			if s := other.at(now).status; other != c && (s == "running" || s == "restarting") && slices.Contains(other.ports, port) {
				return ends(1, "Error response from daemon: driver failed programming external connectivity on endpoint %s (%s): Bind for %s failed: port is already allocated", c.name, sum256(c.name), port)
			}
		}
	}
	c.started, c.ended, c.code, c.worked = now, time.Time{}, 0, false
	return nil
}

// stop asks a container to end, and ends it after its time of grace.
func (d *dockerd) stop(by *call, c *kept, grace time.Duration) error {
	now := time.Now()
	status := c.at(now).status
	if status != "running" && status != "restarting" {
		return nil
	}
	c.ended, c.code = now.Add(min(c.does.stopsAfter, grace)), 0
	if c.does.stopsAfter > grace {
		c.code = 137
	}
	for c.at(time.Now()).status == "running" {
		if err := d.wait(by, time.Until(c.ended)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dockerd) remove(c *kept, force bool) error {
	if status := c.at(time.Now()).status; !force && (status == "running" || status == "restarting") {
		return ends(1, "Error response from daemon: cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.name)
	}
	d.containers = slices.DeleteFunc(d.containers, func(one *kept) bool { return one == c })
	return nil
}

// find is a container by its name, its id or the start of that.
func (d *dockerd) find(ref string) (*kept, error) {
	for _, c := range d.containers {
		if c.name == strings.TrimPrefix(ref, "/") || c.id == ref || len(ref) > 3 && strings.HasPrefix(c.id, ref) {
			return c, nil
		}
	}
	return nil, ends(1, "Error response from daemon: No such container: %s", ref)
}

// describe is what docker inspect says.
func (d *dockerd) describe(c *kept) map[string]any {
	m := c.at(time.Now())
	state := map[string]any{
		"Status": m.status, "Running": m.status == "running" || m.status == "restarting", "Restarting": m.status == "restarting", "ExitCode": m.code,
		"StartedAt": stamp(m.began), "FinishedAt": stamp(m.end),
	}
	if m.health != "" {
		state["Health"] = map[string]any{"Status": m.health}
	}
	exposed, bindings := c.does.exposed(), map[string]any{}
	for _, p := range list2(c.spec["ports"]) {
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
		"Id": c.id, "Name": "/" + c.name, "Image": c.image, "Created": stamp(c.created), "RestartCount": m.restarts, "State": state,
		"Config":     map[string]any{"Image": c.ref, "Labels": c.labels, "Env": c.env, "ExposedPorts": exposed},
		"HostConfig": map[string]any{"PortBindings": bindings, "RestartPolicy": map[string]any{"Name": policy, "MaximumRetryCount": most}, "AutoRemove": c.autoRemove},
	}
}

// list2 reads a list of maps.
func list2(value any) (all []map[string]any) {
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
