package labtest

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/slipway/stages/changelog"
)

// Histories returns the folder of the lab's bare repositories, whose histories are those of public projects. Without a lab
// the test is skipped, in CI it fails.
func Histories(t testing.TB) string {
	t.Helper()
	const name = "SLIPWAY_LAB_HISTORIES"
	dir := os.Getenv(name)
	if dir == "" {
		missing(t, name+" is not set: start the lab")
	}
	return dir
}

// WantAccount fails the test unless notes account for every commit exactly once: in an entry, cancelled or ignored by a rule.
func WantAccount(t testing.TB, n changelog.Notes, commits []string) {
	t.Helper()
	times := map[string]int{}
	for _, section := range n.Sections {
		for _, e := range section.Entries {
			if len(e.Title) == 0 || !utf8.ValidString(e.Title) || len([]rune(e.Title)) > 200 || strings.ContainsAny(e.Title, "\n\r\x00") {
				t.Errorf("the title of %v is %q", e.Hashes, e.Title)
			}
			for _, hash := range e.Hashes {
				if section.Name != changelog.Breaking {
					times[hash]++
				}
			}
		}
	}
	for _, c := range n.Cancelled {
		times[c.Hash]++
	}
	for _, i := range n.Ignored {
		times[i.Hash]++
		if i.Rule == "" {
			t.Errorf("%s is ignored without a rule", i.Hash)
		}
	}
	for _, hash := range commits {
		if times[hash] != 1 {
			t.Errorf("commit %s is accounted for %d times", hash, times[hash])
		}
		delete(times, hash)
	}
	if len(times) > 0 {
		t.Errorf("%d commits are not in the range: %v", len(times), times)
	}
}
