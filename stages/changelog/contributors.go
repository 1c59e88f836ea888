package changelog

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	coAuthor = regexp.MustCompile(`(?mi)^co-authored-by:[ \t]*([^<>\r\n]*?)[ \t]*<([^<>\r\n]*)>[ \t]*\r?$`)
	// noReply takes the login out of the address with which a forge hides the real one.
	noReply = regexp.MustCompile(`(?i)^(?:[0-9]+[+-])?([^@]+)@(?:users\.)?noreply\.(.+)$`)
	// mailDomain is cut out of names, because some people's name is their address.
	mailDomain = regexp.MustCompile(`@[^\s@<>]+\.[^\s@<>]+`)

	botName = regexp.MustCompile(`(?i)(?:\[bot\]|-bot)$|^(?:app/.*|dependabot|renovate|github-actions)$`)
	botMail = regexp.MustCompile(`(?i)^(?:no-?reply@.*|.*\[bot\]@.*)$`)
)

// display is the login, or else the name without any address in it.
func (p Person) display() string {
	return clean(cmp.Or(p.Login, mailDomain.ReplaceAllString(p.Name, "")))
}

func (p Person) isBot() bool {
	return botName.MatchString(p.Login) || botName.MatchString(p.Name) || botMail.MatchString(p.Email)
}

// people collects persons by account, or by address where no account is known (C14).
type people struct {
	host     string
	accounts map[string]string // login by address
	byKey    map[string]*contributor
}

// contributor is one person with every address and login they were seen under.
type contributor struct {
	Person
	keys []string
}

func (b *builder) contributors(units []unit) []Contributor {
	p := people{host: host(b.opt.Links.Repository), accounts: make(map[string]string), byKey: make(map[string]*contributor)}
	for _, c := range b.commits {
		p.setAccount(c.Author.Email, c.Author.Login)
	}
	for _, u := range units {
		p.learn(b.authors(u), Person{Login: b.pulls[u.number].Author})
	}
	for _, u := range units {
		p.add(Person{Login: b.pulls[u.number].Author})
		for _, author := range b.authors(u) {
			p.add(author)
		}
		for _, i := range b.work(u.commits) {
			for _, m := range coAuthor.FindAllStringSubmatch(b.commits[i].Body, -1) {
				p.add(Person{Name: m[1], Email: m[2]})
			}
		}
	}
	return p.sorted(b.opt.Links.User, b.in.Prior)
}

func (b *builder) authors(u unit) []Person {
	var authors []Person
	for _, i := range b.work(u.commits) {
		authors = append(authors, b.commits[i].Author)
	}
	return authors
}

// learn takes the address that wrote all of a pull request for that of the account which opened it.
func (p *people) learn(authors []Person, opener Person) {
	first := authors[0]
	others := slices.ContainsFunc(authors, func(a Person) bool { return !strings.EqualFold(a.Email, first.Email) })
	if !others && !first.isBot() && !opener.isBot() {
		p.setAccount(first.Email, opener.Login)
	}
}

func (p *people) setAccount(email, login string) {
	if email != "" && login != "" {
		setFirst(p.accounts, email, login)
	}
}

// login is the account of a person if anything tells it.
func (p *people) login(who Person) string {
	if who.Login != "" {
		return who.Login
	}
	// The same forge only: a login on another one belongs to somebody else here.
	m := noReply.FindStringSubmatch(who.Email)
	if m != nil && strings.EqualFold(m[2], p.host) {
		return m[1]
	}
	return p.accounts[strings.ToLower(who.Email)]
}

func (p *people) add(who Person) {
	who.Login = p.login(who)
	if who.isBot() || (who == Person{}) {
		return
	}
	email, login := strings.ToLower(who.Email), strings.ToLower(who.Login)
	key := "name " + who.Name
	switch {
	case login != "":
		key = "login " + login
	case email != "":
		key = "email " + email
	}
	if p.byKey[key] == nil {
		p.byKey[key] = &contributor{Person: who}
	}
	p.byKey[key].keys = append(p.byKey[key].keys, email, login)
}

func (p *people) sorted(userBase string, prior map[string]bool) []Contributor {
	known := make(map[string]bool, len(prior))
	for key, yes := range prior {
		known[strings.ToLower(key)] = yes && key != ""
	}
	all := make([]Contributor, 0, len(p.byKey))
	for _, c := range p.byKey {
		met := slices.ContainsFunc(c.keys, func(key string) bool { return known[key] })
		all = append(all, Contributor{
			Name:  cmp.Or(c.display(), "(no name)"),
			URL:   address(userBase, c.Login),
			First: prior != nil && !met,
		})
	}
	slices.SortFunc(all, func(x, y Contributor) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.line(), y.line()))
	})
	return all
}

func host(repository string) string {
	at, err := url.Parse(repository)
	if err != nil {
		return ""
	}
	return at.Hostname()
}
