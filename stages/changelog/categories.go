package changelog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// ParseCategories reads `title: word, word; title: word` in the order of the sections. A word is a label or a Conventional
// Commit type, in any case; the last category also takes everything else, and the one that takes feat calls for a minor
// version. Empty means DefaultCategories, and what begins with + is added to them.
func ParseCategories(setting string) ([]Category, error) {
	if strings.TrimSpace(setting) == "" {
		return DefaultCategories(), nil
	}
	own, adds := strings.CutPrefix(strings.TrimSpace(setting), "+")
	categories, err := parseCategories(own)
	switch {
	case err != nil:
		return nil, err
	case adds:
		return added(categories)
	}
	return categories, checkWords(categories[:len(categories)-1])
}

// checkWords refuses a category that nothing could be sorted into. The last of all needs no words.
func checkWords(categories []Category) error {
	for _, c := range categories {
		if len(c.Labels) == 0 {
			return fmt.Errorf("the category %q has no words, so nothing could be sorted into it: name labels or types behind its colon", c.Name)
		}
	}
	return nil
}

// find is the place of the category with a name, in any case; -1 if there is none.
func find(categories []Category, name string) int {
	return slices.IndexFunc(categories, func(c Category) bool { return strings.EqualFold(c.Name, name) })
}

// added puts categories before the last of the default ones, and takes the words that they name away from those.
func added(own []Category) ([]Category, error) {
	all := DefaultCategories()
	for _, category := range own {
		if find(all, category.Name) >= 0 {
			return nil, fmt.Errorf("the category %q is there already: give the added one another title, or list all categories, without + before them", category.Name)
		}
		named := func(word string) bool { return slices.Contains(category.Labels, word) }
		for i := range all {
			all[i].Labels, all[i].Types = slices.DeleteFunc(all[i].Labels, named), slices.DeleteFunc(all[i].Types, named)
		}
	}
	return slices.Insert(all, len(all)-1, own...), checkWords(own)
}

func parseCategories(setting string) ([]Category, error) {
	var categories []Category
	taken := map[string]string{}
	for part := range strings.SplitSeq(setting, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		category, err := parseCategory(part)
		if err != nil {
			return nil, err
		}
		if find(categories, category.Name) >= 0 {
			return nil, fmt.Errorf("the category %q is named twice: give each a title of its own", category.Name)
		}
		for _, word := range category.Labels {
			if other := taken[word]; other != "" {
				return nil, fmt.Errorf("the word %q stands in %q and in %q: it can sort into one category only", word, other, category.Title)
			}
			taken[word] = category.Title
		}
		categories = append(categories, category)
	}
	if len(categories) == 0 {
		return nil, errors.New("no category is named: expected something like 🚀 Features: feature, feat; 🔧 Miscellaneous: chore")
	}
	return categories, nil
}

func parseCategory(part string) (Category, error) {
	title, list, ok := strings.Cut(part, ":")
	title = strings.TrimSpace(title)
	name := strings.TrimLeftFunc(title, func(r rune) bool { return !unicode.IsLetter(r) })
	switch {
	case !ok:
		return Category{}, fmt.Errorf("expected a title, a colon and words such as 🚀 Features: feature, feat, found %q", strings.TrimSpace(part))
	case name == "" || strings.EqualFold(name, Breaking):
		return Category{}, fmt.Errorf("expected a title with a name of its own before the colon, found %q", title)
	}
	category := Category{Name: name, Title: title}
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word != "" {
			category.Labels = append(category.Labels, word)
		}
	}
	category.Types = category.Labels
	if slices.Contains(category.Types, "feat") {
		category.Calls = Minor
	}
	return category, nil
}
