package server

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// nginxes are the programs that ask for the names of their backends only when they start or reload.
var nginxes = []string{"nginx", "nginx-debug", "openresty"}

// nginxInLine finds one where a shell's line begins a command.
var nginxInLine = regexp.MustCompile(`(?:^|[;&|({\n]|\b(?:do|then|exec)\s)\s*((?:/[^\s;&|]*/)?(?:` + strings.Join(nginxes, "|") + `))(?:[\s;&|)]|$)`)

// wrappers start the program that their arguments name, as the entrypoints of images do.
var wrappers = regexp.MustCompile(`(?:\.sh|entrypoint|^tini|^dumb-init)$`)

// nginx is how a container that runs nginx is told to reload, none if it runs another program: by the very arguments that it
// was started with, which may name its configuration. It needs no shell, which some images lack.
func (c container) nginx() []string {
	line := append([]string{c.Path}, c.Args...)
	if wrappers.MatchString(path.Base(c.Path)) {
		line = slices.Clone(c.Args)
		for len(line) > 0 && strings.HasPrefix(line[0], "-") {
			line = line[1:]
		}
	}
	switch {
	case len(line) == 0:
		return nil
	case slices.Contains(nginxes, path.Base(line[0])):
		return append(line, "-s", "reload")
	case len(line) > 2 && slices.Contains(shells, path.Base(line[0])) && line[1] == "-c":
		// Nobody can tell its arguments from the shell's own words.
		if found := nginxInLine.FindStringSubmatch(line[2]); found != nil {
			return []string{found[1], "-s", "reload"}
		}
	}
	return nil
}

var shells = []string{"sh", "bash", "ash", "dash"}
