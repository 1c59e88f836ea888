package changelog

import (
	"fmt"
	"testing"
)

func TestUntyped(t *testing.T) {
	for name, c := range map[string]struct {
		subjects   []string
		count, all int
	}{
		"none":         {nil, 0, 0},
		"all say it":   {[]string{"feat: a", "chore: b"}, 0, 2},
		"some do not":  {[]string{"feat: a", "b", "Update c"}, 2, 3},
		"parts":        {[]string{"docker: a", "caddy: b", "perf: c", "docker!: d"}, 2, 4},
		"breaking one": {[]string{"feat!: a", "b"}, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var rows []row
			for i, subject := range c.subjects {
				rows = append(rows, row{id: fmt.Sprint("c", i), message: subject})
			}
			if count, all := Build(Input{Commits: commitsOf(rows)}, Options{}).Untyped(); count != c.count || all != c.all {
				t.Errorf("got %d of %d, want %d of %d", count, all, c.count, c.all)
			}
		})
	}
}
