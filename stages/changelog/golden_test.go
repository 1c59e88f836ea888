package changelog

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readHistory reads testdata/history.json, and takes the commits through the format of git log.
func readHistory(t *testing.T) Input {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "history.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Previous, Current string
		Prior             []string
		Commits           []struct{ ID, Parents, Author, Message string }
		PullRequests      []PullRequest
		Issues            []Issue
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, c := range file.Commits {
		rows = append(rows, row{id: c.ID, message: c.Message, parents: c.Parents})
	}
	commits := commitsOf(rows)
	who := func(text string) Person {
		m := regexp.MustCompile(`^(.*) <(.*)>$`).FindStringSubmatch(text)
		return Person{Name: m[1], Email: m[2]}
	}
	for i, c := range file.Commits {
		commits[len(commits)-1-i].Author = who(c.Author)
	}
	in := Input{Previous: file.Previous, Current: file.Current, Version: strings.TrimPrefix(file.Current, "v"), PullRequests: file.PullRequests, Issues: file.Issues}
	if in.Commits, err = ParseLog(encodeLog(commits)); err != nil {
		t.Fatal(err)
	}
	for _, author := range file.Prior {
		in.Prior = append(in.Prior, who(author))
	}
	return in
}

func TestGolden(t *testing.T) {
	in := readHistory(t)
	notes := Build(in, Options{Links: github})
	checkAccount(t, in.Commits, notes)
	golden(t, "notes.md", notes.Markdown())
	golden(t, "notes.json", string(notes.JSON()))
	cut, _ := Fit(notes.Markdown(), 1500)
	golden(t, "cut.md", cut)

	in.PullRequests, in.Issues = nil, nil
	alone := Build(in, Options{})
	checkAccount(t, in.Commits, alone)
	golden(t, "degraded.md", alone.Markdown())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it with: go test ./stages/changelog -run Golden -update && git diff\n%s", path, got)
	}
}
