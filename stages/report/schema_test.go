package report

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"dagger/slipway/stages/schematest"
)

func TestSchemaHasEveryField(t *testing.T) {
	root := schematest.Read(t, "report.schema.json")
	root.Compare(t, "report", reflect.TypeFor[Report]())
	for _, name := range []string{"outcome", "ending"} {
		if root.Defs[name] == nil {
			t.Errorf("no definition of %s", name)
		}
	}
}

// TestSchemaHasEveryWord reads the constants from the source, so that a new one cannot be forgotten.
func TestSchemaHasEveryWord(t *testing.T) {
	root := schematest.Read(t, "report.schema.json")
	file, err := parser.ParseFile(token.NewFileSet(), "report.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string][]any{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil && len(spec.Values) == 1 {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			words[spec.Type.(*ast.Ident).Name] = append(words[spec.Type.(*ast.Ident).Name], word)
		}
		return true
	})
	for name, def := range map[string]string{"Outcome": "outcome", "Ending": "ending"} {
		if len(words[name]) < 7 || !reflect.DeepEqual(words[name], root.Defs[def].Enum) {
			t.Errorf("%s: the constants are %v, the schema has %v", name, words[name], root.Defs[def].Enum)
		}
	}
	if root.Properties["schema"].Const != float64(Schema) {
		t.Errorf("the schema is of version %v", root.Properties["schema"].Const)
	}
}

func TestExamplesAreValid(t *testing.T) {
	root := schematest.Read(t, "report.schema.json")
	full := example()
	schematest.Fill(reflect.ValueOf(&full).Elem(), "word")
	full.Outcome = Released
	endings(&full, Passed)
	for name, r := range map[string]Report{"green": example(), "red": redExample(), "every field": full, "nothing": {Schema: Schema, Outcome: RefusedInput}} {
		t.Run(name, func(t *testing.T) {
			if wrong := root.Validate(t, "report", decoded(t, r)); wrong != nil {
				t.Errorf("%v", wrong)
			}
		})
	}
	broken := decoded(t, example()).(map[string]any)
	delete(broken, "version")
	broken["outcome"], broken["dryRun"], broken["more"] = "fine", "no", 1.0
	broken["stages"].([]any)[0].(map[string]any)["number"] = 1.5
	broken["metrics"].(map[string]any)["coverage"].(map[string]any)["backend"].(map[string]any)["covered"] = -1.0
	want := []string{
		"report.version: missing", "report.dryRun: a string", "report.metrics.coverage.backend.covered: -1", "report.more: unknown",
		"report.outcome: fine", "report.stages[0].number: a number",
	}
	if got := root.Validate(t, "report", any(broken)); !slices.Equal(got, want) {
		t.Errorf("a broken report: got %q", got)
	}
}

func decoded(t *testing.T, r Report) (value any) {
	t.Helper()
	text, err := r.JSON()
	if err == nil {
		err = json.Unmarshal([]byte(text), &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// endings makes the words of a filled report valid again.
func endings(r *Report, e Ending) {
	r.Schema = Schema
	for i := range r.Stages {
		r.Stages[i].Ending = e
	}
	for _, m := range []Metrics{r.Metrics, *r.Before} {
		for name := range m.Deployments {
			m.Deployments[name] = e
		}
	}
}
