package main

import (
	"strings"
	"testing"
)

// TestRefusedArguments: nothing is started, and above all nothing is killed, for a line that was meant otherwise.
func TestRefusedArguments(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	for _, test := range []struct {
		run  func() error
		want string
	}{
		{func() error { return l.prove(t.Context(), []string{"--points=0"}) }, "--points=N, at least 1"},
		{func() error { return l.prove(t.Context(), []string{"--seed=x"}) }, "prove takes --seed=N and --points=N"},
		{func() error { return l.prove(t.Context(), []string{"24"}) }, `found ["24"]`},
		{func() error { return l.crash(t.Context(), nil) }, "the name of one service"},
		{func() error { return l.crash(t.Context(), []string{"engine", "gitea"}) }, "the name of one service"},
		{func() error { return l.crash(t.Context(), []string{"engin"}) }, "the name of one service"},
		{func() error { return l.crash(t.Context(), []string{"engine"}) }, "engine does not run: run up first"},
	} {
		if err := test.run(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	t.Setenv(runnerHostVariable, "tcp://another:1234")
	if err := l.prove(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "is not the lab's") {
		t.Errorf("with another engine: %v", err)
	}
}
