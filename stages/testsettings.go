package stages

import (
	"errors"
	"fmt"
	"path"
	"regexp"
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

// parseTestVariables reads NAME=value, NAME=value, or the path of a file of the repository with a variable a line.
func parseTestVariables(setting string) (variables []pair, file string, err error) {
	if setting != "" && !strings.Contains(setting, "=") {
		return nil, path.Clean(setting), checkPath(setting)
	}
	for part := range splitList(setting) {
		v, err := parseVariable(part)
		if err != nil {
			return nil, "", err
		}
		variables = append(variables, v)
	}
	return variables, "", nil
}

func parseVariable(text string) (pair, error) {
	name, value, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !ok || !variablePattern.MatchString(name) {
		return pair{}, fmt.Errorf("expected NAME=value, found %q", text)
	}
	return pair{name, unquoted(strings.TrimSpace(value))}, nil
}

// unquoted takes the quotes off a value that stands in a pair of them.
func unquoted(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && strings.ContainsRune(`'"`, rune(value[0])) {
		return value[1 : n-1]
	}
	return value
}

// readTestVariables takes them from the setting, or from the file that it names.
func (r *Run) readTestVariables() ([]pair, error) {
	variables, file, err := parseTestVariables(r.config.TestVariables)
	if err != nil || file == "" {
		return variables, err
	}
	text, ok := r.source.files[file]
	if !ok {
		return nil, refuseState("commit it, or correct the setting testVariables", "setting testVariables: the file %s is not in the repository", file)
	}
	variables, err = dotenv(string(text))
	if err != nil {
		return nil, refuseState("correct the file", "%s: %w", file, err)
	}
	return variables, nil
}

// dotenv reads lines NAME=value; export before a name, comments and empty lines are passed over.
func dotenv(text string) (variables []pair, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, e := parseVariable(line)
		err = errors.Join(err, e)
		variables = append(variables, v)
	}
	return variables, err
}
