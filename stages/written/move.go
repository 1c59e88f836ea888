package written

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"dagger/slipway/stages/version"
)

// Moved is a changelog in which what was unreleased has become a version's; without a path, it stays as it is.
type Moved struct {
	Path    string
	Content []byte
	// Consumed are the fragments that went into it, and those that say nothing.
	Consumed []string
}

// Move gives a version its section in the changelog: what is unreleased, and the fragments. All other bytes stay. There is
// nothing to move where no changelog has a place for what is unreleased, where nothing is, and where the version has its
// section already.
func Move(files Files, t Text, v version.Version, day time.Time) (Moved, bool) {
	name, p, s, ok := files.unreleased()
	_, has := Section(files, v)
	switch {
	case !ok || has:
		return Moved{}, false
	case t.Markdown() == "":
		return Moved{Consumed: t.Fragments}, len(t.Fragments) > 0
	}
	text := p.edited(slices.Concat(p.newSection(s, t, v, day), p.movedLinks(s, v)))
	if strings.HasPrefix(string(files[name]), byteOrderMark) {
		text = byteOrderMark + text
	}
	return Moved{Path: name, Content: []byte(text), Consumed: t.Fragments}, true
}

// edit puts lines in the place of a span.
type edit struct {
	span
	text string
}

// edited writes line breaks as the page does.
func (p page) edited(edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var text strings.Builder
	from := 0
	for _, e := range edits {
		if strings.Contains(p.text, "\r\n") {
			e.text = strings.ReplaceAll(e.text, "\n", "\r\n")
		}
		text.WriteString(p.text[from:e.start] + e.text)
		from = e.end
	}
	return text.String() + p.text[from:]
}

// newSection puts the heading of the version right below the one of what is unreleased, and the fragments to the end.
func (p page) newSection(s section, t Text, v version.Version, day time.Time) []edit {
	begin := "\n" + p.newHeading(s, v, day) + "\n"
	if !strings.HasSuffix(p.text[:s.head.end], "\n") {
		begin = "\n" + begin
	}
	edits := []edit{{span{s.head.end, s.head.end}, begin}}
	if list := t.list(s.head.level + 1); list != "" {
		at := p.contentEnd(s)
		list = "\n" + list + "\n"
		if at > s.head.end && !strings.HasSuffix(p.text[:at], "\n") {
			list = "\n" + list
		}
		if next := strings.TrimLeft(p.text[at:], " \t\r"); next != "" && next[0] != '\n' {
			list += "\n"
		}
		edits = append(edits, edit{span{at, at}, list})
	}
	return edits
}

// contentEnd is the end of the last line that is neither blank nor one of the definitions of the whole file.
func (p page) contentEnd(s section) int {
	end := s.body.end
	for {
		end = s.body.start + len(strings.TrimRight(p.text[s.body.start:end], " \t\r\n"))
		if end == s.body.start {
			return end
		}
		end = p.lineEnd(end - 1)
		at := slices.IndexFunc(p.blocks, func(b block) bool { return b.kind == definition && b.end == end && b.start >= s.body.start })
		if at < 0 {
			return end
		}
		end = p.blocks[at].start
	}
}

// newHeading is written as the one of what is unreleased.
func (p page) newHeading(s section, v version.Version, day time.Time) string {
	text := p.newTitle(s, v, day)
	switch {
	case p.isATX(s.head):
		return strings.Repeat("#", s.head.level) + " " + text
	case s.head.level == 1:
		return text + "\n" + strings.Repeat("=", len(text))
	}
	return text + "\n" + strings.Repeat("-", len(text))
}

// newTitle is in the style of the newest version, of those at the level of what is unreleased if there are any.
func (p page) newTitle(s section, v version.Version, day time.Time) string {
	text := ""
	for _, other := range p.sections() {
		t, ok := titleOf(other.head.name)
		if !ok || other.head.start < s.body.end {
			continue
		}
		if other.head.level == s.head.level {
			return t.like(v, day)
		}
		text = cmp.Or(text, t.like(v, day))
	}
	return cmp.Or(text, firstTitle(s.head.name, v, day))
}

// comparison is the address of what changed between two versions, on every forge: .../compare/v1.2.0...HEAD.
var comparison = regexp.MustCompile(`^(.*/)([^/]*?)(\d+\.\d+\.\d+[0-9A-Za-z-]*(?:\.[0-9A-Za-z-]+)*)(\.{2,3})([^/]+)$`)

// comparedTo is the version in the heading's own link to what is unreleased since.
var comparedTo = regexp.MustCompile(`(\d+\.\d+\.\d+[0-9A-Za-z-]*(?:\.[0-9A-Za-z-]+)*)\.{2,3}[^/\s)]+\)`)

// movedLinks lets the links to what is unreleased begin at the version.
func (p page) movedLinks(s section, v version.Version) []edit {
	m := comparedTo.FindStringSubmatchIndex(p.text[s.head.start:s.head.end])
	if m == nil {
		return p.movedDefinition(v)
	}
	return append(p.movedDefinition(v), edit{span{s.head.start + m[2], s.head.start + m[3]}, v.String()})
}

// movedDefinition does it at the foot of the changelog, and adds the version's own link there.
func (p page) movedDefinition(v version.Version) []edit {
	at := slices.IndexFunc(p.blocks, func(b block) bool { return b.kind == definition && b.name == "unreleased" })
	if at < 0 {
		return nil
	}
	d := p.blocks[at]
	line := p.text[d.start:d.end]
	to := strings.Index(line, d.to)
	m := comparison.FindStringSubmatch(d.to)
	if to < 0 || m == nil || m[3] == v.String() {
		return nil
	}
	base, prefix, old, dots, head := m[1], m[2], m[3], m[4], m[5]
	edits := []edit{{span{d.start + to, d.start + to + len(d.to)}, base + prefix + v.String() + dots + head}}
	own := p.labelLike(v, old)
	if p.defines(own) {
		return edits
	}
	added := "[" + own + "]: " + base + prefix + old + dots + prefix + v.String() + "\n"
	if !strings.HasSuffix(line, "\n") {
		added = "\n" + strings.TrimSuffix(added, "\n")
	}
	return append(edits, edit{span{d.end, d.end}, added})
}

// labelLike is the label of a version's link, with a v if the one of the version before has it.
func (p page) labelLike(v version.Version, before string) string {
	if p.defines("v" + before) {
		return "v" + v.String()
	}
	return v.String()
}

func (p page) defines(name string) bool {
	return slices.ContainsFunc(p.blocks, func(b block) bool { return b.kind == definition && b.name == label(name) })
}
