package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/labtest"
)

// cloneHistory is a shop's folder with one of the lab's real histories in it, without tags.
func cloneHistory(t *testing.T, name string) Shop {
	t.Helper()
	needEngine(t)
	s := Shop{Dir: filepath.Join(t.TempDir(), "shop")}
	clone := exec.Command("git", "clone", "-q", "--no-tags", "--single-branch", filepath.Join(labtest.Histories(t), name), s.Dir)
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// changelog asks for the notes as a machine reads them.
func (s Shop) changelog(t *testing.T, args ...string) (n changelog.Notes) {
	t.Helper()
	start := time.Now()
	r := s.Call(t, append([]string{"changelog", "--format=json"}, args...)...)
	green(t, r)
	t.Logf("changelog %v: %.1f s", args, time.Since(start).Seconds())
	if err := json.Unmarshal([]byte(r.Stdout), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wantAccount fails the test unless every commit that git finds in the range is accounted for.
func (s Shop) wantAccount(t *testing.T, n changelog.Notes, revisions ...string) {
	t.Helper()
	labtest.WantAccount(t, n, strings.Fields(s.Git(t, append([]string{"rev-list"}, revisions...)...)))
}

// TestRealHistories reads the whole of the longest, and the part between two tags of another.
func TestRealHistories(t *testing.T) {
	t.Parallel()
	large := cloneHistory(t, "large")
	large.wantAccount(t, large.changelog(t), "HEAD")
	s := cloneHistory(t, "spinnaker")
	s.Git(t, "fetch", "-q", "--tags")
	n := s.changelog(t, "--from=0.11.0", "--to=0.12.0")
	s.wantAccount(t, n, "v0.11.0..v0.12.0")
	if n.Previous != "v0.11.0" || n.Current != "v0.12.0" {
		t.Errorf("the notes are of %s to %s", n.Previous, n.Current)
	}
}

// TestOddCommits puts on top of the histories that one commit merges what people do to git: no message, an old encoding,
// a whole log in the message.
func TestOddCommits(t *testing.T) {
	t.Parallel()
	s := cloneHistory(t, "joined")
	s.Git(t, "tag", "v1.0.0")
	s.Git(t, "config", "i18n.logOutputEncoding", "ISO-8859-1")
	odd := func(encoding string, args ...string) string {
		s.Git(t, append([]string{"-c", "i18n.commitEncoding=" + encoding, "commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim"}, args...)...)
		return s.Git(t, "rev-parse", "HEAD")
	}
	s.Write(t, "../log", "fix: "+strings.Repeat("\x1b[31merror\x1b[0m ", 1000)+"\n\n"+strings.Repeat("This reverts commit 0000000, or so says the log.\r\n", 40_000))
	want := map[string]string{
		odd("UTF-8", "-m", ""):                                                  "(no title)",
		odd("ISO-8859-1", "-m", "fix: caf\xe9 \xfc"):                            "café ü",
		odd("UTF-8", "-m", "\u202e \t\n \n"):                                    "(no title)",
		odd("UTF-8", "-F", "../log"):                                            "",
		odd("ISO-8859-1", "-m", "docs: x", "--author=J\xe4ne <j@acme.example>"): "x",
	}
	n := s.changelog(t)
	s.wantAccount(t, n, "v1.0.0..HEAD")
	for _, section := range n.Sections {
		for _, e := range section.Entries {
			if title := want[e.Hashes[0]]; title != "" && e.Title != title {
				t.Errorf("the title is %q, want %q", e.Title, title)
			}
			if e.Title == "x" && e.Author != "Jäne" {
				t.Errorf("the author is %q", e.Author)
			}
		}
	}
	text := s.Call(t, "changelog")
	green(t, text, "café ü")
	if strings.ContainsAny(text.Stdout, "\x1b\u202e\x01\x02") || len(text.Stdout) > changelog.BodyLimit+1 {
		t.Errorf("the notes hold control characters, or are too long: %d bytes", len(text.Stdout))
	}
}

// TestNoFiles has notes of commits that nothing was committed with.
func TestNoFiles(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	s.Git(t, "checkout", "-q", "--orphan", "empty")
	s.Git(t, "rm", "-rfq", ".")
	s.Commit(t, "feat: begin")
	s.wantAccount(t, s.changelog(t, "--from=1.1.8"), "v1.1.8..HEAD")
}
