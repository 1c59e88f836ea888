package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func newTestSeeding(t *testing.T) *seeding {
	t.Helper()
	s := &seeding{repo: "slipway/test", work: t.TempDir()}
	if err := s.read(newTestLab(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestForgeHistoryFits: after the story the repository is the sample application, with its documents and with the
// ignore file in another order.
func TestForgeHistoryFits(t *testing.T) {
	s := newTestSeeding(t)
	if err := s.replayBase(); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.story.Pulls {
		if err := s.commit(p.Commits); err != nil {
			t.Fatalf("%q: %v", p.Title, err)
		}
	}
	got, err := readTree(s.work)
	if err != nil {
		t.Fatal(err)
	}
	want := s.trees[len(s.trees)-1]
	for name, text := range want {
		if name != ".gitignore" && string(got[name]) != string(text) {
			t.Errorf("%s differs", name)
		}
	}
	for name := range got {
		if want[name] == nil && !strings.HasPrefix(name, "docs/") && !strings.HasPrefix(name, ".git/") {
			t.Errorf("%s is not in the application", name)
		}
	}
	if got, want := sortedLines(got[".gitignore"]), sortedLines(want[".gitignore"]); !slices.Equal(got, want) {
		t.Errorf(".gitignore has %q, want %q", got, want)
	}
}

func sortedLines(text []byte) []string {
	return slices.Sorted(strings.Lines(string(text)))
}

// TestForgeHistoryNumbers: the story names issues and pull requests by the numbers that Gitea will give them.
func TestForgeHistoryNumbers(t *testing.T) {
	s := newTestSeeding(t)
	numbers := map[string]int{}
	for n, issue := range s.story.Issues {
		numbers[issue.Labels[0]] = n + 1
	}
	for n, p := range s.story.Pulls {
		numbers[p.Title] = len(s.story.Issues) + n + 1
	}
	want := map[string]int{
		"documentation": 1, "bug": 2,
		"Ask PostgreSQL over TCP": 4, "Describe the backup": 6, "feat: a discount nobody wanted": 7,
	}
	for title, number := range want {
		if numbers[title] != number {
			t.Errorf("%s is #%d, want #%d", title, numbers[title], number)
		}
	}
}

func TestForgeHistoryUsesWhatItDeclares(t *testing.T) {
	s := newTestSeeding(t)
	labels := []string{}
	for _, label := range s.story.Labels {
		labels = append(labels, label.Name)
	}
	for _, p := range s.story.Pulls {
		for _, label := range p.Labels {
			if !slices.Contains(labels, label) {
				t.Errorf("%q: no label %q", p.Title, label)
			}
		}
		for _, c := range p.Commits {
			if s.history.Authors[c.Author] == "" {
				t.Errorf("%q: no author %q", p.Title, c.Author)
			}
		}
		if s.history.Authors[p.Author] == "" || (p.Merge == "") != (p.Branch == "") {
			t.Errorf("%q: author %q, branch %q, merge %q", p.Title, p.Author, p.Branch, p.Merge)
		}
	}
}

func TestCommitRefusesWhatDoesNotFit(t *testing.T) {
	s := newTestSeeding(t)
	if err := os.WriteFile(filepath.Join(s.work, "file"), []byte("before before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]storyCommit{
		"no longer fits":        {historyCommit: historyCommit{Edit: [][3]string{{"file", "before", "after"}}}},
		`has no commit "feat:"`: {Like: "feat:"},
	} {
		if err := s.commit([]storyCommit{c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRevertIsItsAuthorsCommit(t *testing.T) {
	s := newTestSeeding(t)
	if err := s.replayBase(); err != nil {
		t.Fatal(err)
	}
	if err := s.commit([]storyCommit{{Revert: true, historyCommit: historyCommit{Author: "mira"}}}); err != nil {
		t.Fatal(err)
	}
	log := exec.Command("git", "log", "-1", "--format=%an <%ae> %s")
	log.Dir = s.work
	got, err := log.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "Mira Okafor <mira@example.com> Revert \"chore: bump version to 1.2.0\"\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSeedWithoutAForge(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clone")
	err := newTestLab(t).seed(t.Context(), "name", dir)
	if err == nil || !strings.Contains(err.Error(), "run up first") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is left behind")
	}
}
