package changelog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

var (
	coAuthor = regexp.MustCompile(`(?mi)^co-authored-by:[ \t]*([^<>\r\n]*?)[ \t]*<([^<>\r\n]*)>[ \t]*\r?$`)
	// mailDomain is cut out of names, because some people's name is their address.
	mailDomain = regexp.MustCompile(`@[^\s@<>]+\.[^\s@<>]+`)

	botName = regexp.MustCompile(`(?i)^(?:app/.*|dependabot.*|renovate.*|github[ -]actions?|actions-user|web-flow|copilot|` +
		`(?:hosted )?weblate|crowdin|mergify|depfu|greenkeeper|allcontributors|travis ci)$`)
	botEnd = regexp.MustCompile(`(?i)(?:\[bot\]|bot)$`)
	// surname is what ends like a bot and is none.
	surname = regexp.MustCompile(`(?i)(?:tal|ab|ca|her)bot$`)
	botMail = regexp.MustCompile(`(?i)^(?:no-?reply@.*|.*\[bot\]@.*)$`)
)

// display is the login, or else the name without any address in it.
func (p Person) display() string {
	return clean(cmp.Or(p.Login, mailDomain.ReplaceAllString(p.Name, "")))
}

func (p Person) isBot() bool {
	return isBotName(p.Login) || isBotName(p.Name) || botMail.MatchString(p.Email)
}

func isBotName(name string) bool {
	return botName.MatchString(name) || botEnd.MatchString(name) && !surname.MatchString(name)
}

// contributors are the people of the entries that are listed (C14).
func (b *builder) contributors(units []unit) []Contributor {
	listed := make(map[*contributor]bool)
	for _, u := range units {
		for _, who := range slices.Concat([]Person{{Login: b.pulls[u.number].Author}}, b.authors(u), b.coAuthors(u)) {
			if c := b.people.find(who); c != nil {
				listed[c] = true
			}
		}
	}
	all := make([]Contributor, 0, len(listed))
	for c := range listed {
		all = append(all, Contributor{
			Name:  cmp.Or(c.display(), "(no name)"),
			URL:   address(b.opt.Links.User, c.Login),
			First: b.in.Prior != nil && b.people.isNew(c),
		})
	}
	slices.SortFunc(all, func(x, y Contributor) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.line(), y.line()))
	})
	return all
}

// author is who an entry is by, under the name that stands among the contributors.
func (b *builder) author(u unit) string {
	who := b.authors(u)[0]
	if opener := b.pulls[u.number].Author; opener != "" {
		who = Person{Login: opener}
	}
	if c := b.people.find(who); c != nil {
		who = c.Person
	}
	return who.display()
}

func (b *builder) authors(u unit) []Person {
	var authors []Person
	for _, i := range b.work(u.commits) {
		authors = append(authors, b.commits[i].Author)
	}
	return authors
}

func (b *builder) coAuthors(u unit) []Person {
	var authors []Person
	for _, i := range b.work(u.commits) {
		authors = append(authors, b.commits[i].coAuthors()...)
	}
	return authors
}

func (c Commit) coAuthors() []Person {
	var authors []Person
	for _, m := range coAuthor.FindAllStringSubmatch(c.Body, -1) {
		authors = append(authors, Person{Name: m[1], Email: m[2]})
	}
	return authors
}
