package server

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReadmeStartsFirst: the compose file of the page about deployments is what it says, with a proxy that is told and two
// services behind it that can run twice.
func TestReadmeStartsFirst(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../.github/docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## Start first\n")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no compose file under Start first")
	}
	s := standIn(t)
	s.public("nginx:1.28", behaviour{})
	s.image("backend", "1.0.0", behaviour{})
	s.image("frontend", "1.0.0", behaviour{})
	p, err := Preflight(t.Context(), s.environment(), s.release("1.0.0", example))
	if err != nil || !slices.Equal(p.Beside, []string{"api", "web"}) || len(p.Singles) > 0 {
		t.Errorf("got %v beside, %v, %v", p.Beside, p.Singles, err)
	}
}
