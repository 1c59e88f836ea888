package gate

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

var (
	// fileLine finds "tests/test_shop.py:7" and "src/shop.test.ts:5:23" in a failure's text.
	fileLine = regexp.MustCompile(`([^\s:()<>"']+\.[A-Za-z]+):([0-9]{1,9})\b`)
	// script tells a vitest class name, which is a file, from a pytest one, which is dotted.
	script = regexp.MustCompile(`\.[cm]?[jt]sx?\z`)
	// class is the end of a dotted name that is no module.
	class = regexp.MustCompile(`(?:\.[A-Z]\w*)+\z`)
)

// place says where a test failed: in the test's own file if the text knows, so that the mark is put where the
// reader looks first, otherwise wherever in the project the text points to.
func (t testcase) place(text string) (string, int) {
	var file string
	var line int
	for _, m := range fileLine.FindAllStringSubmatch(text, -1) {
		if !ours(m[1]) {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		if t.owns(m[1]) {
			return path.Clean(m[1]), n
		}
		if file == "" {
			file, line = path.Clean(m[1]), n
		}
	}
	switch {
	case file != "":
		return file, line
	case ours(t.file):
		return oneLine(t.file), t.definedAt()
	case script.MatchString(t.class) && ours(t.class):
		return oneLine(t.class), 0
	}
	return "", 0
}

// definedAt is the line of the test itself, which pytest counts from 0; 0 here means unknown.
func (t testcase) definedAt() int {
	n, err := strconv.ParseUint(t.line, 10, 31)
	if err != nil {
		return 0
	}
	return int(n) + 1
}

// owns says whether file is the one that the test is written in. pytest names modules from the folder that its settings lie in,
// and files from the one that it runs in.
func (t testcase) owns(file string) bool {
	module := strings.ReplaceAll(strings.TrimSuffix(file, path.Ext(file)), "/", ".")
	return file == t.class || module == t.name || strings.HasPrefix(t.class+".", module+".") ||
		strings.HasSuffix("."+class.ReplaceAllString(t.class, ""), "."+module)
}

// ours leaves out the interpreter, installed packages and everything outside of the project.
func ours(file string) bool {
	return file != "" && !path.IsAbs(file) && !strings.HasPrefix(path.Clean(file), "..") &&
		!strings.Contains(file, "node_modules/") && !strings.Contains(file, "site-packages/")
}
