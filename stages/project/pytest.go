package project

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// PytestConfig is what a project says itself to pytest.
type PytestConfig struct {
	CovOption bool   // its options name what to measure: --cov=app
	Markers   string // its options choose tests by an expression: -m "not integration"
}

// readPytest looks where pytest looks, in the side's folder and above it up to the root of its lock.
func readPytest(files Files, folder, root string) (c PytestConfig, err error) {
	for _, at := range upwards(folder) {
		p, err := readPyproject(files, at)
		if err != nil {
			return c, err
		}
		ini := readINI(files, at)
		for _, options := range [][]string{
			listed(p.Tool.Pytest.Options.Addopts), words(ini["pytest"]["addopts"]), words(ini["tool:pytest"]["addopts"]),
		} {
			c.read(options)
		}
		if at == root {
			break
		}
	}
	return c, nil
}

func (c *PytestConfig) read(options []string) {
	for n, option := range options {
		switch {
		case strings.HasPrefix(option, "--cov="), option == "--cov" && n+1 < len(options) && !strings.HasPrefix(options[n+1], "-"):
			c.CovOption = true
		case option == "-m" && n+1 < len(options):
			c.Markers = options[n+1]
		case strings.HasPrefix(option, "-m="):
			c.Markers = strings.TrimPrefix(option, "-m=")
		}
	}
}

// listed are options as pyproject.toml has them: one text, or a list.
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

// readINI reads the sections of the files in which pytest may be configured; a value goes on in indented lines.
func readINI(files Files, folder string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, name := range []string{"pytest.ini", "setup.cfg", "tox.ini"} {
		section, key := map[string]string{}, ""
		for line := range strings.Lines(string(files[path.Join(folder, name)])) {
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
	}
	return all
}
