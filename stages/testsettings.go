package stages

import (
	"errors"
	"fmt"
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
		v, e := parseAssignment(part).variable()
		variables, err = append(variables, testVariable{pair: v}), errors.Join(err, e)
	}
	return variables, err
}

// variable is an assignment whose name programs can read.
func (a assignment) variable() (pair, error) {
	if !a.ok || !variablePattern.MatchString(a.name) {
		return pair{}, fmt.Errorf("expected NAME=value, found %q", a.text)
	}
	return a.pair, nil
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

var reference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// dotenv adds lines NAME=value. ${NAME} in a value stands for a variable that came before it.
func dotenv(all []pair, text string) ([]pair, error) {
	var wrong error
	for _, line := range dotenvLines(text) {
		v, err := line.variable()
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
