package changelog_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/labtest"
)

// gitIn runs git in one of the lab's histories.
func gitIn(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = filepath.Join(labtest.Histories(t), name)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v in %s: %v", args, name, err)
	}
	return out
}

// TestHistoriesAreAccountedFor reads the whole of each, and a part in its middle.
func TestHistoriesAreAccountedFor(t *testing.T) {
	for name, sizes := range map[string][2]int{ // non-merge commits: all, and in the middle
		"spinnaker": {530, 22}, "rumprun-xen": {540, 20}, "go-git": {204, 20}, "desk": {109, 31}, "storable": {101, 20}, "joined": {1489, 22}, "large": {4467, 22},
	} {
		t.Run(name, func(t *testing.T) {
			middle := []string{"main~20", "^main~40"}
			if name == "spinnaker" {
				middle = []string{"v0.12.0", "^v0.11.0"}
			}
			for n, revisions := range [][]string{{"main"}, middle} {
				if got := strings.TrimSpace(string(gitIn(t, name, append([]string{"rev-list", "--no-merges", "--count"}, revisions...)...))); got != fmt.Sprint(sizes[n]) {
					t.Errorf("git counts %s commits without merges in %v, want %d", got, revisions, sizes[n])
				}
				commits, err := changelog.ParseLog(gitIn(t, name, append([]string{"log", "-z", "--encoding=UTF-8", "--format=" + changelog.GitLogFormat}, revisions...)...))
				if err != nil {
					t.Fatal(err)
				}
				notes := changelog.Build(changelog.Input{Commits: commits}, changelog.Options{})
				labtest.WantAccount(t, notes, strings.Fields(string(gitIn(t, name, append([]string{"rev-list"}, revisions...)...))))
			}
		})
	}
}

// BenchmarkHistories makes the notes of real histories; ms/1000 is the time for a thousand commits.
func BenchmarkHistories(b *testing.B) {
	for _, name := range []string{"spinnaker", "joined", "large"} {
		log := gitIn(b, name, "log", "-z", "--encoding=UTF-8", "--format="+changelog.GitLogFormat, "main")
		commits, err := changelog.ParseLog(log)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%s/%d", name, len(commits)), func(b *testing.B) {
			links := changelog.Links{Repository: "https://github.com/acme/shop", Pull: "/pull/", Commit: "/commit/", Compare: "/compare/", User: "https://github.com/"}
			for b.Loop() {
				commits, _ := changelog.ParseLog(log)
				changelog.Build(changelog.Input{Commits: commits}, changelog.Options{Links: links}).Markdown()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(len(commits))*1000, "ms/1000")
		})
	}
}
