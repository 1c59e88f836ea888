package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func newTestLab(t *testing.T) *lab {
	t.Helper()
	repo, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return &lab{dir: t.TempDir(), repo: repo}
}

// TestShopHistoryFits: the last commit of the history is the sample application as it stands.
func TestShopHistoryFits(t *testing.T) {
	l, dir := newTestLab(t), t.TempDir()
	if err := l.makeShop(dir); err != nil {
		t.Fatal(err)
	}
	want, err := readTree(filepath.Join(l.repo, "testdata", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if string(got[name]) != string(text) {
			t.Errorf("%s differs", name)
		}
	}
	for name := range got {
		if want[name] == nil && !strings.HasPrefix(name, ".git"+string(filepath.Separator)) {
			t.Errorf("%s is not in the application", name)
		}
	}
}

func TestUndoRefusesWhatDoesNotFit(t *testing.T) {
	h := history{Commits: []historyCommit{{Subject: "feat: a", Edit: [][3]string{{"file", "before", "after"}}}}}
	for name, files := range map[string]tree{"absent": {}, "twice": {"file": []byte("after after")}} {
		if _, err := h.rewind(files); err == nil || !strings.Contains(err.Error(), "no longer fits") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLayer reads back what an image's layer is made of.
func TestLayer(t *testing.T) {
	root, file := t.TempDir(), filepath.Join(t.TempDir(), "layer.tar.gz")
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("text"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(root, "c")); err != nil {
		t.Fatal(err)
	}
	if err := writeLayer(root, file); err != nil {
		t.Fatal(err)
	}
	got := list(t, file)
	want := []string{"a 0 ", "b 1 a", "c 2 a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
