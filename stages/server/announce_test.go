package server

import (
	"context"
	"slices"
	"testing"
)

// TestAnnounce: what will be brought up is told before anything is changed, and nothing is told where nothing will be.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	s := deployed(t, "1.0.0", "1.1.0")
	var told []string
	env := s.environment()
	env.Announce = func(_ context.Context, version, commit string) {
		told = append(told, version+" "+commit+" beside "+s.running()["backend"])
	}
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"runs already", func() error { _, err := Deploy(t.Context(), env, s.release("1.1.0", oneService)); return err }, nil},
		{"rollback", func() error { _, err := Rollback(t.Context(), env, s.back("")); return err }, []string{"1.0.0 c1.0.0 beside backend:1.1.0"}},
	} {
		told = nil
		if err := c.do(); err != nil || !slices.Equal(told, c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.name, told, err, c.want)
		}
	}
}
