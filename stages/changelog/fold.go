package changelog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Dependencies is the name of the group after the last category, for updates that nobody reads one by one (C17).
const Dependencies = "Dependencies"

var (
	dependencyScopes = []string{"deps", "deps-dev", "dependencies"}
	dependencyBot    = regexp.MustCompile(`(?i)^(?:app/)?(?:dependabot|renovate|depfu|greenkeeper|pyup|snyk)\b`)
	// bump is what bots write: bump x from 1 to 2 in /web, update dependency x to v2.
	bump = regexp.MustCompile(`(?i)^((?:bump|update|upgrade)s? (?:dependency )?)(\S+)((?: \S+)?) (?:from (\S+) )?to (\S+)(.*)$`)
	// groupBump is what Dependabot writes for several at once: bump the npm group in /web with 3 updates.
	groupBump = regexp.MustCompile(`(?i)^(bump the \S+ group.*) with (\d+) updates?$`)
)

// isDependency leaves alone what a label sorted, or what calls for more than a patch, unless a bot only raised a version.
func (b *builder) isDependency(e Entry, h header, byLabel bool) bool {
	last := len(b.opt.Categories) - 1
	at := slices.Index(b.kinds.names, e.Category)
	bot := dependencyBot.MatchString(e.Author)
	more := cmp.Or(b.opt.Categories[at].Calls, Patch) != Patch && !(bot && bump.MatchString(h.Title))
	if at != last && (byLabel || more) {
		return false
	}
	return bot || slices.Contains(dependencyScopes, strings.ToLower(h.Scope))
}

// fold makes one line of entries with one title, and of the updates of one dependency. It stands where the first one stood.
func fold(entries []Entry) []Entry {
	folded := make([]Entry, 0, len(entries))
	at := make(map[string]int)
	for _, e := range entries {
		key := e.foldKey()
		i, known := at[key]
		if !known {
			at[key] = len(folded)
			folded = append(folded, e)
			continue
		}
		folded[i] = folded[i].with(e)
	}
	return folded
}

func (e Entry) foldKey() string {
	title := e.Title
	switch {
	case title == noTitle:
		title = e.Hashes[0]
	case e.Category == Dependencies:
		title = updated(title)
	}
	return e.Category + "\x00" + e.Scope + "\x00" + title
}

// updated is what an update is of, without its versions.
func updated(title string) string {
	if m := bump.FindStringSubmatch(title); m != nil {
		return "update " + strings.ToLower(m[2]+m[3]+m[6])
	}
	if m := groupBump.FindStringSubmatch(title); m != nil {
		return strings.ToLower(m[1])
	}
	return title
}

// with is the entry with a later one of the same key.
func (e Entry) with(later Entry) Entry {
	e.Title = cmp.Or(summed(e.Title, later.Title), fromFirst(e.Title, later.Title))
	e.More = append(append(e.More, later.Ref), later.More...)
	e.Numbers = slices.Concat(e.Numbers, later.Numbers)
	e.Hashes = slices.Concat(e.Hashes, later.Hashes)
	e.Breaking = e.Breaking || later.Breaking
	e.Breaks = slices.Concat(e.Breaks, later.Breaks)
	if !slices.Contains(strings.Split(e.Author, ", "), later.Author) {
		e.Author += ", " + later.Author
	}
	return e
}

// summed counts the updates of a group; it is empty for other titles.
func summed(first, later string) string {
	one, other := groupBump.FindStringSubmatch(first), groupBump.FindStringSubmatch(later)
	if one == nil || other == nil {
		return ""
	}
	before, _ := strconv.Atoi(one[2])
	more, _ := strconv.Atoi(other[2])
	return fmt.Sprintf("%s with %d updates", one[1], before+more)
}

// fromFirst is the title of the later update with the version from which the first one started.
func fromFirst(first, later string) string {
	from, to := bump.FindStringSubmatch(first), bump.FindStringSubmatch(later)
	if from == nil || to == nil {
		return first
	}
	start := ""
	if from[4] != "" {
		start = " from " + from[4]
	}
	return clean(to[1] + to[2] + to[3] + start + " to " + to[5] + to[6])
}
