package written

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/stages/version"

	"go.yaml.in/yaml/v3"
)

const changesetsFile = ".changeset/config.json"

// changesets reads the files of github.com/changesets/changesets.
func changesets(files Files) (tool, bool, error) {
	_, ok := files[changesetsFile]
	return tool{
		folders: []string{".changeset", ".changeset/pre"},
		kinds: []kind{
			{string(version.Major), "Major Changes", version.Major},
			{string(version.Minor), "Minor Changes", version.Minor},
			{string(version.Patch), "Patch Changes", version.Patch},
		},
		changes: readChangesets,
	}, ok, nil
}

// notChangesets lie beside them.
var notChangesets = []string{"readme.md", "agents.md", "claude.md", "gemini.md"}

func readChangesets(files Files) (changes []change, err error) {
	sets := map[string]changeset{}
	var packages []string
	names := slices.Concat(files.in(".changeset"), files.in(".changeset/pre"))
	for _, name := range names {
		base := strings.ToLower(path.Base(name))
		if path.Ext(base) != ".md" || strings.HasPrefix(base, ".") || slices.Contains(notChangesets, base) {
			continue
		}
		set, err := parseChangeset(files.text(name))
		if err != nil {
			return nil, unreadable(name, err)
		}
		sets[name] = set
		packages = append(packages, sortedKeys(set.calls)...)
	}
	slices.Sort(packages)
	several := len(slices.Compact(packages)) > 1
	for _, name := range names {
		if set, ok := sets[name]; ok {
			changes = append(changes, set.change(name, several))
		}
	}
	return changes, nil
}

// changeset is a text and the kind of version that it means for each package.
type changeset struct {
	calls map[string]version.Kind
	text  string
}

var frontMatter = regexp.MustCompile(`(?s)^\s*---(.*?)\n\s*---[ \t]*(?:\n(.*))?$`)

func parseChangeset(text string) (set changeset, err error) {
	m := frontMatter.FindStringSubmatch(unixLines(text))
	if m == nil {
		return changeset{}, errors.New(`expected lines such as "package": minor between two lines of ---, found none`)
	}
	set.text = strings.TrimSpace(m[2])
	err = yaml.Unmarshal([]byte(m[1]), &set.calls)
	return set, err
}

// kind is the highest that the changeset calls for. Packages that are not released have none.
func (s changeset) kind() (highest version.Kind) {
	for _, kind := range s.calls {
		if callRank[kind] > callRank[highest] {
			highest = kind
		}
	}
	return highest
}

// change says nothing if nothing is released by the changeset, or there is no text in it.
func (s changeset) change(name string, several bool) change {
	if s.kind() == "" || s.text == "" {
		return change{path: name, silent: true}
	}
	return change{path: name, kind: string(s.kind()), text: s.line(several)}
}

// line names the packages, where the repository has several.
func (s changeset) line(several bool) string {
	if !several {
		return s.text
	}
	return "**" + strings.Join(sortedKeys(s.calls), ", ") + ":** " + s.text
}
