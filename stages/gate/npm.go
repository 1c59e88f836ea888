package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
)

// npmDependencies are the direct dependencies, which package.json and the root entry of its lock both name.
type npmDependencies struct {
	Dependencies, DevDependencies, OptionalDependencies map[string]string
}

// npmKinds are the names of the three, in the order of all.
var npmKinds = []string{"dependencies", "devDependencies", "optionalDependencies"}

// all are the three; what is optional too is only optional for npm.
func (d npmDependencies) all() []map[string]string {
	required := maps.Clone(d.Dependencies)
	maps.DeleteFunc(required, func(name, _ string) bool {
		_, optional := d.OptionalDependencies[name]
		return optional
	})
	return []map[string]string{required, d.DevDependencies, d.OptionalDependencies}
}

// NpmLock compares package.json with package-lock.json: the lock must name the same direct dependencies and
// have an entry for each.
func NpmLock(manifest, lock File) Result {
	p := npmProject{manifest: manifest, lock: lock}
	if err := p.read(); err != nil {
		return unjudged(err.Error())
	}
	if lock.Content == nil {
		return outOfStep(1, []Finding{p.finding(Finding{ID: "missing"}, "", lock.Path+" is missing")})
	}
	var total int
	var findings []Finding
	for i, kind := range npmKinds {
		wanted, locked := p.wanted.all()[i], p.locked.all()[i]
		total += len(wanted)
		findings = append(findings, p.compare(kind, wanted, locked)...)
	}
	if total == 0 && len(findings) == 0 {
		return Skip(manifest.Path + " names no dependencies")
	}
	return outOfStep(total, findings)
}

// npmProject is a manifest with its lock file.
type npmProject struct {
	manifest, lock File

	wanted, locked npmDependencies
	entries        map[string]json.RawMessage // of the lock, by their place in node_modules
}

func (p *npmProject) read() error {
	if p.manifest.Content == nil {
		return fmt.Errorf("%s is missing", p.manifest.Path)
	}
	if err := readJSON(p.manifest, &p.wanted); err != nil || p.lock.Content == nil {
		return err
	}
	var lock struct{ Packages map[string]json.RawMessage }
	if err := readJSON(p.lock, &lock); err != nil {
		return err
	}
	root, ok := lock.Packages[""]
	if !ok {
		return fmt.Errorf("%s has no root package, so it is older than npm 7: run %q", p.lock.Path, p.remedy())
	}
	p.entries = lock.Packages
	return readJSON(File{p.lock.Path, root}, &p.locked)
}

func readJSON(f File, into any) error {
	if err := json.Unmarshal(f.Content, into); err != nil {
		return fmt.Errorf("%s is not readable: %s", f.Path, oneLine(err.Error()))
	}
	return nil
}

// compare holds one kind of dependencies of the manifest against the lock. npm may leave an optional package
// out of a lock, so those need no entry.
func (p *npmProject) compare(kind string, wanted, locked map[string]string) (findings []Finding) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		have, named := locked[name]
		_, installed := p.entries["node_modules/"+name]
		f := Finding{ID: "missing", Package: name, Fixed: wanted[name]}
		what := fmt.Sprintf("%s has %q %q, %s ", kind, oneLine(name), oneLine(f.Fixed), p.lock.Path)
		switch {
		case !named:
			what += "does not"
		case have != f.Fixed:
			f.ID, f.Installed = "out-of-step", have
			what += fmt.Sprintf("has %q", oneLine(have))
		case !installed && kind != "optionalDependencies":
			what += fmt.Sprintf("has no entry %q", "node_modules/"+oneLine(name))
		default:
			continue
		}
		findings = append(findings, p.finding(f, kind, what))
	}
	for _, name := range slices.Sorted(maps.Keys(locked)) {
		if _, ok := wanted[name]; !ok {
			f := Finding{ID: "left-over", Package: name, Installed: locked[name]}
			findings = append(findings, p.finding(f, kind, fmt.Sprintf("%s still has %q, %s of %s does not", p.lock.Path, oneLine(name), kind, p.manifest.Path)))
		}
	}
	return findings
}

// finding completes a finding with its place in the manifest and the way out.
func (p *npmProject) finding(f Finding, kind, what string) Finding {
	f.Tool, f.Gates, f.File, f.Line = "locks", true, p.manifest.Path, keyLine(p.manifest.Content, kind, f.Package)
	f.Package, f.Installed, f.Fixed = oneLine(f.Package), oneLine(f.Installed), oneLine(f.Fixed)
	f.Title = fmt.Sprintf("%s: run %q", what, p.remedy())
	return f
}

// remedy is the command that writes the lock again.
func (p *npmProject) remedy() string {
	command := "npm install --package-lock-only"
	if dir := path.Dir(p.manifest.Path); dir != "." {
		command += " --prefix " + dir
	}
	return command
}

// keyLine is the line of a JSON file where a key stands first within the object of another one, 0 if nowhere.
func keyLine(content []byte, outer, key string) int {
	after := 0
	for _, k := range []string{outer, key} {
		quoted, _ := json.Marshal(k) // a text always has a JSON form
		at := regexp.MustCompile(regexp.QuoteMeta(string(quoted)) + `\s*:`).FindIndex(content[after:])
		if at == nil {
			return 0
		}
		after += at[1]
	}
	return 1 + bytes.Count(content[:after], []byte("\n"))
}
