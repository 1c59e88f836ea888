package versionfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

func locatePackageJSON(src string, _ []string) (State, []place, error) {
	return locateJSON(src, []string{"version"})
}

// locateNPMLock knows that npm says the version of the package at the root twice.
func locateNPMLock(src string, members []string) (State, []place, error) {
	var paths [][]string
	for _, member := range members {
		if member == "." {
			paths = append(paths, []string{"version"})
			member = ""
		}
		paths = append(paths, []string{"packages", member, "version"})
	}
	return locateJSON(src, paths...)
}

// locateBunLock looks at the members of a workspace: bun repeats no other version.
func locateBunLock(src string, members []string) (State, []place, error) {
	var paths [][]string
	for _, member := range members {
		paths = append(paths, []string{"workspaces", member, "version"})
	}
	return locateJSON(withoutLastCommas(src), paths...)
}

var lastComma = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|,\s*[}\]]`)

// withoutLastCommas puts spaces for the commas behind the last items, which bun writes and JSON does not have, so that all the
// rest stays where it is.
func withoutLastCommas(src string) string {
	return lastComma.ReplaceAllStringFunc(src, func(found string) string {
		if found[0] == ',' {
			return " " + found[1:]
		}
		return found
	})
}

// locateJSON looks at each path of keys.
func locateJSON(src string, paths ...[]string) (State, []place, error) {
	state, places := Missing, []place(nil)
	for _, keys := range paths {
		value, ok, err := lookup(src, keys)
		if err != nil {
			return "", nil, err
		}
		if !ok {
			continue
		}
		p, err := stringPlace(src, value)
		if err != nil {
			return "", nil, err
		}
		state, places = Found, append(places, p)
	}
	return state, places, nil
}

// lookup follows keys from the outermost object inwards.
func lookup(src string, keys []string) (span, bool, error) {
	value := span{len(src) - len(strings.TrimPrefix(src, byteOrderMark)), len(src)}
	for _, key := range keys {
		values, err := members(src, value)
		if err != nil {
			return span{}, false, err
		}
		var ok bool
		if value, ok = values[key]; !ok {
			return span{}, false, nil
		}
	}
	return value, true, nil
}

// members returns where the values of an object stand. A key that stands twice is refused, because tools differ in
// which of the two they take.
func members(src string, object span) (map[string]span, error) {
	decoder := json.NewDecoder(strings.NewReader(src[object.start:object.end]))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, notJSON(err, "something else")
	}
	values := map[string]span{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, notJSON(err, "")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, notJSON(err, "")
		}
		name := fmt.Sprint(key)
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("expected each key once, found %q twice in one object; remove one", name)
		}
		end := object.start + int(decoder.InputOffset())
		values[name] = span{end - len(value), end}
	}
	return values, closed(decoder)
}

// closed asks for the end of the object and of the text.
func closed(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return notJSON(err, "")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return notJSON(err, "more after its end")
	}
	return nil
}

func notJSON(err error, found string) error {
	if err != nil {
		found = err.Error()
	}
	return fmt.Errorf("expected a JSON object, found %s; correct the file", found)
}

func stringPlace(src string, value span) (place, error) {
	raw := src[value.start:value.end]
	var text string
	if err := json.Unmarshal([]byte(raw), &text); err != nil || raw[0] != '"' {
		return place{}, fmt.Errorf(`expected "version" to be a string, found %s; put it in quotes`, cut(raw))
	}
	return place{span{value.start + 1, value.end - 1}, text}, nil
}
