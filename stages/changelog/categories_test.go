package changelog

import (
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

func TestParseCategoriesRefuses(t *testing.T) {
	for setting, reason := range map[string]string{
		"Features":               `found "Features"`,
		": feat":                 `found ""`,
		"🚀: feat":                `found "🚀"`,
		"Breaking Changes: feat": `found "Breaking Changes"`,
		"A: x; B: y, X":          `the word "x" stands in "A" and in "B"`,
		";":                      "no category is named",
	} {
		if got, err := ParseCategories(setting); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %+v, %v; want an error with %q", setting, got, err, reason)
		}
	}
}

func TestCategoriesSort(t *testing.T) {
	categories, err := ParseCategories("New: feat; Rest: ")
	if err != nil {
		t.Fatal(err)
	}
	commit := func(hash, subject string) Commit { return Commit{Hash: strings.Repeat(hash, 40), Subject: subject} }
	notes := Build(Input{Commits: []Commit{commit("a", "feat: one"), commit("b", "fix: two")}}, Options{Categories: categories})
	if len(notes.Sections) != 2 || notes.Sections[0].Title != "New" || notes.Sections[1].Entries[0].Title != "fix: two" {
		t.Errorf("got %+v", notes.Sections)
	}
	if call := notes.Calls("1.2.3"); call.Kind != Minor {
		t.Errorf("the commits call for %+v", call)
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
