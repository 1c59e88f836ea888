package versionfile

import (
	"fmt"
	"regexp"
	"strings"
)

var onlyVersion = regexp.MustCompile(`^(?:\x{feff})?\s*v?([0-9][0-9A-Za-z.+-]*)\s*\z`)

// locateText takes a file that holds nothing but a version. A v before it stays.
func locateText(src string, _ []string) (State, []place, error) {
	m := onlyVersion.FindStringSubmatchIndex(src)
	if m == nil {
		found := "nothing"
		if text := strings.TrimSpace(src); text != "" {
			found = fmt.Sprintf("%q", cut(text))
		}
		return "", nil, fmt.Errorf("expected a version and nothing else, found %s; correct the file, or take it out of the version files", found)
	}
	return Found, []place{{span{m[2], m[3]}, src[m[2]:m[3]]}}, nil
}

// dunderVersion is how a Python module says its version.
const dunderVersion = `__version__ = "1.2.3"`

var dunderLine = regexp.MustCompile(`(?m)^__version__[ \t]*(?::[^=\n]*)?=[ \t]*(?:"([^"\\\n]*)"|'([^'\\\n]*)')[ \t]*(?:#[^\n]*)?\r?$`)

// locatePython takes a module that says its version on one line of its own.
func locatePython(src string, _ []string) (State, []place, error) {
	found := dunderLine.FindAllStringSubmatchIndex(src, -1)
	if len(found) != 1 {
		return "", nil, fmt.Errorf("expected one line %s, found %d; leave one, or take the file out of the version files", dunderVersion, len(found))
	}
	at := found[0][2:4]
	if at[0] < 0 {
		at = found[0][4:6]
	}
	return Found, []place{{span{at[0], at[1]}, src[at[0]:at[1]]}}, nil
}
