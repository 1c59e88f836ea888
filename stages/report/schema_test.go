package report

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// schema is what of JSON Schema the report's one uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Const      any                `json:"const"`
	Enum       []any              `json:"enum"`
	Minimum    *float64           `json:"minimum"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Additional *schema            `json:"additionalProperties"`
	Items      *schema            `json:"items"`
	Defs       map[string]*schema `json:"$defs"`

	Version, Title, Description, Format any
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	text, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	root := new(schema)
	dec := json.NewDecoder(strings.NewReader(strings.Replace(string(text), `"$schema"`, `"version"`, 1)))
	dec.DisallowUnknownFields() // so that no keyword is there that this test does not understand
	if err := dec.Decode(root); err != nil {
		t.Fatal(err)
	}
	if root.Version != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", root.Version)
	}
	return root
}

// at follows a reference.
func (s *schema) at(t *testing.T, root *schema) *schema {
	t.Helper()
	if s.Ref == "" {
		return s
	}
	to := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
	if to == nil {
		t.Fatalf("%s leads nowhere", s.Ref)
	}
	return to
}

// validate lists what of a decoded value is not as the schema says.
func (s *schema) validate(t *testing.T, root *schema, path string, value any) (wrong []string) {
	t.Helper()
	s = s.at(t, root)
	complain := func(what any) { wrong = append(wrong, fmt.Sprintf("%s: %v", path, what)) }
	if types := s.types(); types != nil && !slices.Contains(types, typeOf(value)) && !(typeOf(value) == "integer" && slices.Contains(types, "number")) {
		complain("a " + typeOf(value))
	}
	if s.Const != nil && s.Const != value || s.Enum != nil && !slices.Contains(s.Enum, value) {
		complain(value)
	}
	if n, ok := value.(float64); ok && s.Minimum != nil && n < *s.Minimum {
		complain(n)
	}
	if list, ok := value.([]any); ok {
		for i, item := range list {
			wrong = append(wrong, s.Items.validate(t, root, fmt.Sprintf("%s[%d]", path, i), item)...)
		}
	}
	if object, ok := value.(map[string]any); ok {
		wrong = append(wrong, s.validateObject(t, root, path, object)...)
	}
	return wrong
}

func (s *schema) validateObject(t *testing.T, root *schema, path string, object map[string]any) (wrong []string) {
	t.Helper()
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			wrong = append(wrong, path+"."+name+": missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		part := s.Properties[name]
		if part == nil {
			part = s.Additional
		}
		if part == nil {
			wrong = append(wrong, path+"."+name+": unknown")
			continue
		}
		wrong = append(wrong, part.validate(t, root, path+"."+name, object[name])...)
	}
	return wrong
}

func (s *schema) types() []string {
	switch of := s.Type.(type) {
	case string:
		return []string{of}
	case []any:
		var all []string
		for _, one := range of {
			all = append(all, one.(string))
		}
		return all
	}
	return nil
}

func typeOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "object"
}

// TestSchemaHasEveryField compares the schema with the Go types, in both directions.
func TestSchemaHasEveryField(t *testing.T) {
	root := readSchema(t)
	compareType(t, root, "report", root, reflect.TypeFor[Report]())
	for _, name := range []string{"outcome", "ending"} {
		if root.Defs[name] == nil {
			t.Errorf("no definition of %s", name)
		}
	}
}

func compareType(t *testing.T, root *schema, path string, s *schema, goType reflect.Type) {
	t.Helper()
	s = s.at(t, root)
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number",
		reflect.Slice: "array", reflect.Map: "object", reflect.Struct: "object",
	}[goType.Kind()]
	switch {
	case goType == reflect.TypeFor[time.Time]():
		if s.Type != "string" || s.Format != "date-time" {
			t.Errorf("%s: a time is %v %v", path, s.Type, s.Format)
		}
		return
	case goType.Kind() == reflect.Pointer:
		compareType(t, root, path, s, goType.Elem())
		return
	case s.Enum != nil || s.Const != nil:
	case !slices.Contains(s.types(), want):
		t.Errorf("%s: %v is of type %v", path, goType, s.Type)
	}
	switch goType.Kind() {
	case reflect.Slice:
		compareType(t, root, path+"[]", s.Items, goType.Elem())
	case reflect.Map:
		compareType(t, root, path+"{}", s.Additional, goType.Elem())
	case reflect.Struct:
		compareFields(t, root, path, s, goType)
	}
}

func compareFields(t *testing.T, root *schema, path string, s *schema, goType reflect.Type) {
	t.Helper()
	var names, required []string
	for _, field := range reflect.VisibleFields(goType) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if names = append(names, name); options == "" {
			required = append(required, name)
		}
		if s.Properties[name] == nil {
			t.Errorf("%s.%s is not in the schema", path, name)
			continue
		}
		compareType(t, root, path+"."+name, s.Properties[name], field.Type)
	}
	for name := range s.Properties {
		if !slices.Contains(names, name) {
			t.Errorf("%s.%s is in the schema only", path, name)
		}
	}
	if slices.Sort(required); !slices.Equal(required, slices.Sorted(slices.Values(s.Required))) {
		t.Errorf("%s: always there are %v, the schema requires %v", path, required, s.Required)
	}
}

// TestSchemaHasEveryWord reads the constants from the source, so that a new one cannot be forgotten.
func TestSchemaHasEveryWord(t *testing.T) {
	root := readSchema(t)
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
	root := readSchema(t)
	full := example()
	fill(reflect.ValueOf(&full).Elem(), "word")
	full.Outcome = Released
	endings(&full, Passed)
	for name, r := range map[string]Report{"green": example(), "red": redExample(), "every field": full, "nothing": {Schema: Schema, Outcome: RefusedInput}} {
		t.Run(name, func(t *testing.T) {
			if wrong := root.validate(t, root, "report", decoded(t, r)); wrong != nil {
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
	if got := root.validate(t, root, "report", any(broken)); !slices.Equal(got, want) {
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

// fill puts a text into every string of a value, and one entry into every list and map that is empty.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(text), value)
	case reflect.Int, reflect.Int64:
		v.SetInt(max(1, v.Int()))
	case reflect.Float64:
		v.SetFloat(max(0.5, v.Float()))
	}
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
