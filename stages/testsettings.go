package stages

import (
	"errors"
	"fmt"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"
)

// parseTestImages reads backend=context[:dockerfile][#target], frontend=...: images in which a side's tests run.
func parseTestImages(setting string) (map[string]Image, error) {
	images, err := ParseImages(setting)
	if err != nil {
		return nil, err
	}
	bySide := map[string]Image{}
	for _, image := range images {
		if image.Name != backendSide && image.Name != frontendSide {
			return nil, fmt.Errorf("expected %s=context[:dockerfile][#target] or %s=..., found the name %q", backendSide, frontendSide, image.Name)
		}
		bySide[image.Name] = image
	}
	return bySide, nil
}

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\z`)

// testVariable is one of the setting: a variable, or a file of the repository that has some.
type testVariable struct {
	pair
	file string
}

// parseTestVariables reads NAME=value and paths of files, separated by commas; what comes later is stronger.
func parseTestVariables(setting string) (variables []testVariable, err error) {
	for part := range splitList(setting) {
		if !strings.Contains(part, "=") {
			variables, err = append(variables, testVariable{file: path.Clean(part)}), errors.Join(err, checkPath(part))
			continue
		}
		v, e := parseVariable(part)
		variables, err = append(variables, testVariable{pair: v}), errors.Join(err, e)
	}
	return variables, err
}

func parseVariable(text string) (pair, error) {
	name, value, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !ok || !variablePattern.MatchString(name) {
		return pair{}, fmt.Errorf("expected NAME=value, found %q", text)
	}
	return pair{name, unquote(strings.TrimSpace(value))}, nil
}

// readTestVariables reads the files that the setting names, between the variables that it gives itself.
func (r *Run) readTestVariables() (all []pair, err error) {
	for _, v := range r.config.testVariables {
		if v.file == "" {
			all = append(all, v.pair)
			continue
		}
		text, ok := r.source.files[v.file]
		if !ok {
			return nil, refuseState("commit it, or correct the setting testVariables", "setting testVariables: the file %s is not in the repository", v.file)
		}
		if all, err = dotenv(all, string(text)); err != nil {
			return nil, refuseState("correct the file", "%s: %w", v.file, err)
		}
	}
	return all, nil
}

// A comment may follow a value behind white space, as python-dotenv and compose have it; in quotes it is none.
var commented = regexp.MustCompile(`^([^=]*=)(\s*"(?:[^"\\]|\\.)*"|\s*'[^']*'|.*?)(?:\s+#.*|\s*)$`)

var reference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// dotenvLines are the lines of a dotenv file that say something, by their numbers, without an export before them.
func dotenvLines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && !yield(number, strings.TrimPrefix(line, "export ")) {
				return
			}
		}
	}
}

// dotenv adds lines NAME=value. ${NAME} in a value stands for a variable that came before it.
func dotenv(all []pair, text string) ([]pair, error) {
	var wrong error
	for _, line := range dotenvLines(text) {
		v, err := parseVariable(commented.ReplaceAllString(line, "$1$2"))
		wrong = errors.Join(wrong, err)
		v.value = reference.ReplaceAllStringFunc(v.value, func(name string) string {
			for _, before := range slices.Backward(all) {
				if "${"+before.name+"}" == name {
					return before.value
				}
			}
			return name
		})
		all = append(all, v)
	}
	return all, wrong
}
