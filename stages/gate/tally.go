package gate

import "fmt"

// outcome is how one test ended, the worst one last.
type outcome int

const (
	passed outcome = iota
	skipped
	failing
	erring
)

// counts are the outcomes of some tests.
type counts struct{ passed, skipped, failed, errored int }

func tally(cases []outcome) (c counts) {
	for _, o := range cases {
		switch o {
		case passed:
			c.passed++
		case skipped:
			c.skipped++
		case failing:
			c.failed++
		default:
			c.errored++
		}
	}
	return c
}

func (c counts) red() int   { return c.failed + c.errored }
func (c counts) total() int { return c.passed + c.skipped + c.red() }

// redReason is why a run is red. A file that could not be loaded is listed like a test by all tools, and is none.
func (c counts) redReason(unloaded int, first Finding) string {
	if unloaded == 0 {
		return fmt.Sprintf("%d of %d tests failed, first: %s", c.red(), c.total(), first.ID)
	}
	files := fmt.Sprintf("%d test files", unloaded)
	if unloaded == 1 {
		files = "1 test file"
	}
	if failed := c.red() - unloaded; failed > 0 {
		return fmt.Sprintf("%d of %d tests failed and %s could not be loaded, first: %s", failed, c.total()-unloaded, files, first.ID)
	}
	return fmt.Sprintf("%s could not be loaded, first: %s: %s", files, first.ID, first.Title)
}

func (c counts) figures() []string {
	figures := []string{fmt.Sprintf("%d passed", c.passed)}
	for _, f := range []struct {
		n    int
		word string
	}{{c.failed, "failed"}, {c.errored, "errored"}, {c.skipped, "skipped"}} {
		if f.n > 0 {
			figures = append(figures, fmt.Sprintf("%d %s", f.n, f.word))
		}
	}
	return figures
}
