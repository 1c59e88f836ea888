package stages

import (
	"iter"
	"regexp"
	"strings"
)

// assignment is NAME=value; ok says that there is a =.
type assignment struct {
	pair
	ok   bool
	text string // as it was written
}

func parseAssignment(text string) assignment {
	name, value, ok := strings.Cut(text, "=")
	return assignment{pair: pair{strings.TrimSpace(name), unquote(strings.TrimSpace(value))}, ok: ok, text: text}
}

var escapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\"`, `"`)

// unquote takes off the quotes that dotenv files may have; only double ones have escapes, for values of several lines.
func unquote(value string) string {
	if len(value) < 2 || value[0] != value[len(value)-1] {
		return value
	}
	inner := value[1 : len(value)-1]
	switch value[0] {
	case '\'':
		return inner
	case '"':
		return escapes.Replace(inner)
	}
	return value
}

// A comment may follow a value behind white space, as python-dotenv and compose have it; in quotes it is none.
var commented = regexp.MustCompile(`^([^=]*=)(\s*"(?:[^"\\]|\\.)*"|\s*'[^']*'|.*?)(?:\s+#.*|\s*)$`)

// dotenvLines are the lines of a dotenv file that say something, by their numbers: one language for variables, secrets and
// credentials, because one file may serve as all of them.
func dotenvLines(text string) iter.Seq2[int, assignment] {
	return func(yield func(int, assignment) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
			if line != "" && !strings.HasPrefix(line, "#") && !yield(number, parseAssignment(commented.ReplaceAllString(line, "$1$2"))) {
				return
			}
		}
	}
}
