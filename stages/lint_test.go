package stages

import (
	"slices"
	"testing"
)

// TestRuffSettings: the linter sees the settings above the backend's folder that a developer's ruff finds.
func TestRuffSettings(t *testing.T) {
	for name, c := range map[string]struct {
		backend string
		files   []string
		want    []string
	}{
		"a workspace":          {"services/api", []string{"pyproject.toml", "services/ruff.toml", "services/api/ruff.toml", "web/ruff.toml"}, []string{"services/ruff.toml", "pyproject.toml"}},
		"a hidden one":         {"backend", []string{".ruff.toml"}, []string{".ruff.toml"}},
		"none":                 {"backend", []string{"backend/pyproject.toml"}, nil},
		"the whole repository": {".", []string{"pyproject.toml", "ruff.toml"}, nil},
		"a side that is off":   {"none", []string{"pyproject.toml"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := Settings{Backend: c.backend, Severity: "HIGH"}.read()
			if err != nil {
				t.Fatal(err)
			}
			r := &Run{config: read}
			r.source.files = map[string][]byte{}
			for _, file := range c.files {
				if slices.Contains(read.files(), file) {
					r.source.files[file] = nil
				}
			}
			if got := r.ruffSettings(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
