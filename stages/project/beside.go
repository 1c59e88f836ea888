package project

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// beside are the other packages of the workspace that have tests of their own. What lies in the side its own runner finds.
func (n *Node) beside(files Files, root packageJSON) (folders []string) {
	members := root.members(files, n.Root)
	for _, name := range files.below(n.Root, "package.json") {
		folder := path.Dir(name)
		if Within(n.Folder, folder) || !isMember(members, Relative(n.Root, folder)) {
			continue
		}
		// One that is broken is no business of the side's.
		if p, err := readPackageJSON(files, folder); err == nil && p.tested(files, folder) {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return folders
}

// members are the patterns of a workspace's packages; npm, yarn and bun have them in package.json, pnpm in a file of its own.
func (p packageJSON) members(files Files, root string) (patterns []string) {
	list := p.Workspaces
	if table, ok := list.(map[string]any); ok {
		list = table["packages"]
	}
	named, _ := list.([]any)
	for _, pattern := range named {
		if text, ok := pattern.(string); ok {
			patterns = append(patterns, text)
		}
	}
	var pnpm struct{ Packages []string }
	if yaml.Unmarshal(files[path.Join(root, "pnpm-workspace.yaml")], &pnpm) != nil {
		return patterns // what is wrong with it, pnpm says
	}
	return append(patterns, pnpm.Packages...)
}

// isMember goes by the last pattern that a folder fits; one that begins with ! takes it out.
func isMember(patterns []string, folder string) (is bool) {
	for _, pattern := range patterns {
		pattern, out := strings.CutPrefix(pattern, "!")
		if globbed(path.Clean(pattern)).MatchString(folder) {
			is = !out
		}
	}
	return is
}

var globs = strings.NewReplacer(`\*\*/`, `(?:.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`)

func globbed(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`^` + globs.Replace(regexp.QuoteMeta(pattern)) + `$`)
}

// tested says whether a package has tests of its own. npm writes a script that only says that there are none.
func (p packageJSON) tested(files Files, folder string) bool {
	script := p.Scripts["test"]
	return script != "" && !strings.Contains(script, "no test specified") ||
		p.has(Vitest, Jest) || p.has(ReactScripts) && hasTests(files, folder)
}

// beside are the same in Python, where pytest looks into the side's folder alone.
func (p *Python) beside(files Files) (folders []string) {
	for _, folder := range p.Sources[1:] {
		// One that is broken is no business of the side's.
		manifest, err := readPyproject(files, folder)
		asked := (&Python{}).dependencies(files, manifest, pyproject{}, pipfile{})
		if err == nil && (slices.ContainsFunc(asked, isPytest) || len(manifest.Tool.Pytest) > 0) || len(files.below(folder, "conftest.py")) > 0 {
			folders = append(folders, folder)
		}
	}
	return folders
}
