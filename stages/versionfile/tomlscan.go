package versionfile

import (
	"fmt"
	"slices"
	"strings"
)

// maxNesting keeps a hostile file from exhausting the stack.
const maxNesting = 100

// tomlScanner names every value of a TOML file and says where it stands. It reads what is valid and need not refuse
// all that is not; the tools that own the file do. After a failure it stands at the end, so that no loop goes on.
type tomlScanner struct {
	src      string
	pos      int
	table    []string       // keys of the current header
	element  int            // see tomlValue
	elements map[string]int // latest element of each [[table]]
	depth    int
	values   []tomlValue
	err      error
}

func scanTOML(src string) ([]tomlValue, error) {
	s := &tomlScanner{src: src, elements: map[string]int{}}
	s.accept(byteOrderMark)
	for s.skipBlank(); !s.done(); s.skipBlank() {
		s.statement()
		s.endOfLine()
	}
	return s.values, s.err
}

func (s *tomlScanner) statement() {
	switch {
	case s.accept("[["):
		s.table = s.key()
		s.expect("]]")
		s.element = s.pos
		s.elements[joined(s.table)] = s.pos
	case s.accept("["):
		s.table = s.key()
		s.expect("]")
		s.element = s.enclosing(s.table)
	default:
		s.pair(s.table, false)
	}
}

// enclosing finds the [[table]] that a header continues: [a.b] after [[a]] belongs to the latest a.
func (s *tomlScanner) enclosing(keys []string) int {
	for n := len(keys); n > 0; n-- {
		if element, ok := s.elements[joined(keys[:n])]; ok {
			return element
		}
	}
	return 0
}

// joined makes a map key that no dot inside a quoted key can imitate.
func joined(keys []string) string { return fmt.Sprintf("%q", keys) }

func (s *tomlScanner) pair(table []string, inArray bool) {
	keys := slices.Concat(table, s.key())
	s.expect("=")
	s.skipSpace()
	s.value(keys, inArray)
}

// key reads a.b."c d" with spaces around its dots.
func (s *tomlScanner) key() []string {
	var keys []string
	for {
		s.skipSpace()
		keys = append(keys, s.simpleKey())
		s.skipSpace()
		if !s.accept(".") {
			return keys
		}
	}
}

func (s *tomlScanner) simpleKey() string {
	start := s.pos
	if quote := s.peek(); quote == '"' || quote == '\'' {
		s.shortString(quote)
		text, ok := unquote(s.src[start:s.pos])
		if !ok {
			s.fail(start, "a key")
		}
		return text
	}
	s.skipWhile(isBareKey)
	if s.pos == start {
		s.fail(start, "a key")
	}
	return s.src[start:s.pos]
}

func isBareKey(c byte) bool {
	return c == '-' || c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *tomlScanner) value(keys []string, inArray bool) {
	start := s.pos
	if s.depth++; s.depth > maxNesting {
		s.fail(start, fmt.Sprintf("at most %d nested values", maxNesting))
	}
	switch c := s.peek(); c {
	case '"', '\'':
		s.anyString(c)
	case '[':
		s.list("]", func() { s.value(keys, true) })
	case '{':
		s.list("}", func() { s.pair(keys, inArray) })
	default:
		s.scalar()
	}
	s.depth--
	s.values = append(s.values, tomlValue{span{start, s.pos}, keys, s.element, inArray})
}

// list reads items up to the closing bracket. Line breaks in inline tables are new in TOML 1.1.
func (s *tomlScanner) list(closing string, item func()) {
	start := s.pos
	s.pos++
	for s.skipBlank(); !s.accept(closing); s.skipBlank() {
		if s.done() {
			s.fail(start, "a closing "+closing)
			return
		}
		item()
		s.skipBlank()
		if !s.accept(",") && !s.startsWith(closing) {
			s.fail(s.pos, "a comma or "+closing)
		}
	}
}

// scalar reads a number, a boolean or a time; a date and its time may be apart by one space.
func (s *tomlScanner) scalar() {
	start := s.pos
	s.skipWhile(isScalar)
	if s.pos == start {
		s.fail(start, "a value")
	}
	if rest := s.src[s.pos:]; len(rest) > 1 && rest[0] == ' ' && isDigit(rest[1]) {
		s.pos++
		s.skipWhile(isScalar)
	}
}

func isScalar(c byte) bool { return isBareKey(c) || c == '+' || c == '.' || c == ':' }

func (s *tomlScanner) anyString(quote byte) {
	if s.accept(strings.Repeat(string(quote), 3)) {
		s.longString(quote)
		return
	}
	s.shortString(quote)
}

// shortString reads from the opening quote to behind the closing one on the same line.
func (s *tomlScanner) shortString(quote byte) {
	start := s.pos
	for s.pos++; !s.done() && s.peek() != '\n'; s.pos++ {
		if s.peek() == quote {
			s.pos++
			return
		}
		s.skipEscaped(quote)
	}
	s.fail(start, "a closing quote")
}

// longString reads to behind three quotes; up to two more of them belong to the text.
func (s *tomlScanner) longString(quote byte) {
	start := s.pos
	closing := strings.Repeat(string(quote), 3)
	for ; !s.done(); s.pos++ {
		if s.accept(closing) {
			for range 2 {
				s.accept(string(quote))
			}
			return
		}
		s.skipEscaped(quote)
	}
	s.fail(start, "closing quotes")
}

// skipEscaped steps onto a character that a backslash keeps from ending the string; ' strings have no escapes.
func (s *tomlScanner) skipEscaped(quote byte) {
	if quote == '"' && (s.startsWith(`\\`) || s.startsWith(`\"`)) {
		s.pos++
	}
}

// endOfLine refuses a second statement on a line, which would be a misread string more often than a typing error.
func (s *tomlScanner) endOfLine() {
	s.skipSpace()
	s.skipComment()
	if !s.done() && !s.accept("\n") && !s.accept("\r\n") {
		s.fail(s.pos, "the end of the line")
	}
}

func (s *tomlScanner) skipBlank() {
	for s.skipSpace(); s.accept("\n") || s.accept("\r\n") || s.skipComment(); s.skipSpace() {
	}
}

func (s *tomlScanner) skipComment() bool {
	if s.peek() != '#' {
		return false
	}
	s.skipWhile(func(c byte) bool { return c != '\n' })
	return true
}

func (s *tomlScanner) skipSpace() {
	s.skipWhile(func(c byte) bool { return c == ' ' || c == '\t' })
}

func (s *tomlScanner) skipWhile(wanted func(byte) bool) {
	for !s.done() && wanted(s.src[s.pos]) {
		s.pos++
	}
}

func (s *tomlScanner) done() bool { return s.pos >= len(s.src) }

// peek returns the next byte, or 0 at the end.
func (s *tomlScanner) peek() byte {
	if s.done() {
		return 0
	}
	return s.src[s.pos]
}

func (s *tomlScanner) startsWith(text string) bool { return strings.HasPrefix(s.src[s.pos:], text) }

func (s *tomlScanner) accept(text string) bool {
	if !s.startsWith(text) {
		return false
	}
	s.pos += len(text)
	return true
}

func (s *tomlScanner) expect(text string) {
	if !s.accept(text) {
		s.fail(s.pos, text)
	}
}

// fail keeps the first failure and ends the scan.
func (s *tomlScanner) fail(at int, expected string) {
	if s.err == nil {
		s.err = fmt.Errorf("line %d: expected %s, found %s; correct the file",
			1+strings.Count(s.src[:at], "\n"), expected, foundAt(s.src[at:]))
	}
	s.pos = len(s.src)
}

func foundAt(rest string) string {
	if rest == "" {
		return "the end of the file"
	}
	line, _, _ := strings.Cut(rest, "\n")
	return fmt.Sprintf("%q", cut(line))
}
