package server

import (
	"context"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reference is a file that a compose file names, and that docker compose opens while it reads it.
type reference struct {
	path   string
	folder string // where its own relative paths start; empty if it is no compose file
	env    bool   // it holds settings, as likely as not secret ones
}

// references finds what docker compose needs to read a compose file at all: what is mounted is asked of compose itself. A
// path that holds a variable or leads out of the repository is for the server to know, and a file that is no YAML is for
// compose to refuse.
func references(text []byte, folder string) (found []reference) {
	var file struct {
		Include  []any `yaml:"include"`
		Services map[string]struct {
			Extends   any `yaml:"extends"`
			EnvFile   any `yaml:"env_file"`
			LabelFile any `yaml:"label_file"`
		} `yaml:"services"`
	}
	_ = yaml.Unmarshal(text, &file)
	add := func(name, base string, env bool) {
		file := path.Join(folder, name)
		if name == "" || strings.Contains(name, "$") || path.IsAbs(name) || file == "." || strings.HasPrefix(file+"/", "../") {
			return
		}
		found = append(found, reference{file, base, env})
	}
	for _, one := range file.Include {
		base := field(one, "project_directory")
		for _, name := range texts(one, "path") {
			start := path.Join(folder, path.Dir(name))
			if base != "" {
				start = path.Join(folder, base)
			}
			add(name, start, false)
		}
		for _, name := range texts(fieldOf(one, "env_file"), "path") {
			add(name, "", true)
		}
	}
	for _, s := range file.Services {
		if name := field(s.Extends, "file"); name != "" {
			add(name, path.Join(folder, path.Dir(name)), false)
		}
		for _, name := range texts(s.EnvFile, "path") {
			add(name, "", true)
		}
		for _, name := range texts(s.LabelFile, "path") {
			add(name, "", false)
		}
	}
	return found
}

func fieldOf(value any, key string) any {
	m, _ := value.(map[string]any)
	return m[key]
}

func field(value any, key string) string {
	text, _ := fieldOf(value, key).(string)
	return text
}

// texts reads what compose lets people write in several forms: a text, a list of them, and maps that have it under a key.
func texts(value any, key string) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			all = append(all, texts(one, key)...)
		}
	case map[string]any:
		return texts(v[key], key)
	}
	return all
}

// named are the paths that an application's compose files name, whether the commit has them or not.
func named(a compose, files []File) []string {
	paths := a.sources()
	for _, f := range files {
		if ext := path.Ext(f.Path); ext == ".yml" || ext == ".yaml" {
			for _, one := range references(f.Text, path.Dir(f.Path)) {
				paths = append(paths, one.path)
			}
		}
	}
	return paths
}

// readBy are the files of the commit that docker compose opens to read the compose file, with that file itself.
func (r Release) readBy(ctx context.Context, composeFile string) ([]File, error) {
	files := []File{{Path: composeFile, Text: r.Compose}}
	known, settings := map[string]bool{composeFile: true}, map[string]bool{}
	open := references(r.Compose, path.Dir(composeFile))
	for len(open) > 0 {
		var paths []string
		folders := map[string]string{}
		for _, one := range open {
			settings[one.path] = settings[one.path] || one.env
			if !known[one.path] {
				known[one.path] = true
				paths, folders[one.path] = append(paths, one.path), one.folder
			}
		}
		open = nil
		if len(paths) == 0 {
			break
		}
		slices.Sort(paths) // the order of a map would be another question to the engine each time
		found, err := r.Tree(ctx, paths)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !shippable(f) {
				continue
			}
			files = append(files, f)
			if folder := folders[f.Path]; folder != "" {
				open = append(open, references(f.Text, folder)...)
			}
		}
	}
	for n, f := range files {
		files[n].settings = settings[f.Path]
	}
	return byPath(files), nil
}
