package project

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// The package managers of Python.
const (
	UV           = "uv"
	Poetry       = "poetry"
	PDM          = "pdm"
	Pipenv       = "pipenv"
	Requirements = "requirements"
)

// Python is a side written in Python: a field for each thing that its files tell.
type Python struct {
	Folder   string // of the setting
	Root     string // where the lock lies: the folder itself, or one above it
	Home     string // where the side's manifest lies: one of both
	Top      string // the highest folder of which its tests see something: Root, or where the file lies that configures pytest
	Manager  string // empty when nothing is locked
	Lock     string // the lock's path; of requirements, the first file's
	Language Language
	Runner   string // Pytest, or empty

	Manifests    []string // all that the installation of the dependencies reads, by their paths
	Requirements []string // those that are installed, when Manager is Requirements
	Groups       []string // dependency groups besides the default ones
	Extras       []string
	Member       string   // name of the side's package in a workspace whose lock lies above it
	Sources      []string // folders of the project's own packages, the side's own first
	Above        []string // files outside of those that its tests see, too
	Whole        bool     // its tests see all of Top, because one of those is code, which may use anything
	Beside       []string // those of them, besides the side's own, with tests

	Package       bool   // the project itself is installed, after its dependencies
	VersionFromVC bool   // its version is computed from Git, which no container has
	Git           bool   // dependencies are taken from Git repositories
	UV            string // what the project wants of uv itself, as pip takes it; empty: nothing
	Pytest        PytestConfig
}

// Pytest is the runner of Python's tests.
const Pytest = "pytest"

// pyproject is what is read of a pyproject.toml.
type pyproject struct {
	Project struct {
		Name         string
		Requires     string `toml:"requires-python"`
		Dependencies []string
		Optional     map[string][]string `toml:"optional-dependencies"`
		Dynamic      []string
	}
	Groups map[string][]any            `toml:"dependency-groups"`
	Build  struct{ Requires []string } `toml:"build-system"`
	Tool   struct {
		UV struct {
			Package   *bool
			Required  string   `toml:"required-version"`
			Dev       []string `toml:"dev-dependencies"`
			Default   any      `toml:"default-groups"`
			Workspace struct{ Members, Exclude []string }
			Sources   map[string]any
		}
		Poetry struct {
			Name         string
			PackageMode  *bool `toml:"package-mode"`
			Packages     []any
			Dependencies map[string]any
			Dev          map[string]any `toml:"dev-dependencies"`
			Group        map[string]struct{ Dependencies map[string]any }
			Extras       map[string][]string
		}
		PDM struct {
			Distribution *bool
			Dev          map[string][]string `toml:"dev-dependencies"`
			Version      struct{ Source string }
		}
		Pytest map[string]any
	}
}

// readTOML leaves what it reads into as it is when there is no such file.
func readTOML(files Files, name string, into any) error {
	if err := toml.Unmarshal(files[name], into); err != nil {
		return fmt.Errorf("%s is not TOML: %w", name, err)
	}
	return nil
}

func readPyproject(files Files, folder string) (p pyproject, err error) {
	err = readTOML(files, path.Join(folder, "pyproject.toml"), &p)
	return p, err
}

// pipfile is what is read of Pipenv's manifest.
type pipfile struct {
	Packages map[string]any
	Dev      map[string]any `toml:"dev-packages"`
	Requires struct {
		Python string `toml:"python_version"`
		Full   string `toml:"python_full_version"`
	}
}

func readPipfile(files Files, folder string) (p pipfile, err error) {
	err = readTOML(files, path.Join(folder, "Pipfile"), &p)
	return p, err
}

// NewPython reads the side of a folder, whose image says which Python it runs on, if it does. It is nil when the folder holds
// nothing that Python projects have.
func NewPython(files Files, folder string, extras []string, image Language) (*Python, error) {
	p := &Python{Folder: folder, Root: folder}
	if err := p.findLock(files); err != nil {
		return nil, err
	}
	if _, any := files.first(folder, "pyproject.toml", "setup.py", "Pipfile"); !any && p.Manager == "" {
		return nil, nil
	}
	p.Home = folder
	if !files.has(path.Join(folder, "pyproject.toml")) {
		p.Home = p.Root
	}
	own, err := readPyproject(files, p.Home)
	if err != nil {
		return nil, err
	}
	root, err := readPyproject(files, p.Root)
	if err != nil {
		return nil, err
	}
	pipenv, err := readPipfile(files, p.Root)
	if err != nil {
		return nil, err
	}
	p.Groups, p.Extras = p.wanted(own, extras)
	p.Sources = p.sources(files, own, root)
	p.Beside = p.beside(files)
	p.Manifests = p.manifests(files)
	p.Package = p.isPackage(files, own, pipenv)
	p.VersionFromVC = versionFromVC(own)
	p.Git = fromGit(files, p)
	p.Language = p.language(files, own, pipenv, image)
	p.UV = uvRequirement(cmp.Or(root.Tool.UV.Required, own.Tool.UV.Required))
	if slices.ContainsFunc(p.dependencies(files, own, root, pipenv), isPytest) {
		p.Runner = Pytest
	}
	if p.Pytest, err = readPytest(files, folder); err != nil {
		return nil, err
	}
	p.Above, p.Top = p.above(files), p.Root
	p.Whole = slices.ContainsFunc(p.Above, func(name string) bool { return path.Base(name) == conftest })
	if len(p.Above) > 0 && Within(path.Dir(p.Pytest.File), p.Root) {
		p.Top = path.Dir(p.Pytest.File)
	}
	return p, nil
}

var lockNames = []struct{ name, manager string }{{"uv.lock", UV}, {"poetry.lock", Poetry}, {"pdm.lock", PDM}, {"Pipfile.lock", Pipenv}}

// findLock looks in the folder and then above it: a workspace has one lock for all its members, and a folder without a
// manifest belongs to the project that it lies in.
func (p *Python) findLock(files Files) error {
	own, err := readPyproject(files, p.Folder)
	if err != nil {
		return err
	}
	hasManifest := files.has(path.Join(p.Folder, "pyproject.toml"))
	isCode := hasManifest || len(files.below(p.Folder, "__init__.py", "conftest.py", "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")) > 0
	for _, at := range upwards(p.Folder) {
		above := at != p.Folder
		root, err := readPyproject(files, at)
		switch {
		case err != nil:
			return err
		case above && !isCode, above && hasManifest && !root.hasMember(Relative(at, p.Folder)):
			continue
		}
		for _, lock := range lockNames {
			if name := path.Join(at, lock.name); files.has(name) && !(lock.manager == Pipenv && testedByRequirements(files, p.Folder)) {
				p.Root, p.Manager, p.Lock = at, lock.manager, name
				if above && hasManifest {
					p.Member = own.Project.Name
				}
				return nil
			}
		}
		if requirements := requirementFiles(files, p.Folder); !above && len(requirements) > 0 && !own.usesUV() {
			p.Manager, p.Lock, p.Requirements = Requirements, requirements[0], requirements
			return nil
		}
	}
	return nil
}

// testedByRequirements says whether requirement files of a folder are for tests: a Pipfile beside them is a leftover.
func testedByRequirements(files Files, folder string) bool {
	return slices.ContainsFunc(requirementFiles(files, folder), forTesting)
}

// usesUV says whether a project without a uv.lock is uv's all the same.
func (p pyproject) usesUV() bool {
	return len(p.Tool.UV.Dev) > 0 || p.Tool.UV.Default != nil || len(p.Tool.UV.Sources) > 0 || len(p.Tool.UV.Workspace.Members) > 0
}

// hasMember says whether a workspace has a folder, seen from its root, as a member.
func (p pyproject) hasMember(folder string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(path.Clean(pattern), folder)
		return err == nil && ok
	}
	return slices.ContainsFunc(p.Tool.UV.Workspace.Members, matches) && !slices.ContainsFunc(p.Tool.UV.Workspace.Exclude, matches)
}

// forTests are the names that projects give to the groups and extras with what their tests need.
var forTests = []string{"dev", "test", "tests"}

// wanted are the groups and extras to install: those for testing and those that the setting names. All of them would be
// too many, because some exclude each other.
func (p *Python) wanted(own pyproject, named []string) (groups, extras []string) {
	choose := func(name string) bool { return slices.Contains(forTests, name) || slices.Contains(named, name) }
	add := func(to *[]string, name string) {
		if choose(name) && !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, name := range sorted(own.Groups) {
		add(&groups, name)
	}
	for _, name := range sorted(own.Tool.Poetry.Group) {
		add(&groups, name)
	}
	for _, name := range sorted(own.Tool.PDM.Dev) {
		add(&groups, name)
	}
	for _, name := range sorted(own.Project.Optional) {
		add(&extras, name)
	}
	for _, name := range sorted(own.Tool.Poetry.Extras) {
		add(&extras, name)
	}
	return groups, extras
}

// installsItself says whether the project is among its own dependencies.
func (p pipfile) installsItself() bool {
	for _, packages := range []map[string]any{p.Packages, p.Dev} {
		for _, wanted := range packages {
			if table, ok := wanted.(map[string]any); ok && table["path"] == "." {
				return true
			}
		}
	}
	return false
}

// isPackage says whether the project is itself installed where it is developed: src layouts, entry points and
// importlib.metadata need that.
func (p *Python) isPackage(files Files, own pyproject, pipenv pipfile) bool {
	off := func(setting *bool) bool { return setting != nil && !*setting }
	switch {
	case off(own.Tool.UV.Package), off(own.Tool.Poetry.PackageMode), off(own.Tool.PDM.Distribution):
		return false
	case p.Manager == Pipenv:
		return pipenv.installsItself()
	case p.Manager == UV:
		return len(own.Build.Requires) > 0 || own.Tool.UV.Package != nil
	case len(own.Build.Requires) == 0:
		return false
	}
	// An application of Poetry's has a build system like any other, and often nothing that could be built.
	module := strings.ReplaceAll(normal(cmp.Or(own.Project.Name, own.Tool.Poetry.Name)), "-", "_")
	_, found := files.first(p.Home, module+"/__init__.py", "src/"+module+"/__init__.py")
	return found || len(own.Tool.Poetry.Packages) > 0
}

// fromVC are the build plugins that ask Git for the version.
var fromVC = []string{"hatch-vcs", "setuptools-scm", "poetry-dynamic-versioning", "uv-dynamic-versioning", "versioningit"}

func versionFromVC(own pyproject) bool {
	return own.Tool.PDM.Version.Source == "scm" ||
		slices.ContainsFunc(own.Build.Requires, func(r string) bool { return slices.Contains(fromVC, requirementName(r)) })
}

var gitSource = regexp.MustCompile(`git\+(https?|ssh|file)://|\bgit\s*=\s*["']`)

// fromGit says whether a manifest names a dependency by a Git repository.
func fromGit(files Files, p *Python) bool {
	return slices.ContainsFunc(p.Manifests, func(name string) bool { return gitSource.Match(files[name]) })
}

var exactUV = regexp.MustCompile(`^={0,3} *[0-9]+(?:\.[0-9]+)*$`)

var specifier = regexp.MustCompile(`^[<>=!~]{1,3}\s*[0-9][0-9A-Za-z.,*<>=!~ ]*$`)

// uvRequirement is uv's required-version as pip has it; a version alone is that very one.
func uvRequirement(required string) string {
	if exactUV.MatchString(required) {
		required = "==" + strings.TrimLeft(required, "= ")
	}
	if !specifier.MatchString(required) {
		return ""
	}
	return required
}

// TakesUV says whether the project can do with a version of uv.
func (p *Python) TakesUV(version string) bool {
	return readWishes(pep440(strings.ReplaceAll(p.UV, "==", "="))).allow(version)
}

// language goes by what says exactly one version, then by the image that is released, if the manifest allows it, and then by
// the manifest.
func (p *Python) language(files Files, own pyproject, pipenv pipfile, image Language) Language {
	var unread string
	if text, from := pinned(files, p.Folder, p.Root, "python", ".python-version"); text != "" {
		if m := pythonPin.FindStringSubmatch(text); m != nil {
			return Language{m[1], from + " says " + text}
		}
		unread = from + " says " + text + unknown
	}
	requirements, manifest := p.requirements(own, pipenv)
	wanted := pythonWishes(requirements...)
	// The managers of today do not run on 3.9 themselves, uv and pip do.
	var unable string
	if image.Version == "3.9" && slices.Contains([]string{Poetry, PDM, Pipenv}, p.Manager) {
		unable = p.Manager
	}
	unfit := image.whyNot(Pythons, unable)
	switch {
	case image.Version != "" && unfit == "" && wanted.allowPython(image.Version):
		return image
	case len(wanted) > 0:
		return Language{wanted.python(), manifest + " wants " + strings.Join(requirements, " and ")}
	}
	return passedOver(DefaultPython, unread, unfit)
}

// requirements are what the side's manifest asks of Python, each once, and which manifest it is.
func (p *Python) requirements(own pyproject, pipenv pipfile) (all []string, manifest string) {
	poetry, _ := own.Tool.Poetry.Dependencies["python"].(string)
	asked, manifest := []string{own.Project.Requires, poetry}, path.Join(p.Home, "pyproject.toml")
	if p.Manager == Pipenv {
		asked, manifest = []string{cmp.Or(pipenv.Requires.Full, pipenv.Requires.Python)}, path.Join(p.Root, "Pipfile")
	}
	for _, text := range asked {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all, manifest
}
