// Package dockerfile reads what a Dockerfile asks of those who build it.
package dockerfile

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// predefined are the build arguments that BuildKit gives, or that work without a value.
var predefined = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH", "TARGETSTAGE",
	"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT",
}

func isPredefined(name string) bool {
	return slices.Contains(predefined, strings.ToUpper(name)) || strings.HasPrefix(name, "BUILDKIT_")
}

// Missing names the build arguments, sorted, that the target has no value for: the Dockerfile has no default for them, and they
// are not among those given. Used are those that it refers to, bundled those that a bundler finds in the environment of a RUN,
// if it looks for them. An empty target is the last stage. What cannot be parsed is for the build to refuse.
func Missing(text []byte, target string, given []string) (used, bundled []string) {
	f := read(text)
	global := scope{has: func(name string) bool { return isPredefined(name) || slices.Contains(given, name) }}
	global.read(f.global)
	missing, open := map[string]bool{}, map[string]bool{}
	for _, n := range f.needed(f.find(target)) {
		maps.Copy(missing, global.missing(f.stages[n].from))
		s := scope{has: func(name string) bool { return global.has(name) || global.defined[name] }}
		s.read(f.instructions(n))
		maps.Copy(missing, s.used)
		maps.Copy(open, s.bundled)
	}
	maps.DeleteFunc(open, func(name string, _ bool) bool { return missing[name] })
	return slices.Sorted(maps.Keys(missing)), slices.Sorted(maps.Keys(open))
}

// file is a Dockerfile by its stages.
type file struct {
	global []*parser.Node // before the first FROM
	stages []stage
}

type stage struct {
	name, base   string
	from         *parser.Node
	instructions []*parser.Node
}

// read is empty for what cannot be parsed: that is for the build to refuse.
func read(text []byte) file {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return file{}
	}
	return split(parsed.AST.Children)
}

func split(nodes []*parser.Node) (f file) {
	for _, node := range nodes {
		switch last := len(f.stages) - 1; {
		case strings.EqualFold(node.Value, command.From):
			f.stages = append(f.stages, newStage(node))
		case last < 0:
			f.global = append(f.global, node)
		default:
			f.stages[last].instructions = append(f.stages[last].instructions, node)
		}
	}
	return f
}

// newStage reads FROM base [AS name].
func newStage(node *parser.Node) stage {
	words := values(node)
	s := stage{from: node}
	if len(words) > 0 {
		s.base = words[0]
	}
	if len(words) == 3 {
		s.name = words[2]
	}
	return s
}

// values are the words of an instruction, without its flags.
func values(node *parser.Node) (words []string) {
	for n := node.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	return words
}

// find returns the number of the stage that is built, and -1 if there is none.
func (f file) find(target string) int {
	if target == "" {
		return len(f.stages) - 1
	}
	return f.named(target, len(f.stages))
}

// named finds a stage before another one by name or number.
func (f file) named(name string, before int) int {
	for n := before - 1; n >= 0; n-- {
		if strings.EqualFold(f.stages[n].name, name) {
			return n
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return n
	}
	return -1
}

// needed are the numbers of the stages that a stage is made of, with its own.
func (f file) needed(n int) []int {
	if n < 0 {
		return nil
	}
	all := []int{n}
	for i := 0; i < len(all); i++ {
		for _, name := range f.stages[all[i]].sources() {
			if source := f.named(name, all[i]); source >= 0 && !slices.Contains(all, source) {
				all = append(all, source)
			}
		}
	}
	return all
}

// sources are the names of what a stage starts from, copies from and mounts.
func (s stage) sources() []string {
	names := []string{s.base}
	for _, node := range s.instructions {
		for _, flag := range node.Flags {
			for part := range strings.SplitSeq(flag, ",") {
				if _, name, ok := strings.Cut(part, "from="); ok {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// instructions are those of a stage, after those of the stages that it starts from, whose arguments it inherits.
func (f file) instructions(n int) []*parser.Node {
	var all []*parser.Node
	if base := f.named(f.stages[n].base, n); base >= 0 {
		all = f.instructions(base)
	}
	return slices.Concat(all, f.stages[n].instructions)
}

// scope is where build arguments are declared and used.
type scope struct {
	has     func(name string) bool // has a value from outside
	unset   map[string]bool        // declared without any
	defined map[string]bool
	used    map[string]bool // while unset
	bundled map[string]bool // in the environment of a RUN while unset
}

func (s *scope) read(nodes []*parser.Node) {
	s.unset, s.defined, s.used, s.bundled = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, node := range nodes {
		maps.Copy(s.used, s.missing(node))
		switch strings.ToLower(node.Value) {
		case command.Arg:
			for _, word := range values(node) {
				name, value, valued := strings.Cut(word, "=")
				s.declare(name, valued && !isItself(name, value))
			}
		case command.Run:
			for name := range s.unset {
				if isPublic(name) && !strings.Contains(node.Original, name) {
					s.bundled[name] = true
				}
			}
		case command.Env:
			for words := values(node); len(words) > 1; words = words[min(3, len(words)):] { // name, value, separator
				s.declare(words[0], true)
			}
		}
	}
}

// isItself says whether a default names the argument itself, and so gives it nothing.
func isItself(name, value string) bool {
	return slices.Contains([]string{"$" + name, "${" + name + "}"}, strings.Trim(value, `"`))
}

// isPublic says whether a bundler puts an argument into what browsers load. It finds it in the environment of any RUN, where
// arguments are, so the Dockerfile need not mention it again.
func isPublic(name string) bool {
	return slices.ContainsFunc([]string{"VITE_", "NEXT_PUBLIC_", "REACT_APP_", "NUXT_PUBLIC_", "PUBLIC_", "VUE_APP_"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

func (s *scope) declare(name string, valued bool) {
	switch {
	case valued:
		s.defined[name] = true
		delete(s.unset, name)
	case !s.has(name) && !s.defined[name]:
		s.unset[name] = true
	}
}

// missing are the names without a value that an instruction refers to.
func (s *scope) missing(node *parser.Node) map[string]bool {
	found := map[string]bool{}
	texts := []string{node.Original}
	for _, heredoc := range node.Heredocs {
		texts = append(texts, heredoc.Content)
	}
	for _, name := range references(strings.Join(texts, "\n")) {
		if s.unset[name] {
			found[name] = true
		}
	}
	return found
}
