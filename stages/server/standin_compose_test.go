package server

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (d *dockerd) compose(c *call, config string, args []string) error {
	o, args, err := parse("docker compose", args, true, "project-directory=", "file,f=", "profile=", "project-name,p=", "ansi=", "progress=", "env-file=")
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return ends(125, "docker compose: a command is missing")
	}
	if args[0] == "version" {
		return d.composeVersion(c, args[1:])
	}
	work, ok := map[string]func(*fakeProject, []string) error{
		"config": (*fakeProject).config, "up": (*fakeProject).up, "run": (*fakeProject).run, "stop": (*fakeProject).stop, "pull": (*fakeProject).pull,
		"ps": (*fakeProject).ps, "exec": (*fakeProject).exec, "rm": (*fakeProject).rm, "start": (*fakeProject).startAll,
	}[args[0]]
	if !ok {
		return ends(16, "unknown docker command: \"compose %s\"", args[0])
	}
	a, err := c.load(o)
	if err != nil {
		return err
	}
	return work(&fakeProject{app: a, dockerd: d, call: c, login: config}, args[1:])
}

func (d *dockerd) composeVersion(c *call, args []string) error {
	o, _, err := parse("docker compose version", args, false, "short", "format,f=")
	if err != nil {
		return err
	}
	if o.has("short") {
		c.print("%s", d.versions.compose)
		return nil
	}
	c.print("Docker Compose version %s", d.versions.compose)
	return nil
}

// fakeProject is an application while a command works on it.
type fakeProject struct {
	*app
	*dockerd
	call  *call
	login string
}

func (p *fakeProject) config(args []string) error {
	o, _, err := parse("docker compose config", args, false, "format=", "services", "quiet,q")
	if err != nil {
		return err
	}
	switch {
	case o.has("services"):
		for _, name := range p.active() {
			p.call.print("%s", name)
		}
		return nil
	case o.has("quiet"):
		return nil
	case o.get("format") != "json":
		return ends(125, "the stand-in prints --format json only")
	}
	text, err := p.json()
	p.call.print("%s", text)
	return err
}

// imageOf is what a service runs; what is built has a name of compose's own.
func (p *fakeProject) imageOf(service string) string {
	if image, ok := p.services[service]["image"].(string); ok {
		return image
	}
	return p.name + "-" + service
}

// chosen are the services that a command is about, all active ones without a name, with what they depend on if asked for. Those
// on which others depend come first.
func (p *fakeProject) chosen(names []string, deps bool) ([]string, error) {
	if len(names) == 0 {
		names = p.active()
	}
	var ordered []string
	var visit func(string) error
	visit = func(name string) error {
		if p.services[name] == nil {
			return ends(1, "no such service: %s", name)
		}
		for _, dep := range slices.Sorted(maps.Keys(dependencies(p.services[name]))) {
			if deps || slices.Contains(names, dep) {
				if err := visit(dep); err != nil {
					return err
				}
			}
		}
		if !slices.Contains(ordered, name) {
			ordered = append(ordered, name)
		}
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}

// of are a service's containers, those of one-off runs left out.
func (p *fakeProject) of(service string) (all []*fakeContainer) {
	for _, one := range p.containers {
		if one.labels[projectLabel] == p.name && one.labels[serviceLabel] == service && one.labels[oneOffLabel] != "True" {
			all = append(all, one)
		}
	}
	return all
}

func (p *fakeProject) up(args []string) error {
	o, names, err := parse("docker compose up", args, false, "detach,d", "no-build", "quiet-pull", "no-deps", "no-recreate", "force-recreate", "remove-orphans", "scale=", "no-start")
	if err != nil {
		return err
	}
	if !o.has("detach") && !o.has("no-start") {
		return ends(125, "the stand-in brings up in the background only: --detach")
	}
	return p.bringUp(o, names)
}

func (p *fakeProject) bringUp(o options, names []string) error {
	services, err := p.chosen(names, !o.has("no-deps"))
	if err != nil {
		return err
	}
	scales, err := p.scales(o["scale"])
	if err != nil {
		return err
	}
	for _, service := range services {
		if err := p.fetch(service, p.services[service]["pull_policy"] == "always"); err != nil {
			return err
		}
	}
	if err := p.makeOutside(services); err != nil {
		return err
	}
	if err := p.orphans(o.has("remove-orphans")); err != nil {
		return err
	}
	for _, service := range services {
		if err := p.converge(service, scales[service], o); err != nil {
			return err
		}
	}
	if o.has("no-start") {
		return nil
	}
	for _, service := range services {
		if err := p.begin(service, services); err != nil {
			return err
		}
	}
	return nil
}

// scales are how many containers each service shall have.
func (p *fakeProject) scales(given []string) (map[string]int, error) {
	scales := map[string]int{}
	for name, s := range p.services {
		scales[name] = 1
		deploy, _ := s["deploy"].(map[string]any)
		for _, set := range []any{deploy["replicas"], s["scale"]} {
			if n, err := strconv.Atoi(fmt.Sprint(set)); err == nil {
				scales[name] = n
			}
		}
	}
	for _, one := range given {
		name, number, _ := strings.Cut(one, "=")
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, ends(1, "invalid --scale option %q. Should be SERVICE=NUM", one)
		}
		if p.services[name] == nil {
			return nil, ends(1, "no such service: %s", name)
		}
		scales[name] = n
	}
	for name, n := range scales {
		if own, ok := p.services[name]["container_name"]; ok && n > 1 {
			return nil, ends(1, "WARNING: The %q service is using the custom container name %q. Docker requires each container to have a unique name. Remove the custom name to scale the service", name, own)
		}
	}
	return scales, nil
}

// fetch gets a service's image where it is not here.
func (p *fakeProject) fetch(service string, always bool) error {
	image := p.imageOf(service)
	if !always && p.local(image) != nil {
		return nil
	}
	if err := p.dockerd.pull(p.login, image); err != nil {
		p.call.tell(" %s Error %s", service, strings.TrimPrefix(err.Error(), "Error response from daemon: "))
		return err
	}
	p.call.tell(" %s Pulled ", service)
	return nil
}

// makeOutside makes the project's networks and volumes.
func (p *fakeProject) makeOutside(services []string) error {
	used := map[string][]string{}
	for _, service := range services {
		networks, _ := p.services[service]["networks"].(map[string]any)
		used["networks"] = append(used["networks"], slices.Collect(maps.Keys(networks))...)
		for _, v := range entries(p.services[service]["volumes"]) {
			if source, ok := v["source"].(string); ok && v["type"] == "volume" {
				used["volumes"] = append(used["volumes"], source)
			}
		}
	}
	for kind, there := range map[string]map[string]map[string]string{"networks": p.networks, "volumes": p.volumes} {
		for _, key := range used[kind] {
			one := p.top[kind][key]
			name := fmt.Sprint(one["name"])
			switch _, ok := there[name]; {
			case ok:
			case one["external"] == true && kind == "networks":
				return ends(1, "network %s declared as external, but could not be found", name)
			case one["external"] == true:
				return ends(1, "external volume %q not found", name)
			default:
				there[name] = map[string]string{projectLabel: p.name, "com.docker.compose." + strings.TrimSuffix(kind, "s"): key}
			}
		}
	}
	return nil
}

// orphans are containers of services that the project does not have, and of one-off runs that have ended.
func (p *fakeProject) orphans(removes bool) error {
	var names []string
	for _, one := range slices.Clone(p.containers) {
		known := p.services[one.labels[serviceLabel]] != nil
		if one.labels[oneOffLabel] == "True" {
			known = one.at(time.Now()).status != "exited"
		}
		if one.labels[projectLabel] != p.name || known {
			continue
		}
		if !removes {
			names = append(names, one.name)
			continue
		}
		if err := p.stopAndRemove(one); err != nil {
			return err
		}
	}
	if len(names) > 0 {
		p.call.tell("Found orphan containers (%v) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.", names)
	}
	return nil
}

func (p *fakeProject) stopAndRemove(one *fakeContainer) error {
	if err := p.dockerd.stop(p.call, one, -1); err != nil {
		return err
	}
	p.call.tell(" Container %s  Removed", one.name)
	return p.remove(one, true)
}

// converge makes a service's containers as many and such as they shall be: obsolete ones go first.
func (p *fakeProject) converge(service string, scale int, o options) error {
	all := p.of(service)
	slices.SortStableFunc(all, func(a, b *fakeContainer) int {
		if byAge := cmp.Compare(order(p.obsolete(a, o)), order(p.obsolete(b, o))); byAge != 0 {
			return byAge
		}
		return cmp.Compare(number(a), number(b))
	})
	for n, one := range all {
		var err error
		switch {
		case n >= scale:
			err = p.stopAndRemove(one)
		case p.obsolete(one, o):
			err = p.recreate(service, one)
		}
		if err != nil {
			return err
		}
	}
	next := 1
	for _, one := range all {
		next = max(next, number(one)+1)
	}
	for n := len(all); n < scale; n++ {
		name := cmp.Or(word(p.services[service]["container_name"]), fmt.Sprintf("%s-%s-%d", p.name, service, next))
		if _, err := p.make(service, name, next); err != nil {
			return err
		}
		next++
	}
	return nil
}

func order(obsolete bool) int {
	if obsolete {
		return 1
	}
	return 0
}

func number(one *fakeContainer) int { n, _ := strconv.Atoi(one.labels[numberLabel]); return n }

// obsolete says whether a container is to be made anew.
func (p *fakeProject) obsolete(one *fakeContainer, o options) bool {
	if o.has("no-recreate") {
		return false
	}
	service := one.labels[serviceLabel]
	image := p.local(p.imageOf(service))
	return o.has("force-recreate") || one.labels[hashLabel] != hash(p.services[service]) || image == nil || one.labels[imageLabel] != image.id
}

// recreate makes the new container before the old one stops, and gives it the old one's name.
func (p *fakeProject) recreate(service string, old *fakeContainer) error {
	one, err := p.make(service, old.id[:12]+"_"+old.name, number(old))
	if err != nil {
		return err
	}
	if err := p.stopAndRemove(old); err != nil {
		return err
	}
	one.name = old.name
	p.call.tell(" Container %s  Recreated", one.name)
	return nil
}

// make makes a service's container, and does not start it.
func (p *fakeProject) make(service, name string, number int) (*fakeContainer, error) {
	one, err := p.dockerd.create(name, p.imageOf(service), service)
	if err != nil {
		return nil, err
	}
	p.dress(one, service)
	one.labels[numberLabel], one.labels[oneOffLabel] = strconv.Itoa(number), "False"
	return one, nil
}

// dress gives a container what its service says.
func (p *fakeProject) dress(one *fakeContainer, service string) {
	s := p.services[service]
	own, _ := s["labels"].(map[string]any)
	for k, v := range own {
		one.labels[k] = fmt.Sprint(v)
	}
	maps.Copy(one.labels, map[string]string{
		projectLabel: p.name, serviceLabel: service, hashLabel: hash(s), imageLabel: one.image,
		"com.docker.compose.project.working_dir": p.dir, "com.docker.compose.project.config_files": strings.Join(p.files, ","),
	})
	if p.envFiles != nil {
		one.labels["com.docker.compose.project.environment_file"] = strings.Join(p.envFiles, ",")
	}
	environment, _ := s["environment"].(map[string]any)
	for k, v := range environment {
		if v != nil {
			one.env = append(one.env, k+"="+fmt.Sprint(v))
		}
	}
	slices.Sort(one.env)
	one.spec = s
	one.restart = cmp.Or(word(s["restart"]), "no")
	one.grace = 10 * time.Second
	if grace, err := time.ParseDuration(word(s["stop_grace_period"])); err == nil {
		one.grace = grace
	}
	for _, v := range entries(s["volumes"]) {
		m := map[string]any{"Type": v["type"], "Source": v["source"], "Destination": v["target"], "RW": v["read_only"] != true}
		if source := word(v["source"]); v["type"] == "volume" && source != "" {
			m["Name"] = p.top["volumes"][source]["name"]
			one.volumes = append(one.volumes, word(m["Name"]))
		} else if v["type"] == "volume" {
			m = one.anonymous(word(v["target"]))
		}
		one.mounts = append(slices.DeleteFunc(one.mounts, func(old map[string]any) bool { return old["Destination"] == m["Destination"] }), m)
	}
	for _, port := range entries(s["ports"]) {
		if published := word(port["published"]); published != "" {
			one.ports = append(one.ports, cmp.Or(word(port["host_ip"]), "0.0.0.0")+":"+published)
		}
	}
	if check, ok := s["healthcheck"].(map[string]any); ok && one.does.healthyAfter == 0 && one.does.unhealthyAfter == 0 && check["disable"] != true {
		one.does.healthyAfter = 1
	} else if ok && check["disable"] == true {
		one.does.healthyAfter, one.does.unhealthyAfter = 0, 0
	}
}

func word(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// begin starts a service's containers once what it depends on, among those that are brought up, is as far.
func (p *fakeProject) begin(service string, among []string) error {
	for _, dep := range slices.Sorted(maps.Keys(dependencies(p.services[service]))) {
		if slices.Contains(among, dep) {
			if err := p.await(dep, dependencies(p.services[service])[dep]); err != nil {
				return err
			}
		}
	}
	for _, one := range p.of(service) {
		if one.at(time.Now()).status == "running" {
			continue
		}
		if err := p.dockerd.start(one); err != nil {
			return err
		}
		p.call.tell(" Container %s  Started", one.name)
	}
	return nil
}

func (p *fakeProject) await(service, condition string) error {
	for _, one := range p.of(service) {
		for {
			m := one.at(time.Now())
			switch {
			case condition == "service_started":
			case condition == "service_completed_successfully" && m.status == "exited" && m.code == 0:
			case condition == "service_completed_successfully" && m.status == "exited":
				return ends(1, "service %q didn't complete successfully: exit %d", service, m.code)
			case condition == "service_healthy" && m.health == "healthy":
			case condition == "service_healthy" && m.status == "exited":
				return ends(1, "dependency failed to start: container %s exited (%d)", one.name, m.code)
			case condition == "service_healthy" && m.health == "unhealthy":
				return ends(1, "dependency failed to start: container %s is unhealthy", one.name)
			case condition == "service_healthy" && m.status == "running" && m.health == "":
				return ends(1, "dependency failed to start: container %s has no healthcheck configured", one.name)
			default:
				if err := p.wait(p.call, 2*time.Millisecond); err != nil {
					return err
				}
				continue
			}
			break
		}
	}
	return nil
}

func (p *fakeProject) run(args []string) error {
	o, rest, err := parse("docker compose run", args, true, "rm", "no-TTY,T", "detach,d", "no-deps", "name=", "quiet-pull", "quiet,q", "env,e=", "label,l=")
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return ends(1, "requires at least 1 arg(s), only received 0")
	}
	service, program := rest[0], rest[1:]
	if p.services[service] == nil {
		return ends(1, "no such service: %s", service)
	}
	if deps := slices.Sorted(maps.Keys(dependencies(p.services[service]))); !o.has("no-deps") && len(deps) > 0 {
		if err := p.bringUp(options{}, deps); err != nil {
			return err
		}
		for _, dep := range deps {
			if err := p.await(dep, dependencies(p.services[service])[dep]); err != nil {
				return err
			}
		}
	}
	if err := p.fetch(service, false); err != nil {
		return err
	}
	if err := p.makeOutside([]string{service}); err != nil {
		return err
	}
	one, err := p.dockerd.create(cmp.Or(o.get("name"), fmt.Sprintf("%s-%s-run-%s", p.name, service, sum256(fmt.Sprint(p.made))[:12])), p.imageOf(service), service)
	if err != nil {
		return err
	}
	p.dress(one, service)
	one.labels[oneOffLabel], one.ports, one.restart = "True", nil, "no"
	for _, l := range o["label"] {
		k, v, _ := strings.Cut(l, "=")
		one.labels[k] = v
	}
	for _, e := range o["env"] {
		k, _, _ := strings.Cut(e, "=")
		one.env = append(slices.DeleteFunc(one.env, func(old string) bool { return strings.HasPrefix(old, k+"=") }), e)
	}
	if o.has("detach") {
		one.autoRemove = o.has("rm")
		p.call.print("%s", one.name)
		return p.dockerd.start(one)
	}
	return p.foreground(one, o, program)
}

// foreground waits for the end of a one-off run, which is that of its behaviour or of the program that it is given.
func (p *fakeProject) foreground(one *fakeContainer, o options, program []string) error {
	if len(program) > 0 {
		one.does = behaviour{database: one.does.database}
	}
	if err := p.dockerd.start(one); err != nil {
		return err
	}
	if len(program) > 0 {
		err := p.inside(p.call, one, true, o["env"], program)
		one.ended = time.Now()
		if o.has("rm") {
			_ = p.remove(one, true)
		}
		return err
	}
	m := moment{}
	for m.status != "exited" {
		if err := p.wait(p.call, time.Millisecond); err != nil {
			return err
		}
		m = one.at(time.Now())
	}
	fmt.Fprint(p.call.stdout, one.does.log+one.log)
	if o.has("rm") {
		_ = p.remove(one, true)
	}
	if m.code != 0 {
		return &ending{code: m.code}
	}
	return nil
}

func (p *fakeProject) stop(args []string) error {
	o, names, err := parse("docker compose stop", args, false, "timeout,t=")
	if err != nil {
		return err
	}
	services, err := p.chosen(names, false)
	if err != nil {
		return err
	}
	for _, service := range slices.Backward(services) {
		for _, one := range p.of(service) {
			grace := time.Duration(-1)
			if t, err := strconv.Atoi(o.get("timeout")); err == nil {
				grace = time.Duration(t) * time.Second
			}
			if err := p.dockerd.stop(p.call, one, grace); err != nil {
				return err
			}
			p.call.tell(" Container %s  Stopped", one.name)
		}
	}
	return nil
}

func (p *fakeProject) startAll(args []string) error {
	_, names, err := parse("docker compose start", args, false)
	if err != nil {
		return err
	}
	services, err := p.chosen(names, false)
	if err != nil {
		return err
	}
	for _, service := range services {
		if len(p.of(service)) == 0 {
			return ends(1, "service %q has no container to start", service)
		}
		if err := p.begin(service, services); err != nil {
			return err
		}
	}
	return nil
}

func (p *fakeProject) pull(args []string) error {
	o, names, err := parse("docker compose pull", args, false, "quiet,q", "policy=", "ignore-buildable", "ignore-pull-failures", "include-deps")
	if err != nil {
		return err
	}
	services, err := p.chosen(names, o.has("include-deps"))
	if err != nil {
		return err
	}
	for _, service := range services {
		if p.services[service]["build"] != nil && o.has("ignore-buildable") {
			continue
		}
		if err := p.fetch(service, o.get("policy") != "missing"); err != nil && !o.has("ignore-pull-failures") {
			return err
		}
	}
	return nil
}

func (p *fakeProject) ps(args []string) error {
	o, names, err := parse("docker compose ps", args, false, "all,a", "quiet,q", "format=", "services", "status=", "no-trunc")
	if err != nil {
		return err
	}
	for _, name := range names {
		if p.services[name] == nil {
			return ends(1, "no such service: %s", name)
		}
	}
	var found []*fakeContainer
	for _, one := range p.containers {
		m, service := one.at(time.Now()), one.labels[serviceLabel]
		if one.labels[projectLabel] != p.name || one.labels[oneOffLabel] == "True" || len(names) > 0 && !slices.Contains(names, service) {
			continue
		}
		if want := o["status"]; len(want) > 0 && !slices.Contains(want, m.status) || len(want) == 0 && !o.has("all") && !m.up() {
			continue
		}
		found = append(found, one)
	}
	if o.has("services") {
		for _, one := range found {
			p.call.print("%s", one.labels[serviceLabel])
		}
		return nil
	}
	if o.has("quiet") {
		o["no-trunc"] = []string{"true"}
	}
	return p.list(p.call, o, found)
}

func (p *fakeProject) exec(args []string) error {
	o, rest, err := parse("docker compose exec", args, true, "no-TTY,T", "env,e=")
	if err != nil {
		return err
	}
	if len(rest) < 2 {
		return ends(1, "requires at least 2 arg(s), only received %d", len(rest))
	}
	for _, one := range p.of(rest[0]) {
		if one.at(time.Now()).status == "running" {
			return p.inside(p.call, one, true, o["env"], rest[1:])
		}
	}
	return ends(1, "service %q is not running", rest[0])
}

func (p *fakeProject) rm(args []string) error {
	o, names, err := parse("docker compose rm", args, false, "force,f", "stop,s", "volumes,v")
	if err != nil {
		return err
	}
	services, err := p.chosen(names, false)
	if err != nil {
		return err
	}
	for _, service := range services {
		for _, one := range p.of(service) {
			if o.has("stop") {
				if err := p.dockerd.stop(p.call, one, -1); err != nil {
					return err
				}
			}
			if !one.at(time.Now()).up() {
				p.call.print("Going to remove %s", one.name)
				_ = p.remove(one, false)
			}
		}
	}
	return nil
}
