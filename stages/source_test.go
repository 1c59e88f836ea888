package stages

import (
	"bufio"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/release"
)

func TestParseSource(t *testing.T) {
	batch := base64.StdEncoding.EncodeToString([]byte("tree:a missing\n0123 blob 4\nx\ny\n\n0123 blob 0\n\n4567 tree 2\n\x00\n\ndangling 7\nnowhere\n"))
	names := []string{"a", "b b", "c", "d", "e"}
	s, err := parseSource("commit abc\nroot def\ntime 86400\nshallow false\nbranch main\nremote https://bot:s3cret@forge.example/acme/shop.git\n"+
		"tag v1.0.0 111 222\ntag v1.1.0 333 \nmerged v1.0.0\nbeside 333\nbeside 444\ndirty M\tbackend/a b.py\nfolder 11 \nfolder 22 a b\nconfiguration 33\nfiles "+batch+"\n", names)
	if err != nil {
		t.Fatal(err)
	}
	if s.commit != "abc" || s.root != "def" || !s.time.Equal(time.Unix(86400, 0)) || s.shallow || s.branch != "main" || s.remote != "https://forge.example/acme/shop.git" {
		t.Errorf("got %+v", s)
	}
	if want := []release.Tag{{Name: "v1.0.0", Commit: "222"}, {Name: "v1.1.0", Commit: "333"}}; !slices.Equal(s.tags, want) {
		t.Errorf("tags %v, want %v", s.tags, want)
	}
	if !slices.Equal(s.merged, []string{"v1.0.0", "v1.1.0"}) {
		t.Errorf("tags in the history %v", s.merged)
	}
	if !slices.Equal(s.dirty, []string{"M backend/a b.py"}) || !maps.Equal(s.trees, map[string]string{wholeTree: "11", "a b": "22"}) || s.configuration != "33" {
		t.Errorf("dirty %q, trees %v, configuration %q", s.dirty, s.trees, s.configuration)
	}
	if want := map[string]string{"b b": "x\ny\n", "c": ""}; !maps.EqualFunc(s.files, want, func(a []byte, b string) bool { return a != nil && string(a) == b }) {
		t.Errorf("files %q, want %q", s.files, want)
	}
	if _, err := parseSource("fatal: something\n", nil); err == nil {
		t.Error("a line that is no fact is accepted")
	}
	for _, batch := range []string{"", "0123 blob", "0123 blob x\n", "0123 blob -5\n", "\n", "0123 blob 5\nabc\n"} {
		if _, err := parseFiles(bufio.NewReader(strings.NewReader(batch)), []string{"a"}); err == nil {
			t.Errorf("git's answer %q is accepted", batch)
		}
	}
}

func TestPassing(t *testing.T) {
	for text, want := range map[string]bool{
		"unexpected status: 503 Service Unavailable": true, "429 Too Many Requests": true, "read: connection reset by peer": true, "unexpected EOF": true,
		"403 Forbidden": false, "401 Unauthorized": false, "404 Not Found": false,
	} {
		if got := passing(errorText(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }
