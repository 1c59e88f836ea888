// Package versionfile reads the version that a project's own files carry, and changes it without touching another byte.
package versionfile

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"dagger/slipway/stages/version"
)

// State says whether a file carries a version.
type State string

// The states of a file. Only one that is Found can disagree with a version.
const (
	Found   State = "found"
	Dynamic State = "dynamic" // the build computes the version
	Missing State = "missing" // the file has none
)

// File is what Read saw.
type File struct {
	Path    string
	Kind    string // the base name, which decides the format
	State   State
	Version string // as spelled in the file, empty unless Found
	places  []place
}

// Source is a file with its content. A lock has the folders, as seen from it, of the manifests whose version it repeats; without
// any it is read for the one beside it.
type Source struct {
	Path    string
	Content []byte
	Members []string
}

// span is a part of a file, by byte offsets.
type span struct{ start, end int }

// place is where a version stands, without its quotes.
type place struct {
	span
	text string
}

// format says how one kind of file holds its version, and who reads it.
type format struct {
	locate locator
	wanted string
	python bool
	lock   bool // written by a tool from manifests, so that it can only be out of date
}

// locator finds the versions in a file. Only locks have members.
type locator func(src string, members []string) (State, []place, error)

var formats = map[string]format{
	"pyproject.toml":      {locatePyproject, "[project].version and [tool.poetry].version", true, false},
	"uv.lock":             {locateUVLock, "the version of the [[package]] whose source is the project's folder", true, true},
	"package.json":        {locatePackageJSON, `"version" at the top`, false, false},
	"package-lock.json":   {locateNPMLock, `"version" at the top and in packages[""]`, false, true},
	"npm-shrinkwrap.json": {locateNPMLock, `"version" at the top and in packages[""]`, false, true},
	"bun.lock":            {locateBunLock, `"version" in the package's entry of "workspaces"`, false, true},
	"VERSION":             {locateText, "a version and nothing else", false, false},
}

// extensions are the formats of files of any name.
var extensions = map[string]format{
	".txt": {locateText, "a version and nothing else", false, false},
	".py":  {locatePython, dunderVersion, true, false},
}

func (f File) format() format {
	if named, ok := formats[f.Kind]; ok {
		return named
	}
	return extensions[path.Ext(f.Kind)]
}

// byteOrderMark begins a file that some editors save; TOML and JSON readers skip it.
const byteOrderMark = "\ufeff"

// Read finds the version in a manifest, a text, a Python module or a lock.
func Read(name string, content []byte, members ...string) (File, error) {
	file := File{Path: name, Kind: path.Base(name)}
	format := file.format()
	if format.locate == nil {
		return File{}, fmt.Errorf("expected a pyproject.toml, package.json, their lock, a VERSION, .txt or .py, found %q; "+
			"take it out of the version files", name)
	}
	if !utf8.Valid(content) {
		return File{}, fmt.Errorf("%s: expected UTF-8, found other bytes; save the file as UTF-8", name)
	}
	if len(members) == 0 {
		members = []string{"."}
	}
	var err error
	if file.State, file.places, err = format.locate(string(content), members); err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	slices.SortFunc(file.places, func(a, b place) int { return a.start - b.start })
	return file.settled()
}

// settled takes the version over, if it is the same wherever it stands in the file. A lock may say several, because a bump
// writes all of them anew.
func (f File) settled() (File, error) {
	var said []string
	for _, p := range f.places {
		if !slices.Contains(said, p.text) {
			said = append(said, p.text)
		}
	}
	if len(said) > 1 && !IsLock(f.Path) {
		return File{}, fmt.Errorf("%s: expected one version in %s, found %q and %q; make them equal",
			f.Path, f.format().wanted, said[0], said[1])
	}
	f.Version = strings.Join(said, " and ")
	return f, nil
}

// IsLock says whether a file of that name only repeats the versions of manifests.
func IsLock(name string) bool { return formats[path.Base(name)].lock }

// Repeats says whether both files carry one version, in any spelling.
func (f File) Repeats(manifest File) bool { return f.meaning() == manifest.meaning() }

// Current returns the version of the file, or false if it has none that could be released.
func (f File) Current() (version.Version, bool) {
	if f.format().python {
		return version.FromPEP440(f.Version)
	}
	return version.FromTag(f.Version)
}

// IsPlaceholder says whether the file says 0.0.0, with which tools begin the manifest of what is never published itself.
func (f File) IsPlaceholder() bool {
	return f.State == Found && placeholder.MatchString(f.Version)
}

var placeholder = regexp.MustCompile(`^0\.0\.0(?:\D|$)`)

// Agrees says whether the file carries v in any spelling that means the same, and how the file should spell it. A file
// without a version of its own agrees with every v.
func (f File) Agrees(v version.Version) (ok bool, expected string, err error) {
	if f.State != Found {
		return true, "", nil
	}
	expected, err = f.spell(v)
	return err == nil && f.meaning() == v.String(), expected, err
}

// spell writes v the way the readers of the file write it themselves.
func (f File) spell(v version.Version) (string, error) {
	if !f.format().python {
		return v.String(), nil
	}
	text, err := v.PEP440()
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Path, err)
	}
	return text, nil
}

// meaning is equal for all spellings of one version.
func (f File) meaning() string {
	if current, ok := f.Current(); ok {
		return current.String()
	}
	return f.Version
}

// rewrite returns the content with v in place of the old version. A file whose version is dynamic stays as it is.
func (f File) rewrite(content []byte, v version.Version) ([]byte, error) {
	switch f.State {
	case Dynamic:
		return slices.Clone(content), nil
	case Missing:
		return nil, fmt.Errorf("%s: expected a version to replace, found none; looked for %s, so add it there or take "+
			"the file out of the version files", f.Path, f.format().wanted)
	}
	text, err := f.spell(v)
	if err != nil {
		return nil, err
	}
	var changed []byte
	rest := 0
	for _, p := range f.places {
		changed = append(append(changed, content[rest:p.start]...), text...)
		rest = p.end
	}
	return append(changed, content[rest:]...), nil
}

// RewriteAll changes all files or, with an error that names every obstacle, none. The files must carry one version
// now, except those that carry v already, so that a bump that stopped halfway can be finished, and locks, which follow.
func RewriteAll(sources []Source, v version.Version) ([]Source, error) {
	changed := slices.Clone(sources)
	files := make([]File, len(sources))
	faults := make([]error, len(sources))
	for i, source := range sources {
		if files[i], faults[i] = Read(source.Path, source.Content, source.Members...); faults[i] == nil {
			changed[i].Content, faults[i] = files[i].rewrite(source.Content, v)
		}
	}
	err := errors.Join(faults...)
	if err == nil {
		err = oneOldVersion(files, v)
	}
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// oneOldVersion stops a bump of files that have drifted apart, since one of them may be there by mistake.
func oneOldVersion(files []File, v version.Version) error {
	var shown, meanings []string
	found := false
	for _, file := range files {
		found = found || file.State == Found
		if file.State == Found && !IsLock(file.Path) && file.meaning() != v.String() {
			shown = append(shown, fmt.Sprintf("%q in %s", file.Version, file.Path))
			meanings = append(meanings, file.meaning())
		}
	}
	if !found {
		return errors.New("expected at least one file with a version, found none; name one in the version files")
	}
	if len(slices.Compact(meanings)) > 1 {
		return fmt.Errorf("expected one version in all files, found %s; make them equal, or name those that count in the setting "+
			"versionFiles, then bump again",
			strings.Join(shown, ", "))
	}
	return nil
}
