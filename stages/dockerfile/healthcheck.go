package dockerfile

import (
	"bytes"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// HasHealthcheck says whether containers of the target look after their own health: by its last HEALTHCHECK, or that of a stage it
// starts from. An empty target is the last stage.
func HasHealthcheck(text []byte, target string) (has bool) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return false
	}
	f := split(parsed.AST.Children)
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
