package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A misspelt pragma is silently no pragma: a release would be served from cache and do nothing.
var (
	pragmaPattern = regexp.MustCompile(`^\+(private|optional|check|cache="(never|session|[1-9][0-9]*[smh])"|default(Path)?=(".*"|[0-9]+|true|false)|ignore=\[".*"\])$`)
	anyPragma     = regexp.MustCompile(`^\s*\+`)
)

// effects must never be served from cache; verdicts about the outside world neither.
var effects = []string{"Release", "Publish", "Scan", "Dependencies", "Report", "CreateRelease"}

func parseMain(t *testing.T) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(Module(), "main.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPragmas(t *testing.T) {
	for _, group := range parseMain(t).Comments {
		for _, comment := range group.List {
			text, ok := strings.CutPrefix(comment.Text, "//")
			if !ok {
				t.Errorf("a block comment hides pragmas: %s", comment.Text)
			}
			if anyPragma.MatchString(text) && (!strings.HasPrefix(text, " +") || !pragmaPattern.MatchString(text[1:])) {
				t.Errorf("not a known pragma: %s", comment.Text)
			}
		}
	}
}

func TestPragmaPattern(t *testing.T) {
	for _, wrong := range []string{`+Cache="never"`, `+cache = "never"`, `+cache: never`, `+cache="nevr"`, `+cache=never`, `+optinal`, `+default=x`} {
		if pragmaPattern.MatchString(wrong) {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

// methods are the functions of the module: what `dagger functions` lists, and the constructor.
func methods(t *testing.T) map[string]*ast.FuncDecl {
	found := map[string]*ast.FuncDecl{}
	for _, d := range parseMain(t).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() {
			found[f.Name.Name] = f
		}
	}
	return found
}

func TestEffectsAreNeverCached(t *testing.T) {
	all := methods(t)
	for _, name := range effects {
		if f := all[name]; f == nil || !strings.Contains(f.Doc.Text(), `+cache="never"`) {
			t.Errorf("%s does not say +cache=\"never\"", name)
		}
	}
}

// TestDocumentation: every function and argument explains itself in --help, where only the first line is listed.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(Module(), "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "main.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := ast.NewCommentMap(set, file, file.Comments)
	for _, f := range methods(t) {
		first, _, _ := strings.Cut(f.Doc.Text(), "\n")
		if first == "" || !strings.HasSuffix(first, ".") {
			t.Errorf("%s: the first line of its description is not a sentence: %q", f.Name.Name, first)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() {
			return true
		}
		for _, field := range f.Type.Params.List {
			name, text := field.Names[0].Name, ""
			for _, group := range comments[field] {
				text += group.Text()
			}
			switch {
			case name == "ctx":
			case text == "":
				t.Errorf("%s: the argument %s has no description", f.Name.Name, name)
			case strings.Contains(text, "`"):
				t.Errorf("%s: what stands in backticks is taken for the kind of the argument %s by --help", f.Name.Name, name)
			}
		}
		return false
	})
}

// generatedOnlyBySome are packages that Dagger v0.19 generates and newer versions do not: those compile the committed copy,
// against libraries that they have raised.
var generatedOnlyBySome = []string{"dagger/slipway/internal/telemetry", "dagger/slipway/internal/querybuilder"}

func TestEveryDaggerGeneratesWhatWeImport(t *testing.T) {
	read := 0
	err := filepath.WalkDir(Module(), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "internal" || entry.Name() == "testdata" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || entry.Name() == "dagger.gen.go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		read++
		for _, i := range file.Imports {
			if name := strings.Trim(i.Path.Value, `"`); slices.Contains(generatedOnlyBySome, name) {
				t.Errorf("%s imports %s, which newer versions of Dagger do not generate: every call fails there", path, name)
			}
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Fatalf("read %d files: %v", read, err)
	}
}
