package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestTips(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  []string
	}{
		"one line of commits":  {"c b\nb a\na \n", []string{"c"}},
		"a merged branch":      {"d b c\nc a\nb a\na\n", []string{"d"}},
		"a branch left behind": {"c a\nb a\na\n", []string{"c", "b"}},
		"two roots":            {"b\na\n", []string{"b", "a"}},
		"nothing":              {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tips(c.lines); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestImportStream lets git read it: two roots under a merge, twice, the second time on top of the first.
func TestImportStream(t *testing.T) {
	const who = "Ada <ada@acme.example> 1600000000 +0000"
	fields := []string{
		"a", "", who, who, "feat: a\n",
		"b", "", who, who, "",
		"c", "b a", who, who, "Merge a into b\n\nBody\n",
	}
	dir := t.TempDir()
	if err := git(dir, nil, "init", "-q", "--bare", "-b", "main"); err != nil {
		t.Fatal(err)
	}
	cmd := gitCommand(dir, "fast-import", "--quiet")
	cmd.Stdin = bytes.NewReader(importStream(fields, 2))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	counts := map[string]string{"--merges": "2", "--no-merges": "4", "--max-parents=0": "2"}
	for option, want := range counts {
		if got, err := gitOutput(dir, "rev-list", "--count", option, "main"); err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s: got %s, %v, want %s", option, got, err, want)
		}
	}
	if got, err := gitOutput(dir, "log", "-1", "--format=%an %ae %ct|%B", "main"); err != nil || got != "Ada ada@acme.example 1600000000|Merge a into b\n\nBody\n\n" {
		t.Errorf("got %q, %v", got, err)
	}
}
