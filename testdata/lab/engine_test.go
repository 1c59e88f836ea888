package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDoubtfulState: the kernel refuses to mount again what a killed engine had mounted, so nothing of its state is kept.
func TestDoubtfulState(t *testing.T) {
	for name, c := range map[string]struct {
		left string
		kept bool
	}{
		"ended while idle":  {filepath.Join("38", "work", "work"), true},
		"killed in an exec": {filepath.Join("38", "work", "work", "incompat", "volatile"), false},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			left := filepath.Join(state, "worker/snapshots/snapshots", c.left)
			if err := os.MkdirAll(left, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := dropDoubtful(state); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(left); (err == nil) != c.kept {
				t.Errorf("expected it kept: %t, got %v", c.kept, err)
			}
			if _, err := os.Stat(state); err != nil {
				t.Error(err)
			}
		})
	}
}
