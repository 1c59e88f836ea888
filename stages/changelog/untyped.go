package changelog

import "strings"

// untyped is why an entry is in the last category when nothing says what it is.
const untyped = "no category label, no conventional type and no gitmoji"

// unknownType begins the reason of a type that may as well be a part of the product, such as docker: x.
const unknownType = "unknown "

// otherTypes say what a change is even where no category lists them.
var otherTypes = []string{"feat", "fix", "docs", "test", "chore", "ci", "build", "refactor", "style", "perf", "revert", "security", "deps"}

// Untyped counts the commits of the notes that do not say what they are, and all of them: what few say is no ground for
// what is not in the rest.
func (n Notes) Untyped() (count, all int) {
	for _, section := range n.Sections {
		if section.Name == Breaking {
			continue // its entries stand in their own category as well
		}
		for _, entry := range section.Entries {
			all += len(entry.Hashes)
			if says := entry.Reason != untyped && !strings.HasPrefix(entry.Reason, unknownType); !says && !entry.Breaking {
				count += len(entry.Hashes)
			}
		}
	}
	return count, all
}
