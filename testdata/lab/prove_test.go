package main

import (
	"os/exec"
	"path/filepath"
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

// TestCopyOverARunningProgram: containers that outlive a killed engine still run the program that its next start copies.
func TestCopyOverARunningProgram(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "bin", "program")
	if err := copyFile(sleep, program, 0o755); err != nil {
		t.Fatal(err)
	}
	running := exec.Command(program, "60")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer running.Wait()
	defer running.Process.Kill()
	if err := copyFile(sleep, program, 0o755); err != nil {
		t.Error(err)
	}
}
