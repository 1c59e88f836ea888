package dockerfile

import (
	"regexp"
	"slices"
	"strings"
)

var (
	variable = regexp.MustCompile(`\\.|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-+=])?)`)
	// tested is a variable in a test of the shell, such as [ -n "$NAME" ]: whoever asks can do without.
	tested = regexp.MustCompile(`(?:\[ |\btest )[^\];&|]*`)
)

// references are the variables that a text needs a value of: not those with words for the case that there is none, such as
// ${NAME:-word}, and not those that it tests first.
func references(text string) (names []string) {
	var optional []string
	for _, test := range tested.FindAllString(text, -1) {
		optional = append(optional, variables(test)...)
	}
	return slices.DeleteFunc(variables(text), func(name string) bool { return slices.Contains(optional, name) })
}

func variables(text string) (names []string) {
	for {
		at := variable.FindStringSubmatchIndex(text)
		if at == nil {
			return names
		}
		group := func(n int) string {
			if at[2*n] < 0 {
				return ""
			}
			return text[at[2*n]:at[2*n+1]]
		}
		name, rest := group(1)+group(2), text[at[1]:]
		switch {
		case group(3) != "":
			rest = afterBrace(rest)
		case name != "":
			names = append(names, name)
		}
		text = rest
	}
}

// afterBrace cuts off what stands before the brace that closes, with all braces that open in between.
func afterBrace(text string) string {
	for depth := 1; depth > 0; {
		at := strings.IndexAny(text, "{}")
		if at < 0 {
			return ""
		}
		if text[at] == '{' {
			depth++
		} else {
			depth--
		}
		text = text[at+1:]
	}
	return text
}
