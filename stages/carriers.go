package stages

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"dagger/slipway/stages/project"
	"dagger/slipway/stages/versionfile"
)

// repeating are the locks that repeat the version of a manifest.
var repeating = map[string][]string{
	"pyproject.toml": {"uv.lock"},
	"package.json":   {"package-lock.json", "npm-shrinkwrap.json", "bun.lock"},
}

// lockNames are where the locks of a version file may lie: beside it, or above it, where a workspace has one for all its members.
func lockNames(file string) (names []string) {
	for at := path.Dir(file); ; at = path.Dir(at) {
		for _, lock := range repeating[path.Base(file)] {
			names = append(names, path.Join(at, lock))
		}
		if at == wholeTree {
			return names
		}
	}
}

// carrier is a file that says a version.
type carrier struct {
	source versionfile.Source
	file   versionfile.File
}

// carriers are the version files that say a version, with the locks that repeat it, and what is wrong with which lock. Locks
// follow their manifests, so a wrong one stops nothing.
type carriers struct {
	files []versionfile.Source
	wrong []string
}

func (r *Run) carriers() (c carriers, err error) {
	manifests, _, err := r.manifests()
	if err != nil {
		return carriers{}, err
	}
	var locks []string
	for _, m := range manifests {
		c.files = append(c.files, m.source)
		locks = append(locks, lockNames(m.source.Path)...)
	}
	locks = append(locks, r.namedLocks()...)
	for n, name := range locks {
		if slices.Contains(locks[:n], name) {
			continue
		}
		lock, wrong, err := r.lock(name, manifests)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("A bump leaves a lock out that cannot be read. %v", err))
		}
		if c.wrong = append(c.wrong, wrong...); lock.file.State == versionfile.Found {
			c.files = append(c.files, lock.source)
		}
	}
	return c, nil
}

// versionFiles are those of the setting that say a version, and in words why the others say none.
func (r *Run) versionFiles() (files []versionfile.File, silent string, err error) {
	manifests, why, err := r.manifests()
	if err != nil {
		return nil, "", err
	}
	for _, m := range manifests {
		files = append(files, m.file)
	}
	for _, name := range r.namedLocks() {
		lock, _, err := r.lock(name, manifests)
		switch {
		case err != nil:
			return nil, "", refuseState("correct the file", "%w", err)
		case lock.file.State == versionfile.Found:
			files = append(files, lock.file)
		default:
			why = append(why, r.unsaid(name, lock.file))
		}
	}
	return files, orDefault(strings.Join(why, ", "), "there are none, see the setting versionFiles"), nil
}

func (r *Run) namedLocks() []string {
	return slices.DeleteFunc(slices.Clone(r.config.versionFiles), func(name string) bool { return !versionfile.IsLock(name) })
}

// manifests are the version files besides locks that say a version, and why the others say none. Where the version stands in
// another file, or is left to the build, a placeholder is none.
func (r *Run) manifests() (found []carrier, silent []string, err error) {
	var placeholders []carrier
	dynamic := false
	for _, name := range r.config.versionFiles {
		text, there := r.source.files[name]
		if versionfile.IsLock(name) {
			continue
		}
		var file versionfile.File
		if there {
			if file, err = versionfile.Read(name, text); err != nil {
				return nil, nil, refuseState("correct the file", "%w", err)
			}
		}
		c := carrier{versionfile.Source{Path: name, Content: text}, file}
		switch {
		case file.IsPlaceholder():
			placeholders = append(placeholders, c)
		case file.State == versionfile.Found:
			found = append(found, c)
		default:
			dynamic = dynamic || file.State == versionfile.Dynamic
			silent = append(silent, r.unsaid(name, file))
		}
	}
	if len(found) == 0 && !dynamic {
		return placeholders, silent, nil
	}
	for _, c := range placeholders {
		silent = append(silent, fmt.Sprintf("%s says %s, which stands for none", c.source.Path, c.file.Version))
	}
	return found, silent, nil
}

// unsaid is why a file says no version.
func (r *Run) unsaid(name string, file versionfile.File) string {
	switch _, there := r.source.files[name]; {
	case !there:
		return name + " is not there"
	case file.State == versionfile.Dynamic:
		return name + " leaves it to the build"
	}
	return name + " says none"
}

// lock reads a lock for those of some manifests whose version it repeats, and says which it contradicts. One that was named
// without a manifest is read for the folder that it lies in.
func (r *Run) lock(name string, manifests []carrier) (lock carrier, wrong []string, err error) {
	text, there := r.source.files[name]
	if !there {
		return carrier{}, nil, nil
	}
	lock.source = versionfile.Source{Path: name, Content: text}
	for _, m := range manifests {
		if !mayRepeat(name, m.source.Path) {
			continue
		}
		member := project.Relative(path.Dir(name), path.Dir(m.source.Path))
		file, err := versionfile.Read(name, text, member)
		if err != nil {
			return carrier{}, nil, err
		}
		if file.State != versionfile.Found {
			continue
		}
		lock.source.Members = append(lock.source.Members, member)
		if !file.Repeats(m.file) {
			wrong = append(wrong, fmt.Sprintf("%s says %q and %s says %q: a bump makes them equal.", name, file.Version, m.source.Path, m.file.Version))
		}
	}
	alone := !slices.ContainsFunc(r.config.versionFiles, func(file string) bool { return mayRepeat(name, file) })
	if len(lock.source.Members) > 0 || alone {
		lock.file, err = versionfile.Read(name, text, lock.source.Members...)
	}
	return lock, wrong, err
}

func mayRepeat(lock, manifest string) bool {
	return slices.Contains(repeating[path.Base(manifest)], path.Base(lock))
}
