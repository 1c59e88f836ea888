package gitremote

import (
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// Refs is what the remote says.
type Refs struct {
	// Default is the branch that a clone starts on, without refs/heads/.
	Default string
	// Of are all refs by their full names; a tag stands for the commit that it peels to (G5).
	Of map[string]string
}

// Tags are the remote's tags, with the commit that each names.
func (r Refs) Tags() map[string]string {
	tags := map[string]string{}
	for ref, commit := range r.Of {
		if name, ok := strings.CutPrefix(ref, tagPrefix); ok {
			tags[name] = commit
		}
	}
	return tags
}

// Branch is the commit of a branch, empty if there is no such branch.
func (r Refs) Branch(name string) string { return r.Of[branchPrefix+name] }

// Has says whether every ref is where it is wanted.
func (r Refs) Has(want map[string]string) bool {
	for ref, id := range want {
		if r.Of[ref] != id {
			return false
		}
	}
	return true
}

// Releases are the branches that releases are made from (G2).
func (r Refs) Releases(patterns []string) []string {
	var names []string
	for _, ref := range slices.Sorted(maps.Keys(r.Of)) {
		name, ok := strings.CutPrefix(ref, branchPrefix)
		if ok && r.IsRelease(name, patterns) {
			names = append(names, name)
		}
	}
	return names
}

// IsRelease says whether releases are made from the branch.
func (r Refs) IsRelease(branch string, patterns []string) bool {
	return branch == r.Default || slices.ContainsFunc(patterns, func(p string) bool {
		matches, err := path.Match(p, branch)
		return err == nil && matches
	})
}

// parseRefs reads the output of git ls-remote --symref.
func parseRefs(out string) Refs {
	found := Refs{Of: map[string]string{}}
	for line := range strings.Lines(out) {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if target, ok := strings.CutPrefix(id, "ref: "); ok {
			if name == "HEAD" {
				found.Default = strings.TrimPrefix(target, branchPrefix)
			}
			continue
		}
		// The peeled line follows the one of an annotated tag's own object, and takes its place.
		if name = strings.TrimSuffix(name, "^{}"); strings.HasPrefix(name, "refs/") {
			found.Of[name] = id
		}
	}
	return found
}
