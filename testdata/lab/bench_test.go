package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":   {[]float64{3}, 3},
		"two":   {[]float64{1, 2}, 1.5},
		"three": {[]float64{1, 5, 100}, 5},
		"five":  {[]float64{1, 2, 4, 8, 16}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			if got := median(c.values); got != c.want {
				t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
			}
		})
	}
}

// TestTable compares what belongs to one round, and says which limits hold.
func TestTable(t *testing.T) {
	s := samples{}
	for round := range benchRounds {
		speed := float64(round + 1) // a machine that gets slower all the time
		for _, r := range ratios {
			collect(s, r, round, speed)
		}
	}
	table := s.table(english)
	for _, want := range []string{"| Cold ÷ cold `make -j2` | 1.00 | 1.00–1.00 | 5 | 1.1 | met |", "| No change ÷ cold `make -j2` | 1.00 | 1.00–1.00 | 5 | 0.15 | not met |"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no line\n%s\nbut says\n%s", want, table)
		}
	}
}

// collect notes a value for each measure that the ratio asks for.
func collect(s samples, r ratio, round int, value float64) {
	for _, name := range []string{
		firstLoad, firstLoadEmpty, coreVersion, never, refused, validate, dryRunAgain, images10, images30, changelog1000, changelog5000, deployment, composeByHand,
	} {
		note(s, name, round, value)
	}
	for _, scenario := range scenarios {
		for _, who := range []string{slipwayName, "script ", "make "} {
			for _, suffix := range []string{"", cpuSuffix, engineSuffix, runSuffix, boundSuffix} {
				note(s, who+scenario.name+suffix, round, value)
			}
		}
	}
	r.of(s, round)
	r.per(s, round)
}

func note(s samples, name string, round int, value float64) {
	if len(s[name]) == round {
		s.add(name, value)
	}
}

// TestPairs leaves out the rounds that have measured only one side.
func TestPairs(t *testing.T) {
	r := ratio{of: measure("a"), per: measure("b")}
	if got := r.values(samples{"a": {6, 9, 1, 1, 1}, "b": {2, 9}}, 5); !slices.Equal(got, []float64{1, 3}) {
		t.Errorf("got %v, want 1 and 3", got)
	}
}

func TestWithTable(t *testing.T) {
	got, err := withTable("before\n"+tableBegin+"old\n"+tableEnd+"after\n", "new\n")
	if want := "before\n" + tableBegin + "\nnew\n\n" + tableEnd + "after\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for name, text := range map[string]string{"no marks": "text\n", "no end": tableBegin, "the end first": tableEnd + tableBegin} {
		t.Run(name, func(t *testing.T) {
			if got, err := withTable(text, "new\n"); err == nil {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
}

// TestLongHistory makes as many commits as it was told, of all five kinds.
func TestLongHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "long")
	if err := longHistory(dir, 25); err != nil {
		t.Fatal(err)
	}
	out, err := gitCommand(dir, "log", "--format=%s").Output()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(string(out)) {
		kinds[strings.FieldsFunc(line, func(r rune) bool { return r == ':' || r == '(' })[0]]++
	}
	if want := map[string]int{"feat": 5, "fix": 5, "docs": 5, "test": 5, "chore": 5}; !maps.Equal(kinds, want) {
		t.Errorf("commits by kind: %v, want %v", kinds, want)
	}
}

// TestScenarios: the files that the scenarios change are in the sample application.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		if _, err := os.Stat(filepath.Join("..", "shop", s.file)); err != nil {
			t.Error(err)
		}
	}
	if !slices.ContainsFunc(scenarios, func(s struct{ name, file, text string }) bool { return s.file == "" }) {
		t.Error("no scenario without a change")
	}
}
