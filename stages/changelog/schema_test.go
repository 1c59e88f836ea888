package changelog

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"dagger/slipway/stages/schematest"
)

const schemaFile = "notes.schema.json"

func TestSchemaHasEveryField(t *testing.T) {
	schematest.Read(t, schemaFile).Compare(t, "notes", reflect.TypeFor[Notes]())
}

func TestNotesAreValid(t *testing.T) {
	schema := schematest.Read(t, schemaFile)
	var full Notes
	schematest.Fill(reflect.ValueOf(&full).Elem(), "word")
	full.Sections[0].Calls = Minor
	for name, n := range map[string]Notes{
		"a rich history": Build(readHistory(t), Options{Links: github}), "without a forge": Build(Input{Commits: readHistory(t).Commits}, Options{}),
		"nothing": Build(Input{}, Options{}), "every field": full,
	} {
		t.Run(name, func(t *testing.T) {
			if wrong := schema.Validate(t, "notes", decoded(t, n)); wrong != nil {
				t.Errorf("%q", wrong)
			}
		})
	}
	broken := decoded(t, full)
	delete(broken, "current")
	broken["more"] = true
	section := broken["sections"].([]any)[0].(map[string]any)
	section["calls"] = "huge"
	entry := section["entries"].([]any)[0].(map[string]any)
	entry["numbers"], entry["breaks"] = []any{0.0}, "a"
	delete(entry, "reason")
	want := []string{
		"notes.current: missing", "notes.more: unknown", "notes.sections[0].calls: huge", "notes.sections[0].entries[0].reason: missing",
		"notes.sections[0].entries[0].breaks: a string", "notes.sections[0].entries[0].numbers[0]: 0",
	}
	if got := schema.Validate(t, "notes", broken); !slices.Equal(got, want) {
		t.Errorf("broken notes: got %q", got)
	}
}

func decoded(t *testing.T, n Notes) (value map[string]any) {
	t.Helper()
	if err := json.Unmarshal(n.JSON(), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
