package stages

import (
	"slices"
	"testing"

	"dagger/slipway/stages/changelog"
	"dagger/slipway/stages/report"
)

// TestTickChangelog looks at every file that may be a changelog, and not only at the most usual one.
func TestTickChangelog(t *testing.T) {
	const figure = "0 entries in the notes since the beginning"
	mentions := func(name string) string { return figure + ", " + name + " mentions 1.2.3" }
	for name, c := range map[string]struct {
		files          map[string]string
		written        string
		figure, reason string
	}{
		"none":                 {figure: figure},
		"the usual one":        {files: map[string]string{"CHANGELOG.md": "## 1.2.3\n"}, figure: mentions("CHANGELOG.md")},
		"another one":          {files: map[string]string{"HISTORY.md": "## 1.2.3\n"}, figure: mentions("HISTORY.md")},
		"one of two":           {files: map[string]string{"CHANGELOG.md": "see HISTORY.md\n", "HISTORY.md": "## 1.2.3\n"}, figure: mentions("HISTORY.md")},
		"the usual one is old": {files: map[string]string{"CHANGELOG.md": "## 1.2.2\n"}, figure: figure, reason: "CHANGELOG.md does not mention 1.2.3"},
		"another one is old":   {files: map[string]string{"HISTORY.md": "## 1.2.2\n"}, figure: figure, reason: "HISTORY.md does not mention 1.2.3"},
		"a longer version":     {files: map[string]string{"changelog.md": "## 1.2.30 and 11.2.3, 1.2.3-rc.1, 1.2.3.4\n"}, figure: figure, reason: "changelog.md does not mention 1.2.3"},
		"the end of a word":    {files: map[string]string{"CHANGES.md": "released as v1.2.3."}, figure: mentions("CHANGES.md")},
		"it is empty":          {files: map[string]string{"Changelog.md": ""}, figure: figure, reason: "Changelog.md does not mention 1.2.3"},
		"what was written":     {files: map[string]string{"CHANGELOG.md": "## Unreleased\n- a\n"}, written: "- a", figure: figure + ", below what people wrote for it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := carried(t, nil)
			r.Version = mustVersion(t, "1.2.3")
			r.found.notes = changelog.Notes{Written: c.written}
			for file, text := range c.files {
				r.source.files[file] = []byte(text)
			}
			got, err := r.tickChangelog(t.Context())
			if err != nil || !slices.Equal(got.Figures, []string{c.figure}) || got.Reason != c.reason || (got.Ending == report.Failed) != (c.reason != "") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
