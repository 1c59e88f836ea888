package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	maxIgnoreDays = 90
	day           = 24 * time.Hour
)

// The sections of an ignore file and the keys of an entry, as Trivy reads them. Trivy passes over a key that it
// does not know, so a mistyped "paths" would ignore a finding everywhere.
var (
	ignoreSections = []string{"vulnerabilities", "misconfigurations", "secrets", "licenses"}
	ignoreKeys     = []string{"id", "paths", "purls", "statement", "expired_at"}
)

// Ignores judges the file of ignored findings, content nil if the repository has none. Every entry must say why
// and until when, at most 90 days ahead; it ends at 00:00 UTC of its date.
func Ignores(name string, content []byte, now time.Time) Result {
	if content == nil {
		return Skip("no ignore file")
	}
	if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" {
		return unjudged(fmt.Sprintf("%s is not a YAML file: Trivy's plain format has no statements, so write it as .trivyignore.yaml", name))
	}
	f := ignoreFile{name: name, today: now.UTC().Truncate(day)}
	f.read(content)
	if len(f.wrong) > 0 {
		reason := f.wrong[0].Title
		if more := len(f.wrong) - 1; more > 0 {
			reason += fmt.Sprintf(" (and %d more)", more)
		}
		return Result{Verdict: Error, Reason: reason, Findings: f.wrong}
	}
	return Result{Verdict: Pass, Figures: f.figures(), Findings: f.ended}
}

// ignoreFile collects everything that is to be said about one file.
type ignoreFile struct {
	name   string
	today  time.Time // 00:00 UTC
	active int
	wrong  []Finding
	ended  []Finding
}

func (f *ignoreFile) figures() []string {
	figures := []string{fmt.Sprintf("%d ignored", f.active)}
	if n := len(f.ended); n > 0 {
		figures = append(figures, fmt.Sprintf("%d no longer ignored", n))
	}
	return figures
}

// complain notes what is wrong at a place of the file.
func (f *ignoreFile) complain(line int, id, format string, args ...any) {
	title := fmt.Sprintf("%s line %d: ", f.name, line) + oneLine(fmt.Sprintf(format, args...))
	f.wrong = append(f.wrong, Finding{Tool: "ignore file", ID: id, Title: title, File: f.name, Line: line, Gates: true})
}

func (f *ignoreFile) read(content []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		line := 1
		fmt.Sscanf(err.Error(), "yaml: line %d:", &line) // the only place where the library gives it
		f.complain(line, "", "not readable: %v", err)
		return
	}
	if len(doc.Content) == 0 || null(doc.Content[0]) {
		return
	}
	sections := f.fields(doc.Content[0], "the file", ignoreSections)
	for _, name := range ignoreSections {
		list := sections[name]
		if null(list) {
			continue
		}
		if list.Kind != yaml.SequenceNode {
			f.complain(list.Line, "", "%s is not a list of entries", name)
			continue
		}
		for _, entry := range list.Content {
			f.entry(name, entry)
		}
	}
}

// fields are the values of a mapping that has only known keys, each once; everything else is complained about.
func (f *ignoreFile) fields(node *yaml.Node, what string, known []string) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	if node.Kind != yaml.MappingNode {
		f.complain(node.Line, "", "%s is not a mapping of %s", what, strings.Join(known, ", "))
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		switch {
		case !slices.Contains(known, key.Value):
			f.complain(key.Line, "", "%q in %s is none of %s", key.Value, what, strings.Join(known, ", "))
		case fields[key.Value] != nil:
			f.complain(key.Line, "", "%s stands twice in %s", key.Value, what)
		default:
			fields[key.Value] = node.Content[i+1]
		}
	}
	return fields
}

// entry judges one entry and counts it as active or ended, which is only used if nothing is wrong in the file.
func (f *ignoreFile) entry(section string, node *yaml.Node) {
	fields := f.fields(node, "an entry of "+section, ignoreKeys)
	if fields == nil {
		return
	}
	id := oneLine(text(fields["id"]))
	what := "entry " + id + " of " + section
	if id == "" {
		what = "an entry of " + section
		f.complain(node.Line, id, "%s has no id", what)
	}
	if text(fields["statement"]) == "" {
		f.complain(node.Line, id, "%s has no statement: say why it is ignored", what)
	}
	f.scope(fields, section, id, what)
	end, ok := f.date(node.Line, fields["expired_at"], id, what)
	switch {
	case !ok:
	case end.After(f.today):
		f.active++
	default:
		f.ended = append(f.ended, Finding{Tool: "ignore file", ID: id, File: f.name, Line: node.Line,
			Title: fmt.Sprintf("%s ended on %s, its findings count again", what, end.Format(time.DateOnly))})
	}
}

// scope refuses limits that Trivy would pass over, which makes an entry ignore more than it says.
func (f *ignoreFile) scope(fields map[string]*yaml.Node, section, id, what string) {
	for _, key := range []string{"paths", "purls"} {
		list := fields[key]
		if list == nil {
			continue
		}
		empty := func(n *yaml.Node) bool { return text(n) == "" }
		if list.Kind != yaml.SequenceNode || len(list.Content) == 0 || slices.ContainsFunc(list.Content, empty) {
			f.complain(list.Line, id, "%s of %s is not a list of texts: fill it or leave it out", key, what)
		}
		if key == "purls" && section != "vulnerabilities" {
			f.complain(list.Line, id, "%s has purls, which only work for vulnerabilities", what)
		}
	}
}

// date reads expired_at. Only a bare date is taken: Trivy cannot read a quoted one, and a time of day or a
// zone would move the end away from 00:00 UTC.
func (f *ignoreFile) date(line int, node *yaml.Node, id, what string) (time.Time, bool) {
	if null(node) {
		f.complain(line, id, "%s has no expired_at: add a date at most %d days ahead", what, maxIgnoreDays)
		return time.Time{}, false
	}
	end, err := time.Parse(time.DateOnly, node.Value)
	if err != nil || node.Kind != yaml.ScalarNode || node.ShortTag() != "!!timestamp" {
		f.complain(node.Line, id, "expired_at of %s is %q: write a date such as 2025-12-31, without quotes", what, node.Value)
		return time.Time{}, false
	}
	if end.Sub(f.today) > maxIgnoreDays*day {
		f.complain(node.Line, id, "expired_at of %s is %s, more than %d days ahead", what, node.Value, maxIgnoreDays)
		return time.Time{}, false
	}
	return end, true
}

// null says whether a node is missing or holds nothing.
func null(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// text is the value of a scalar, "" for anything else.
func text(n *yaml.Node) string {
	if null(n) || n.Kind != yaml.ScalarNode {
		return ""
	}
	return strings.TrimSpace(n.Value)
}
