package project

import (
	"regexp"
	"slices"
	"strings"
)

// dependencies are the names of all that the side may install, for its tests too.
func (p *Python) dependencies(files Files, own, root pyproject, pipenv pipfile) (names []string) {
	if p.Manager == Pipenv {
		names = append(sorted(pipenv.Packages), sorted(pipenv.Dev)...)
	}
	for _, from := range []pyproject{own, root} {
		all := slices.Clone(from.Project.Dependencies)
		for _, list := range from.Project.Optional {
			all = append(all, list...)
		}
		for _, list := range from.Groups {
			for _, item := range list {
				if text, ok := item.(string); ok {
					all = append(all, text)
				}
			}
		}
		for _, list := range from.Tool.PDM.Dev {
			all = append(all, list...)
		}
		for _, table := range []map[string]any{from.Tool.Poetry.Dependencies, from.Tool.Poetry.Dev} {
			all = append(all, sorted(table)...)
		}
		for _, group := range from.Tool.Poetry.Group {
			all = append(all, sorted(group.Dependencies)...)
		}
		names = append(names, append(all, from.Tool.UV.Dev...)...)
	}
	for _, file := range p.Requirements {
		for line := range strings.Lines(string(files[file])) {
			names = append(names, line)
		}
		for _, other := range referenced(files, file) {
			for line := range strings.Lines(string(files[other])) {
				names = append(names, line)
			}
		}
	}
	for n, name := range names {
		names[n] = requirementName(name)
	}
	return names
}

// isPytest: a plugin of pytest's brings pytest along.
func isPytest(name string) bool { return name == Pytest || strings.HasPrefix(name, Pytest+"-") }

var requirementStart = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)`)

// requirementName is the name of the package that a requirement asks for, as PyPI compares names.
func requirementName(requirement string) string {
	m := requirementStart.FindStringSubmatch(requirement)
	if m == nil {
		return ""
	}
	return normal(m[1])
}

var separators = regexp.MustCompile(`[-_.]+`)

func normal(name string) string { return strings.ToLower(separators.ReplaceAllString(name, "-")) }

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
