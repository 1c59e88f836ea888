package written

import (
	"cmp"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

const (
	towncrierFile = "towncrier.toml"
	pyproject     = "pyproject.toml"
)

// towncrierConfig is what github.com/twisted/towncrier is set to.
type towncrierConfig struct {
	Directory    string
	Package      string
	PackageDir   string  `toml:"package_dir"`
	Filename     string  // of the changelog
	IssueFormat  string  `toml:"issue_format"`
	OrphanPrefix *string `toml:"orphan_prefix"`
	Ignore       []string
	Section      []struct{ Name, Path string }
	Type         []towncrierType
	Fragment     map[string]towncrierType
}

type towncrierType struct {
	Directory   string // what stands in the names of its fragments
	Name        string // its heading
	ShowContent *bool
}

var (
	hidden         = false
	towncrierTypes = []towncrierType{
		{Directory: "feature", Name: "Features"}, {Directory: "bugfix", Name: "Bugfixes"}, {Directory: "doc", Name: "Improved Documentation"},
		{Directory: "removal", Name: "Deprecations and Removals"}, {Directory: "misc", Name: "Misc", ShowContent: &hidden},
	}
)

func towncrier(files Files) (tool, bool, error) {
	for _, name := range []string{towncrierFile, pyproject} {
		if !strings.Contains(files.text(name), "tool.towncrier") {
			continue
		}
		var file struct {
			Tool struct{ Towncrier *towncrierConfig }
		}
		if err := toml.Unmarshal([]byte(files.text(name)), &file); err != nil {
			return tool{}, false, unreadable(name, err)
		}
		if file.Tool.Towncrier != nil {
			return file.Tool.Towncrier.tool(), true, nil
		}
	}
	return tool{}, false, nil
}

func (c towncrierConfig) tool() tool {
	if len(c.Section) == 0 {
		c.Section = append(c.Section, struct{ Name, Path string }{})
	}
	var t tool
	for _, s := range c.Section {
		t.folders = append(t.folders, c.folder(s.Path))
		for _, k := range c.types() {
			title := k.Name
			if s.Name != "" {
				title = s.Name + ": " + title
			}
			t.kinds = append(t.kinds, kind{name: path.Join(c.folder(s.Path), k.Directory), title: title})
		}
	}
	t.changes = func(files Files) ([]change, error) { return c.changes(files, t.folders), nil }
	return t
}

func (c towncrierConfig) folder(section string) string {
	if c.Directory != "" {
		return path.Join(c.Directory, section)
	}
	return path.Join(c.PackageDir, c.Package, section, "newsfragments")
}

// types are the kinds of changes in the order of their headings.
func (c towncrierConfig) types() (types []towncrierType) {
	for _, name := range sortedKeys(c.Fragment) {
		t := c.Fragment[name]
		first, size := utf8.DecodeRuneInString(name)
		t.Directory, t.Name = name, cmp.Or(t.Name, string(unicode.ToUpper(first))+name[size:])
		types = append(types, t)
	}
	switch {
	case types != nil:
		return types
	case len(c.Type) > 0:
		return c.Type
	}
	return towncrierTypes
}
