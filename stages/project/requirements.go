package project

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// testRequirements are files with what tests need; other words (docs, prod, lint, deploy) are not installed for them.
	testRequirements = regexp.MustCompile(`(?i)(^|[-_.])(dev|develop|development|test|tests|testing|ci)([-_.]|$)`)
	// localRequirements are those of a machine of one's own, which stand for the ones above where there are none.
	localRequirements = regexp.MustCompile(`(?i)(^|[-_.])local([-_.]|$)`)
	// baseRequirements are those that the application itself runs on.
	baseRequirements = regexp.MustCompile(`(?i)^(requirements|base|main|default|common|project-requirements|app)\.txt$`)
)

// allRequirements are all requirement files that belong to a folder: beside its manifest, and in requirements/.
func allRequirements(files Files, folder string) []string {
	all := slices.DeleteFunc(files.in(folder), func(name string) bool {
		return path.Ext(name) != ".txt" || !strings.Contains(path.Base(name), "requirements")
	})
	return append(all, slices.DeleteFunc(files.in(path.Join(folder, "requirements")), func(name string) bool { return path.Ext(name) != ".txt" })...)
}

// requirementFiles are those to install for the tests: the application's and the ones for testing, without those that one of
// them names already.
func requirementFiles(files Files, folder string) []string {
	all := allRequirements(files, folder)
	wanted := forTesting
	if !slices.ContainsFunc(all, forTesting) {
		wanted = func(name string) bool { return localRequirements.MatchString(stem(name)) }
	}
	var chosen []string
	for _, name := range all {
		if baseRequirements.MatchString(path.Base(name)) || wanted(name) {
			chosen = append(chosen, name)
		}
	}
	var named []string
	for _, name := range chosen {
		named = append(named, referenced(files, name)...)
	}
	chosen = slices.DeleteFunc(chosen, func(name string) bool { return slices.Contains(named, name) })
	slices.SortStableFunc(chosen, func(a, b string) int { return rank(a) - rank(b) })
	return chosen
}

func stem(name string) string { return strings.TrimSuffix(path.Base(name), ".txt") }

func forTesting(name string) bool { return testRequirements.MatchString(stem(name)) }

// rank puts the application's own requirements first.
func rank(name string) int {
	if baseRequirements.MatchString(path.Base(name)) {
		return 0
	}
	return 1
}

var reference = regexp.MustCompile(`^\s*(?:-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)`)

// referenced are the files that a requirement file takes in with -r or -c, and those that they take in.
func referenced(files Files, name string) (all []string) {
	open := []string{name}
	for len(open) > 0 {
		at := open[0]
		open = open[1:]
		for line := range strings.Lines(string(files[at])) {
			m := reference.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			other := path.Join(path.Dir(at), m[1])
			if files.has(other) && !slices.Contains(all, other) {
				all, open = append(all, other), append(open, other)
			}
		}
	}
	return all
}
