package changelog

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseCategories(t *testing.T) {
	got, err := ParseCategories("🚀 New: feature, Feat, kind/feature; Fixed: bug;  🔧 Other: ")
	want := []Category{
		{Name: "New", Title: "🚀 New", Labels: []string{"feature", "feat", "kind/feature"}, Types: []string{"feature", "feat", "kind/feature"}, Calls: Minor},
		{Name: "Fixed", Title: "Fixed", Labels: []string{"bug"}, Types: []string{"bug"}},
		{Name: "Other", Title: "🔧 Other"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ParseCategories(" "); err != nil || !reflect.DeepEqual(got, DefaultCategories()) {
		t.Errorf("nothing set: %+v, %v", got, err)
	}
}

func TestParseCategoriesAdds(t *testing.T) {
	got, err := ParseCategories(" + ⚡ Performance: Perf, performance; Checks: test, ci ")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got {
		lines = append(lines, fmt.Sprintf("%s %q %q %s", c.Title, c.Labels, c.Types, c.Calls))
	}
	checkEqual(t, "categories", lines, []string{
		`🚀 Features ["feature" "feat" "enhancement"] ["feat" "feature" "enhancement"] minor`,
		`🐛 Bug Fixes ["bug" "bugfix" "fix" "regression"] ["fix" "fixed" "bugfix" "hotfix" "bug" "regression"] `,
		`📚 Documentation ["documentation" "docs"] ["docs" "doc" "documentation"] `,
		`🧪 Testing ["tests" "testing"] ["tests" "testing"] `,
		`⚡ Performance ["perf" "performance"] ["perf" "performance"] `,
		`Checks ["test" "ci"] ["test" "ci"] `,
		`🔧 Miscellaneous ["chore" "dependencies" "build" "refactor"] ["chore" "build" "refactor" "style"] `,
	})
}

func TestParseCategoriesRefuses(t *testing.T) {
	for setting, reason := range map[string]string{
		"Features":               `found "Features"`,
		": feat":                 `found ""`,
		"🚀: feat":                `found "🚀"`,
		"Breaking Changes: feat": `found "Breaking Changes"`,
		"A: x; B: y, X":          `the word "x" stands in "A" and in "B"`,
		";":                      "no category is named",
		"+":                      "no category is named",
		"+Speed":                 `found "Speed"`,
		"+A: x; B: X":            `the word "x" stands in "A" and in "B"`,
		"+Features: x":           `the category "Features" is there already`,
		"+🚀 features: x":         `the category "features" is there already`,
		"+miscellaneous: x":      `the category "miscellaneous" is there already`,
		"breaking changes: feat": `found "breaking changes"`,
		"A: x; ⚡ a: y; B:":       `the category "a" is named twice`,
		"+A: x; A: y":            `the category "A" is named twice`,
		"+⚡ Performance:":        `the category "Performance" has no words`,
		"+A: x; B: , ":           `the category "B" has no words`,
		"A:; B: x":               `the category "A" has no words`,
	} {
		if got, err := ParseCategories(setting); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %+v, %v; want an error with %q", setting, got, err, reason)
		}
	}
}

func TestCategoriesSort(t *testing.T) {
	rows := []row{{id: "a", message: "feat: one"}, {id: "b", message: "fix: two"}, {id: "c", message: "perf(db): three"}, {id: "d", message: "⚡️ four"}, {id: "e", message: ":zap: five"}}
	for setting, want := range map[string][]string{
		"":                     {"Features: one", "Bug Fixes: two", "Miscellaneous: perf(db): three", "Miscellaneous: ⚡️ four", "Miscellaneous: :zap: five"},
		"+⚡ Performance: perf": {"Features: one", "Bug Fixes: two", "Performance: [db] three", "Performance: four", "Performance: five"},
		"New: feat; Rest: ":    {"New: one", "Rest: fix: two", "Rest: perf(db): three", "Rest: ⚡️ four", "Rest: :zap: five"},
	} {
		categories, err := ParseCategories(setting)
		if err != nil {
			t.Fatal(err)
		}
		notes := Build(Input{Commits: commitsOf(rows)}, Options{Categories: categories})
		checkEqual(t, setting, told(notes), want)
		if call := notes.Calls("1.2.3"); call.Kind != Minor {
			t.Errorf("%q: the commits call for %+v", setting, call)
		}
		if silent, _ := notes.Untyped(); silent != 0 {
			t.Errorf("%q: %d commits do not say what they are", setting, silent)
		}
	}
}

func FuzzParseCategories(f *testing.F) {
	f.Add("🚀 Features: feature, feat; 🔧 Miscellaneous:")
	f.Fuzz(func(t *testing.T, setting string) {
		categories, err := ParseCategories(setting)
		if err == nil && len(categories) == 0 {
			t.Error("accepted, and there is no category")
		}
		for _, c := range categories {
			if c.Name == "" || c.Title == "" {
				t.Errorf("a category without a name: %+v", c)
			}
		}
	})
}
