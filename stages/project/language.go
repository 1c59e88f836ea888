package project

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Language is which version of a language a side runs on, and which file says so; both are empty where none does. One that asks
// for what is not there has no version.
type Language struct{ Version, From string }

// The versions to choose from, the oldest first and those to come last. A file that names another one exactly is followed all
// the same.
var (
	Pythons = series("3.", 9)
	Nodes   = series("", 16)
	// longLived are those of Node that a range is taken to mean, if it has one of them.
	longLived = []string{"16", "18", "20", "22", "24", "26"}
)

func series(prefix string, oldest int) (all []string) {
	for n := oldest; n < 100; n++ {
		all = append(all, prefix+strconv.Itoa(n))
	}
	return all
}

// unknown follows what a file says that names no version.
const unknown = ", which is no version that is known"

// passedOver is the version that is taken where what names another one cannot be followed, and why; it is empty where nothing
// names one.
func passedOver(standard string, why ...string) Language {
	if said := cmp.Or(why...); said != "" {
		return Language{standard, said}
	}
	return Language{}
}

// whyNot says why the version of an image is not taken, which a manager may be unable to run on; empty if nothing speaks against it.
func (l Language) whyNot(known []string, unable string) string {
	switch {
	case l.Version == "":
		return ""
	case !slices.Contains(known, l.Version):
		return l.From + ", which is older than " + known[0]
	case unable != "":
		return l.From + ", on which " + unable + " does not run"
	}
	return ""
}

var (
	pythonPin = regexp.MustCompile(`^(?:python-|cpython-)?(3\.[0-9]+)(?:\.[0-9]+)?$`)
	nodePin   = regexp.MustCompile(`^v?([0-9]+)(?:\.[0-9x*]+)*$`)
	codenames = map[string]string{"lts/gallium": "16", "lts/hydrogen": "18", "lts/iron": "20", "lts/jod": "22", "lts/krypton": "24"}
)

// pinned reads a file that holds nothing but a version, such as .python-version, or the line of a tool in .tool-versions.
func pinned(files Files, folder, root, tool string, names ...string) (text, from string) {
	for _, at := range upwards(folder) {
		if file, ok := files.first(at, names...); ok {
			for line := range strings.Lines(string(files[file])) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					return line, file
				}
			}
		}
		if file, ok := files.first(at, ".tool-versions"); ok {
			for line := range strings.Lines(string(files[file])) {
				if words := strings.Fields(line); len(words) > 1 && words[0] == tool {
					return words[1], file
				}
			}
		}
		if at == root {
			break
		}
	}
	return "", ""
}

// choose takes the preferred version if a requirement allows it, else the nearest older one, else the nearest newer one.
func choose(known []string, preferred string, allows func(version string) bool) string {
	older, newer, passed := "", "", false
	for _, v := range known {
		switch {
		case !allows(v):
		case v == preferred:
			return v
		case !passed:
			older = v
		case newer == "":
			newer = v
		}
		passed = passed || v == preferred
	}
	if older != "" {
		return older
	}
	return newer
}

// wishes are what manifests ask of a version, all at once. What cannot be read asks for nothing.
type wishes []*semver.Constraints

func readWishes(texts ...string) (all wishes) {
	for _, text := range texts {
		if c, err := semver.NewConstraint(text); err == nil && text != "" {
			all = append(all, c)
		}
	}
	return all
}

func (w wishes) allow(version string) bool {
	v := semver.MustParse(version)
	return !slices.ContainsFunc(w, func(c *semver.Constraints) bool { return !c.Check(v) })
}

// pythonWishes are those of a manifest about Python. One exact version means its images, which have the last patch.
func pythonWishes(requirements ...string) wishes {
	var texts []string
	for _, r := range requirements {
		texts = append(texts, pep440(exactPython.ReplaceAllString(r, "$1.x")))
	}
	return readWishes(texts...)
}

// python is the version that is taken; empty if they ask for what is not known.
func (w wishes) python() string { return choose(Pythons, DefaultPython, w.allowPython) }

// node is the same of Node.
func (w wishes) node() string {
	return cmp.Or(choose(longLived, DefaultNode, w.allowNode), choose(Nodes, DefaultNode, w.allowNode))
}

// Images have the last patch of a version, so that is what requirements are asked about.
func (w wishes) allowPython(v string) bool { return w.allow(v + ".99") }
func (w wishes) allowNode(v string) bool   { return w.allow(v + ".99.99") }

var (
	exactPython = regexp.MustCompile(`^\s*(?:={1,3}\s*)?([0-9]+\.[0-9]+)\.[0-9]+\s*$`)
	exactNode   = regexp.MustCompile(`^\s*=?\s*v?([0-9]+)\.[0-9]+\.[0-9]+\s*$`)
	compatible  = regexp.MustCompile(`~=\s*([0-9]+)((?:\.[0-9]+)+)`)
	wildcard    = regexp.MustCompile(`==\s*([0-9.]+)\.\*`)
)

// pep440 writes a Python requirement in the words of semver: ~=3.11 is >=3.11,<4 and ==3.11.* is 3.11.x.
func pep440(requirement string) string {
	requirement = compatible.ReplaceAllStringFunc(requirement, func(m string) string {
		parts := strings.Split(strings.TrimSpace(strings.TrimPrefix(m, "~=")), ".")
		if len(parts) > 2 {
			return "~" + strings.Join(parts, ".")
		}
		return "^" + strings.Join(parts, ".")
	})
	return wildcard.ReplaceAllString(requirement, "$1.x")
}

func nodeWishes(requirement string) wishes {
	return readWishes(exactNode.ReplaceAllString(requirement, "$1.x"))
}

// latestNode is the tag of Node's images that moves on to each version with long support.
const latestNode = "lts"

// The versions of a side that does not say which.
const (
	DefaultPython = "3.13"
	DefaultNode   = "22"
)
