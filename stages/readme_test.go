package stages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	_ "dagger/slipway/stages/enginetest"
)

// The README and the folder of its pages, in both languages. A page has the same name in each.
const (
	readme       = "../README.md"
	russian      = "../.github/README.ru.md"
	pages        = "../.github/docs"
	russianPages = pages + "/ru"
)

// document is one text in both languages, by the paths of its files.
type document struct{ english, russian string }

func page(name string) document {
	return document{path.Join(pages, name+".md"), path.Join(russianPages, name+".md")}
}

// documents are the README and its pages.
func documents(t *testing.T) []document {
	t.Helper()
	all := []document{{readme, russian}}
	for _, name := range pageNames(t, pages) {
		all = append(all, page(name))
	}
	if len(all) < 10 {
		t.Fatalf("%d documents: something was not read", len(all))
	}
	return all
}

func pageNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".md"))
	}
	return names
}

// open stands in a message for what is put into it, and in the documents for the same.
const open = "…"

// behind are the functions whose messages are printed behind other words, which the troubleshooting explains.
var behind = map[string]string{
	"attest.Artifact.Statement":   "the statement about image …",
	"attest.readBundle":           "the statement about image …",
	"stages.Run.listOf":           "the statement about image …",
	"stages.nameSPDX":             "the statement about image …",
	"changelog.added":             "setting …:",
	"changelog.checkWords":        "setting …:",
	"changelog.parseCategories":   "setting …:",
	"changelog.parseCategory":     "setting …:",
	"gate.NewPolicy":              "setting …:",
	"gate.Threshold":              "setting …:",
	"server.wrongTarget":          "setting …:",
	"stages.parseTime":            "setting …:",
	"stages.Settings.readTimes":   "setting …:",
	"stages.Settings.readSigning": "setting …:",
	"gitremote.Lock.Beat":         "the release lock is lost",
	"gitremote.Lock.renew":        "the release lock is lost",
	"gitremote.Lock.Release":      "the release lock is lost",
	"registry.tagger.undo":        "… is not put back",
	"registry.tagger.checkKept":   "… is not put back",
	"forge.checksum":              "attaching …",
	"forge.attacher.attachSums":   "attaching …",
	"stages.ParseImages":          "setting …:",
	"stages.checkPath":            "setting …:",
	"stages.checkReleasedIn":      "setting …:",
	"stages.parseBuildArgs":       "setting …:",
	"stages.parsePlatforms":       "setting …:",
	"stages.checkURL":             "setting …:",
	"stages.parseActor":           "setting …:",
	"stages.parseBranches":        "setting …:",
	"stages.parseCommitter":       "setting …:",
	"stages.parseImage":           "setting …:",
	"gate.parseSeverities":        "setting …:",
	"stages.parsePairs":           "setting …:",
	"stages.parseTestImages":      "setting …:",
	"gitremote.Lock.remove":       "the release lock stays behind",
	"stages.assignment.variable":  "setting …:",
	"gate.readJest":               "jest's report is not readable",
	"stages.parseTools":           "setting …:",
	"stages.perEnvironment":       "setting …:",
	"forge.newPlace":              "… does not lead to a repository on a forge",
	"forge.parseRemote":           "… does not lead to a repository on a forge",
	"gate.Database":               "there is no vulnerability database",
	"gate.trivyResult.check":      "the Trivy report",
	"gate.closeXML":               "the JUnit report is not readable",
	"gate.count":                  "the JUnit report is not readable",
	"gate.junitReader.ending":     "the JUnit report is not readable",
	"gate.junitReader.suite":      "the JUnit report is not readable",
	"gate.nextElement":            "the JUnit report is not readable",
	"gate.openXML":                "the JUnit report is not readable",
	"notify.cause":                "no connection to …",
	"server.deployment.changed":   "the migration failed",
	"server.rollback.stopWriters": "what writes to the database does not stop",
	"verify.describes":            "… is not shown to be what was released",
	"verify.doubt":                "… is not shown to be what was released",
	"verify.judge.provenance":     "… is not shown to be what was released",
	"verify.judge.sort":           "… is not shown to be what was released",
	"verify.lacking":              "… is not shown to be what was released",
	"written.parseChangeset":      "… cannot be read, and with it what people wrote for this version",
}

// unexplained are messages that no user can cause, and why.
var unexplained = map[string]string{
	"git log: expected records of … NUL-separated fields, found … fields in all: run git log -z with …": gitPrints,
	"git log: record …: …": gitPrints,
	"expected a commit hash of 40 or 64 hexadecimal digits, found …: run git log -z with GitLogFormat and without other output": gitPrints,
	"expected seconds since 1970, found …: run git log -z with GitLogFormat":                                                    gitPrints,
	"git's answer about the file … is cut off: …":                                                                               gitPrints,
	"git's answer about the fragments is cut off":                                                                               gitPrints,
	"git printed a line that is not a fact: …":                                                                                  gitPrints,
	"expected a full commit id of 40 or 64 lower-case hex digits, found …; pass what git rev-parse HEAD prints":                 gitPrints,
	"… is not an image name: use a-z and 0-9, with single . _ - or / between them":                                              checkedBefore,
	"the image name is not valid: …":                                                                                            checkedBefore,
	"… is not an image tag: use at most 128 letters, digits, _ . -, no . or - first":                                            checkedBefore,
	"… is not an image digest: expected sha256: and 64 hex digits":                                                              checkedBefore,
	"… is not a name for a release asset: use letters, digits and . _ - between them":                                           ownCalls,
	"… is empty: forges refuse empty release assets":                                                                            ownCalls,
	"the tag … of … is to be moved twice":                                                                                       ownCalls,
	"expected an ignore file in YAML: …":                                                                                        checkedBefore,
	"the list of contents of image …: …":                                                                                        trivyWrites,
	"expected metadata.component, found none":                                                                                   trivyWrites,
	"the gate was skipped without a reason":                                                                                     ownCalls,
	"… has to be done before phase …":                                                                                           ownCalls,
	"a run without an id cannot tell its lock from another's":                                                                   ownCalls,
	"… (not tried again: …)":                                                                                                    "what went wrong stands before it",
	"the stage has said nothing about how it ended":                                                                             ownCalls,
	"write the report's page: …":                                                                                                ownCalls,
	"it was not told":                                                                                                           "only the library reads it, which gets no more to know",
	"encode the report: …":                                                                                                      ownCalls,
	"…\nNothing was pushed.":                                                                                                    "a whole report stands before it",
}

const (
	gitPrints     = "git prints what our own format asks for"
	trivyWrites   = "Trivy writes what its own format asks for"
	checkedBefore = "the setting or the registry's answer was checked before"
	ownCalls      = "only our own code could cause it"
)

// sources are the module's own files below a folder, by package.
func sources(t *testing.T, root string) map[string][]*ast.File {
	t.Helper()
	skip := []string{"e2e", "labtest", "enginetest", "schematest", "simulation", "testdata"}
	packages := map[string][]*ast.File{}
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skip, entry.Name()):
			return fs.SkipDir
		case path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path.Join(root, file), nil, parser.ParseComments)
		if err == nil {
			packages[parsed.Name.Name] = append(packages[parsed.Name.Name], parsed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// message is a text that the sources give to an error, with open for what is put into it.
type message struct{ function, text string }

// reader collects the messages and all the literals of one package.
type reader struct {
	constants map[string]string
	messages  []message
	literals  []string
}

// messages reads all packages below stages.
func messages(t *testing.T) (all []message, literals []string) {
	t.Helper()
	for name, files := range sources(t, ".") {
		r := reader{constants: map[string]string{}}
		for _, file := range files {
			ast.Inspect(file, r.constant)
		}
		for _, file := range files {
			for _, d := range file.Decls {
				function := name + "." + declared(d)
				ast.Inspect(d, func(n ast.Node) bool { r.read(function, n); return true })
			}
		}
		all, literals = append(all, r.messages...), append(literals, r.literals...)
	}
	return all, literals
}

// declared names a function, or a method with its type.
func declared(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return ""
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	return of.(*ast.Ident).Name + "." + f.Name.Name
}

// constant keeps the value of a string constant, because messages are put together from some.
func (r *reader) constant(n ast.Node) bool {
	spec, ok := n.(*ast.ValueSpec)
	for i := 0; ok && i < len(spec.Names) && i < len(spec.Values); i++ {
		if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			r.constants[spec.Names[i].Name], _ = strconv.Unquote(literal.Value)
		}
	}
	return true
}

// constructors make errors, or what is shown like one; the number is that of the argument with the message.
var constructors = map[string]int{
	"errors.New": 0, "fmt.Errorf": 0, "refuseState": 1, "refuse": 1, "d.refuse": 1, "unjudged": 0,
	"v.fail": 0, "v.wait": 0,
}

func (r *reader) read(function string, n ast.Node) {
	if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		r.literals = append(r.literals, r.text(literal))
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	name := called(call)
	at, ok := constructors[name]
	if !ok && (name != "fmt.Sprintf" || !strings.HasSuffix(function, ".Error")) {
		return
	}
	if text := r.text(call.Args[at]); letters(text) >= 7 { // fewer belong to a wrapper such as "%s: %w"
		r.messages = append(r.messages, message{function, text})
	}
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if on, ok := f.X.(*ast.Ident); ok {
			return on.Name + "." + f.Sel.Name
		}
	}
	return ""
}

var (
	verb = regexp.MustCompile(`"?%[-+# 0-9.]*[a-zA-Z]"?`)
	gaps = regexp.MustCompile(open + `(` + open + `)+`)
)

// text is what is constant of an expression.
func (r *reader) text(e ast.Expr) string {
	text := open
	switch x := e.(type) {
	case *ast.BasicLit:
		text, _ = strconv.Unquote(x.Value)
		text = verb.ReplaceAllString(text, open)
	case *ast.BinaryExpr:
		text = r.text(x.X) + r.text(x.Y)
	case *ast.Ident:
		if value, ok := r.constants[x.Name]; ok {
			text = value
		}
	case *ast.CallExpr:
		if called(x) == "fmt.Sprintf" {
			text = r.text(x.Args[0])
		}
	}
	return gaps.ReplaceAllString(text, open)
}

func letters(text string) int {
	return len([]rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text)))
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the part of a document below a heading, up to the next one of its rank.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n"+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	rank, _, _ := strings.Cut(heading, " ")
	text, _, _ := strings.Cut(rest, "\n"+rank+" ")
	return text
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// firstCells are the first cells of all tables, without heads and rules.
func firstCells(text string) (cells []string) {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		cell, isRow := strings.CutPrefix(line, "| ")
		head := n+1 < len(lines) && strings.HasPrefix(lines[n+1], "| ---")
		if !isRow || head || strings.HasPrefix(cell, "---") {
			continue
		}
		cell, _, _ = strings.Cut(cell, " | ")
		cells = append(cells, cell)
	}
	return cells
}

// spans are the texts in backticks.
func spans(text string) (all []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// signs begin entries that are not about one message.
var signs = []string{"outcome ", "the error is only "}

// quoted are the beginnings of messages that the troubleshooting explains.
func quoted(t *testing.T) (quotes []string) {
	t.Helper()
	for _, cell := range firstCells(read(t, page("troubleshooting").english)) {
		if !slices.ContainsFunc(signs, func(sign string) bool { return strings.HasPrefix(cell, sign) }) {
			quotes = append(quotes, spans(cell)...)
		}
	}
	return quotes
}

func explained(m message, quotes []string) bool {
	quote, ok := behind[m.function]
	if ok && slices.Contains(quotes, quote) {
		return true
	}
	return slices.ContainsFunc(quotes, func(q string) bool { return strings.HasPrefix(m.text, q) })
}

func TestReadmeExplainsEveryError(t *testing.T) {
	all, _ := messages(t)
	quotes := quoted(t)
	if len(all) < 250 || len(quotes) < 150 {
		t.Fatalf("%d messages and %d quotes: something was not read", len(all), len(quotes))
	}
	for _, m := range all {
		if !explained(m, quotes) && unexplained[m.text] == "" {
			t.Errorf("%s: no entry of the troubleshooting begins like %q", m.function, m.text)
		}
	}
}

func TestExceptionsAreNeeded(t *testing.T) {
	all, _ := messages(t)
	quotes := quoted(t)
	for text := range unexplained {
		if !slices.ContainsFunc(all, func(m message) bool { return m.text == text }) {
			t.Errorf("no source says %q any more", text)
		}
	}
	for function, quote := range behind {
		if !slices.ContainsFunc(all, func(m message) bool { return m.function == function }) {
			t.Errorf("%s makes no message", function)
		}
		if !slices.Contains(quotes, quote) {
			t.Errorf("the troubleshooting does not explain %q, which the messages of %s stand behind", quote, function)
		}
	}
}

// TestReadmeQuotesWhatIsSaid keeps the troubleshooting from explaining what nothing prints any more.
func TestReadmeQuotesWhatIsSaid(t *testing.T) {
	all, literals := messages(t)
	for _, m := range all {
		literals = append(literals, m.text)
	}
	for _, quote := range quoted(t) {
		if letters(quote) < 7 {
			t.Errorf("%q is too short to tell one message from others", quote)
		}
		if !said(quote, literals) && slices.ContainsFunc(strings.Split(quote, open), func(part string) bool { return !said(part, literals) }) {
			t.Errorf("no source says %q", quote)
		}
	}
}

func said(words string, literals []string) bool {
	words = strings.Trim(words, open+" ")
	return slices.ContainsFunc(literals, func(text string) bool { return strings.Contains(text, words) })
}

// api are the constructor's arguments and, by function, the arguments of the functions of main.go.
func api(t *testing.T) (settings []string, functions map[string][]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	functions = map[string][]string{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() {
			continue
		}
		var names []string
		for _, field := range f.Type.Params.List {
			for _, name := range field.Names {
				if name.Name != "ctx" {
					names = append(names, name.Name)
				}
			}
		}
		if f.Recv == nil {
			settings = names
		} else {
			functions[kebab(f.Name.Name)] = names
		}
	}
	return settings, functions
}

// kebab is a name as the command line has it.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func TestReadmeHasEverySetting(t *testing.T) {
	settings, _ := api(t)
	var shown []string
	for _, cell := range firstCells(section(t, read(t, page("settings").english), "## The settings")) {
		shown = append(shown, spans(cell)...)
	}
	sameNames(t, settings, shown)
}

func TestReadmeHasEveryFunction(t *testing.T) {
	_, functions := api(t)
	var shown []string
	for _, cell := range firstCells(section(t, read(t, readme), "## Functions")) {
		for _, span := range spans(cell) {
			name, _, _ := strings.Cut(span, " ")
			shown = append(shown, name)
		}
	}
	var want []string
	for name := range functions {
		want = append(want, name)
	}
	sameNames(t, want, slices.Compact(slices.Sorted(slices.Values(shown))))
}

func sameNames(t *testing.T, want, shown []string) {
	t.Helper()
	want, shown = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(shown))
	if !slices.Equal(want, shown) {
		t.Errorf("main.go has\n%v\nthe documents have\n%v", want, shown)
	}
}

var flag = regexp.MustCompile(`--([a-z][a-z-]*)`)

// commands are the lines of a text that call Slipway, with their continuations, from `call` on.
func commands(text string) (all []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		if _, command, ok := strings.Cut(line, "call "); ok && strings.Contains(line, "dagger") {
			command, _, _ = strings.Cut(command, "`")
			all = append(all, command)
		}
	}
	return all
}

// TestReadmeCommands holds every flag of every command against main.go.
func TestReadmeCommands(t *testing.T) {
	settings, functions := api(t)
	var all []string
	for _, d := range documents(t) {
		all = append(append(all, commands(read(t, d.english))...), commands(read(t, d.russian))...)
	}
	if len(all) < 40 {
		t.Fatalf("%d commands: something was not read", len(all))
	}
	for _, command := range all {
		known := []string{"help"}
		for _, s := range settings {
			known = append(known, kebab(s))
		}
		for _, word := range strings.Fields(command) {
			for _, argument := range functions[word] {
				known = append(known, kebab(argument))
			}
		}
		for _, m := range flag.FindAllStringSubmatch(command, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("no argument --%s in: %s", m[1], command)
			}
		}
	}
}

// block is a fenced block with its language.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func unfenced(text string) string { return fence.ReplaceAllString(text, "") }

// blocks are the fenced blocks and the indented ones.
func blocks(text string) (all []block) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		all = append(all, block{m[1], m[2]})
	}
	rest := unfenced(text)
	for part := range strings.SplitSeq(rest, "\n\n") {
		if strings.HasPrefix(part, "    ") {
			all = append(all, block{text: part})
		}
	}
	return all
}

func TestReadmePipelinesAreYAML(t *testing.T) {
	pipelines := 0
	for _, d := range documents(t) {
		for _, b := range blocks(read(t, d.english)) {
			if b.language == "yaml" && isPipeline(t, b.text) {
				pipelines++
			}
		}
	}
	if pipelines != 6 {
		t.Errorf("%d pipelines in YAML, expected 6", pipelines)
	}
}

// isPipeline tells a CI's file, which has to install the Dagger of the repository, from an example of something else.
func isPipeline(t *testing.T, text string) bool {
	t.Helper()
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Errorf("%v in:\n%s", err, text)
	}
	if !strings.Contains(text, "dagger") {
		return false
	}
	if !strings.Contains(text, `version="$(grep engineVersion dagger.json | cut -d '"' -f 4)"`) {
		t.Errorf("Dagger's version is not read from dagger.json in:\n%s", text)
	}
	return true
}

// TestEachJobSaysWhoActed: every CI hands over its own variable for the setting actor.
func TestEachJobSaysWhoActed(t *testing.T) {
	jobs := ""
	first := section(t, read(t, readme), "## One line in any CI")
	others := section(t, read(t, page("ci").english), "## The jobs")
	for _, b := range slices.Concat(blocks(first), blocks(others)) {
		jobs += b.text
	}
	for line, want := range map[string]int{
		"ACTOR: ${{ github.actor }}\n": 2, `ACTOR="$GITLAB_USER_LOGIN"`: 1, `ACTOR="${BUILD_USER_ID:-${CHANGE_AUTHOR:-}}"`: 1, `ACTOR="$CIRCLE_USERNAME"`: 1,
	} {
		if got := strings.Count(jobs, line); got != want {
			t.Errorf("%d jobs with %s, expected %d", got, line, want)
		}
	}
}

// longest is the longest line of a document's text; a table has no line breaks.
const longest = 125

var link = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]+))?\)`)

func TestReadmesAreWellFormed(t *testing.T) {
	for _, d := range documents(t) {
		for file, other := range map[string]string{d.english: d.russian, d.russian: d.english} {
			text := read(t, file)
			for line := range strings.Lines(text) {
				if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > longest && !strings.HasPrefix(line, "|") {
					t.Errorf("%s: longer than %d characters: %s", file, longest, line)
				}
			}
			leadsTo := links(t, file)
			if !slices.Contains(leadsTo, other) {
				t.Errorf("%s has no link to %s", file, other)
			}
			if d.english != readme && !slices.ContainsFunc(leadsTo, func(to string) bool { return to == readme || to == russian }) {
				t.Errorf("%s has no link back", file)
			}
		}
	}
}

// links are the files that a file's links lead to, each of which has to be there, and the heading in it.
func links(t *testing.T, file string) (all []string) {
	t.Helper()
	for _, m := range link.FindAllStringSubmatch(unfenced(read(t, file)), -1) {
		to := file
		if m[1] != "" {
			to = path.Join(path.Dir(file), m[1])
			all = append(all, to)
		}
		if _, err := os.Stat(to); err != nil {
			t.Errorf("%s: the link %s leads nowhere", file, m[0])
		} else if m[2] != "" && !slices.Contains(anchors(read(t, to)), m[2]) {
			t.Errorf("%s: the link %s leads to no heading", file, m[0])
		}
	}
	return all
}

var titled = regexp.MustCompile(`(?m)^#+ (.+)$`)

// anchors are the names that forges give to headings: in lower case, with dashes for spaces, and without punctuation.
func anchors(text string) (all []string) {
	seen := map[string]int{}
	for _, m := range titled.FindAllStringSubmatch(unfenced(text), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		if seen[name]++; seen[name] > 1 {
			name += "-" + strconv.Itoa(seen[name]-1)
		}
		all = append(all, name)
	}
	return all
}

func TestReadmeAnchors(t *testing.T) {
	text := "# One, two: `three`\n```\n# no heading\n```\n## Что Slipway читает?\n## A_b - c\n## A_b - c\n"
	if got := anchors(text); !slices.Equal(got, []string{"one-two-three", "что-slipway-читает", "a_b---c", "a_b---c-1"}) {
		t.Errorf("got %q", got)
	}
}

func TestReadmesHaveTheSamePages(t *testing.T) {
	if a, b := pageNames(t, pages), pageNames(t, russianPages); !slices.Equal(a, b) {
		t.Errorf("the pages are %v in English and %v in Russian", a, b)
	}
}

// mostLines of a README are read in ten minutes.
const mostLines = 300

func TestReadmesAreShort(t *testing.T) {
	for _, file := range []string{readme, russian} {
		if lines := strings.Count(read(t, file), "\n"); lines > mostLines {
			t.Errorf("%s has %d lines, expected at most %d: move something into a page", file, lines, mostLines)
		}
	}
}

// TestReadmesLeadToEachPageOnce: nobody finds a page that no link leads to, and two links to it say the same twice.
func TestReadmesLeadToEachPageOnce(t *testing.T) {
	for file, folder := range map[string]string{readme: pages, russian: russianPages} {
		leadTo := links(t, file)
		for _, name := range pageNames(t, folder) {
			to := path.Join(folder, name+".md")
			if n := len(slices.DeleteFunc(slices.Clone(leadTo), func(other string) bool { return other != to })); n != 1 {
				t.Errorf("%s has %d links to %s, expected one", file, n, to)
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ `)

// TestTranslationIsWhole holds each Russian text against the English one: same headings, blocks, names and messages.
func TestTranslationIsWhole(t *testing.T) {
	for _, d := range documents(t) {
		t.Run(path.Base(d.english), func(t *testing.T) { sameContents(t, read(t, d.english), read(t, d.russian)) })
	}
}

func sameContents(t *testing.T, english, translated string) {
	t.Helper()
	if a, b := heading.FindAllString(unfenced(english), -1), heading.FindAllString(unfenced(translated), -1); !slices.Equal(a, b) {
		t.Errorf("%d headings in English, %d in Russian, or of other ranks", len(a), len(b))
	}
	a, b := blocks(english), blocks(translated)
	if len(a) != len(b) {
		t.Fatalf("%d blocks in English, %d in Russian", len(a), len(b))
	}
	for n := range a {
		if a[n] != b[n] {
			t.Errorf("block %d differs:\n%s\n%s", n, a[n].text, b[n].text)
		}
	}
	inEnglish, inRussian := names(english), names(translated)
	for n := range max(len(inEnglish), len(inRussian)) {
		if a, b := nth(inEnglish, n), nth(inRussian, n); a != b {
			t.Fatalf("name %d in the first columns of the tables is %q in English and %q in Russian", n, a, b)
		}
	}
}

func nth(names []string, n int) string {
	if n < len(names) {
		return names[n]
	}
	return "missing"
}

// names are the texts in backticks of all first cells.
func names(document string) (all []string) {
	for _, cell := range firstCells(document) {
		all = append(all, spans(cell)...)
	}
	return all
}
