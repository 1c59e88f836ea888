package versionfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// locatePyproject knows the places of the standard and of Poetry, which may both be there.
func locatePyproject(src string, _ []string) (State, []place, error) {
	values, err := scanTOML(src)
	if err != nil {
		return "", nil, err
	}
	if computed(src, values) {
		return Dynamic, nil, nil
	}
	var places []place
	for _, keys := range [][]string{{"project", "version"}, {"tool", "poetry", "version"}} {
		found, err := versionsAt(src, values, 0, keys)
		if err != nil {
			return "", nil, err
		}
		places = append(places, found...)
	}
	return stateOf(places, declaredDynamic(src, values)), places, nil
}

// computed says whether a Poetry plugin replaces the version at build time, so that the one in the file is a dummy.
func computed(src string, values []tomlValue) bool {
	return slices.ContainsFunc(values, func(v tomlValue) bool {
		return v.element == 0 && !v.inArray && v.is("tool", "poetry-dynamic-versioning", "enable") && v.raw(src) == "true"
	})
}

// declaredDynamic looks for "version" in the list of [project].dynamic.
func declaredDynamic(src string, values []tomlValue) bool {
	return slices.ContainsFunc(values, func(v tomlValue) bool {
		text, err := v.text(src)
		return v.element == 0 && v.inArray && v.is("project", "dynamic") && err == nil && text == "version"
	})
}

// locateUVLock looks for the packages that lie in the repository; the others are what they depend on.
func locateUVLock(src string, members []string) (State, []place, error) {
	values, err := scanTOML(src)
	if err != nil {
		return "", nil, err
	}
	state, places := Missing, []place(nil)
	for _, member := range members {
		found, has, err := locateUVMember(src, values, member)
		if err != nil {
			return "", nil, err
		}
		if places = append(places, found...); has {
			state = stateOf(places, true) // uv leaves the version out when the build computes it
		}
	}
	return state, places, nil
}

// locateUVMember is the version of the package in a folder, and whether the lock has that package.
func locateUVMember(src string, values []tomlValue, member string) (places []place, has bool, err error) {
	var own []int
	for _, v := range values {
		if text, err := v.text(src); v.isFolder() && err == nil && text == member {
			own = append(own, v.element)
		}
	}
	switch len(own) {
	case 0:
		return nil, false, nil
	case 1:
		places, err = versionsAt(src, values, own[0], []string{"package", "version"})
		return places, true, err
	}
	return nil, false, fmt.Errorf("expected one [[package]] with the source %q, found %d; run uv lock", member, len(own))
}

func stateOf(places []place, dynamic bool) State {
	switch {
	case len(places) > 0:
		return Found
	case dynamic:
		return Dynamic
	}
	return Missing
}

// versionsAt returns at most one place: a key that stands twice makes the file unreadable for every tool.
func versionsAt(src string, values []tomlValue, element int, keys []string) ([]place, error) {
	var places []place
	for _, v := range values {
		if v.inArray || v.element != element || !v.is(keys...) {
			continue
		}
		text, err := v.text(src)
		if err != nil {
			return nil, err
		}
		places = append(places, place{span{v.start + 1, v.end - 1}, text})
	}
	if len(places) > 1 {
		return nil, fmt.Errorf("expected %s once, found it %d times; remove the others", strings.Join(keys, "."), len(places))
	}
	return places, nil
}

// tomlValue is a value by its full name: the keys of its table and its own.
type tomlValue struct {
	span
	keys    []string
	element int  // the offset of the [[table]] it is in, or 0
	inArray bool // stands in [ ], so that it has no name of its own
}

func (v tomlValue) is(keys ...string) bool { return slices.Equal(v.keys, keys) }

// isFolder says whether the value is where a package of a uv.lock lies in the file system.
func (v tomlValue) isFolder() bool {
	return v.element > 0 && !v.inArray &&
		(v.is("package", "source", "editable") || v.is("package", "source", "virtual") || v.is("package", "source", "directory"))
}

func (v tomlValue) raw(src string) string { return src[v.start:v.end] }

// text returns a string on one line without quotes and escapes.
func (v tomlValue) text(src string) (string, error) {
	raw := v.raw(src)
	text, ok := unquote(raw)
	if !ok {
		return "", fmt.Errorf("expected %s to be a string on one line, found %s; write it in plain quotes",
			strings.Join(v.keys, "."), cut(raw))
	}
	return text, nil
}

// unquote relies on Go's strings having all the escapes of TOML 1.0.
func unquote(raw string) (string, bool) {
	switch {
	case strings.HasPrefix(raw, `"""`), strings.HasPrefix(raw, "'''"):
		return "", false
	case strings.HasPrefix(raw, "'"):
		return strings.Trim(raw, "'"), true
	case strings.HasPrefix(raw, `"`):
		text, err := strconv.Unquote(raw)
		return text, err == nil
	}
	return "", false
}

// cut keeps a value in an error message to one short line.
func cut(raw string) string {
	const most = 40
	line, _, broken := strings.Cut(raw, "\n")
	if len(line) > most {
		line, broken = strings.ToValidUTF8(line[:most], ""), true
	}
	if broken {
		line += "…"
	}
	return line
}
