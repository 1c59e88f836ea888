// Package project tells from a repository's own files what each of its sides is made of: package manager, lock, test runner,
// language version. It has no Dagger import, and every answer says which file it rests on.
package project

import (
	"path"
	"slices"
	"strings"
)

// Off is the value of a folder's setting that switches its side off.
const Off = "none"

// Files are files of a commit by their paths: the content of those that Read names, nil for those that Look names.
type Files map[string][]byte

// Read are git's patterns of the files whose content tells something.
var Read = []string{
	"**/pyproject.toml", "**/Pipfile", "**/requirements*.txt", "**/*requirements.txt", "**/requirements/*.txt",
	"**/pytest.toml", "**/.pytest.toml", "**/pytest.ini", "**/.pytest.ini", "**/setup.cfg", "**/tox.ini",
	"**/package.json", "**/pnpm-workspace.yaml", "**/.yarnrc.yml",
	"**/.python-version", "**/.nvmrc", "**/.node-version", "**/.tool-versions",
}

// Look are git's patterns of the files whose presence tells something.
var Look = []string{
	"**/uv.lock", "**/poetry.lock", "**/poetry.toml", "**/pdm.lock", "**/setup.py",
	"**/package-lock.json", "**/npm-shrinkwrap.json", "**/pnpm-lock.yaml", "**/yarn.lock", "**/bun.lock", "**/bun.lockb", "**/.npmrc",
	"**/*.test.*", "**/*.spec.*", "**/__tests__/**", "**/Pipfile.lock", "**/__init__.py", "**/conftest.py", "**/patches/*", "**/.yarn/patches/*",
}

func (f Files) has(name string) bool {
	_, ok := f[name]
	return ok
}

// first is the first of some files in a folder that is there, by its path.
func (f Files) first(folder string, names ...string) (found string, ok bool) {
	for _, name := range names {
		if at := path.Join(folder, name); f.has(at) {
			return at, true
		}
	}
	return "", false
}

// in are the files in a folder itself, sorted.
func (f Files) in(folder string) (names []string) {
	for name := range f {
		if path.Dir(name) == folder {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// below are the files of a base name in a folder or in one below it, sorted.
func (f Files) below(folder string, bases ...string) (names []string) {
	for name := range f {
		if slices.Contains(bases, path.Base(name)) && Within(folder, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Within says whether a path is a folder or lies in it.
func Within(folder, name string) bool {
	return folder == "." || name == folder || strings.HasPrefix(name, folder+"/")
}

// upwards are a folder and those that it lies in, the repository's root last.
func upwards(folder string) (all []string) {
	for {
		all = append(all, folder)
		if folder == "." {
			return all
		}
		folder = path.Dir(folder)
	}
}

// Relative is a path as seen from a folder.
func Relative(folder, name string) string {
	switch {
	case folder == name:
		return "."
	case folder == ".":
		return name
	case Within(folder, name):
		return strings.TrimPrefix(name, folder+"/")
	}
	return path.Join("..", Relative(path.Dir(folder), name))
}
