package versionfile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

var jsonDocuments = []struct{ name, path, doc string }{
	{"usual", "package.json", "{\n  \"name\": \"shop\",\n  \"version\": \"‹1.2.0›\",\n  \"private\": true\n}\n"},
	{"tabs and no line break at the end", "package.json", "{\n\t\"version\": \"‹1.2.0›\",\n\t\"x\": [ 1,2 ]\n}"},
	{"one line", "package.json", `{"version":"‹1.2.0›"}`},
	{"Windows line ends", "package.json", "{\r\n  \"version\": \"‹1.2.0›\"\r\n}\r\n"},
	{"byte order mark", "package.json", "\ufeff{\"version\": \"‹1.2.0›\"}\n"},
	{"spacing", "package.json", " \n{ \"version\"\n\t:  \"‹1.2.0›\"  , \"a\" : 1 } \n\n"},
	{"empty", "package.json", `{"version":"‹›"}`},
	{"version of others", "package.json", `{"engines":{"version":"9"},"a":[{"version":"9"}],"version":"‹1.2.0›","overrides":{"version":"9"}}`},
	{"keys that look alike", "package.json", `{"Version":"9","versions":"9"," version":"9","version":"‹1.2.0›"}`},
	{"key in a text", "package.json", `{"description":"\"version\": \"9\" }","version":"‹1.2.0›"}`},
	{"escaped key", "package.json", `{"v\u0065rsion":"‹1.2.0›"}`},
	{"numbers and escapes stay as spelled", "package.json", `{"a":1.0e+2,"b":"\u00e9\/é<","version":"‹1.2.0›","c":123456789012345678901234567890,"d":1e999}`},
	{"lock", "package-lock.json", "{\n  \"name\": \"shop\",\n  \"version\": \"‹1.2.0›\",\n  \"lockfileVersion\": 3,\n  \"packages\": {\n" +
		"    \"\": {\n      \"version\": \"‹1.2.0›\"\n    },\n    \"node_modules/a\": {\n      \"version\": \"1.2.0\"\n    }\n  }\n}\n"},
	{"lock, other order", "package-lock.json", `{"packages":{"x":{"version":"9"},"":{"version":"‹1.2.0›"}},"version":"‹1.2.0›"}`},
	{"lock of version 1", "package-lock.json", `{"version":"‹1.2.0›","dependencies":{"a":{"version":"9"}}}`},
	{"lock without root package", "package-lock.json", `{"version":"‹1.2.0›","packages":{"node_modules/a":{"version":"9"}}}`},
	{"lock with the version inside only", "package-lock.json", `{"packages":{"":{"version":"‹1.2.0›"}}}`},
	{"lock with the version at the top only", "package-lock.json", `{"version":"‹1.2.0›","packages":{"":{}}}`},
}

func TestJSON(t *testing.T) {
	for _, c := range jsonDocuments {
		t.Run(c.name, func(t *testing.T) {
			checkMarked(t, c.path, c.doc, "1.3.0-rc.1", "1.3.0-rc.1")
		})
	}
}

func TestJSONDecodesEscapes(t *testing.T) {
	got, err := rewriteOne("package.json", []byte(`{"version":"1.\u0032.0"}`), must(t, "1.2.1"))
	if file, _ := Read("package.json", []byte(`{"version":"1.\u0032.0"}`)); file.Version != "1.2.0" {
		t.Errorf("read %q", file.Version)
	}
	if err != nil || string(got) != `{"version":"1.2.1"}` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJSONWithoutVersion(t *testing.T) {
	for _, c := range []struct{ name, path, content string }{
		{"empty object", "package.json", `{}`},
		{"only inside", "package.json", `{"a":{"version":"1"}}`},
		{"lock of a project without version", "package-lock.json", `{"packages":{"":{},"a":{"version":"1"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Read(c.path, []byte(c.content))
			if err != nil || file.State != Missing || file.Version != "" {
				t.Errorf("got %q, %q, %v", file.State, file.Version, err)
			}
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	object := func(found string) string { return "expected a JSON object, found " + found + "; correct the file" }
	for _, c := range []struct{ name, path, content, want string }{
		{"list", "package.json", `[{"version":"1"}]`, object("something else")},
		{"text", "package.json", `"version"`, object("something else")},
		{"two documents", "package.json", `{"version":"1"}{"version":"2"}`, object("more after its end")},
		{"the key twice", "package.json", `{"version":"1","version":"1"}`, `expected each key once, found "version" twice in one object; remove one`},
		{"the key twice, once escaped", "package.json", `{"version":"1","\u0076ersion":"2"}`, `expected each key once, found "version" twice in one object; remove one`},
		{"root package twice", "package-lock.json", `{"version":"1","packages":{"":{},"":{}}}`, `expected each key once, found "" twice in one object; remove one`},
		{"number", "package.json", `{"version":1.2}`, `expected "version" to be a string, found 1.2; put it in quotes`},
		{"null", "package.json", `{"version":null}`, `expected "version" to be a string, found null; put it in quotes`},
		{"object", "package.json", `{"version":{"x":"` + strings.Repeat("a", 99) + `"}}`,
			`expected "version" to be a string, found {"x":"` + strings.Repeat("a", 34) + `…; put it in quotes`},
		{"packages is a list", "package-lock.json", `{"version":"1","packages":[]}`, object("something else")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("f/"+c.path, []byte(c.content))
			wantError(t, err, "f/"+c.path+": "+c.want)
		})
	}
}

// TestJSONRefusesBadSyntax leaves the middle of the message to Go, whose versions word it differently.
func TestJSONRefusesBadSyntax(t *testing.T) {
	for name, content := range map[string]string{
		"rest":                   `{"version":"1"} x`,
		"not closed":             `{"version":"1"`,
		"closed wrongly":         `{"version":"1"]`,
		"comma at the end":       `{"version":"1",}`,
		"comment":                "{\n// x\n\"version\":\"1\"}",
		"no value":               `{"version"}`,
		"broken value elsewhere": `{"version":"1","a":[}`,
		"number as key":          `{1:"1"}`,
		"empty":                  "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("package.json", []byte(content))
			if err == nil || !strings.HasPrefix(err.Error(), "package.json: expected a JSON object, found ") ||
				!strings.HasSuffix(err.Error(), "; correct the file") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzRewriteJSON(f *testing.F) {
	for _, c := range jsonDocuments {
		content, _ := unmark(c.doc)
		f.Add(c.path, content, uint8(3))
	}
	f.Fuzz(func(t *testing.T, name, content string, n uint8) {
		if name != "package.json" && name != "package-lock.json" {
			return
		}
		if changed, ok := checkRewrite(t, name, content, n); ok {
			checkOtherValues(t, content, changed)
		}
	})
}

// checkOtherValues compares what a JSON reader sees, so that it does not depend on our own reading.
func checkOtherValues(t *testing.T, before, after string) {
	t.Helper()
	if !reflect.DeepEqual(otherValues(t, before), otherValues(t, after)) {
		t.Fatalf("%q became %q", before, after)
	}
}

func otherValues(t *testing.T, content string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(content, byteOrderMark)))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%q was accepted or made, but %v", content, err)
	}
	delete(object, "version")
	if packages, ok := object["packages"].(map[string]any); ok {
		if root, ok := packages[""].(map[string]any); ok {
			delete(root, "version")
		}
	}
	return object
}

// checkRewrite asks that a rewritten file carries the new version, differs nowhere else, and stays as it is after that.
func checkRewrite(t *testing.T, name, content string, n uint8) (string, bool) {
	t.Helper()
	v := must(t, fmt.Sprintf("%d.%d.0-rc.%d", n%3, n, n))
	changed, err := rewriteOne(name, []byte(content), v)
	if err != nil {
		return "", false
	}
	before, _ := Read(name, []byte(content))
	after, err := Read(name, changed)
	if err != nil || after.State != before.State {
		t.Fatalf("%q became %q: %q, %v", content, changed, after.State, err)
	}
	if ok, expected, err := after.Agrees(v); !ok || err != nil || after.Version != expected {
		t.Fatalf("%q became %q, which says %q, %v", content, changed, after.Version, err)
	}
	if rest(content, before.places) != rest(string(changed), after.places) {
		t.Fatalf("%q became %q", content, changed)
	}
	return string(changed), true
}

// rest is a document without its versions.
func rest(content string, places []place) string {
	var all strings.Builder
	from := 0
	for _, p := range places {
		all.WriteString(content[from:p.start] + "‹›")
		from = p.end
	}
	return all.String() + content[from:]
}
