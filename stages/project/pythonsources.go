package project

import (
	"path"
	"slices"
	"strings"
)

// manifests are the files that tell a package manager what to install. Those of other members of a workspace and of path
// dependencies belong to them.
func (p *Python) manifests(files Files) (found []string) {
	if p.Manager == UV {
		found = files.below(p.Root, "pyproject.toml")
	}
	for _, at := range append([]string{p.Root}, p.Sources...) {
		for _, name := range []string{"pyproject.toml", "uv.lock", "poetry.lock", "poetry.toml", "pdm.lock", "Pipfile", "Pipfile.lock"} {
			if file := path.Join(at, name); files.has(file) {
				found = append(found, file)
			}
		}
	}
	if p.Manager == Requirements {
		found = append(found, allRequirements(files, p.Folder)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// sources are the folders of the side and of the members and path dependencies that it may import.
func (p *Python) sources(files Files, own, root pyproject) []string {
	var others []string
	if p.Manager == UV && p.Root != p.Folder {
		for _, name := range files.below(p.Root, "pyproject.toml") {
			if folder := path.Dir(name); folder != p.Root && root.hasMember(Relative(p.Root, folder)) {
				others = append(others, folder)
			}
		}
	}
	for at, manifest := range map[string]pyproject{p.Home: own, p.Root: root} {
		for _, folder := range manifest.paths() {
			others = append(others, path.Join(at, folder))
		}
	}
	slices.Sort(others)
	all := []string{p.Folder}
	for _, folder := range others {
		// What lies in another of them comes with it, and they are sorted, so that the outer one is there first.
		if !strings.HasPrefix(folder, "..") && !slices.ContainsFunc(all, func(outer string) bool { return Within(outer, folder) }) {
			all = append(all, folder)
		}
	}
	return all
}

// paths are the folders of dependencies that lie in the same repository.
func (p pyproject) paths() (all []string) {
	for _, table := range []map[string]any{p.Tool.UV.Sources, p.Tool.Poetry.Dependencies} {
		for _, name := range sorted(table) {
			if source, ok := table[name].(map[string]any); ok {
				if at, ok := source["path"].(string); ok {
					all = append(all, at)
				}
			}
		}
	}
	return all
}
