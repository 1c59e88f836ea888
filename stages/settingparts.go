package stages

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// pair is one `name=value` of a list setting.
type pair struct{ name, value string }

var namePattern = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*\z`)

// parsePairs reads `name=value, name=value`; every error quotes the part that is wrong.
func parsePairs(setting, example string) ([]pair, error) {
	var pairs []pair
	for part := range splitList(setting) {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || value == "" {
			return nil, fmt.Errorf("expected name=value such as %s, found %q", example, part)
		}
		if !namePattern.MatchString(name) {
			return nil, fmt.Errorf("expected a name of a-z, 0-9 and single . _ - before the =, found %q in %q", name, part)
		}
		if slices.ContainsFunc(pairs, func(p pair) bool { return p.name == name }) {
			return nil, fmt.Errorf("the name %q stands twice", name)
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, nil
}

// splitList yields the parts of a comma-separated setting, without the empty ones.
func splitList(setting string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(setting, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}

// committer is who tags and commits are by.
type committer struct{ name, email string }

const defaultCommitter = "Slipway <slipway@localhost.invalid>"

var committerPattern = regexp.MustCompile(`^([^<>\pC]*[^<>\pC\pZ]) <([^<>@\pC\pZ]+@[^<>@\pC\pZ]+)>\z`)

func parseCommitter(setting string) (committer, error) {
	if setting == "" {
		setting = defaultCommitter
	}
	m := committerPattern.FindStringSubmatch(setting)
	if m == nil {
		return committer{}, fmt.Errorf("expected Name <name@example.com>, found %q", setting)
	}
	return committer{name: strings.TrimSpace(m[1]), email: m[2]}, nil
}

// parseBranches reads patterns in which * stands for anything but a slash.
func parseBranches(setting string) ([]string, error) {
	patterns := slices.Collect(splitList(setting))
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("expected names of branches such as release/*, found %q", p)
		}
	}
	return patterns, nil
}

func parsePaths(setting string) ([]string, error) {
	var paths []string
	for p := range splitList(setting) {
		if err := checkPath(p); err != nil {
			return nil, err
		}
		paths = append(paths, path.Clean(p))
	}
	return paths, nil
}

// checkPath keeps paths inside the repository.
func checkPath(p string) error {
	clean := path.Clean(p)
	if path.IsAbs(p) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("expected a path inside the repository, found %q", p)
	}
	return nil
}
