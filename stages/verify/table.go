package verify

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"dagger/slipway/stages/redact"
)

// Verdict is what became of one comparison.
type Verdict string

// The verdicts.
const (
	OK         Verdict = "ok"
	Different  Verdict = "different"
	NotChecked Verdict = "not checked" // there is nothing to check it with
	NotRead    Verdict = "not read"    // somebody who was asked has not answered
)

// Row is one comparison.
type Row struct {
	What, Expected, Found string
	Verdict               Verdict
}

func (r Row) String() string {
	return fmt.Sprintf("%s: expected %s, found %s", r.What, r.Expected, r.Found)
}

// Table is all that was compared.
type Table []Row

// Red are the rows that keep a release from being what it says it is.
func (t Table) Red() Table {
	return t.with(Different, NotRead)
}

// Green says whether something was compared, and nothing is red.
func (t Table) Green() bool { return len(t.Red()) == 0 && len(t.with(OK)) > 0 }

func (t Table) with(verdicts ...Verdict) (some Table) {
	for _, r := range t {
		if slices.Contains(verdicts, r.Verdict) {
			some = append(some, r)
		}
	}
	return some
}

// Text is the table of a version for people; what is red stands first.
func (t Table) Text(version string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERDICT\tWHAT\tEXPECTED\tFOUND")
	for _, r := range append(t.Red(), t.with(OK, NotChecked)...) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Verdict, redact.OneLine(r.What), redact.OneLine(r.Expected), redact.OneLine(r.Found))
	}
	w.Flush() //nolint:errcheck // a strings.Builder takes everything
	is := "is what was released"
	if !t.Green() {
		is = "is not shown to be what was released"
	}
	fmt.Fprintf(&b, "\n%s %s: %d ok, %d different, %d not read, %d not checked\n",
		version, is, len(t.with(OK)), len(t.with(Different)), len(t.with(NotRead)), len(t.with(NotChecked)))
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var id = regexp.MustCompile(`^(sha256:)?[0-9a-f]{40,64}$`)

// short is enough of a digest or a commit to tell it from others; other words stay as they are.
func short(text string) string {
	const enough = 12
	if !id.MatchString(text) {
		return text
	}
	prefix := text[:strings.Index(text, ":")+1]
	return text[:len(prefix)+enough]
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
