package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Mutation is one way in which the code could be wrong: in a file below stages, texts with others in their place.
type Mutation struct {
	Name, File string
	Edits      []Edit
}

// Edit puts one text in the place of another.
type Edit struct{ Old, New string }

// apply is the source of the file with the fault in it.
func (m Mutation) apply(source string) (string, error) {
	for _, e := range m.Edits {
		if n := strings.Count(source, e.Old); n != 1 {
			return "", fmt.Errorf("%s: expected once in %s, found %d times: %q", m.Name, m.File, n, e.Old)
		}
		source = strings.Replace(source, e.Old, e.New, 1)
	}
	return source, nil
}

// Mutate plants each fault, lets histories happen with it until one breaks a rule, and writes a table of which rule that was.
// It runs in the folder of the repository, and leaves its files alone.
func Mutate(out io.Writer, seed, runs uint64) (allCaught bool) {
	fmt.Fprintln(out, "| Planted fault | Noticed by the rule | Seed |\n| --- | --- | ---: |")
	allCaught = true
	for _, m := range Mutations {
		found, err := m.run(seed, runs)
		where, rule, caught := strings.Cut(strings.TrimSpace(found), "\t")
		if !caught {
			where, rule, allCaught = "", "**nobody**", false
		}
		if err != nil {
			where, rule, allCaught = "", "**"+err.Error()+"**", false
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", m.Name, rule, where)
	}
	return allCaught
}

// run builds the simulation with the fault in place of the file, and returns the seed and the rule.
func (m Mutation) run(seed, runs uint64) (string, error) {
	file, err := filepath.Abs(filepath.Join("stages", m.File))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	broken, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: filepath.Join(folder, "broken.go")}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(folder, "broken.go"), []byte(broken), 0o600),
		os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600)); err != nil {
		return "", err
	}
	run := exec.Command("go", "run", "-overlay="+filepath.Join(folder, "overlay.json"), "./stages/release/simulation/simulate",
		"--first", fmt.Sprint("--seed=", seed), fmt.Sprint("--runs=", runs))
	said, err := run.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(said) == 0 {
		return "", errors.New(lastLine(string(failed.Stderr)))
	}
	if failed == nil && err != nil {
		return "", err
	}
	return string(said), nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
