package written

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"time"

	"dagger/slipway/stages/version"

	"go.yaml.in/yaml/v3"
)

var changieFiles = []string{".changie.yaml", ".changie.yml"}

// changieConfig is what github.com/miniscruff/changie is set to.
type changieConfig struct {
	ChangesDir    string `yaml:"changesDir"`
	UnreleasedDir string `yaml:"unreleasedDir"`
	Kinds         []struct {
		Key, Label string
		Auto       version.Kind
	}
}

func changie(files Files) (tool, bool, error) {
	at := slices.IndexFunc(changieFiles, func(name string) bool { return files[name] != nil })
	if at < 0 {
		return tool{}, false, nil
	}
	var config changieConfig
	if err := yaml.Unmarshal([]byte(files.text(changieFiles[at])), &config); err != nil {
		return tool{}, false, unreadable(changieFiles[at], err)
	}
	folder := path.Join(config.ChangesDir, config.UnreleasedDir)
	t := tool{folders: []string{folder}}
	for _, k := range config.Kinds {
		t.kinds = append(t.kinds, kind{name: cmp.Or(k.Key, k.Label), title: k.Label, calls: k.Auto})
	}
	t.changes = func(files Files) ([]change, error) { return readChangie(files, folder, t.kinds) }
	return t, true, nil
}

// changieChange is one of its fragments.
type changieChange struct {
	Project, Component, Kind, Body string
	Time                           time.Time
	Custom                         map[string]string
	path                           string
}

func readChangie(files Files, folder string, kinds []kind) (changes []change, err error) {
	var all []changieChange
	for _, name := range files.in(folder) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		c := changieChange{path: name}
		if err := yaml.Unmarshal([]byte(files.text(name)), &c); err != nil {
			return nil, unreadable(name, err)
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b changieChange) int { return a.Time.Compare(b.Time) })
	for _, c := range all {
		changes = append(changes, change{path: c.path, kind: c.key(kinds), text: c.text(), refs: c.refs()})
	}
	return changes, nil
}

// key is the kind's, which a fragment may call by its label.
func (c changieChange) key(kinds []kind) string {
	for _, k := range kinds {
		if k.title == c.Kind {
			return k.name
		}
	}
	return c.Kind
}

func (c changieChange) text() string {
	if part := cmp.Or(c.Component, c.Project); part != "" {
		return "**" + part + ":** " + c.Body
	}
	return c.Body
}

var (
	issueKey = regexp.MustCompile(`(?i)^(?:issue|pr|mr|pull ?request)s?$`)
	digits   = regexp.MustCompile(`^\d+$`)
)

// refs are the numbers among the answers to a team's own questions. How it prints them is a program of its own.
func (c changieChange) refs() (refs []string) {
	for _, key := range sortedKeys(c.Custom) {
		if issueKey.MatchString(key) && digits.MatchString(c.Custom[key]) {
			refs = append(refs, "#"+c.Custom[key])
		}
	}
	return refs
}
