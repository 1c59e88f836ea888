package forge

import (
	"fmt"
	"strings"
	"testing"

	"dagger/slipway/stages/changelog"
)

func TestWithNotes(t *testing.T) {
	const block = "<!-- slipway: begin -->\nnew\n<!-- slipway: end -->"
	const old = "<!-- slipway: begin -->\nold\n<!-- slipway: end -->"
	tests := []struct{ name, text, want string }{
		{"empty", "", block},
		{"spaces", " \n", block},
		{"text of a person", "Read me first.\n", "Read me first.\n\n" + block},
		{"our own", old, block},
		{"text around ours", "above\n\n" + old + "\n\nbelow\n", "above\n\n" + block + "\n\nbelow\n"},
		{"line breaks of the web page", "above\r\n\r\n" + old + "\r\nbelow", "above\r\n\r\n" + block + "\r\nbelow"},
		{"begin without an end", "<!-- slipway: begin -->\nmine", "<!-- slipway: begin -->\nmine\n\n" + block},
		{"end without a begin", "mine <!-- slipway: end -->", "mine <!-- slipway: end -->\n\n" + block},
		{"a lone begin further up", "<!-- slipway: begin -->\nmine\n" + old, "<!-- slipway: begin -->\nmine\n" + block},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := WithNotes(test.text, "\nnew\n")
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if again := WithNotes(got, "new"); again != got {
				t.Errorf("a second time gives %q", again)
			}
			if !HasNotes(got) || CutsNotes(test.text, "new") {
				t.Errorf("it has notes: %t, cut: %t", HasNotes(got), CutsNotes(test.text, "new"))
			}
		})
	}
}

func FuzzWithNotes(f *testing.F) {
	f.Add("", "x")
	f.Add("a\n<!-- slipway: begin -->\nb\n<!-- slipway: end -->\nc", "y")
	f.Add("<!-- slipway: end --><!-- slipway: begin -->", "z")
	f.Fuzz(func(t *testing.T, text, notes string) {
		if strings.Contains(notes, "<!--") {
			return // Escaped in all notes.
		}
		once := WithNotes(text, notes)
		if !strings.Contains(once, strings.TrimSpace(notes)) {
			t.Errorf("the notes are missing in %q", once)
		}
		if twice := WithNotes(once, notes); twice != once {
			t.Errorf("once %q\ntwice %q", once, twice)
		}
	})
}

func TestHasNotes(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "mine": false, blockBegin + "mine": false, blockEnd: false, blockEnd + blockBegin: false,
		"mine\n" + blockBegin + "\n" + blockEnd: true,
	} {
		if got := HasNotes(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

// longNotes are of about that many bytes, with the header of a forced release.
func longNotes(size int) string {
	var b strings.Builder
	b.WriteString("**Forced release** by ada\n\n## Features\n\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "- entry %d\n", i)
	}
	return b.String() + "\n**Full changelog:** v1.2.2...v1.2.3\n"
}

// TestWithNotesFits has C13: the limit holds for the whole text, of which people's part is never cut.
func TestWithNotesFits(t *testing.T) {
	person := strings.Repeat("Read me first. ", 1000)
	tests := []struct {
		name, text, notes string
		cut, notesShown   bool
	}{
		{"short", person, "- a", false, true},
		{"exactly the limit", "", strings.Repeat("x", changelog.BodyLimit-markers), false, true},
		{"one more", "", "- a\n" + strings.Repeat("x", changelog.BodyLimit-markers-3), true, true},
		{"long notes", "", longNotes(changelog.BodyLimit), true, true},
		{"long notes, and people's text around them", person + WithNotes("", "old") + person, longNotes(changelog.BodyLimit), true, true},
		{"notes that fit alone", person, longNotes(changelog.BodyLimit - 1000), true, true},
		{"no room", strings.Repeat("x", changelog.BodyLimit-10), longNotes(1000), true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := WithNotes(test.text, test.notes)
			if len(got) > changelog.BodyLimit {
				t.Errorf("%d bytes", len(got))
			}
			if cut := CutsNotes(test.text, test.notes); cut != test.cut {
				t.Errorf("cut: %t", cut)
			}
			if strings.Contains(got, "attached to the release as notes.md.") != (test.cut && test.notesShown) || HasNotes(got) != test.notesShown {
				t.Errorf("it ends in %q", got[max(0, len(got)-200):])
			}
			if strings.Count(got, "Read me first.") != strings.Count(test.text, "Read me first.") {
				t.Error("people's text is not whole")
			}
			if again := WithNotes(got, test.notes); again != got {
				t.Error("a second time gives something else")
			}
		})
	}
}

func TestWithdrawFits(t *testing.T) {
	body := WithNotes("Mine.", longNotes(changelog.BodyLimit-200))
	got := Withdraw(Release{Tag: "v1.2.3", Title: "v1.2.3", Body: body, Latest: true}, strings.Repeat("why ", 100))
	if len(got.Body) > changelog.BodyLimit || !strings.Contains(got.Body, "\n\nMine.\n") || got.Latest || got.Title != "v1.2.3 (withdrawn)" {
		t.Errorf("%d bytes, %.600s", len(got.Body), got.Body)
	}
	if n := strings.Count(got.Body, "notes are cut here"); n != 1 {
		t.Errorf("it says %d times that it is cut", n)
	}
	if again := Withdraw(got, "another"); again.Body != got.Body || again.Title != got.Title {
		t.Errorf("a second time gives %.600s", again.Body)
	}
	byHand := Withdraw(Release{Tag: "v1.2.3", Body: "mine"}, "x")
	if tags := Withdrawn([]Release{byHand, {Tag: "v1.2.4"}}); len(tags) != 1 || tags[0] != "v1.2.3" || !strings.HasSuffix(byHand.Body, "\n\nmine") {
		t.Errorf("withdrawn: %v, %q", tags, byHand.Body)
	}
}
