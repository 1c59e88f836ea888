package dockerfile

import (
	"slices"
	"strings"
)

// Bases are the images that the target starts from, copies from and mounts, sorted: those that are named by their digest, and
// those by a name that somebody may give to another image. An empty target is the last stage.
func Bases(text []byte, target string) (pinned, moving []string) {
	f := read(text)
	for _, n := range f.needed(f.find(target)) {
		for _, name := range f.stages[n].sources() {
			switch {
			case name == "" || name == "scratch" || f.named(name, n) >= 0:
			case strings.Contains(name, "@sha256:") && !strings.Contains(name, "$"):
				pinned = append(pinned, name)
			default:
				moving = append(moving, name)
			}
		}
	}
	return unique(pinned), unique(moving)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
