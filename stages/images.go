package stages

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"dagger/slipway/stages/project"
)

// Image says how one image of the release is built.
type Image struct {
	Name       string // in the registry, below the prefix
	Context    string // folder the build sees
	Dockerfile string // relative to the context, and outside of it if it begins with ../
	Target     string // stage of the Dockerfile, its last one if empty
}

var (
	imagePattern  = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*\z`)
	targetPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*\z`)
)

// ParseImages reads `name=context[:dockerfile][#target]`, separated by commas; none means that only a tag and a
// release are made. An error quotes the part that is wrong.
func ParseImages(setting string) ([]Image, error) {
	var images []Image
	seen := map[string]bool{}
	for part := range splitList(setting) {
		image, err := parseImage(part)
		if err != nil {
			return nil, err
		}
		if seen[image.Name] {
			return nil, fmt.Errorf("the image %q stands twice", image.Name)
		}
		seen[image.Name] = true
		images = append(images, image)
	}
	return images, nil
}

func parseImage(part string) (Image, error) {
	name, rest, ok := strings.Cut(part, "=")
	if !ok {
		return Image{}, fmt.Errorf("expected name=context[:dockerfile][#target], found %q: it has no =", part)
	}
	rest, target, hasTarget := strings.Cut(rest, "#")
	context, dockerfile, hasDockerfile := strings.Cut(rest, ":")
	image := Image{Name: name, Context: path.Clean(context), Dockerfile: "Dockerfile", Target: target}
	if hasDockerfile {
		image.Dockerfile = relative(image.Context, dockerfile)
	}
	switch {
	case !imagePattern.MatchString(name):
		return Image{}, fmt.Errorf("expected an image name of a-z, 0-9 and single . _ - or / before the =, found %q in %q", name, part)
	case context == "":
		return Image{}, fmt.Errorf("expected a folder after the = in %q, found nothing (the repository's root is .)", part)
	case hasDockerfile && dockerfile == "":
		return Image{}, fmt.Errorf("expected a Dockerfile after the : in %q, found nothing", part)
	case hasTarget && !targetPattern.MatchString(target):
		return Image{}, fmt.Errorf("expected a build stage after the # in %q, found %q", part, target)
	}
	if err := checkPath(image.Context); err != nil {
		return Image{}, fmt.Errorf("in %q: %w", part, err)
	}
	if path.IsAbs(dockerfile) || checkPath(image.path()) != nil {
		return Image{}, fmt.Errorf("in %q: expected a Dockerfile inside the repository, found %q", part, dockerfile)
	}
	return image, nil
}

// relative takes the way through the folder out of a path that leads back into it.
func relative(folder, file string) string {
	clean := path.Clean(file)
	if inside, ok := strings.CutPrefix(path.Join(folder, clean), folder+"/"); ok {
		return inside
	}
	return clean
}

// path is the Dockerfile's in the repository.
func (i Image) path() string { return path.Join(i.Context, i.Dockerfile) }

// ignoreFiles may say what of the context a build does not see. The first one that has something to say counts.
func (i Image) ignoreFiles() []string {
	return []string{i.path() + ".dockerignore", path.Join(i.Context, ".dockerignore")}
}

func (i Image) ignores(files map[string][]byte) []byte {
	for _, name := range i.ignoreFiles() {
		if text := files[name]; len(text) > 0 {
			return text
		}
	}
	return nil
}

// sees are those of some paths that the build gets to see, and folders that the context itself lies in.
func (i Image) sees(paths []string, files map[string][]byte) []string {
	ignored := i.ignored(files)
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		if project.Within(p, i.Context) {
			return false
		}
		return !project.Within(i.Context, p) || ignored(strings.TrimPrefix(p, i.Context+"/"))
	})
}

// ignored judges paths in the context. What is wrong with an ignore file is for the build to say.
func (i Image) ignored(files map[string][]byte) func(string) bool {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(i.ignores(files)))
	if err != nil {
		return func(string) bool { return false }
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return func(string) bool { return false }
	}
	return func(p string) bool {
		matches, err := matcher.MatchesOrParentMatches(p)
		return err == nil && matches
	}
}

func (i Image) outside() bool { return strings.HasPrefix(i.Dockerfile, "../") }

// added is a file that is put into a context.
type added struct{ name, text string }

// bring names a Dockerfile from outside as it lies in the context, with an ignore file that keeps both out of the image. The
// name depends on the content alone, which keeps the cache, and no file of a repository has it.
func (i Image) bring(files map[string][]byte) (dockerfile, ignore added) {
	text := files[i.path()]
	folder := fmt.Sprintf(".slipway-%x", sha256.Sum256(text))
	dockerfile = added{folder + "/" + path.Base(i.Dockerfile), string(text)}
	return dockerfile, added{dockerfile.name + ".dockerignore", string(i.ignores(files)) + "\n" + folder + "\n"}
}
