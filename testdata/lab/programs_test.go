package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramIsMadeAgainWhenItsFolderChanges: what it is made from may lie deep in it.
func TestProgramIsMadeAgainWhenItsFolderChanges(t *testing.T) {
	l, p := newTestLab(t), program{module: "some"}
	l.repo = t.TempDir()
	write := func(file, text string) {
		t.Helper()
		name := filepath.Join(l.tool(p.module), file)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inputs := func() string {
		t.Helper()
		text, err := p.inputs(l)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	files := []string{"go.mod", "go.sum", "command/main.go", "without/cloud/go.mod", "without/cloud/pkg/client/client.go"}
	for _, file := range files {
		write(file, "a")
	}
	for _, file := range files {
		before := inputs()
		write(file, "b")
		if inputs() == before {
			t.Errorf("another %s, and it is not made again", file)
		}
	}
}

// TestProgramIsMadeAgainWhenItIsCompiledInAnotherWay: the flags are no part of the program's own line.
func TestProgramIsMadeAgainWhenItIsCompiledInAnotherWay(t *testing.T) {
	l, p := newTestLab(t), program{module: "some"}
	l.repo = t.TempDir()
	if err := os.MkdirAll(l.tool(p.module), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := p.inputs(l)
	if _, flags := p.settings(); err != nil || !strings.Contains(text, strings.Join(flags, " ")) {
		t.Errorf("its flags %q are not in %q (%v)", flags, text, err)
	}
}

// TestFailedQuestionQuotesTheProgram: an exit status alone tells nobody what to do.
func TestFailedQuestionQuotesTheProgram(t *testing.T) {
	_, err := newTestLab(t).moduleDir("histories", "example.com/unheard-of")
	if err == nil || !strings.Contains(err.Error(), "find the folder of example.com/unheard-of") || !strings.Contains(err.Error(), "not a known dependency") {
		t.Errorf("it says %v", err)
	}
}
