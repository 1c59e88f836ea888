package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// File is a file of the repository; its content is nil if there is none.
type File struct {
	Path    string
	Content []byte
}

// PythonLocks compares pyproject.toml with requirements.txt and, if there is one, requirements-dev.txt. The
// project's dependencies must be pinned in the first, those of an extra or group named dev in either; a version
// is compared wherever it is pinned.
func PythonLocks(manifest, lock, dev File) Result {
	if manifest.Content == nil {
		return Skip("there is no " + manifest.Path + " to compare a lock file with")
	}
	wanted, err := pythonManifest(manifest)
	if err != nil {
		return unjudged(err.Error())
	}
	if len(wanted) == 0 {
		return Skip(manifest.Path + " names no dependencies that could be compared")
	}
	p := pythonProject{manifest: manifest, lock: lock, dev: dev, wanted: wanted}
	if lock.Content == nil {
		return outOfStep(len(wanted), []Finding{{Tool: "locks", ID: "missing", File: lock.Path, Gates: true,
			Title: fmt.Sprintf("%s is missing: run %q", lock.Path, p.remedy(lock.Path))}})
	}
	p.pins = append(readPins(lock), readPins(dev)...)
	var findings []Finding
	for _, w := range wanted {
		findings = append(findings, p.judge(w)...)
	}
	return outOfStep(len(wanted), findings)
}

// outOfStep is the verdict over a pair of manifest and lock.
func outOfStep(dependencies int, findings []Finding) Result {
	if len(findings) == 0 {
		return Result{Verdict: Pass, Figures: []string{fmt.Sprintf("%d dependencies in step", dependencies)}}
	}
	figure := fmt.Sprintf("%d out of step", len(findings))
	reason := "manifest and lock file are out of step: " + findings[0].Title
	if more := len(findings) - 1; more > 0 {
		reason += fmt.Sprintf(" (and %d more)", more)
	}
	return Result{Verdict: Fail, Reason: reason, Figures: []string{figure}, Findings: findings}
}

// pythonProject is one manifest with its lock files.
type pythonProject struct {
	manifest, lock, dev File

	wanted []wish
	pins   []pin
}

// judge compares one dependency of the manifest with every pin of its package.
func (p pythonProject) judge(w wish) (findings []Finding) {
	found := false
	for _, pinned := range p.pins {
		if pinned.name != w.name {
			continue
		}
		found = found || w.group != "" || pinned.file == p.lock.Path
		version := pinned.pinned()
		switch {
		case pinned.direct:
		case version == "":
			findings = append(findings, p.finding(w, pinned, "not-pinned", fmt.Sprintf("does not pin it with == (%q)", oneLine(pinned.text))))
		case !w.allows(version):
			findings = append(findings, p.finding(w, pinned, "out-of-step", "has "+oneLine(version)))
		}
	}
	place := p.lock.Path
	if w.group == "dev" {
		place = p.dev.Path
	}
	if !found && (w.group == "" || w.group == "dev" && p.dev.Content != nil) {
		findings = append(findings, p.finding(w, pin{file: place}, "missing", "does not have it"))
	}
	return findings
}

func (p pythonProject) finding(w wish, at pin, id, what string) Finding {
	return Finding{Tool: "locks", ID: id, Package: w.name, Installed: oneLine(at.pinned()), Fixed: oneLine(w.text), File: at.file, Line: at.line, Gates: true,
		Title: fmt.Sprintf("%s wants %q, %s %s: run %q", p.manifest.Path, oneLine(w.text), at.file, what, p.remedy(at.file))}
}

// remedy is the command that writes a lock file again, with the tool that wrote it.
func (p pythonProject) remedy(file string) string {
	command := "uv pip compile "
	if strings.Contains(string(p.lock.Content), "pip-compile") {
		command = "pip-compile "
	}
	command += p.manifest.Path
	if i := slices.IndexFunc(p.wanted, func(w wish) bool { return w.group == "dev" }); i >= 0 && file == p.dev.Path {
		command += p.wanted[i].flag
	}
	return command + " -o " + file
}

// pin is one package of a lock file.
type pin struct {
	requirement
	file string
	line int
}

// readPins reads a requirements file. Options, and packages given by a path or a bare URL, have no version that
// could be compared.
func readPins(f File) (pins []pin) {
	logical, start := "", 0
	for i, line := range strings.Split(string(f.Content), "\n") {
		if logical == "" {
			start = i + 1
		}
		line, continues := strings.CutSuffix(strings.TrimRight(line, "\r"), "\\")
		if logical += line; continues {
			logical += " "
			continue
		}
		logical, _, _ = strings.Cut(" "+logical, " #")
		logical, _, _ = strings.Cut(logical, " --")
		if r, err := parseRequirement(logical); err == nil {
			pins = append(pins, pin{r, f.Path, start})
		}
		logical = ""
	}
	return pins
}

// wish is a dependency as a manifest names it.
type wish struct {
	requirement
	group string // "", or the extra or group that it belongs to
	flag  string // how a compiler of lock files is told about that group
}

// pyprojectToml is the part of a pyproject.toml that names dependencies.
type pyprojectToml struct {
	Project struct {
		Name         string
		Dependencies []string
		Extras       map[string][]string `toml:"optional-dependencies"`
	}
	Groups map[string][]any `toml:"dependency-groups"`
}

// pythonManifest reads the dependencies of a pyproject.toml. The ones that hold on some platforms or Python
// versions only are left out, since for which of them the lock was made is not known here.
func pythonManifest(f File) ([]wish, error) {
	var doc pyprojectToml
	if err := toml.Unmarshal(f.Content, &doc); err != nil {
		return nil, fmt.Errorf("%s is not readable: %s", f.Path, oneLine(err.Error()))
	}
	var wanted []wish
	for _, w := range doc.wishes() {
		r, err := parseRequirement(w.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if own := r.name == normalName(doc.Project.Name); !own && !r.marker { // an extra may refer to its own project
			w.requirement = r
			wanted = append(wanted, w)
		}
	}
	return wanted, nil
}

// wishes are the dependencies of all kinds, of which only the text is read yet.
func (doc pyprojectToml) wishes() (all []wish) {
	add := func(text, group, flag string) {
		all = append(all, wish{requirement{text: text}, group, flag})
	}
	for _, text := range doc.Project.Dependencies {
		add(text, "", "")
	}
	for _, extra := range slices.Sorted(maps.Keys(doc.Project.Extras)) {
		for _, text := range doc.Project.Extras[extra] {
			add(text, extra, " --extra "+extra)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(doc.Groups)) {
		for _, item := range doc.Groups[group] {
			if text, ok := item.(string); ok { // the rest includes other groups, which are read themselves
				add(text, group, " --group "+group)
			}
		}
	}
	return all
}
