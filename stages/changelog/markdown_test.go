package changelog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func sample() Notes {
	return Notes{
		Degraded: "Something <b> is missing.",
		Compare:  &Link{"v1.2.0...v1.2.1", "https://forge.example/compare"},
		Sections: []Section{
			{Name: "Features", Title: "🚀 Features", Entries: []Entry{
				{Title: "add *x* 🎉", Scope: "a_b", Ref: Link{"#5", "https://forge.example/5"}},
				{Title: "plain", Ref: Link{"abc1234", ""}},
			}},
			{Name: "Bug Fixes", Title: "🐛 Bug Fixes", Entries: []Entry{{Title: "été", Ref: Link{"#6", ""}}}},
		},
		Contributors: []Contributor{{Name: "jane", URL: "https://forge.example/jane", First: true}, {Name: "Bo_b"}},
	}
}

const sampleText = `> **Degraded notes.** Something &lt;b&gt; is missing.

## 🚀 Features

- **a\_b:** add \*x\* 🎉 ([#5](https://forge.example/5))
- plain (abc1234)

## 🐛 Bug Fixes

- été (#6)

## Contributors

- [jane](https://forge.example/jane) (first contribution)
- Bo\_b

**Full changelog:** [v1.2.0...v1.2.1](https://forge.example/compare)
`

func TestMarkdown(t *testing.T) {
	n := sample()
	if got := n.Markdown(); got != sampleText {
		t.Errorf("got %s", got)
	}
	for _, test := range []struct {
		name string
		n    Notes
		want string
	}{
		{"nothing", Notes{}, "No user-visible changes.\n"},
		{"nothing, with a predecessor", Notes{Compare: &Link{"a...b", ""}}, "No user-visible changes.\n\n**Full changelog:** a...b\n"},
		{"nothing, from a version without v", Notes{Compare: &Link{"0.9.0...v0.10.0", "https://forge.example/c"}}, "No user-visible changes.\n\n**Full changelog:** [0.9.0...v0.10.0](https://forge.example/c)\n"},
		{"several with one title", Notes{Sections: []Section{{Title: "A", Entries: []Entry{{Title: "a", Ref: Link{Text: "#1"}, More: []Link{{"#2", "https://forge.example/2"}}}}}}},
			"## A\n\n- a (#1, [#2](https://forge.example/2))\n"},
		{"what may begin a list", Notes{
			Sections: []Section{{Title: "A", Entries: []Entry{
				{Title: "1. a", Ref: Link{Text: "#1"}, Author: "2.b"}, {Title: "- c", Scope: "0.x", Ref: Link{Text: "#2"}}}}},
			Contributors: []Contributor{{Name: "1.a", URL: "https://forge.example/1.a"}, {Name: "2.b"}},
		}, "## A\n\n- 1\\. a (#1) by 2.b\n- **0.x:** - c (#2)\n\n## Contributors\n\n- [1.a](https://forge.example/1.a)\n- 2\\.b\n"},
		{"what people wrote", Notes{Degraded: "x", Written: "### For *you*\n\n- <b>a</b> @jane\n\n```", Sections: []Section{{Title: "A", Entries: []Entry{{Title: "a", Ref: Link{Text: "#1"}}}}}},
			"> **Degraded notes.** x\n\n### For *you*\n\n- <b>a</b> @jane\n\n```\n```\n\n## A\n\n- a (#1)\n"},
		{"what people wrote alone", Notes{Written: "Hello."}, "Hello.\n"},
		{"nothing, degraded", Notes{Degraded: "x"}, "> **Degraded notes.** x\n\nNo user-visible changes.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.n.Markdown(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestWhatBreaks wants the text of the footers once, under the first entry that has it.
func TestWhatBreaks(t *testing.T) {
	commits := commitsOf([]row{
		{id: "a", message: "feat!: upgraded to the beta\n\nBREAKING CHANGE: the *old* file is\nno longer read\n\nReviewed-by: Ann <ann@acme.example>"},
		{id: "b", message: "fix: y (#5)\n\n* one\n\nBREAKING CHANGE: the *old* file is no longer read\n\n* two\n\nBREAKING CHANGE: @all"},
		{id: "c", message: "fix!: same\n\nBREAKING CHANGE: same"},
	})
	n := Build(Input{Commits: commits, PullRequests: []PullRequest{{Number: 5, Body: "BREAKING CHANGE: @all"}}}, Options{})
	want := "- upgraded to the beta (" + hashOf("a")[:7] + ") by Jane\n  - the \\*old\\* file is no longer read\n" +
		"- y (#5) by Jane\n  - @<!---->all\n- same (" + hashOf("c")[:7] + ") by Jane\n\n## 🚀 Features\n\n- upgraded to the beta (" + hashOf("a")[:7] + ") by Jane\n\n"
	if got := n.Markdown(); !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	checkEqual(t, "in JSON", n.Sections[0].Entries[1].Breaks, []string{"@all", "the *old* file is no longer read"})
}

// TestLongNotes has fault case 32.
func TestLongNotes(t *testing.T) {
	var rows []row
	for i := range 3000 {
		rows = append(rows, row{id: fmt.Sprint(i), message: fmt.Sprintf("feat: %d %s", i, strings.Repeat("🎉", 20))})
	}
	rows = append(rows, row{id: "long", message: "fix: " + strings.Repeat("x", 1<<20)})
	n := Build(Input{Commits: commitsOf(rows)}, Options{})
	whole := n.Markdown()
	if len(whole) < 130_000 || !strings.Contains(whole, "x… (") || len(n.Sections[1].Entries[0].Title) != 199+len("…") {
		t.Fatalf("%d bytes, title of %d", len(whole), len(n.Sections[1].Entries[0].Title))
	}
	got, wasCut := Fit(whole, BodyLimit)
	if !wasCut || len(got) > BodyLimit || len(got) < BodyLimit-200 || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
	text, cut := strings.CutSuffix(got, "\n\nThe notes are cut here: the full text is attached to the release as notes.md.\n")
	if !cut || !strings.HasPrefix(whole, text+"\n") {
		t.Errorf("not cut at the end of an entry: %q", got[len(got)-200:])
	}
}

func TestJSON(t *testing.T) {
	n := Build(Input{Commits: commitsOf([]row{{id: "a", message: "fix: </script>\x00 \"q\" \u2028 é"}}), PullRequests: []PullRequest{}}, Options{})
	text := n.JSON()
	want := `{
  "previous": "",
  "current": "",
  "sections": [
    {
      "name": "Bug Fixes",
      "title": "🐛 Bug Fixes",
      "calls": "patch",
      "entries": [
        {
          "category": "Bug Fixes",
          "ref": {
            "text": "` + hashOf("a")[:7] + `"
          },
          "title": "\u003c/script\u003e \"q\" é",
          "author": "Jane",
          "hashes": [
            "` + hashOf("a") + `"
          ],
          "breaking": false,
          "reason": "type \"fix\" in commit ` + hashOf("a")[:7] + `"
        }
      ]
    }
  ],
  "contributors": [
    {
      "name": "Jane",
      "first": false
    }
  ],
  "cancelled": [],
  "ignored": []
}
`
	if string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
}

func TestEmptyJSONHasLists(t *testing.T) {
	text := Build(Input{}, Options{}).JSON()
	if !json.Valid(text) || strings.Contains(string(text), "null") {
		t.Errorf("%s", text)
	}
}

func TestCalls(t *testing.T) {
	for _, test := range []struct {
		name, current string
		messages      []string
		want          Call
	}{
		{"breaking", "1.2.0", []string{"feat: a", "fix!: b"}, Call{Major, "Breaking Changes: b (" + hashOf("c1")[:7] + ")"}},
		{"breaking below 1.0.0", "v0.4.2", []string{"fix!: b"}, Call{Minor, "Breaking Changes: b (" + hashOf("c0")[:7] + ") (minor, because the version is below 1.0.0)"}},
		{"breaking at 10.0.0", "10.0.0", []string{"fix!: b"}, Call{Major, "Breaking Changes: b (" + hashOf("c0")[:7] + ")"}},
		{"features", "1.2.0", []string{"fix: b", "feat: a", "feat: c", "feat: d"}, Call{Minor, "Features: a (" + hashOf("c1")[:7] + ") and 2 more"}},
		{"features below 1.0.0", "0.1.0", []string{"feat: a"}, Call{Minor, "Features: a (" + hashOf("c0")[:7] + ")"}},
		{"fixes", "1.2.0", []string{"fix: b", "docs: a"}, Call{Patch, "no breaking change and nothing that calls for a minor version"}},
		{"nothing", "1.2.0", nil, Call{Patch, "no breaking change and nothing that calls for a minor version"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rows []row
			for i, message := range test.messages {
				rows = append(rows, row{id: fmt.Sprint("c", i), message: message})
			}
			if got := Build(Input{Commits: commitsOf(rows)}, Options{}).Calls(test.current); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCallsOfALaterCategory(t *testing.T) {
	n := Notes{Sections: []Section{{Calls: Patch}, {Name: "New", Calls: Minor, Entries: []Entry{{Title: "a", Ref: Link{Text: "#5"}}}}}}
	if got := n.Calls("1.2.0"); got != (Call{Minor, "New: a (#5)"}) {
		t.Errorf("got %+v", got)
	}
}

// FuzzBuild feeds one text to every place where text comes from outside.
func FuzzBuild(f *testing.F) {
	for _, seed := range []string{"feat: a (#5)", "fix!: <b>", "Merge pull request #5 from x\n\ny", "Revert\n\nThis reverts commit " + hashOf("a")[:7],
		"Reverts acme/shop#5", "closes #9\x00\xff", "x\n\nCo-authored-by: @Bo [x](y) <bo@acme.example>", "See merge request a/b!5", "Merge pull request 'x' (#5) from y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		commits := commitsOf([]row{{id: "a", message: "feat: a"}, {id: "b", message: "b", parents: "a"}, {id: "c", message: "c", parents: "a b"}})
		commits[0].Subject, commits[0].Body = splitMessage(text)
		commits[1].Subject, commits[1].Body, commits[1].Author = text, text, Person{Name: text, Email: text}
		in := Input{Commits: commits, Prior: []Person{{Name: text, Email: text}}, Previous: "v1.2.0", Current: "v1.2.1",
			PullRequests: []PullRequest{{Number: 5, Title: text, Body: text, Author: text, Labels: []string{text}, URL: text}}}
		n := Build(in, Options{Links: github})
		checkAccount(t, commits, n)
		if !json.Valid(n.JSON()) {
			t.Fatalf("not JSON: %s", n.JSON())
		}
		for i, line := range strings.Split(strings.TrimSuffix(n.Markdown(), "\n"), "\n") {
			if line != "" && line != "No user-visible changes." && !strings.HasPrefix(line, "## ") && !strings.HasPrefix(line, "- ") && !strings.HasPrefix(line, "  - ") && !strings.HasPrefix(line, "**Full") && i != 0 {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		if got, _ := Fit(n.Markdown(), 300); len(got) > 300 || !utf8.ValidString(got) {
			t.Fatalf("%d bytes: %q", len(got), got)
		}
	})
}
