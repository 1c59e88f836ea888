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

// shellWord is a word that a shell takes as it is.
var shellWord = regexp.MustCompile(`^(?:'[^']*'|"[^"$` + "`" + `\\]*"|[\w./:@%+,=-]+)`)

// wrappers start the program that their arguments name, as the entrypoints of images do.
var wrappers = regexp.MustCompile(`(?:\.sh|entrypoint|^tini|^dumb-init)$`)

// nginx is how a container that runs nginx is told to reload, none if it runs another program: by the very arguments that it
// was started with, which may name its configuration and its pid. It needs no shell, which some images lack.
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
		return nginxOf(line[2])
	}
	return nil
}

// nginxOf is that for a shell's line, in which nginx may be asked or told something before it is started.
func nginxOf(line string) []string {
	for _, at := range nginxInLine.FindAllStringSubmatchIndex(line, -1) {
		options, starts, known := nginxOptions(line[at[3]:])
		switch {
		case !known:
			return nil
		case starts:
			return slices.Concat([]string{line[at[2]:at[3]]}, options, []string{"-s", "reload"})
		}
	}
	return nil
}

// nginxOptions are those in the rest of a shell's line that say which nginx it is, and whether it is started and not asked or
// told something. They are not known where only the shell knows them.
func nginxOptions(rest string) (options []string, starts, known bool) {
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || strings.ContainsAny(rest[:1], ";&|)}<>#\n") {
			return options, true, true
		}
		word := shellWord.FindString(rest)
		after := rest[len(word):]
		if word == "" || after != "" && !strings.ContainsAny(after[:1], " \t;&|)}<>\n") {
			return nil, false, false
		}
		if rest = after; slices.Contains([]string{"-s", "-t", "-T", "-v", "-V", "-h", "-?"}, word) {
			return nil, false, true
		}
		if !redirected(word, rest) {
			options = append(options, strings.Trim(word, `'"`))
		}
	}
}

// redirected says whether a word is the number of a file that the shell redirects.
func redirected(word, rest string) bool {
	return strings.Trim(word, "0123456789") == "" && strings.HasPrefix(rest, ">")
}

var shells = []string{"sh", "bash", "ash", "dash"}
