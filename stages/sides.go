package stages

import (
	"context"
	"path"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/dockerfile"
	"dagger/slipway/stages/project"
	"dagger/slipway/stages/report"
)

// sides are the two halves of the repository as its own files describe them; nil where there is none.
type sides struct {
	backend  *project.Python
	frontend *project.Node
}

// readSides finds out what each side is made of.
func (r *Run) readSides() (s sides, err error) {
	if !r.config.backend.off {
		folder := r.config.backend.path
		if s.backend, err = project.NewPython(r.source.project, folder, r.config.testExtras, r.imageLanguage(folder, "python")); err != nil {
			return s, refuseState("correct the file", "%w", err)
		}
	}
	if !r.config.frontend.off {
		folder := r.config.frontend.path
		if s.frontend, err = project.NewNode(r.source.project, folder, r.imageLanguage(folder, "node")); err != nil {
			return s, refuseState("correct the file", "%w", err)
		}
	}
	return s, nil
}

// imageLanguage is which version of a language the images of a side's folder run on, by their Dockerfiles: those that are built
// from the folder itself, or else those that lie in it, or else those that are built from what it lies in. It is empty where
// none says it, or they differ.
func (r *Run) imageLanguage(folder, language string) project.Language {
	for _, concerns := range []func(Image) bool{
		func(i Image) bool { return i.Context == folder },
		func(i Image) bool { return project.Within(folder, i.path()) || project.Within(folder, i.Context) },
		func(i Image) bool { return project.Within(i.Context, folder) },
	} {
		var said []project.Language
		for _, i := range r.config.images {
			if !concerns(i) {
				continue
			}
			given := map[string]string{}
			for _, arg := range r.givenArgs(i) {
				given[arg.name] = arg.value
			}
			if version, base := dockerfile.Runs(r.source.files[i.path()], i.Target, language, given); version != "" {
				said = append(said, project.Language{Version: version, From: i.path() + " is FROM " + base})
			}
		}
		switch {
		case len(said) == 0:
		case slices.ContainsFunc(said, func(l project.Language) bool { return l.Version != said[0].Version }):
			return project.Language{}
		default:
			return said[0]
		}
	}
	return project.Language{}
}

// absent says why a side has nothing to look at. One that was named and holds nothing is refused in stage 1.
func (r *Run) absent(f folder) Outcome {
	switch {
	case f.off:
		return skipped("switched off")
	case r.source.folders[f.path] == nil:
		return skipped("not applicable: no folder " + f.path)
	}
	return skipped("not applicable: " + f.path + " holds no " + f.manifest)
}

// untested is the outcome of a side whose project has no test runner, which every report names.
func (r *Run) untested(side, runners, manifest string) Outcome {
	r.notCheckedf("the %s's tests: none of %s is among the dependencies of %s", side, runners, manifest)
	return notConfigured("no test runner")
}

// checkSides finds what was named and is not there. Where nothing is built, nothing need be tested.
func (r *Run) checkSides(context.Context) error {
	var absent []string
	for _, side := range []struct {
		setting string
		folder
		found bool
	}{{"backend", r.config.backend, r.sides.backend != nil}, {"frontend", r.config.frontend, r.sides.frontend != nil}} {
		switch {
		case side.found || side.off:
		case side.named && r.source.folders[side.path] == nil:
			return refuseState("correct the setting, or switch the side off: "+side.setting+"="+project.Off, "setting %s: the folder %s is not in the repository", side.setting, side.path)
		case side.named:
			return refuseState("correct the setting, or switch the side off: "+side.setting+"="+project.Off, "setting %s: the folder %s holds no %s", side.setting, side.path, side.manifest)
		default:
			absent = append(absent, side.path)
			if r.source.folders[side.path] != nil {
				r.notCheckedf("the %s's tests and dependencies: %s/ holds no %s", side.setting, side.path, side.manifest)
			}
		}
	}
	if len(absent) == 2 && len(r.config.images) > 0 {
		return refuseState("name the folders with --backend and --frontend, or switch them off: --backend="+project.Off+" --frontend="+project.Off,
			"neither %s/ nor %s/ is in the repository, or they hold no project, so nothing would be tested", absent[0], absent[1])
	}
	r.noteBeside()
	var python, node error
	if p := r.sides.backend; p != nil && r.runs(backendSide, p.Runner) {
		python = r.checkPython(p)
	}
	if n := r.sides.frontend; n != nil && r.runs(frontendSide, n.Runner) {
		node = r.checkNode(n)
	}
	return allOf(python, node)
}

// noteBeside names the packages whose tests nothing runs. Where the tests are a command of the repository's own, it may.
func (r *Run) noteBeside() {
	note := func(side string, others []string) {
		if len(others) > 0 && r.config.testCommands[side] == "" {
			r.notCheckedf("the tests of %s: nothing runs them, see the setting %sTests", report.Few(others), side)
		}
	}
	if p := r.sides.backend; p != nil {
		note(backendSide, p.Beside)
	}
	if n := r.sides.frontend; n != nil {
		note(frontendSide, n.Beside)
	}
}

// checkPython finds a manifest that excludes every version of the language.
func (r *Run) checkPython(p *project.Python) error {
	return r.checkLanguage("python", "Python", p.Language, project.Pythons[0])
}

func (r *Run) checkNode(n *project.Node) error {
	return r.checkLanguage("node", "Node", n.Language, project.Nodes[0])
}

// runs says whether a side's tests run, in an image of ours.
func (r *Run) runs(side, runner string) bool {
	_, own := r.config.testImages[side]
	return !own && (runner != "" || r.config.testCommands[side] != "")
}

func (r *Run) checkLanguage(tool, name string, l project.Language, oldest string) error {
	if l.Version != "" || l.From == "" || r.config.toolNamed[tool] {
		return nil
	}
	return refuseState("correct the file, or name the image to work in: toolImages="+tool+"=IMAGE",
		"expected a version of %s from %s on, and %s", name, oldest, l.From)
}

// languageImage is what a side's code runs in.
func (r *Run) languageImage(tool string, l project.Language) *dagger.Container {
	return r.on(r.config.platforms[0]).From(r.config.languageTool(tool, l))
}

// at is where a path of the repository lies in a container that has a side's root in /app.
func at(root, name string) string { return path.Join(appPath, project.Relative(root, name)) }

const appPath = "/app"

// mountFiles shows an exec the named files only, so that it depends on nothing else.
func (r *Run) mountFiles(c *dagger.Container, root string, names []string) *dagger.Container {
	for _, name := range names {
		folder, base := path.Dir(name), path.Base(name)
		from, ok := r.source.folders[folder]
		if !ok {
			from, base = r.source.folders[wholeTree], name
		}
		c = c.WithMountedFile(at(root, name), from.File(base))
	}
	return c.WithWorkdir(appPath)
}

// planPython is what plan says of the backend, and which files it rests on.
func (r *Run) planPython() string {
	p := r.sides.backend
	if p == nil {
		return r.absent(r.config.backend).Reason
	}
	words := []string{p.Folder + "/", manager(p.Manager, p.Lock, ""), "Python " + language(p.Language, project.DefaultPython, r.config.toolNamed["python"])}
	if p.Package {
		words = append(words, "installed as a package")
	}
	return strings.Join(append(words, r.runnerText(backendSide, p.Runner)), "; ")
}

// planNode is the same of the frontend.
func (r *Run) planNode() string {
	n := r.sides.frontend
	if n == nil {
		return r.absent(r.config.frontend).Reason
	}
	words := []string{n.Folder + "/", manager(n.Manager, n.Lock, n.Version), "Node " + language(n.Language, project.DefaultNode, r.config.toolNamed["node"])}
	return strings.Join(append(words, r.runnerText(frontendSide, n.Runner)), "; ")
}

func manager(name, lock, version string) string {
	if name == "" {
		return "no lock"
	}
	return strings.TrimSpace(name+" "+version) + " by " + lock
}

func language(l project.Language, standard string, named bool) string {
	switch {
	case named:
		return "of toolImages"
	case l.Version == "":
		return standard + ", as nothing asks for another"
	}
	return l.Version + " because " + l.From
}

func (r *Run) runnerText(side, runner string) string {
	switch {
	case r.config.testCommands[side] != "":
		return "tests by " + r.config.testCommands[side]
	case runner == "":
		return "no test runner"
	}
	return "tests by " + runner
}

// The sides by the names that settings and reports have for them.
const (
	backendSide  = "backend"
	frontendSide = "frontend"
)

// slowMarked says whether a file of the backend marks tests as slow.
func (r *Run) slowMarked() bool {
	return slices.ContainsFunc(r.source.slow, func(name string) bool {
		return project.Within(r.config.backend.path, name)
	})
}
