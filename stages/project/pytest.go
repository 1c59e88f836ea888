package project

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// PytestConfig is what a project says itself to pytest.
type PytestConfig struct {
	File      string   // where it stands; empty if nowhere
	CovOption bool     // its options name what to measure: --cov=app
	Again     []string // its options with paths of the side, as they are said from there, where the file lies above it
	Markers   string   // its options choose tests by an expression: -m "not integration"
}

// readPytest takes the file that pytest takes: of the side's folder or the next one above it.
func readPytest(files Files, folder string) (c PytestConfig, err error) {
	for _, at := range upwards(folder) {
		file, options, err := pytestOptions(files, at)
		if file != "" || err != nil {
			c.File = file
			c.read(options, Relative(at, folder))
			return c, err
		}
	}
	return c, nil
}

// above are the files from above the side that its tests have to see: what configures pytest, and with it what pytest loads on
// the way down from there.
func (p *Python) above(files Files) (names []string) {
	if p.Pytest.File == "" {
		return nil
	}
	names = []string{p.Pytest.File}
	for _, at := range upwards(p.Folder) {
		if name := path.Join(at, conftest); files.has(name) {
			names = append(names, name)
		}
		if at == path.Dir(p.Pytest.File) {
			break
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(p.Sources, func(folder string) bool { return Within(folder, name) })
	})
}

// conftest is code that pytest loads before the tests beside it and below.
const conftest = "conftest.py"

// pytestOptions are those of the first file of a folder that configures pytest, in pytest's own order; it never joins several.
func pytestOptions(files Files, folder string) (file string, options []string, err error) {
	// Files that are pytest's alone count even when there is nothing in them.
	if name, ok := files.first(folder, "pytest.toml", ".pytest.toml"); ok {
		var config struct{ Pytest struct{ Addopts any } }
		err := readTOML(files, name, &config)
		return name, listed(config.Pytest.Addopts), err
	}
	if name, ok := files.first(folder, "pytest.ini", ".pytest.ini"); ok {
		return name, words(readINI(files[name])["pytest"]["addopts"]), nil
	}
	p, err := readPyproject(files, folder)
	if err != nil || len(p.Tool.Pytest) > 0 {
		return path.Join(folder, "pyproject.toml"), p.pytestOptions(), err
	}
	for _, other := range []struct{ name, section string }{{"tox.ini", "pytest"}, {"setup.cfg", "tool:pytest"}} {
		name := path.Join(folder, other.name)
		if section, ok := readINI(files[name])[other.section]; ok {
			return name, words(section["addopts"]), nil
		}
	}
	return "", nil, nil
}

// pytestOptions stand in the table of all versions of pytest, or in the one of pytest 9, which refuses to run with both.
func (p pyproject) pytestOptions() []string {
	if old, ok := p.Tool.Pytest["ini_options"].(map[string]any); ok {
		return listed(old["addopts"])
	}
	return listed(p.Tool.Pytest["addopts"])
}

// withPaths are options whose value may be a path, seen from where pytest runs.
var withPaths = []string{"--cov", "--cov-config", "--ignore", "--ignore-glob", "--deselect"}

// read takes from the options what we have to know. The file lies in the side's folder, or where the side is at that path.
func (c *PytestConfig) read(options []string, side string) {
	for n, option := range options {
		name, value, joined := strings.Cut(option, "=")
		if !joined && n+1 < len(options) && !strings.HasPrefix(options[n+1], "-") {
			value = options[n+1]
		}
		switch {
		case name == "-m":
			c.Markers = value
		case strings.HasPrefix(option, "-m"):
			c.Markers = strings.TrimPrefix(option, "-m")
		case slices.Contains(withPaths, name) && value != "":
			c.CovOption = c.CovOption || name == "--cov"
			if value = path.Clean(value); side != "." && Within(side, value) {
				c.Again = append(c.Again, name+"="+Relative(side, value))
			}
		}
	}
}

// listed are options as TOML has them: one text, or a list.
func listed(addopts any) (options []string) {
	switch value := addopts.(type) {
	case string:
		return words(value)
	case []any:
		for _, option := range value {
			options = append(options, fmt.Sprint(option))
		}
	}
	return options
}

var (
	word   = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)
	quotes = strings.NewReplacer(`'`, "", `"`, "")
)

// words splits options as a shell would, quotes and all.
func words(text string) (all []string) {
	for _, w := range word.FindAllString(text, -1) {
		all = append(all, quotes.Replace(w))
	}
	return all
}

// readINI reads the sections of a file; a value goes on in indented lines.
func readINI(text []byte) map[string]map[string]string {
	all := map[string]map[string]string{}
	section, key := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";"):
		case strings.HasPrefix(text, "["):
			title := strings.Trim(text, "[]")
			if all[title] == nil {
				all[title] = map[string]string{}
			}
			section, key = all[title], ""
		case line[0] == ' ' || line[0] == '\t':
			section[key] += " " + text
		default:
			name, value, _ := strings.Cut(text, "=")
			key = strings.TrimSpace(name)
			section[key] += " " + strings.TrimSpace(value)
		}
	}
	return all
}
