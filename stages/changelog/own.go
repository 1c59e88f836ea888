package changelog

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"dagger/slipway/stages/version"
)

var (
	// besides is what a release's title may have at its edges: notes to the CI, numbers of pull requests, the code of an emoji.
	besides = regexp.MustCompile(`\s*\[[^\]]*\]$|\s*\([#!]\d+\)|^#\d+\s|:[a-z_]+:`)
	// versionPackages is what changesets calls the release's own commit, without saying a version.
	versionPackages = regexp.MustCompile(`(?i)^(?:(?:chore|ci|release)(?:\([^()]*\))?: )?version packages?(?: \([^()]+\))?$`)
	// formulaUpdate is what GoReleaser writes into a repository that is its own package index as well.
	formulaUpdate = regexp.MustCompile(`^(?:Brew (?:formula|cask)|Scoop|Krew manifest) update for \S+ version \S+$`)
	// versionWord is a version by itself, as in 1.2.0 → 1.3.0.
	versionWord = regexp.MustCompile(`^v?\d+\.\d+(?:\.\d+)?(?:[-.+]?(?:[a-z]+[.-]?)?\d+)*$`)
	// candidate is what a version may have at its end in a release of its prerelease, 1.3.0-rc.1 or Python's 1.3.0rc1.
	candidate = regexp.MustCompile(`^(?:-.*|(?:a|b|rc)\d+|\.dev\d*)?$`)
)

// releaseWords are all that the title of a release's own commit says besides versions (C7).
var releaseWords = strings.Fields(`release releases released releasing version versions bump bumps bumped bumping prepare prepares
	preparing prep start cut publish tag set update updates updated upgrade change changes changed add adds added new next final
	finalize number changelog changelog.md notes entry entries package package.json pyproject.toml cargo.toml file files
	chore build ci docs doc merge branch into from to for of the a and in main master develop trunk`)

// chinese are release words in a language that is written without spaces; the longer ones stand first.
var chinese = strings.NewReplacer("更新日志", " changelog ", "变更日志", " changelog ", "版本号", " version ", "版本", " version ",
	"发布", " release ", "发版", " release ", "发行", " release ", "更新", " update ", "升级", " upgrade ", "提升", " bump ", "修改", " set ",
	"准备", " prepare ", "正式", " final ", "新", " new ", "到", " to ", "至", " to ", "为", " to ")

// anyType is what else a release's own commit may be called.
var anyType = []string{"feat", "feature"}

// bareWords are those of a title that says of a release nothing but that there is one.
var bareWords = strings.Fields(`release releases released version versions number bump bumps bumped bumping prepare prepares
	preparing prep cut update updated upgrade new next final the a for of to package chore`)

// isRelease knows the release's own commit, and those of releases before it: no word in its title is about anything else.
func (b *builder) isRelease(line string) bool {
	if versionPackages.MatchString(withoutEmojis(line)) || formulaUpdate.MatchString(line) {
		return true
	}
	own, current := strings.ToLower(b.in.Version), strings.ToLower(b.in.Current)
	if own == "" {
		return false
	}
	product := words(strings.TrimSuffix(strings.TrimSuffix(current, own), "v"))
	title, named := words(besides.ReplaceAllString(strings.ToLower(line), "")), ""
	for _, word := range title {
		switch {
		case word == current || isVersion(word, own):
			named = own
		case versionWord.MatchString(word):
			named = word
		case !slices.Contains(releaseWords, word) && !slices.Contains(anyType, word) && !slices.Contains(product, word):
			return false
		}
	}
	if named == "" {
		return saysRelease(title)
	}
	return named == own || b.isEarlierRelease(title, named)
}

// A Change is a commit of the range's main line. By its title, Own is a release's own commit; a squash of a whole branch may be
// called the same.
type Change struct {
	Commit
	Own bool
}

// Changes are those of a range, the latest first. A merge that brings a release's own commit along with others stands for
// those, whatever it is called: release/1.2.0 is a branch with work on it.
func Changes(in Input) []Change {
	b := &builder{history: newHistory(in.Commits), in: in}
	var line []int
	for i := range b.commits {
		if b.owner[i] < 0 {
			line = append(line, i)
		}
	}
	return b.changes(line)
}

// changes are those of commits of one line, the oldest first.
func (b *builder) changes(line []int) (changes []Change) {
	for _, i := range slices.Backward(line) {
		if brings := b.inner[i]; slices.ContainsFunc(brings, b.bringsRelease) {
			changes = append(changes, b.changes(brings)...)
		} else {
			changes = append(changes, Change{b.commits[i], len(brings) == 0 && b.isRelease(b.commits[i].Subject)})
		}
	}
	return changes
}

// bringsRelease knows the release's own commits, and merges that bring one.
func (b *builder) bringsRelease(i int) bool {
	if brings := b.inner[i]; len(brings) > 0 {
		return slices.ContainsFunc(brings, b.bringsRelease)
	}
	return b.isRelease(b.commits[i].Subject)
}

// changeTypes begin titles of changes. With the number of an earlier version they are about a release only if there was one:
// feat: upgrade to version 1.21
var changeTypes = append([]string{"docs", "doc", "build", "ci"}, anyType...)

// isEarlierRelease knows commits of releases before. What their titles name may have two numbers only.
func (b *builder) isEarlierRelease(title []string, named string) bool {
	if strings.Count(named, ".") == 1 {
		named += ".0"
	}
	v, err := version.Parse(named)
	own, e := version.Parse(strings.ToLower(b.in.Version))
	switch {
	case err != nil || e != nil || v.Compare(own) >= 0:
		return false
	case slices.Contains(changeTypes, title[0]) && !slices.Contains(b.in.Released, v):
		return false
	}
	return len(title) == 1 || slices.ContainsFunc(title, aboutRelease)
}

// saysRelease knows titles such as Bump version.
func saysRelease(title []string) bool {
	other := func(word string) bool { return !slices.Contains(bareWords, word) }
	return len(title) > 1 && !slices.ContainsFunc(title, other) && slices.ContainsFunc(title, aboutRelease)
}

func aboutRelease(word string) bool {
	return strings.HasPrefix(word, "release") || strings.HasPrefix(word, "version") || strings.HasPrefix(word, "changelog")
}

// isAboutNotes knows titles such as Update release notes.
func isAboutNotes(line string) bool {
	title := words(besides.ReplaceAllString(strings.ToLower(line), ""))
	other := func(word string) bool { return !slices.Contains(releaseWords, word) && !versionWord.MatchString(word) }
	return !slices.ContainsFunc(title, other) && slices.ContainsFunc(title, func(word string) bool {
		return word == "notes" || strings.HasPrefix(word, "changelog")
	})
}

func isVersion(word, own string) bool {
	rest, found := strings.CutPrefix(strings.TrimPrefix(word, "v"), own)
	return found && candidate.MatchString(rest)
}

// words are runs of what names and versions are written with.
func words(text string) []string {
	all := strings.FieldsFunc(chinese.Replace(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-+_", r)
	})
	for i, word := range all {
		all[i] = strings.Trim(word, ".-+_")
	}
	return slices.DeleteFunc(all, func(word string) bool { return word == "" })
}
