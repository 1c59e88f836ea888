package dockerfile

import (
	"cmp"
	"os"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
)

// The images of languages by their names: the official ones, and uv's own with a Python.
var languages = map[string]*regexp.Regexp{
	"python": regexp.MustCompile(`(?:^|/)(?:python:|uv:(?:[0-9.]+-)?python)(3\.[0-9]+)`),
	"node":   regexp.MustCompile(`(?:^|/)node:([0-9]+)`),
}

// prerelease follows the version of an image that is no release: python:3.15-rc-slim, python:3.15.0b1
var prerelease = regexp.MustCompile(`^(?:\.[0-9]+)?-?(?:a|b|rc)[0-9]*(?:[-@]|\z)`)

// Runs says which version of a language, python or node, the target runs on, and which image says so. The stage that is built
// counts before those that it copies from. An empty target is the last stage; given are the values of build arguments. Both are
// empty where no image says it.
func Runs(text []byte, target, language string, given map[string]string) (version, base string) {
	f := read(text)
	for _, n := range f.needed(f.find(target)) {
		image := f.expand(f.stages[n].base, given)
		if m := languages[language].FindStringSubmatch(image); m != nil && !prerelease.MatchString(image[strings.Index(image, m[0])+len(m[0]):]) {
			return m[1], image
		}
	}
	return "", ""
}

// expand puts in the values of arguments: those that are given, the defaults before the first FROM, and those of the name itself.
func (f file) expand(name string, given map[string]string) string {
	defaults := map[string]string{}
	for _, node := range f.global {
		if strings.EqualFold(node.Value, command.Arg) {
			for _, word := range values(node) {
				argument, value, _ := strings.Cut(word, "=")
				defaults[argument] = strings.Trim(value, `"'`)
			}
		}
	}
	return os.Expand(name, func(argument string) string {
		argument, otherwise, _ := strings.Cut(argument, ":-")
		return cmp.Or(given[argument], defaults[argument], otherwise)
	})
}
