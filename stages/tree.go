package stages

import (
	"maps"
	"path"
	"slices"

	"dagger/slipway/stages/written"
)

// folders are the parts of the repository that some stage sees, each once.
func (c config) folders() []string {
	folders := []string{wholeTree}
	for _, side := range []folder{c.backend, c.frontend} {
		if !side.off {
			folders = append(folders, side.path)
		}
	}
	for _, i := range c.allImages() {
		folders = append(folders, i.Context)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// allImages are those of the release and those that tests run in.
func (c config) allImages() []Image {
	return slices.Concat(c.images, slices.Collect(maps.Values(c.testImages)))
}

// files are those that Slipway itself reads or looks for, each once.
func (c config) files() []string {
	files := append([]string{c.IgnoreFile, moduleFile}, written.Names...)
	for _, name := range c.versionFiles {
		files = append(append(files, name), lockNames(name)...)
	}
	for at := c.frontend.path; !c.frontend.off; at = path.Dir(at) {
		files = append(files, path.Join(at, npmLock))
		if at == "." {
			break
		}
	}
	files = append(append(files, c.ruffFiles()...), c.signingFiles()...)
	for _, i := range c.allImages() {
		files = append(append(files, i.path()), i.ignoreFiles()...)
	}
	for _, v := range c.testVariables {
		if v.file != "" {
			files = append(files, v.file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}
