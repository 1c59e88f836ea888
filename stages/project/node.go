package project

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The package managers of JavaScript. Berry is what became of yarn since version 2.
const (
	NPM   = "npm"
	PNPM  = "pnpm"
	Yarn  = "yarn"
	Berry = "berry"
	Bun   = "bun"
)

// The runners of JavaScript's tests; bun's own is called as the package manager is.
const (
	Vitest       = "vitest"
	Jest         = "jest"
	ReactScripts = "react-scripts" // jest with a configuration of its own
	BunTest      = "bun test"
)

// Node is a side written in JavaScript.
type Node struct {
	Folder   string // of the setting
	Root     string // where the lock lies: the folder itself, or one above it
	Manager  string // empty when nothing is locked
	Version  string // of the package manager, empty when the repository does not say
	Lock     string // the lock's path
	Language Language
	Runner   string // empty when no test runner is among the dependencies

	Manifests []string // all that the installation of the dependencies reads, by their paths
	Beside    []string // folders of the workspace's other packages with tests of their own
	Scripts   []string // scripts of the project's own that an installation runs: they may read any source
	Slow      bool     // there are files *.slow.test.*
	Coverage  bool     // vitest has a provider of coverage
	Lint      bool     // there is a script of that name
}

// packageJSON is what is read of a package.json.
type packageJSON struct {
	Manager      string `json:"packageManager"`
	Engines      map[string]any
	Scripts      map[string]string
	Dependencies map[string]any
	Dev          map[string]any `json:"devDependencies"`
	Workspaces   any
}

func readPackageJSON(files Files, folder string) (p packageJSON, err error) {
	name := path.Join(folder, "package.json")
	text, ok := files[name]
	if !ok {
		return p, nil
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s is not JSON: %w", name, err)
	}
	return p, nil
}

var nodeLocks = []struct{ name, manager string }{
	{"pnpm-lock.yaml", PNPM}, {"package-lock.json", NPM}, {"npm-shrinkwrap.json", NPM}, {"yarn.lock", Yarn}, {"bun.lock", Bun}, {"bun.lockb", Bun},
}

// NewNode reads the side of a folder, whose image says which Node it runs on or is built with, if it does. It is nil when the
// folder has no package.json.
func NewNode(files Files, folder string, image Language) (*Node, error) {
	if !files.has(path.Join(folder, "package.json")) {
		return nil, nil
	}
	own, err := readPackageJSON(files, folder)
	if err != nil {
		return nil, err
	}
	n := &Node{Folder: folder, Root: folder}
	if err := n.findLock(files); err != nil {
		return nil, err
	}
	root, err := readPackageJSON(files, n.Root)
	if err != nil {
		return nil, err
	}
	n.Manifests = n.manifests(files)
	n.Beside = n.beside(files, root)
	n.Scripts = installScripts(own, root)
	n.Language = n.language(files, own, root, image)
	n.Runner = n.runner(files, own, root)
	n.Lint = own.Scripts["lint"] != ""
	n.Coverage = own.has(coverageProviders...) || root.has(coverageProviders...)
	for name := range files {
		n.Slow = n.Slow || Within(folder, name) && strings.Contains(path.Base(name), ".slow.test.")
	}
	return n, nil
}

// findLock looks in the folder and then above it, where a workspace has one lock for all its packages. Of several locks in
// one folder the manager counts that packageManager names.
func (n *Node) findLock(files Files) error {
	for _, at := range upwards(n.Folder) {
		manifest, err := readPackageJSON(files, at)
		if err != nil {
			return err
		}
		if at != n.Folder && manifest.Workspaces == nil && !files.has(path.Join(at, "pnpm-workspace.yaml")) {
			continue
		}
		named, version := splitManager(manifest.Manager)
		for _, lock := range nodeLocks {
			name := path.Join(at, lock.name)
			if !files.has(name) || n.Manager != "" && lock.manager != named {
				continue
			}
			n.Root, n.Manager, n.Lock, n.Version = at, lock.manager, name, ""
			if lock.manager == named {
				n.Version = version
			}
		}
		if n.Manager == Yarn && (files.has(path.Join(at, ".yarnrc.yml")) || n.Version != "" && !strings.HasPrefix(n.Version, "1.")) {
			n.Manager = Berry
		}
		if n.Manager != "" {
			return nil
		}
	}
	return nil
}

var managerPattern = regexp.MustCompile(`^(npm|pnpm|yarn|bun)@([0-9][0-9A-Za-z.-]*)`)

// splitManager reads a packageManager such as pnpm@10.1.0+sha512.abc.
func splitManager(text string) (name, version string) {
	m := managerPattern.FindStringSubmatch(text)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

// manifests are the files that tell a package manager what to install, those of all packages of a workspace included.
func (n *Node) manifests(files Files) []string {
	names := []string{".npmrc", ".yarnrc.yml", "pnpm-workspace.yaml"}
	for _, lock := range nodeLocks {
		names = append(names, lock.name)
	}
	var found []string
	for _, name := range names {
		if file := path.Join(n.Root, name); files.has(file) {
			found = append(found, file)
		}
	}
	if n.workspace(files) {
		found = append(found, files.below(n.Root, "package.json")...)
	} else {
		found = append(found, path.Join(n.Root, "package.json"))
	}
	for name := range files {
		if patches := path.Dir(name); Within(n.Root, name) && path.Base(patches) == "patches" {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func (n *Node) workspace(files Files) bool {
	root, err := readPackageJSON(files, n.Root)
	return err == nil && root.Workspaces != nil || files.has(path.Join(n.Root, "pnpm-workspace.yaml"))
}

// installScripts are those that a package manager runs by itself after an installation in the project.
func installScripts(manifests ...packageJSON) (names []string) {
	for _, name := range []string{"preinstall", "install", "postinstall", "prepare"} {
		if slices.ContainsFunc(manifests, func(p packageJSON) bool { return p.Scripts[name] != "" }) {
			names = append(names, name)
		}
	}
	return names
}

// coverageProviders are vitest's; without one it measures nothing.
var coverageProviders = []string{"@vitest/coverage-v8", "@vitest/coverage-istanbul", "@vitest/coverage-c8"}

// has says whether one of some packages is among the dependencies.
func (p packageJSON) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return p.Dependencies[name] != nil || p.Dev[name] != nil })
}

func (n *Node) runner(files Files, own, root packageJSON) string {
	for _, p := range []packageJSON{own, root} {
		for _, name := range []string{Vitest, ReactScripts, Jest} {
			// Who builds with react-scripts has its jest, and not always tests for it.
			if p.has(name) && (name != ReactScripts || hasTests(files, n.Folder)) {
				return name
			}
		}
	}
	if n.Manager == Bun && strings.Contains(own.Scripts["test"], BunTest) {
		return BunTest
	}
	return ""
}

// hasTests says whether a folder has files that jest takes for tests.
func hasTests(files Files, folder string) bool {
	for name := range files {
		base := path.Base(name)
		if Within(folder, name) && (strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") || strings.Contains(name, "/__tests__/")) {
			return true
		}
	}
	return false
}

// language goes by what says exactly one version, then by the image that is released, if the manifests allow it, and then by
// the manifests.
func (n *Node) language(files Files, own, above packageJSON, image Language) Language {
	var unread string
	text, from := pinned(files, n.Folder, n.Root, "nodejs", ".nvmrc", ".node-version")
	said, latest := from+" says "+text, strings.EqualFold(text, "lts/*")
	if v := codenames[strings.ToLower(text)]; v != "" {
		return Language{v, said}
	}
	if m := nodePin.FindStringSubmatch(text); m != nil {
		return Language{m[1], said}
	}
	if text != "" && !latest {
		unread = said + unknown
	}
	wanted, from := n.engines(own, above)
	// The pnpm and the yarn of today, which are taken where no version is named, run on 18 and newer ones.
	var unable string
	if slices.Contains([]string{"16", "17"}, image.Version) && n.Version == "" && (n.Manager == PNPM || n.Manager == Berry) {
		unable = n.Manager
	}
	unfit := image.whyNot(Nodes, unable)
	switch {
	case image.Version != "" && unfit == "" && wanted.allowNode(image.Version):
		return image
	case len(wanted) > 0 && (wanted.node() != "" || image.Version == "" || unfit != ""):
		return Language{wanted.node(), from}
	case image.Version != "" && unfit == "":
		return Language{image.Version, image.From + ", though " + from} // npm only warns of it
	case latest:
		return Language{latestNode, said}
	}
	return passedOver(DefaultNode, unread, unfit)
}

// engines are what the side's manifest asks of Node, or else the one of its workspace, and which says so.
func (n *Node) engines(own, above packageJSON) (wanted wishes, from string) {
	for _, p := range []struct {
		at string
		packageJSON
	}{{n.Folder, own}, {n.Root, above}} {
		text, _ := p.Engines["node"].(string)
		if wanted = nodeWishes(text); len(wanted) > 0 {
			return wanted, path.Join(p.at, "package.json") + " wants " + text
		}
	}
	return nil, ""
}
