package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEmptyFolder: an engine finds nothing of the one before it.
func TestEmptyFolder(t *testing.T) {
	state := t.TempDir()
	if err := os.MkdirAll(filepath.Join(state, "snapshots", "38", "fs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := emptyFolder(state); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(state); err != nil || len(entries) > 0 {
			t.Errorf("got %v, %v", entries, err)
		}
	}
}
