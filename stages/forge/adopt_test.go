package forge

import (
	"strings"
	"testing"
)

var (
	ours   = strings.Repeat("a", 40)
	theirs = strings.Repeat("b", 40)
)

func TestFind(t *testing.T) {
	draft := Release{ID: 7, Tag: "v1.2.3", Commit: ours, Draft: true, URL: "https://f.example/7"}
	foreign := Release{ID: 8, Tag: "v1.2.3", Commit: theirs, Draft: true, URL: "https://f.example/8"}
	byHand := Release{ID: 9, Tag: "v1.2.3", Commit: "main", Draft: true, URL: "https://f.example/9"}
	published := Release{ID: 10, Tag: "v1.2.3", Commit: theirs, URL: "https://f.example/10"}
	other := Release{ID: 11, Tag: "v1.2.30", Commit: ours, Draft: true}
	tests := []struct {
		name     string
		releases []Release
		want     int64
		err      string
	}{
		{"none", nil, 0, ""},
		{"only another tag's", []Release{other}, 0, ""},
		{"our draft", []Release{other, draft}, 7, ""},
		{"a draft made by hand names a branch", []Release{byHand}, 9, ""},
		{"published: the tag decides, not the field", []Release{published}, 10, ""},
		{"draft of another commit", []Release{foreign}, 0, "the draft release 8 (draft, https://f.example/8) belongs to commit " + theirs},
		{"two drafts", []Release{draft, byHand}, 0, "there are 2 releases and drafts for v1.2.3: 7 (draft, https://f.example/7), 9 (draft, https://f.example/9)"},
		{"draft beside a published one", []Release{draft, published}, 0, "10 (published, https://f.example/10)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Find(test.releases, "v1.2.3", ours)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || got != nil {
					t.Fatalf("got %+v, %v; want an error with %q", got, err, test.err)
				}
				return
			}
			if err != nil || got == nil && test.want != 0 || got != nil && got.ID != test.want {
				t.Fatalf("got %+v, %v; want release %d", got, err, test.want)
			}
		})
	}
}

func TestWithTitle(t *testing.T) {
	for _, test := range []struct{ name, found, want string }{
		{"none yet", "", "v1.2.3"},
		{"spaces", " ", "v1.2.3"},
		{"ours", "v1.2.3", "v1.2.3"},
		{"a person's", "v1.2.3: the one with the dark mode", "v1.2.3: the one with the dark mode"},
		{"withdrawn", "v1.2.3 (withdrawn)", "v1.2.3 (withdrawn)"},
	} {
		if got := WithTitle(Release{Tag: "v1.2.3", Title: test.found}, "v1.2.3"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestFileCheck(t *testing.T) {
	for name, ok := range map[string]bool{
		"sbom-backend.cdx.json": true, "a": true, "SHA256SUMS": true, "a_b.txt": true,
		"": false, ".hidden": false, "end.": false, "a b": false, "ä.json": false, "a/b": false, "a\nb": false, "-x": false,
	} {
		if err := (File{Name: name, Data: []byte("x")}).check(); (err == nil) != ok {
			t.Errorf("%q: got %v, want accepted %t", name, err, ok)
		}
	}
	if err := (File{Name: "a"}).check(); err == nil {
		t.Error("an empty file is accepted")
	}
}
