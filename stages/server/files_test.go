package server

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	for _, c := range []struct {
		name, folder, text string
		want               []reference
	}{
		{"nothing", ".", "services: {web: {image: nginx}}", nil},
		{"no YAML", ".", "\tno", nil},
		{"env_file", ".", "services: {web: {env_file: app.env}}", []reference{{"app.env", "", true}}},
		{"several env_files", "deploy", "services: {web: {env_file: [a.env, {path: ../b.env, required: false}]}}", []reference{{"deploy/a.env", "", true}, {"b.env", "", true}}},
		{"env_file by an anchor", ".", "x-base: &base {env_file: [a.env]}\nservices: {web: {<<: *base, image: nginx}}", []reference{{"a.env", "", true}}},
		{"label_file", ".", "services: {web: {label_file: ./labels}}", []reference{{"labels", "", false}}},
		{"extends another file", "deploy", "services: {web: {extends: {file: ../common/base.yml, service: web}}}", []reference{{"common/base.yml", "common", false}}},
		{"extends a service of its own", ".", "services: {web: {extends: base}, api: {extends: {service: base}}}", nil},
		{"include", ".", "include: [db/compose.yml]", []reference{{"db/compose.yml", "db", false}}},
		{"include in its long form", ".", "include: [{path: [a/x.yml, y.yml], project_directory: z, env_file: i.env}]",
			[]reference{{"a/x.yml", "z", false}, {"y.yml", "z", false}, {"i.env", "", true}}},
		{"a path that only the server knows", ".", "services: {web: {env_file: ['${ENV_FILE}', /etc/app.env, ../app.env]}}", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := references([]byte(c.text), c.folder); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func FuzzReferences(f *testing.F) {
	f.Add("include: [a, {path: [b], env_file: c}]\nservices: {web: {env_file: [{path: d}], extends: {file: ../e}}}")
	f.Add("services: [a]\ninclude: {}")
	f.Fuzz(func(t *testing.T, text string) {
		for _, one := range references([]byte(text), "deploy") {
			if strings.HasPrefix(one.path, "../") || strings.HasPrefix(one.path, "/") {
				t.Errorf("%q leads out of the repository", one.path)
			}
		}
	})
}

// commit is a Tree of some files.
func commit(files map[string]string) Tree {
	return func(_ context.Context, paths []string) (found []File, err error) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if slices.ContainsFunc(paths, func(p string) bool { return below(p, name) }) {
				found = append(found, File{Path: name, Text: []byte(files[name]), Executable: strings.HasSuffix(name, ".sh")})
			}
		}
		return found, nil
	}
}

func TestReadBy(t *testing.T) {
	r := Release{
		Compose: []byte("include: [../db/compose.yml]\nservices: {web: {env_file: [.env, .env.prod, server.env], extends: {file: base.yml, service: web}}}"),
		Tree: commit(map[string]string{
			"deploy/.env": "A=1", "deploy/.env.prod": "B=1", "deploy/base.yml": "services: {web: {extends: {file: common/web.yml, service: web}}}",
			"deploy/common/web.yml": "services: {web: {env_file: web.env, extends: {file: ../base.yml, service: web}}}", "deploy/common/web.env": "C=1",
			"db/compose.yml": "services: {db: {env_file: db.env}}", "db/db.env": "D=1", "other.env": "",
		}),
	}
	files, err := r.readBy(t.Context(), "deploy/compose.yml")
	want := []string{"db/compose.yml", "db/db.env", "deploy/.env.prod", "deploy/base.yml", "deploy/common/web.env", "deploy/common/web.yml", "deploy/compose.yml"}
	if got := pathsOf(files); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestChangeOf(t *testing.T) {
	file := func(path, text string) File { return File{Path: path, Text: []byte(text)} }
	old, next, edit := file("a", "old").state(), file("a", "new"), file("a", "edited").state()
	for _, c := range []struct {
		name         string
		next, before []File
		there        map[string]string
		named        []string
		write        []string
		remove       []string
		edited       []string
	}{
		{name: "nothing is there", next: []File{next}, write: []string{"a"}},
		{name: "the same is there", next: []File{next}, there: map[string]string{"a": next.state()}},
		{name: "what we shipped is there", next: []File{next}, before: []File{file("a", "old")}, there: map[string]string{"a": old}, write: []string{"a"}},
		{name: "somebody has edited it", next: []File{next}, before: []File{file("a", "old")}, there: map[string]string{"a": edit}, write: []string{"a"}, edited: []string{"a"}},
		{name: "somebody has edited it as we do", next: []File{next}, before: []File{file("a", "old")}, there: map[string]string{"a": next.state()}},
		{name: "somebody has removed it", next: []File{next}, before: []File{file("a", "new")}, write: []string{"a"}},
		{name: "another was there before Slipway", next: []File{next}, there: map[string]string{"a": old}, write: []string{"a"}, edited: []string{"a"}},
		{name: "it can be run now", next: []File{{Path: "a", Text: []byte("new"), Executable: true}}, before: []File{next}, there: map[string]string{"a": next.state()}, write: []string{"a"}},
		{name: "not in the commit any more", before: []File{file("a", "old")}, there: map[string]string{"a": old}, remove: []string{"a"}},
		{name: "not in the commit any more, and edited", before: []File{file("a", "old")}, there: map[string]string{"a": edit}},
		{name: "the server's own from now on", before: []File{file("a", "old")}, there: map[string]string{"a": old}, named: []string{"a"}},
		{name: "gone everywhere", before: []File{file("a", "old")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := changeOf(c.next, c.before, c.there, c.named)
			if !slices.Equal(pathsOf(got.write), c.write) || !slices.Equal(got.remove, c.remove) || !slices.Equal(got.edited, c.edited) {
				t.Errorf("got %+v, want %v, %v, %v", got, c.write, c.remove, c.edited)
			}
		})
	}
}

func TestShippable(t *testing.T) {
	for path, want := range map[string]bool{".env": false, "deploy/.env": false, ".env.prod": true, "media/.gitkeep": false, "media/.gitignore": false, "nginx/nginx.conf": true} {
		if got := shippable(File{Path: path}); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
}

func TestContentOf(t *testing.T) {
	files := []File{{Path: "nginx/a"}, {Path: "nginx-other/b"}, {Path: "c"}}
	for _, c := range []struct {
		name  string
		paths []string
		same  []File
	}{
		{"a file", []string{"c"}, files[2:]},
		{"a folder", []string{"nginx"}, files[:1]},
		{"all", []string{"."}, files},
		{"nothing of the commit", []string{"data", "nginx/b", "/nginx"}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := contentOf(files, c.paths), contentOf(c.same, []string{"."}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
