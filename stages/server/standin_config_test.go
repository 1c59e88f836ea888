package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// app is an application as the stand-in's compose reads it, with the services of all profiles.
type app struct {
	name, dir string
	files     []string
	envFiles  []string // that were given
	services  map[string]map[string]any
	top       map[string]map[string]map[string]any // networks, volumes, configs, secrets
	profiles  []string
}

// load reads the compose files, as the flags, the environment and the folder's .env say.
func (c *call) load(o options) (*app, error) {
	a := &app{dir: c.Dir, services: map[string]map[string]any{}, top: map[string]map[string]map[string]any{}}
	for _, f := range o["file"] {
		a.files = append(a.files, absolute(c.Dir, f))
	}
	if dir := o.get("project-directory"); dir != "" {
		a.dir = absolute(c.Dir, dir)
	} else if len(a.files) > 0 {
		a.dir = filepath.Dir(a.files[0])
	}
	for _, f := range o["env-file"] {
		a.envFiles = append(a.envFiles, absolute(c.Dir, f))
	}
	env, err := c.dotenv(a.dir, a.envFiles)
	if err != nil {
		return nil, err
	}
	if a.files == nil {
		a.files = defaultFiles(a.dir, env("COMPOSE_FILE"))
	}
	if a.files == nil {
		return nil, ends(14, "no configuration file provided: not found")
	}
	a.profiles = append(strings.FieldsFunc(env("COMPOSE_PROFILES"), func(r rune) bool { return r == ',' }), o["profile"]...)
	merged := map[string]any{}
	for _, f := range a.files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, ends(14, "open %s: no such file or directory", f)
		}
		one := map[string]any{}
		if err := yaml.Unmarshal(text, &one); err != nil {
			return nil, ends(15, "yaml: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		filled, err := interpolate(one, env)
		if err == nil {
			err = a.long(filled.(map[string]any))
		}
		if err != nil {
			return nil, err
		}
		merged = merge(merged, filled.(map[string]any))
	}
	given := o.get("project-name")
	if given == "" {
		given = env("COMPOSE_PROJECT_NAME")
	}
	if given == "" {
		given, _ = merged["name"].(string)
	}
	if given == "" {
		given = projectName(filepath.Base(a.dir))
	}
	a.name = given
	return a, a.normalise(merged, env)
}

func absolute(dir, file string) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(dir, file)
}

func defaultFiles(dir, set string) (files []string) {
	if set != "" {
		for _, f := range strings.Split(set, ":") {
			files = append(files, absolute(dir, f))
		}
		return files
	}
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return []string{filepath.Join(dir, name)}
		}
	}
	return nil
}

// projectName is what compose makes of a folder's name.
func projectName(folder string) string {
	clean := regexp.MustCompile(`[^-_a-z0-9]`).ReplaceAllString(strings.ToLower(folder), "")
	return strings.TrimLeft(clean, "_-")
}

// dotenv is the environment over the folder's .env, or over other files in its place.
func (c *call) dotenv(dir string, instead []string) (func(string) string, error) {
	file := map[string]string{}
	if text, err := os.ReadFile(filepath.Join(dir, ".env")); err == nil && instead == nil {
		file = envLines(string(text))
	}
	for _, f := range instead {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, ends(1, "Couldn't find env file: %s", f)
		}
		maps.Copy(file, envLines(string(text)))
	}
	for _, e := range c.Env {
		name, value, _ := strings.Cut(e, "=")
		file[name] = value
	}
	return func(name string) string { return file[name] }, nil
}

func envLines(text string) map[string]string {
	all := map[string]string{}
	for _, l := range strings.Split(text, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(l), "="); ok && !strings.HasPrefix(name, "#") {
			all[name] = strings.Trim(value, `"'`)
		}
	}
	return all
}

var variable = regexp.MustCompile(`\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^}]*))?\})`)

// interpolate fills the variables in, as compose does.
func interpolate(value any, env func(string) string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		for k, one := range v {
			filled, err := interpolate(one, env)
			if err != nil {
				return nil, err
			}
			v[k] = filled
		}
	case []any:
		for n, one := range v {
			filled, err := interpolate(one, env)
			if err != nil {
				return nil, err
			}
			v[n] = filled
		}
	case string:
		var failed error
		filled := variable.ReplaceAllStringFunc(v, func(found string) string {
			m := variable.FindStringSubmatch(found)
			value := env(m[1] + m[2])
			switch {
			case found == "$$":
				return "$"
			case strings.HasSuffix(m[3], "?") && value == "":
				failed = ends(15, "error while interpolating: required variable %s is missing a value: %s", m[2], m[4])
			case strings.HasSuffix(m[3], "-") && value == "":
				return m[4]
			case strings.HasSuffix(m[3], "+") && value != "":
				return m[4]
			case strings.HasSuffix(m[3], "+"):
				return ""
			}
			return value
		})
		return filled, failed
	}
	return value, nil
}

// merge lays one file over another: maps are merged, some lists go on, anything else is replaced.
func merge(under, over map[string]any) map[string]any {
	for k, v := range over {
		switch below := under[k].(type) {
		case map[string]any:
			if above, ok := v.(map[string]any); ok {
				v = merge(below, above)
			}
		case []any:
			if above, ok := v.([]any); ok && slices.Contains([]string{"ports", "volumes", "configs", "secrets", "profiles"}, k) {
				v = slices.Concat(below, above)
			}
		}
		under[k] = v
	}
	return under
}

// long puts the services of one file into their long form.
func (a *app) long(file map[string]any) error {
	services, ok := file["services"].(map[string]any)
	if !ok && file["services"] != nil {
		return ends(15, "services must be a mapping")
	}
	for name, one := range services {
		s, ok := one.(map[string]any)
		if !ok {
			return ends(15, "services.%s must be a mapping", name)
		}
		for key := range s {
			if !slices.Contains(serviceKeys, key) {
				return ends(15, "validating: services.%s Additional property %s is not allowed (or not known to the stand-in)", name, key)
			}
		}
		for _, key := range []string{"environment", "labels"} {
			if s[key] != nil {
				s[key] = pairs(s[key])
			}
		}
		convert(s, "networks", nil)
		convert(s, "depends_on", map[string]any{"condition": "service_started", "required": true})
		for _, kind := range []string{"configs", "secrets"} {
			eachOf(s, kind, func(short string) any { return map[string]any{"source": short} })
		}
		eachOf(s, "volumes", a.mount)
		eachOf(s, "ports", published)
		for _, key := range []string{"command", "entrypoint"} {
			if text, ok := s[key].(string); ok {
				s[key] = words(text)
			}
		}
		if build, ok := s["build"].(string); ok {
			s["build"] = map[string]any{"context": build}
		}
		if err := times(s); err != nil {
			return err
		}
	}
	return nil
}

// words splits a line as a shell does, quotes and all.
func words(line string) []any {
	var all []any
	for _, m := range regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`).FindAllString(line, -1) {
		all = append(all, strings.NewReplacer(`"`, "", `'`, "").Replace(m))
	}
	return all
}

func (a *app) normalise(merged map[string]any, env func(string) string) error {
	for _, kind := range []string{"networks", "volumes", "configs", "secrets"} {
		a.top[kind] = map[string]map[string]any{}
		given, _ := merged[kind].(map[string]any)
		for name, one := range given {
			m, _ := one.(map[string]any)
			m = maps.Clone(m)
			if m == nil {
				m = map[string]any{}
			}
			if m["name"] == nil {
				m["name"] = a.name + "_" + name
				if m["external"] == true {
					m["name"] = name
				}
			}
			if f, ok := m["file"].(string); ok {
				m["file"] = absolute(a.dir, f)
			}
			a.top[kind][name] = m
		}
	}
	for key := range merged {
		if !slices.Contains([]string{"name", "version", "services", "networks", "volumes", "configs", "secrets"}, key) && !strings.HasPrefix(key, "x-") {
			return ends(15, "validating: Additional property %s is not allowed (or not known to the stand-in)", key)
		}
	}
	given, _ := merged["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		s := given[name].(map[string]any)
		if err := a.finish(s, env); err != nil {
			return err
		}
		a.services[name] = s
	}
	return a.check()
}

// check refuses what compose refuses.
func (a *app) check() error {
	for name, s := range a.services {
		if s["image"] == nil && s["build"] == nil {
			return ends(15, "service %q has neither an image nor a build context specified: invalid compose project", name)
		}
		for dep := range dependencies(s) {
			if a.services[dep] == nil {
				return ends(15, "service %q depends on undefined service %q: invalid compose project", name, dep)
			}
		}
		for _, v := range entries(s["volumes"]) {
			if source, _ := v["source"].(string); v["type"] == "volume" && source != "" && a.top["volumes"][source] == nil {
				return ends(15, "service %q refers to undefined volume %s: invalid compose project", name, source)
			}
		}
		networks, _ := s["networks"].(map[string]any)
		for n := range networks {
			if n == "default" && a.top["networks"]["default"] == nil {
				a.top["networks"]["default"] = map[string]any{"name": a.name + "_default", "ipam": map[string]any{}}
			}
			if a.top["networks"][n] == nil {
				return ends(15, "service %q refers to undefined network %s: invalid compose project", name, n)
			}
		}
	}
	return nil
}

var serviceKeys = strings.Fields("build command configs container_name depends_on deploy entrypoint env_file environment expose healthcheck image init labels " +
	"network_mode networks ports profiles pull_policy restart scale secrets stop_grace_period stop_signal tmpfs user volumes working_dir")

// finish gives a service what it has by default, and what lies in other files.
func (a *app) finish(s map[string]any, env func(string) string) error {
	if build, ok := s["build"].(map[string]any); ok {
		build["context"] = absolute(a.dir, field(build, "context"))
		if build["dockerfile"] == nil && build["dockerfile_inline"] == nil {
			build["dockerfile"] = "Dockerfile"
		}
	}
	if deploy, ok := s["deploy"].(map[string]any); ok {
		for _, key := range []string{"resources", "placement"} {
			if deploy[key] == nil {
				deploy[key] = map[string]any{}
			}
		}
	}
	if s["networks"] == nil && s["network_mode"] == nil {
		s["networks"] = map[string]any{"default": nil}
	}
	for _, key := range []string{"command", "entrypoint"} {
		if _, ok := s[key]; !ok {
			s[key] = nil // which compose prints
		}
	}
	return a.environment(s, env)
}

// environment is that of the files under that of the service; what has no value gets that of compose's own, if there is one.
func (a *app) environment(s map[string]any, env func(string) string) error {
	all := map[string]any{}
	for _, f := range texts(s["env_file"], "path") {
		text, err := os.ReadFile(absolute(a.dir, f))
		if err != nil {
			return ends(1, "env file %s not found: stat %s: no such file or directory", absolute(a.dir, f), absolute(a.dir, f))
		}
		for k, v := range envLines(string(text)) {
			all[k] = v
		}
	}
	own, _ := s["environment"].(map[string]any)
	for name, value := range own {
		if all[name] = value; value == nil && env(name) != "" {
			all[name] = env(name)
		}
	}
	if delete(s, "env_file"); len(all) > 0 {
		s["environment"] = all
	}
	return nil
}

// pairs reads a list of A=b or a map; what has no value is nil.
func pairs(value any) map[string]any {
	all := map[string]any{}
	switch v := value.(type) {
	case []any:
		for _, one := range v {
			name, text, given := strings.Cut(fmt.Sprint(one), "=")
			if all[name] = nil; given {
				all[name] = text
			}
		}
	case map[string]any:
		for name, one := range v {
			if all[name] = nil; one != nil {
				all[name] = fmt.Sprint(one)
			}
		}
	}
	return all
}

// convert makes a map of a list.
func convert(s map[string]any, key string, value any) {
	if list, ok := s[key].([]any); ok {
		all := map[string]any{}
		for _, one := range list {
			all[fmt.Sprint(one)] = value
		}
		s[key] = all
	}
}

// eachOf turns the short form of a list's entries into the long one.
func eachOf(s map[string]any, key string, long func(string) any) {
	list, _ := s[key].([]any)
	for n, one := range list {
		if _, isMap := one.(map[string]any); !isMap {
			list[n] = long(fmt.Sprint(one))
		}
	}
}

func (a *app) mount(short string) any {
	parts := strings.Split(short, ":")
	if len(parts) == 1 {
		return map[string]any{"type": "volume", "target": short, "volume": map[string]any{}}
	}
	m := map[string]any{"type": "volume", "source": parts[0], "target": parts[1], "volume": map[string]any{}}
	if strings.HasPrefix(parts[0], ".") || strings.HasPrefix(parts[0], "/") {
		m = map[string]any{"type": "bind", "source": absolute(a.dir, parts[0]), "target": parts[1], "bind": map[string]any{"create_host_path": true}}
	}
	if len(parts) > 2 && strings.Contains(parts[2], "ro") {
		m["read_only"] = true
	}
	return m
}

func published(short string) any {
	text, protocol, given := strings.Cut(short, "/")
	if !given {
		protocol = "tcp"
	}
	parts := strings.Split(text, ":")
	target, _ := strconv.Atoi(parts[len(parts)-1])
	m := map[string]any{"mode": "ingress", "target": target, "protocol": protocol}
	if len(parts) > 1 {
		m["published"] = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		m["host_ip"] = strings.Join(parts[:len(parts)-2], ":")
	}
	return m
}

// times writes durations as compose does.
func times(s map[string]any) error {
	places := []map[string]any{s}
	if check, ok := s["healthcheck"].(map[string]any); ok {
		places = append(places, check)
		if test, ok := check["test"].(string); ok {
			check["test"] = []any{"CMD-SHELL", test}
		}
	}
	for _, place := range places {
		for _, key := range []string{"interval", "timeout", "start_period", "start_interval", "stop_grace_period"} {
			text, ok := place[key].(string)
			if !ok {
				continue
			}
			d, err := time.ParseDuration(text)
			if err != nil {
				return ends(15, "%s: invalid duration %q", key, text)
			}
			place[key] = d.String()
		}
	}
	return nil
}

// active are the services of the profiles that are asked for.
func (a *app) active() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(a.services)) {
		wanted, _ := a.services[name]["profiles"].([]any)
		if len(wanted) == 0 || slices.Contains(a.profiles, "*") || slices.ContainsFunc(wanted, func(p any) bool { return slices.Contains(a.profiles, fmt.Sprint(p)) }) {
			names = append(names, name)
		}
	}
	return names
}

// dependencies are, by service, the condition to wait for.
func dependencies(s map[string]any) map[string]string {
	all := map[string]string{}
	given, _ := s["depends_on"].(map[string]any)
	for name := range given {
		all[name] = "service_started"
		if condition := field(given[name], "condition"); condition != "" {
			all[name] = condition
		}
	}
	return all
}

func (a *app) json() ([]byte, error) {
	services := map[string]any{}
	for _, name := range a.active() {
		services[name] = a.services[name]
	}
	all := map[string]any{"name": a.name, "services": services}
	for kind, one := range a.top {
		if len(one) > 0 {
			all[kind] = one
		}
	}
	return json.MarshalIndent(all, "", "  ")
}

// hash tells one configuration of a service from another, whatever it is scaled to.
func hash(s map[string]any) string {
	s = maps.Clone(s)
	for _, key := range []string{"build", "pull_policy", "scale", "depends_on", "profiles"} {
		delete(s, key)
	}
	if deploy, ok := s["deploy"].(map[string]any); ok {
		deploy = maps.Clone(deploy)
		delete(deploy, "replicas")
		s["deploy"] = deploy
	}
	text, _ := json.Marshal(s)
	return sum256(string(text))
}
