package stages

import (
	"fmt"
	"strings"

	"dagger/slipway/stages/project"
)

// tool is an image that Slipway itself runs: the version whose behaviour was tried, by the digest that its tag had then. A
// tag can be moved to something else by whoever has stolen a token; a digest cannot.
type tool struct{ name, tag, digest, why string }

// defaultTools are all images that Slipway runs of its own accord.
var defaultTools = []tool{
	{"cosign", "ghcr.io/sigstore/cosign/cosign:v3.1.3", "sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8", "signs, and checks signatures"},
	{"docker", "docker:28-dind", "sha256:2a232a42256f70d78e3cc5d2b5d6b3276710a0de0596c145f627ecfae90282ac", "is the throw-away server of a rehearsal"},
	{"git", "alpine/git:v2.49.1", "sha256:c0280cf9572316299b08544065d3bf35db65043d5e3963982ec50647d2746e26", "reads the history, pushes tags and bumps"},
	{"node", "node:" + project.DefaultNode + "-slim", "sha256:c3de60bf2f9dd0ac6370e6117950ff62d6e339527e7472301c9c78a017978392", "installs, lints and tests the frontend"},
	{"postgres", "postgres:18", "sha256:5a5a84b19854a9ffaa54082c166ff4ec27473a361e496e5ea167f298f2da9722", "reads a dump on a server where nothing else can"},
	{"python", "python:" + project.DefaultPython + "-slim", "sha256:3dd7cc108ec1493442514f5c2a871af6af0ec31d768ff6e378a93340c3b3db5f", "installs, lints and tests the backend, uploads coverage, and cuts scans off from the network"},
	{"socat", "alpine/socat:1.8.0.3", "sha256:beb4a68d9e4fe6b0f21ea774a0fde6c31f580dde6368939ed70100c5385b015e", "leads SSH to servers"},
	{"trivy", "aquasec/trivy:0.70.0", "sha256:be1190afcb28352bfddc4ddeb71470835d16462af68d310f9f4bca710961a41e", "scans, and writes what an image is made of"},
}

// image is how a tool is pulled unless toolImages says otherwise: the digest decides, and the tag says what it is.
func (t tool) image() string { return t.tag + "@" + t.digest }

// parseTools reads name=image. named are those that are really chosen: the tag of the list only leaves its digest out, for a
// registry whose copies have others.
func parseTools(setting string) (images map[string]string, named map[string]bool, err error) {
	pairs, err := parsePairs(setting, "git=mirror.example.com/git:2")
	if err != nil {
		return nil, nil, err
	}
	images, named = map[string]string{}, map[string]bool{}
	tags := map[string]string{}
	for _, t := range defaultTools {
		images[t.name], tags[t.name] = t.image(), t.tag
	}
	for _, p := range pairs {
		if images[p.name] == "" {
			return nil, nil, fmt.Errorf("no tool is called %q: Slipway runs %s", p.name, strings.Join(sortedKeys(images), ", "))
		}
		images[p.name], named[p.name] = p.value, p.value != tags[p.name]
	}
	return images, named, nil
}

// languageTool is the image that a side's code runs in: of the version that the repository asks for, unless that is the
// list's own or toolImages chooses one.
func (c config) languageTool(name string, l project.Language) string {
	standard := map[string]string{"python": project.DefaultPython, "node": project.DefaultNode}[name]
	if l.Version == "" || l.Version == standard || c.toolNamed[name] {
		return c.tools[name]
	}
	return name + ":" + l.Version + "-slim"
}

// toolsByTag are the tool images that may be others tomorrow, for the plan to name.
func (r *Run) toolsByTag() (images []string) {
	used := map[string]string{}
	for name, image := range r.config.tools {
		used[name] = image
	}
	if p := r.sides.backend; p != nil {
		used["backend's python"] = r.config.languageTool("python", p.Language)
	}
	if n := r.sides.frontend; n != nil {
		used["frontend's node"] = r.config.languageTool("node", n.Language)
	}
	seen := map[string]bool{}
	for _, name := range sortedKeys(used) {
		if image := used[name]; !strings.Contains(image, "@") && !seen[image] {
			images, seen[image] = append(images, image), true
		}
	}
	return images
}
