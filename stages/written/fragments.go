package written

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/version"
)

// tool is a program by which a repository collects a file for each change until the next release.
type tool struct {
	folders []string
	kinds   []kind // in their order
	// changes are in their order within a kind.
	changes func(Files) ([]change, error)
}

// kind is what a change may be.
type kind struct {
	name, title string
	calls       version.Kind
}

// change is one fragment.
type change struct {
	path, kind string
	text       string // Markdown
	refs       []string
	silent     bool // it is consumed, and no reader is told
}

// group is a list of changes below a heading.
type group struct {
	title   string
	changes []change
}

// tools are those that the repository is set up for.
func tools(files Files) (all []tool, err error) {
	for _, find := range []func(Files) (tool, bool, error){towncrier, changie, changesets} {
		t, ok, err := find(files)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, t)
		}
	}
	return all, nil
}

// Folders are where the repository's tools collect fragments.
func Folders(files Files) (folders []string, err error) {
	all, err := tools(files)
	for _, t := range all {
		folders = append(folders, t.folders...)
	}
	outside := func(folder string) bool { return !fs.ValidPath(folder) }
	return slices.DeleteFunc(folders, outside), err
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

// add takes the changes of a tool over, by its kinds; a kind that it does not know is called as the fragment says.
func (t *Text) add(from tool, changes []change) {
	for _, c := range changes {
		t.Fragments = append(t.Fragments, c.path)
	}
	kinds := slices.Clone(from.kinds)
	changes = slices.DeleteFunc(changes, func(c change) bool { return c.silent })
	for _, c := range changes {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == c.kind }) {
			kinds = append(kinds, kind{name: c.kind, title: c.kind})
		}
	}
	for _, k := range kinds {
		g := group{title: k.title}
		for _, c := range changes {
			if c.kind == k.name {
				g.add(c)
				t.call(k.calls, c.path)
			}
		}
		if len(g.changes) > 0 {
			t.groups = append(t.groups, g)
		}
	}
}

// add makes one of several changes with the same text.
func (g *group) add(c change) {
	same := func(other change) bool { return other.text == c.text }
	if at := slices.IndexFunc(g.changes, same); at >= 0 {
		g.changes[at].refs = append(g.changes[at].refs, c.refs...)
		return
	}
	g.changes = append(g.changes, c)
}

// callRank orders what fragments may call for.
var callRank = map[version.Kind]int{version.Patch: 1, version.Minor: 2, version.Major: 3}

func (t *Text) call(kind version.Kind, by string) {
	if callRank[kind] > callRank[t.Calls] {
		t.Calls, t.CalledBy = kind, by
	}
}

// item is the change as an item of a list, whose further lines belong to it.
func (c change) item() string {
	text := strings.TrimSpace(c.text)
	if len(c.refs) > 0 {
		text = strings.TrimSpace(text + refsBehind(text, c.refs))
	}
	lines := strings.Split(text, "\n")
	for i := range lines[1:] {
		if lines[i+1] = strings.TrimRight(lines[i+1], " \t\r"); lines[i+1] != "" {
			lines[i+1] = "  " + lines[i+1]
		}
	}
	return "- " + strings.Join(lines, "\n") + "\n"
}

// notProse begins a line that is not one of a paragraph.
var notProse = regexp.MustCompile("(?m)^(?:[ \t]|[-*+>|]|\\d+[.)] |```|~~~)")

// refsBehind are numbers of issues, in brackets if there is a text before them; by themselves behind what is no paragraph.
func refsBehind(text string, refs []string) string {
	all := strings.Join(refs, ", ")
	last := text[strings.LastIndex(text, "\n\n")+1:]
	switch {
	case text == "":
		return all
	case strings.Contains(text, "\n") && notProse.MatchString(last):
		return "\n\n(" + all + ")"
	}
	return " (" + all + ")"
}

// list has all groups, below headings of a level.
func (t Text) list(level int) string {
	var parts []string
	for _, g := range t.groups {
		part := ""
		for _, c := range g.changes {
			part += c.item()
		}
		if g.title != "" {
			part = strings.Repeat("#", min(level, 6)) + " " + g.title + "\n\n" + part
		}
		parts = append(parts, part)
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
