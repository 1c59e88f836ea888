package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
)

// HasHealthcheck says whether containers of the target look after their own health: by its last HEALTHCHECK, or that of a stage it
// starts from. An empty target is the last stage.
func HasHealthcheck(text []byte, target string) (has bool) {
	f := read(text)
	n := f.find(target)
	if n < 0 {
		return false
	}
	for _, node := range f.instructions(n) {
		if strings.EqualFold(node.Value, command.Healthcheck) {
			has = node.Next != nil && !strings.EqualFold(node.Next.Value, "NONE")
		}
	}
	return has
}
