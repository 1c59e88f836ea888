package stages

import (
	"context"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	_ "dagger/slipway/stages/enginetest"
	"dagger/slipway/stages/server"
)

// TestOnlyTwoEnvironments: another name is refused before anything is asked.
func TestOnlyTwoEnvironments(t *testing.T) {
	_, err := Pipeline{Settings: Settings{Severity: "HIGH"}}.Deploy(t.Context(), DeployOptions{Environment: "nowhere", Version: "1.2.3"})
	const want = "expected the environment staging or production, found \"nowhere\"\nOutcome: refused-input"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestDirtyTree: changes are named, and nothing is released or tagged with them.
func TestDirtyTree(t *testing.T) {
	r := prefixed(t, "v", "1.2.3")
	if err := r.checkClean(t.Context()); err != nil {
		t.Error(err)
	}
	r.source.dirty = []string{"M backend/shop/app.py"}
	if err := plain(r.checkClean(t.Context())); err == nil || err.Error() != "the working tree has changes: M backend/shop/app.py\nnext: commit or stash them\nOutcome: refused-state" {
		t.Errorf("got %v", err)
	}
}

// TestComposeFileThatIsNotThere is told from one that could not be read.
func TestComposeFileThatIsNotThere(t *testing.T) {
	const compose, commit = "docker-compose.yml", "0123456789"
	r := prefixed(t, "v", "1.2.3")
	for name, c := range map[string]struct {
		found bool
		err   error
		want  string
	}{
		"there":           {true, nil, ""},
		"not there":       {false, nil, "docker-compose.yml of commit 0123456, which 1.2.3 was built from, is not in this repository\nnext: fetch everything (git fetch --tags)"},
		"a partial clone": {false, notePartial(&failure{output: "fatal: could not fetch x from promisor remote"}), "the clone is partial, and the content of an earlier commit is needed\n"},
		"a stage timeout": {false, context.DeadlineExceeded, plain(context.DeadlineExceeded).Error()},
	} {
		if err := plain(r.checkCompose(compose, commit, c.found, c.err)); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestParseTree reads what git has printed about files, links that lead somewhere and nowhere, and a name that it quotes.
func TestParseTree(t *testing.T) {
	list := strings.Join([]string{
		"100644 blob ba01f6b05bdbb386b35f4d086e268c5d422cafb9\tbin",
		"120000 blob 5425ec0feb1edc20db0d742ffb8877b972b46134\td/dangling",
		"120000 blob 9cbe6ea56f225388ae614c419249bfc6d734cc30\td/folder",
		"100755 blob 61780798228d17af2d34fce4cfbdf35556832472\td/run.sh",
		"120000 blob d9f86c784e924f244becf16137d985db99e256a0\td/link",
		"120000 blob 3594e94c04db171e2767224db355f514b13715c5\td/out",
		"160000 commit 3594e94c04db171e2767224db355f514b13715c5\td/submodule",
		"100644 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t\"q\\\"uote\"",
		"100644 blob 78981922613b2afb6025042ff6bd878ac1994e85\tü x",
		"",
	}, "\n")
	batch := "ba01f6b05bdbb386b35f4d086e268c5d422cafb9 blob 2\n\x00\xff\n" +
		"dangling 10\nc:dangling\n" +
		"6e008259b6b8ae8561e3a6ed681a94d1f5e904fa tree 2\n\n\n\n" +
		"61780798228d17af2d34fce4cfbdf35556832472 blob 2\nb\n\n" +
		"61780798228d17af2d34fce4cfbdf35556832472 blob 2\nb\n\n" +
		"symlink 11\n/etc/passwd\n" +
		"c:d/submodule missing\n" +
		"c:\"q\\\"uote\" missing\n" +
		"78981922613b2afb6025042ff6bd878ac1994e85 blob 2\na\n\n"
	encoded := base64.StdEncoding.EncodeToString([]byte(batch))
	got, err := parseTree(list, encoded[:76]+"\n"+encoded[76:]+"\n")
	want := []server.File{
		{Path: "bin", Text: []byte("\x00\xff")},
		{Path: "d/run.sh", Text: []byte("b\n"), Executable: true},
		{Path: "d/link", Text: []byte("b\n")},
		{Path: "ü x", Text: []byte("a\n")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseTree(list, encoded[:100]); err == nil {
		t.Error("an answer that is cut off is taken for whole")
	}
	if got, err := parseTree("", ""); err != nil || got != nil {
		t.Errorf("got %v, %v, want nothing", got, err)
	}
}

func TestDeployFigures(t *testing.T) {
	const warning = "warning: ill"
	for want, result := range map[string]server.Result{
		"1.0.0 runs there already and is healthy; " + warning: {Version: "1.0.0", Already: true, Figures: []string{warning}},
		"1.0.0 is healthy, first deployment; " + warning:      {Version: "1.0.0", Figures: []string{warning}},
		"1.1.0 is healthy, after 1.0.0; " + warning:           {Version: "1.1.0", Previous: "1.0.0", Figures: []string{warning}},
	} {
		if got := strings.Join(deployFigures(result), "; "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
