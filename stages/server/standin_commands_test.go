package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/Masterminds/semver/v3"
)

// options are a command's flags by their long names.
type options map[string][]string

func (o options) has(name string) bool { return len(o[name]) > 0 && o[name][0] != "false" }

func (o options) get(name string) string {
	if all := o[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// parse reads flags, of which "all,a" is a switch and "filter,f=" has a value, and refuses others as docker does. Before
// another program's arguments it stops at the first word that is no flag.
func parse(command string, args []string, stops bool, known ...string) (options, []string, error) {
	long, valued := map[string]string{}, map[string]bool{}
	for _, k := range known {
		names := strings.Split(strings.TrimSuffix(k, "="), ",")
		for _, n := range names {
			long[n], valued[n] = names[0], strings.HasSuffix(k, "=")
		}
	}
	found, rest := options{}, []string(nil)
	for n := 0; n < len(args); n++ {
		a := args[n]
		if a == "--" {
			return found, append(rest, args[n+1:]...), nil
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			if stops {
				return found, append(rest, args[n:]...), nil
			}
			rest = append(rest, a)
			continue
		}
		flag, value, given := strings.Cut(strings.TrimLeft(a, "-"), "=")
		flags := []string{flag}
		if !strings.HasPrefix(a, "--") {
			flags = strings.Split(flag, "")
		}
		for at, f := range flags {
			if long[f] == "" || (len(f) == 1) == strings.HasPrefix(a, "--") {
				return nil, nil, usage(command, "unknown flag: "+a)
			}
			switch {
			case !valued[f] && !given:
				value = "true"
			case valued[f] && !given && at+1 < len(flags):
				value = strings.Join(flags[at+1:], "")
				flags = flags[:0]
			case valued[f] && !given:
				if n++; n == len(args) {
					return nil, nil, usage(command, "flag needs an argument: "+a)
				}
				value = args[n]
			}
			found[long[f]] = append(found[long[f]], value)
			if len(flags) == 0 {
				break
			}
		}
	}
	return found, rest, nil
}

// usage is how docker refuses a line, and how compose does.
func usage(command, text string) error {
	if strings.HasPrefix(command, "docker compose") {
		return ends(16, "%s", text)
	}
	return ends(125, "%s\nSee '%s --help'.", text, command)
}

func (d *dockerd) docker(c *call, args []string) error {
	o, args, err := parse("docker", args, true, "config=")
	if err != nil {
		return err
	}
	config := c.getenv("HOME") + "/.docker"
	if own := o.get("config"); own != "" {
		config = absolute(c.Dir, own)
	}
	if len(args) == 0 {
		return ends(125, "docker: a command is missing")
	}
	words := map[string]int{"image": 2, "network": 2, "volume": 2}
	command := strings.Join(args[:min(max(1, words[args[0]]), len(args))], " ")
	run, ok := commands[command]
	if !ok {
		return ends(1, "docker: '%s' is not a docker command.\nSee 'docker --help'", command)
	}
	return run(d, c, config, args[len(strings.Fields(command)):])
}

var commands map[string]func(d *dockerd, c *call, config string, args []string) error

func init() {
	commands = map[string]func(d *dockerd, c *call, config string, args []string) error{
		"info": (*dockerd).info, "version": (*dockerd).version, "compose": (*dockerd).compose,
		"ps": (*dockerd).ps, "inspect": (*dockerd).inspect,
		"image inspect": (*dockerd).imageInspect, "image ls": (*dockerd).imageLs, "image rm": (*dockerd).imageRm,
		"pull": (*dockerd).pullCommand, "tag": (*dockerd).tag,
		"stop": (*dockerd).stopCommand, "start": (*dockerd).startCommand, "kill": (*dockerd).kill, "rm": (*dockerd).rm, "logs": (*dockerd).logs,
		"exec": (*dockerd).exec, "run": (*dockerd).runCommand,
		"network inspect": (*dockerd).networkInspect, "volume inspect": (*dockerd).volumeInspect, "network ls": (*dockerd).networkLs, "volume ls": (*dockerd).volumeLs,
		"network create": (*dockerd).networkCreate, "volume create": (*dockerd).volumeCreate,
	}
}

// show prints values as --format says: as JSON if it says nothing.
func show[V any](c *call, format string, values ...V) error {
	if format == "" {
		text, err := json.MarshalIndent(values, "", "    ")
		c.print("%s", text)
		return err
	}
	return rows(c, format, values...)
}

// rows prints a line for each value.
func rows[V any](c *call, format string, values ...V) error {
	toJSON := func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err }
	if format == "json" {
		format = "{{json .}}"
	}
	t, err := template.New("").Funcs(template.FuncMap{"json": toJSON, "join": strings.Join}).Option("missingkey=error").Parse(format)
	if err != nil {
		return ends(125, "template parsing error: %v", err)
	}
	for _, v := range values {
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return ends(1, "template parsing error: %v", err)
		}
		c.print("%s", b.String())
	}
	return nil
}

// plain is a value as JSON has it.
func plain(v any) (out map[string]any) {
	text, _ := json.Marshal(v)
	_ = json.Unmarshal(text, &out)
	return out
}

func (d *dockerd) info(c *call, _ string, args []string) error {
	o, _, err := parse("docker info", args, false, "format,f=")
	if err != nil {
		return err
	}
	return show(c, o.get("format"), map[string]any{"DockerRootDir": d.root, "ServerVersion": d.versions.docker, "Driver": "overlay2", "Containers": len(d.containers)})
}

func (d *dockerd) version(c *call, _ string, args []string) error {
	o, _, err := parse("docker version", args, false, "format,f=")
	if err != nil {
		return err
	}
	return show(c, o.get("format"), map[string]any{"Server": map[string]any{"Version": d.versions.docker}, "Client": map[string]any{"Version": d.versions.docker}})
}

func (d *dockerd) ps(c *call, _ string, args []string) error {
	o, _, err := parse("docker ps", args, false, "all,a", "quiet,q", "no-trunc", "filter,f=", "format=")
	if err != nil {
		return err
	}
	var found []*fakeContainer
	if _, err := d.matches(&fakeContainer{}, moment{}, o["filter"]); err != nil {
		return err
	}
	for _, one := range slices.Backward(d.containers) { // the newest first
		m := one.at(time.Now())
		shown := o.has("all") || slices.ContainsFunc(o["filter"], func(f string) bool { return strings.HasPrefix(f, "status=") }) || m.up()
		fits, err := d.matches(one, m, o["filter"])
		if err != nil {
			return err
		}
		if shown && fits {
			found = append(found, one)
		}
	}
	return d.list(c, o, found)
}

// listed is a container as docker ps and docker compose ps show it.
type listed struct {
	ID, Name, Names, Image, State, Status, Labels, CreatedAt, Service string
	labels                                                            map[string]string
}

// Label is for templates.
func (l listed) Label(name string) string { return l.labels[name] }

func (d *dockerd) list(c *call, o options, found []*fakeContainer) error {
	var all []listed
	for _, one := range found {
		id := one.id
		if !o.has("no-trunc") {
			id = id[:12]
		}
		var labels []string
		for k, v := range one.labels {
			labels = append(labels, k+"="+v)
		}
		slices.Sort(labels)
		m := one.at(time.Now())
		status := map[string]string{"running": "Up", "exited": fmt.Sprintf("Exited (%d)", m.code), "created": "Created", "restarting": "Restarting"}[m.status]
		if m.health != "" {
			status += " (" + m.health + ")"
		}
		all = append(all, listed{ID: id, Name: one.name, Names: one.name, Image: one.ref, State: m.status, Status: status, Labels: strings.Join(labels, ","), CreatedAt: stamp(one.created), Service: one.labels[serviceLabel], labels: one.labels})
	}
	switch {
	case o.has("quiet"):
		return rows(c, "{{.ID}}", all...)
	case o.get("format") != "":
		return rows(c, o.get("format"), all...)
	}
	c.print("CONTAINER ID   IMAGE   STATUS   NAMES")
	return rows(c, "{{.ID}}   {{.Image}}   {{.Status}}   {{.Names}}", all...)
}

// matches reads filters: those of one kind are alternatives, but labels have to be there all.
func (d *dockerd) matches(one *fakeContainer, m moment, filters []string) (bool, error) {
	kinds := map[string]bool{}
	for _, f := range filters {
		kind, value, _ := strings.Cut(f, "=")
		fits := false
		switch kind {
		case "label":
			fits = hasLabel(one.labels, value)
			if found, seen := kinds[kind]; seen {
				fits = fits && found
			}
		case "name":
			fits = strings.Contains("/"+one.name, strings.TrimSuffix(strings.TrimPrefix(value, "^"), "$"))
			if strings.HasPrefix(value, "^") && strings.HasSuffix(value, "$") {
				fits = "/"+one.name == "/"+strings.TrimPrefix(strings.Trim(value, "^$"), "/")
			}
		case "id":
			fits = strings.HasPrefix(one.id, value)
		case "status":
			fits = m.status == value
		case "health":
			fits = m.health == value
		case "volume":
			fits = slices.Contains(one.volumes, value)
		case "ancestor":
			i := d.local(value)
			fits = i != nil && i.id == one.image
		default:
			return false, ends(1, "Error response from daemon: invalid filter '%s'", kind)
		}
		kinds[kind] = fits || kind != "label" && kinds[kind]
	}
	for _, fits := range kinds {
		if !fits {
			return false, nil
		}
	}
	return true, nil
}

func hasLabel(labels map[string]string, filter string) bool {
	name, value, valued := strings.Cut(filter, "=")
	found, ok := labels[name]
	return ok && (!valued || found == value)
}

func (d *dockerd) inspect(c *call, _ string, args []string) error {
	o, refs, err := parse("docker inspect", args, false, "type=", "format,f=")
	if err != nil {
		return err
	}
	if t := o.get("type"); t != "" && t != "container" {
		return ends(125, "the stand-in inspects containers only, not %q", t)
	}
	return inspectEach(c, o, refs, func(ref string) (map[string]any, error) {
		one, err := d.find(ref)
		if err != nil {
			return nil, err
		}
		return d.describe(one), nil
	})
}

// inspectEach prints what is there, and fails if anything is not.
func inspectEach(c *call, o options, refs []string, get func(string) (map[string]any, error)) error {
	if len(refs) == 0 {
		return ends(1, "docker inspect requires at least 1 argument.")
	}
	found, missing := []map[string]any{}, error(nil)
	for _, ref := range refs {
		if one, err := get(ref); err != nil {
			missing = err
		} else {
			found = append(found, plain(one))
		}
	}
	if format := o.get("format"); format != "" && len(found) == 0 {
		c.print("")
	} else if err := show(c, format, found...); err != nil {
		return err
	}
	return missing
}

func (d *dockerd) imageInspect(c *call, _ string, args []string) error {
	o, refs, err := parse("docker image inspect", args, false, "format,f=")
	if err != nil {
		return err
	}
	return inspectEach(c, o, refs, func(ref string) (map[string]any, error) {
		i := d.local(ref)
		if i == nil {
			return nil, noImage(ref)
		}
		digests := []string{}
		if !i.built {
			digests = append(digests, familiar(i.repository)+"@"+i.digest)
		}
		return map[string]any{"Id": i.id, "RepoTags": i.tags, "RepoDigests": digests, "Config": map[string]any{"ExposedPorts": exposed(i.does.exposes), "Volumes": i.does.volumes()}}, nil
	})
}

func (d *dockerd) imageLs(c *call, _ string, args []string) error {
	o, rest, err := parse("docker image ls", args, false, "all,a", "digests", "no-trunc", "quiet,q", "filter,f=", "format=")
	if err != nil {
		return err
	}
	wanted := slices.Clone(rest)
	for _, f := range o["filter"] {
		kind, value, _ := strings.Cut(f, "=")
		if kind != "reference" {
			return ends(125, "the stand-in knows no filter %q of images", kind)
		}
		wanted = append(wanted, value)
	}
	var all []map[string]any
	for _, i := range d.images {
		names := i.tags
		if len(names) == 0 && !o.has("all") && semver.MustParse(d.versions.docker).Major() >= 29 {
			continue
		}
		if len(names) == 0 {
			names = []string{familiar(i.repository) + ":<none>"}
		}
		for _, tagged := range names {
			repository, tag := splitTag(tagged)
			digest := "<none>"
			if !i.built {
				digest = i.digest
			}
			fits := len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { ok, _ := path.Match(w, repository); return ok || w == tagged })
			if fits {
				all = append(all, map[string]any{"ID": i.id, "Repository": repository, "Tag": tag, "Digest": digest})
			}
		}
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if o.has("quiet") {
		return rows(c, "{{.ID}}", all...)
	}
	if o.get("format") == "" {
		return ends(125, "the stand-in lists images only with --format or --quiet")
	}
	return rows(c, o.get("format"), all...)
}

func noImage(ref string) error {
	repository, tag := splitTag(ref)
	return ends(1, "Error response from daemon: No such image: %s:%s", repository, tag)
}

// imageRm takes a name away, and the image with its last one. What a container uses is not removed.
func (d *dockerd) imageRm(c *call, _ string, args []string) error {
	o, refs, err := parse("docker image rm", args, false, "force,f", "no-prune")
	if err != nil {
		return err
	}
	for _, ref := range refs {
		i := d.local(ref)
		if i == nil {
			return noImage(ref)
		}
		if slices.Contains(i.tags, ref) && len(i.tags) > 1 {
			d.untag(ref)
			c.print("Untagged: %s", ref)
			continue
		}
		for _, one := range d.containers {
			if one.image == i.id && !o.has("force") {
				return ends(1, "Error response from daemon: conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s", ref, one.id[:12], i.id[7:19])
			}
		}
		i.tags = nil
		delete(d.images, i.id)
		c.print("Deleted: %s", i.id)
	}
	return nil
}

func (d *dockerd) pullCommand(c *call, config string, args []string) error {
	_, refs, err := parse("docker pull", args, false, "quiet,q")
	if err != nil {
		return err
	}
	if len(refs) != 1 {
		return ends(1, "docker pull requires exactly 1 argument.")
	}
	if err := d.pull(config, refs[0]); err != nil {
		return err
	}
	c.print("%s", refs[0])
	return nil
}

func (d *dockerd) tag(_ *call, _ string, args []string) error {
	if len(args) != 2 {
		return ends(1, "docker tag requires exactly 2 arguments.")
	}
	i := d.local(args[0])
	if i == nil {
		return noImage(args[0])
	}
	repository, tag := splitTag(args[1])
	name := familiar(repositoryOf(repository)) + ":" + tag
	d.untag(name)
	i.tags = append(i.tags, name)
	return nil
}

// each does something to containers, says their names, and fails at the end if one was not there.
func (d *dockerd) each(c *call, refs []string, do func(*fakeContainer) error) error {
	var failed error
	for _, ref := range refs {
		one, err := d.find(ref)
		if err == nil {
			err = do(one)
		}
		if err != nil {
			failed = err
			continue
		}
		c.print("%s", ref)
	}
	return failed
}

func (d *dockerd) stopCommand(c *call, _ string, args []string) error {
	o, refs, err := parse("docker stop", args, false, "time,timeout,t=")
	if err != nil {
		return err
	}
	grace := time.Duration(-1)
	if t := o.get("time"); t != "" {
		seconds, err := strconv.Atoi(t)
		if err != nil {
			return ends(125, "invalid argument %q for \"-t, --timeout\" flag", t)
		}
		grace = time.Duration(seconds) * time.Second
	}
	for _, ref := range refs { // all at once
		if one, err := d.find(ref); err == nil {
			d.askToStop(one, grace)
		}
	}
	return d.each(c, refs, func(one *fakeContainer) error { return d.stop(c, one, grace) })
}

func (d *dockerd) startCommand(c *call, _ string, args []string) error {
	_, refs, err := parse("docker start", args, false)
	if err != nil {
		return err
	}
	if err := d.each(c, refs, d.start); err != nil {
		return ends(1, "%s\nError: failed to start containers: %s", err, strings.Join(refs, ", "))
	}
	return nil
}

func (d *dockerd) kill(c *call, _ string, args []string) error {
	o, refs, err := parse("docker kill", args, false, "signal,s=")
	if err != nil {
		return err
	}
	return d.each(c, refs, func(one *fakeContainer) error {
		if one.at(time.Now()).status != "running" {
			return ends(1, "Error response from daemon: cannot kill container: %s: container %s is not running", refs[0], one.id)
		}
		switch signal := strings.TrimPrefix(o.get("signal"), "SIG"); signal {
		case "", "KILL":
			one.ended, one.code = time.Now(), 137
		case "TERM":
			one.ended, one.code = time.Now().Add(one.does.stopsAfter), 0
		case "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH": // the journal has it
		default:
			return ends(1, "Error response from daemon: invalid signal: %s", signal)
		}
		return nil
	})
}

func (d *dockerd) rm(c *call, _ string, args []string) error {
	o, refs, err := parse("docker rm", args, false, "force,f", "volumes,v")
	if err != nil {
		return err
	}
	err = d.each(c, refs, func(one *fakeContainer) error { return d.remove(one, o.has("force")) })
	if o.has("force") && err != nil && strings.Contains(err.Error(), "No such container") {
		c.tell("%s", err) // and yet it ends well
		return nil
	}
	return err
}

func (d *dockerd) logs(c *call, _ string, args []string) error {
	o, refs, err := parse("docker logs", args, false, "tail,n=")
	if err != nil {
		return err
	}
	if len(refs) != 1 {
		return ends(1, "docker logs requires exactly 1 argument.")
	}
	one, err := d.find(refs[0])
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(one.does.log+one.log, "\n")
	if n, err := strconv.Atoi(o.get("tail")); err == nil {
		lines = lines[max(0, len(lines)-n-1):]
	}
	fmt.Fprint(c.stdout, strings.Join(lines, ""))
	return nil
}

func (d *dockerd) exec(c *call, _ string, args []string) error {
	o, rest, err := parse("docker exec", args, true, "interactive,i", "env,e=")
	if err != nil {
		return err
	}
	if len(rest) < 2 {
		return ends(1, "docker exec requires at least 2 arguments.")
	}
	one, err := d.find(rest[0])
	if err != nil {
		return err
	}
	return d.inside(c, one, o.has("interactive"), o["env"], rest[1:])
}

// inside runs a program in a container: really, on this machine, but with the programs of the stand-in before its own.
func (d *dockerd) inside(c *call, one *fakeContainer, input bool, env, args []string) error {
	if one.at(time.Now()).status != "running" {
		return ends(1, "Error response from daemon: container %s is not running", one.id)
	}
	cmd := exec.CommandContext(c.ctx, "/usr/bin/env", args...)
	cmd.Env = slices.Concat([]string{standInSocket + "=" + d.socket, "GORACE=atexit_sleep_ms=0", "PATH=" + d.root + "/programs:/usr/bin:/bin", "HOSTNAME=" + one.id[:12], "SLIPWAY_CONTAINER=" + one.id}, one.env, env)
	cmd.Dir = d.root + "/tmp"
	cmd.Stdout, cmd.Stderr = c.stdout, c.stderr
	if input {
		cmd.Stdin = c.stdin
	}
	d.mu.Unlock() // the program may be one of the stand-in's own
	err := cmd.Run()
	d.mu.Lock()
	d.settle()
	if cmd.ProcessState == nil {
		return err
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		if how := cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signaled() {
			code = 128 + int(how.Signal())
		}
		return &ending{code: code}
	}
	return nil
}

// runCommand plays docker run of a program in a container of its own.
func (d *dockerd) runCommand(c *call, config string, args []string) error {
	o, rest, err := parse("docker run", args, true, "rm", "interactive,i", "env,e=", "network=", "entrypoint=", "quiet,q", "name=")
	if err != nil {
		return err
	}
	if len(rest) < 2 {
		return ends(125, "the stand-in runs an image with a program only")
	}
	if d.local(rest[0]) == nil {
		if err := d.pull(config, rest[0]); err != nil {
			return ends(125, "Unable to find image '%s' locally\ndocker: %s", rest[0], err)
		}
	}
	name := o.get("name")
	if name == "" {
		name = "run-" + strconv.Itoa(d.made)
	}
	one, err := d.create(name, rest[0], "")
	if err != nil {
		return err
	}
	one.does = behaviour{database: one.does.database}
	one.started = time.Now()
	program := rest[1:]
	if e := o.get("entrypoint"); e != "" {
		program = append([]string{e}, program...)
	}
	err = d.inside(c, one, o.has("interactive"), o["env"], program)
	one.ended = time.Now()
	if o.has("rm") {
		_ = d.remove(one, true)
	}
	return err
}

func (d *dockerd) networkInspect(c *call, _ string, args []string) error {
	return outsideInspect(c, "network", d.networks, args)
}

func (d *dockerd) volumeInspect(c *call, _ string, args []string) error {
	return outsideInspect(c, "volume", d.volumes, args)
}

func outsideInspect(c *call, kind string, there map[string]map[string]string, args []string) error {
	o, names, err := parse("docker "+kind+" inspect", args, false, "format,f=")
	if err != nil {
		return err
	}
	return inspectEach(c, o, names, func(name string) (map[string]any, error) {
		labels, ok := there[name]
		if !ok && kind == "network" {
			return nil, ends(1, "Error response from daemon: network %s not found", name)
		}
		if !ok {
			return nil, ends(1, "Error response from daemon: get %s: no such volume", name)
		}
		return map[string]any{"Name": name, "Labels": labels}, nil
	})
}

func (d *dockerd) networkLs(c *call, _ string, args []string) error {
	return outsideLs(c, "network", d.networks, args)
}

func (d *dockerd) volumeLs(c *call, _ string, args []string) error {
	return outsideLs(c, "volume", d.volumes, args)
}

func (d *dockerd) networkCreate(c *call, _ string, args []string) error {
	return outsideCreate(c, "network", d.networks, args)
}

func (d *dockerd) volumeCreate(c *call, _ string, args []string) error {
	return outsideCreate(c, "volume", d.volumes, args)
}

func outsideCreate(c *call, kind string, there map[string]map[string]string, args []string) error {
	o, names, err := parse("docker "+kind+" create", args, false, "label=")
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return ends(1, "docker %s create requires 1 argument.", kind)
	}
	there[names[0]] = map[string]string{}
	for _, l := range o["label"] {
		name, value, _ := strings.Cut(l, "=")
		there[names[0]][name] = value
	}
	c.print("%s", names[0])
	return nil
}

func outsideLs(c *call, kind string, there map[string]map[string]string, args []string) error {
	o, _, err := parse("docker "+kind+" ls", args, false, "quiet,q", "filter,f=", "format=", "no-trunc")
	if err != nil {
		return err
	}
	var all []map[string]any
	for name, labels := range there {
		fits := true
		for _, f := range o["filter"] {
			which, value, _ := strings.Cut(f, "=")
			switch which {
			case "label":
				fits = fits && hasLabel(labels, value)
			case "name":
				fits = fits && strings.Contains(name, value)
			default:
				return ends(1, "Error response from daemon: invalid filter '%s'", which)
			}
		}
		if fits {
			all = append(all, map[string]any{"Name": name})
		}
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	format := o.get("format")
	if format == "" {
		format = "{{.Name}}"
	}
	return rows(c, format, all...)
}
