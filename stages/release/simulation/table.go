package simulation

import (
	"fmt"
	"strings"
)

// Table adds up what many histories showed.
type Table struct {
	rows   map[string]*row
	faults map[Kind]int
	Broken []Result // those that broke a rule
	Sum    row
}

type row struct {
	Histories, Runs, Requests, Killed, Lost, Violations int
}

// NewTable is an empty one.
func NewTable() *Table { return &Table{rows: map[string]*row{}, faults: map[Kind]int{}} }

// Add counts one history.
func (t *Table) Add(r Result) {
	of := t.rows[r.Story.Name]
	if of == nil {
		of = &row{}
		t.rows[r.Story.Name] = of
	}
	for _, one := range []*row{of, &t.Sum} {
		one.Histories++
		one.Runs += r.Runs
		one.Requests += r.Requests
		one.Killed += r.Faults[KilledBefore] + r.Faults[KilledInside] + r.Faults[KilledAfter]
		one.Lost += r.Outcomes[lockLost]
		one.Violations += len(r.Violations)
	}
	for kind, n := range r.Faults {
		t.faults[kind] += n
	}
	if len(r.Violations) > 0 {
		t.Broken = append(t.Broken, r)
	}
}

// Markdown is the table as .github/docs/development.md shows it.
func (t *Table) Markdown() string {
	var text strings.Builder
	text.WriteString("| What happens | Histories | Runs to their end | Killed | Lock lost | Requests | Violations |\n")
	text.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, name := range Stories {
		if of := t.rows[name]; of != nil {
			text.WriteString(of.line(name))
		}
	}
	text.WriteString(t.Sum.line("**all**"))
	text.WriteString("\n| What goes wrong | Times |\n| --- | ---: |\n")
	for _, kind := range Kinds {
		fmt.Fprintf(&text, "| %s | %s |\n", kind, thousands(t.faults[kind]))
	}
	return text.String()
}

func (r row) line(name string) string {
	text := "| " + name
	for _, n := range []int{r.Histories, r.Runs, r.Killed, r.Lost, r.Requests, r.Violations} {
		text += " | " + thousands(n)
	}
	return text + " |\n"
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
