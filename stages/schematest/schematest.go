// Package schematest compares a JSON Schema with the Go types and the values that it is for.
package schematest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Schema is what of JSON Schema ours use.
type Schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Const      any                `json:"const"`
	Enum       []any              `json:"enum"`
	Minimum    *float64           `json:"minimum"`
	Properties map[string]*Schema `json:"properties"`
	Required   []string           `json:"required"`
	Additional *Schema            `json:"additionalProperties"`
	Items      *Schema            `json:"items"`
	Defs       map[string]*Schema `json:"$defs"`

	Version, Title, Description, Format any
}

// Read reads a schema from its file.
func Read(t *testing.T, file string) *Schema {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := new(Schema)
	dec := json.NewDecoder(strings.NewReader(strings.Replace(string(text), `"$schema"`, `"version"`, 1)))
	dec.DisallowUnknownFields() // so that no keyword is there that nobody checks
	if err := dec.Decode(root); err != nil {
		t.Fatal(err)
	}
	if root.Version != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", root.Version)
	}
	return root
}

// at follows a reference.
func (s *Schema) at(t *testing.T, root *Schema) *Schema {
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

// Validate lists what of a decoded value is not as the schema says.
func (s *Schema) Validate(t *testing.T, name string, value any) (wrong []string) {
	t.Helper()
	return s.validate(t, s, name, value)
}

func (s *Schema) validate(t *testing.T, root *Schema, path string, value any) (wrong []string) {
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

func (s *Schema) validateObject(t *testing.T, root *Schema, path string, object map[string]any) (wrong []string) {
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

func (s *Schema) types() []string {
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

// Compare compares the schema with a Go type, in both directions.
func (s *Schema) Compare(t *testing.T, name string, goType reflect.Type) {
	t.Helper()
	compareType(t, s, name, s, goType)
}

func compareType(t *testing.T, root *Schema, path string, s *Schema, goType reflect.Type) {
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

func compareFields(t *testing.T, root *Schema, path string, s *Schema, goType reflect.Type) {
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

// Fill puts a text into every string of a value, and one entry into every list and map that is empty.
func Fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		Fill(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			Fill(v.Field(i), text)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			Fill(v.Index(i), text)
		}
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		Fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(text), value)
	case reflect.Int, reflect.Int64:
		v.SetInt(max(1, v.Int()))
	case reflect.Float64:
		v.SetFloat(max(0.5, v.Float()))
	}
}
