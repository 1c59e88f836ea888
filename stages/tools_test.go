package stages

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dagger/slipway/stages/project"
)

// tagOf is the tag of the list's own image.
func tagOf(t *testing.T, name string) string {
	t.Helper()
	at := slices.IndexFunc(defaultTools, func(t tool) bool { return t.name == name })
	if at < 0 {
		t.Fatalf("the list has no %s", name)
	}
	return defaultTools[at].tag
}

func TestToolsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$`)
	for _, tool := range defaultTools {
		if !pinned.MatchString(tool.image()) || tool.why == "" {
			t.Errorf("%s is %s (%s): expected an image by tag and digest, and what it is for", tool.name, tool.image(), tool.why)
		}
	}
	byName := func(a, b tool) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(defaultTools, byName) {
		t.Error("the list is not in the order of its names")
	}
}

// TestReadmeListsTheTools: which they are stands in both languages, and what each is for in English as in the list.
func TestReadmeListsTheTools(t *testing.T) {
	var rows, tags []string
	for _, tool := range defaultTools {
		rows = append(rows, "| `"+tool.name+"` | `"+tool.tag+"` | "+tool.why+" |\n")
		tags = append(tags, "| `"+tool.name+"` | `"+tool.tag+"` | ")
	}
	if !strings.Contains(read(t, page("settings").english), "| --- | --- | --- |\n"+strings.Join(rows, "")+"\n") {
		t.Errorf("the page of the settings has no table of these tools:\n%s", strings.Join(rows, ""))
	}
	for _, tag := range tags {
		if strings.Count(read(t, page("settings").russian), tag) != 1 {
			t.Errorf("the Russian page does not have this once: %s", tag)
		}
	}
}

// TestParseTools: the tag of the list without its digest is the same choice, for a registry whose copies have others.
func TestParseTools(t *testing.T) {
	for name, c := range map[string]struct {
		setting, tool, image string
		named                bool
	}{
		"nothing said":          {"", "git", "", false},
		"a mirror by digest":    {"trivy=mirror.example/trivy@sha256:00", "trivy", "mirror.example/trivy@sha256:00", true},
		"another tool is named": {"trivy=mirror.example/trivy@sha256:00", "git", "", false},
		"another version":       {"python=python:3.12-slim", "python", "python:3.12-slim", true},
		"only unpinned":         {"python=" + tagOf(t, "python"), "python", tagOf(t, "python"), false},
		"pinned to another":     {"node=" + tagOf(t, "node") + "@sha256:00", "node", tagOf(t, "node") + "@sha256:00", true},
	} {
		t.Run(name, func(t *testing.T) {
			tools, named, err := parseTools(c.setting)
			if c.image == "" {
				c.image = defaultTools[slices.IndexFunc(defaultTools, func(t tool) bool { return t.name == c.tool })].image()
			}
			if err != nil || tools[c.tool] != c.image || named[c.tool] != c.named || len(tools) != len(defaultTools) {
				t.Errorf("%s is %s, named: %v, of %v, %v", c.tool, tools[c.tool], named[c.tool], tools, err)
			}
		})
	}
	if _, _, err := parseTools("podman=podman:5"); err == nil || !strings.Contains(err.Error(), `no tool is called "podman": Slipway runs cosign, docker, git`) {
		t.Errorf("an unknown tool: %v", err)
	}
}

// TestLanguageImages: the version that a repository asks for, of the list's own image where that is it, and the plan names
// what is not by digest.
func TestLanguageImages(t *testing.T) {
	pinned, _, _ := parseTools("")
	for name, c := range map[string]struct {
		setting, version, image string
		byTag                   []string
	}{
		"nothing asked":              {"", "", pinned["python"], nil},
		"the list's own":             {"", project.DefaultPython, pinned["python"], nil},
		"another version":            {"", "3.12", "python:3.12-slim", []string{"python:3.12-slim"}},
		"another version, unpinned":  {"python=" + tagOf(t, "python"), "3.12", "python:3.12-slim", []string{"python:3.12-slim", tagOf(t, "python")}},
		"the list's own, unpinned":   {"python=" + tagOf(t, "python"), project.DefaultPython, tagOf(t, "python"), []string{tagOf(t, "python")}},
		"toolImages chooses a tag":   {"python=mirror.example/python:3.11", "3.12", "mirror.example/python:3.11", []string{"mirror.example/python:3.11"}},
		"toolImages chooses another": {"python=mirror.example/python@sha256:00", "3.12", "mirror.example/python@sha256:00", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{sides: sides{backend: &project.Python{Language: project.Language{Version: c.version, From: ".python-version"}}}}
			var err error
			if r.config.tools, r.config.toolNamed, err = parseTools(c.setting); err != nil {
				t.Fatal(err)
			}
			if got := r.config.languageTool("python", r.sides.backend.Language); got != c.image {
				t.Errorf("the backend runs in %s, want %s", got, c.image)
			}
			if got := r.toolsByTag(); !slices.Equal(got, c.byTag) {
				t.Errorf("by tag are %q, want %q", got, c.byTag)
			}
		})
	}
}

// TestToolsAreNamedOnce: an image that is run and not in the list has no digest that anybody has looked at.
func TestToolsAreNamedOnce(t *testing.T) {
	var repositories []string
	for _, tool := range defaultTools {
		repository, _, _ := strings.Cut(tool.tag, ":")
		repositories = append(repositories, regexp.QuoteMeta(repository))
	}
	image := regexp.MustCompile(`(?:^|[\s"'=/])(?:` + strings.Join(repositories, "|") + `)[:@][0-9a-zA-Z%]`)
	// Besides tools, containers are started from services of the tests and from images that were just built.
	from := []string{`r.config.tools[name]`, `r.config.tools["python"]`, `r.config.languageTool(tool, l)`, `p.value`, `where + "@" + digest`}
	literals, pulls := 0, 0
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			return n.Names[0].Name != "defaultTools"
		case *ast.BasicLit:
			literals++
			if text, _ := strconv.Unquote(n.Value); n.Kind == token.STRING && image.MatchString(text) {
				t.Errorf("the image of a tool is named outside of the list, in %q", text)
			}
		case *ast.CallExpr:
			on, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || on.Sel.Name != "From" || types.ExprString(on.X) == "l" {
				break
			}
			pulls++
			if text := types.ExprString(n.Args[0]); !slices.Contains(from, text) {
				t.Errorf("a container is started from %s, which is not of the list", text)
			}
		}
		return true
	}
	for _, files := range sources(t, "..") {
		for _, file := range files {
			ast.Inspect(file, look)
		}
	}
	if literals < 1000 || pulls != len(from) {
		t.Errorf("%d texts and %d images were looked at, expected more than 1000 and %d", literals, pulls, len(from))
	}
	for text, want := range map[string]bool{"aquasec/trivy:1": true, "mirror/alpine/git@sha256:0": true, "FROM node:22": true, "python:%s-slim": true, "docker: not found": false} {
		if image.MatchString(text) != want {
			t.Errorf("%q is taken for an image: %v", text, !want)
		}
	}
}
