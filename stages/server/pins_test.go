package server

import (
	"slices"
	"testing"
)

// TestImageThatNoServiceUses is named, and keeps nothing from being deployed: it may be run by hand, or by others.
func TestImageThatNoServiceUses(t *testing.T) {
	t.Parallel()
	s := shop(t, false)
	s.image("cli", "1.0.0", behaviour{})
	const want = "warning: no service of the compose file uses registry.example.com/shop/cli: give it a line such as image: registry.example.com/shop/cli:${VERSION}, or leave it out of the setting images"
	p, err := Preflight(t.Context(), s.environment(), s.release("1.0.0", shopCompose))
	if err != nil || !slices.Equal(p.Warnings, []string{want}) {
		t.Errorf("got %q, %v, want %q", p.Warnings, err, want)
	}
	if done := s.deploy(t, "1.0.0", shopCompose); !slices.Contains(done.Figures, want) {
		t.Errorf("got %q, want %q", done.Figures, want)
	}
	if again := s.deploy(t, "1.0.0", shopCompose); !again.Already {
		t.Errorf("got %+v", again)
	}
}
