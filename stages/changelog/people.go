package changelog

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// noReply takes number and login out of the address with which a forge hides the real one.
var noReply = regexp.MustCompile(`(?i)^(?:([0-9]+)[+-])?([^@]+)@(?:users\.)?noreply\.(.+)$`)

// nobody are names that machines and templates give to everybody.
var nobody = []string{"", "root", "ubuntu", "user", "admin", "unknown", "your name"}

// people joins what commits and the forge say of persons: by account, then by exact name and by address (C14).
type people struct {
	host     string
	accounts map[string]string // login by address
	byKey    map[string]*contributor
	// shared are the names of more than one account.
	shared map[string]bool
	// before are the keys of earlier releases, in lower case.
	before map[string]bool
}

// contributor is one person with every key they were seen under.
type contributor struct {
	Person
	keys []string
	// named is somebody of whom more than the account is known.
	named bool
}

func newPeople(host string) *people {
	return &people{
		host: host, accounts: make(map[string]string), byKey: make(map[string]*contributor),
		shared: make(map[string]bool), before: make(map[string]bool),
	}
}

// findPeople reads the accounts first, because of two persons with one name only they tell which is which.
func (b *builder) findPeople() {
	p := newPeople(host(b.opt.Links.Repository))
	b.people = p
	units := b.allUnits()
	var openers, authors []Person
	for _, u := range units {
		openers = append(openers, Person{Login: b.pulls[u.number].Author})
	}
	for _, c := range b.commits {
		authors = append(append(authors, c.Author), c.coAuthors()...)
		p.setAccount(c.Author.Email, c.Author.Login)
	}
	b.learnAccounts(units)
	newest := slices.Clone(authors) // an account may have had another login before
	slices.Reverse(newest)
	for _, who := range slices.Concat(openers, newest, b.in.Prior) {
		if p.login(who) != "" {
			p.add(who)
		}
	}
	for _, who := range slices.Concat(authors, b.in.Prior) {
		if p.login(who) == "" {
			p.add(who)
		}
	}
	for _, who := range b.in.Prior {
		account, person := p.keys(who)
		for _, key := range append(account, person...) {
			p.before[strings.ToLower(key)] = true
		}
	}
}

// isNew is not said of somebody of whom only the account is known: earlier commits may bear a name.
func (p *people) isNew(c *contributor) bool {
	return c.named && !slices.ContainsFunc(c.keys, func(key string) bool { return p.before[strings.ToLower(key)] })
}

// learnAccounts takes the address that wrote all of a pull request for that of the account which opened it. Somebody may
// open another one's work, so the opener of most has it.
func (b *builder) learnAccounts(units []unit) {
	votes := make(map[string]map[string]int)
	for _, u := range units {
		authors, opener := b.authors(u), Person{Login: b.pulls[u.number].Author}
		first := authors[0]
		others := slices.ContainsFunc(authors, func(a Person) bool { return !strings.EqualFold(a.Email, first.Email) })
		if others || opener.Login == "" || first.isBot() || opener.isBot() {
			continue
		}
		email := strings.ToLower(first.Email)
		if votes[email] == nil {
			votes[email] = make(map[string]int)
		}
		votes[email][strings.ToLower(opener.Login)]++
	}
	for email, logins := range votes {
		b.people.setAccount(email, winner(logins))
	}
}

// winner is empty when two are level.
func winner(votes map[string]int) (name string) {
	most := 0
	for login, count := range votes {
		switch {
		case count > most:
			name, most = login, count
		case count == most:
			name = ""
		}
	}
	return name
}

func (p *people) setAccount(email, login string) {
	if email != "" && login != "" {
		setFirst(p.accounts, email, login)
	}
}

// login is the account of a person if anything tells it.
func (p *people) login(who Person) string {
	if _, login := p.hidden(who); who.Login != "" || login != "" {
		return cmp.Or(who.Login, login)
	}
	return p.accounts[strings.ToLower(who.Email)]
}

// hidden is what an address of the same forge tells: a login on another one belongs to somebody else here.
func (p *people) hidden(who Person) (number, login string) {
	m := noReply.FindStringSubmatch(who.Email)
	if m == nil || !strings.EqualFold(m[3], p.host) {
		return "", ""
	}
	return m[1], m[2]
}

// keys are the account's first, then those of the person: the address, then the name. A login may be used as a name.
func (p *people) keys(who Person) (account, person []string) {
	number, _ := p.hidden(who)
	if login := p.login(who); login != "" {
		account = append(account, "login "+strings.ToLower(login))
		person = append(person, "name "+login)
	}
	if number != "" {
		account = append(account, "number "+number)
	}
	if who.Email != "" {
		person = append(person, "email "+strings.ToLower(who.Email))
	}
	if !slices.Contains(nobody, strings.ToLower(who.Name)) {
		person = append(person, "name "+who.Name)
	}
	return account, person
}

// find is the contributor who a person is, nil for bots and for who was never added.
func (p *people) find(who Person) *contributor {
	if who.isBot() {
		return nil
	}
	account, person := p.keys(who)
	if len(account) > 0 {
		person = account
	}
	for _, key := range person {
		if c := p.byKey[key]; c != nil {
			return c
		}
	}
	return nil
}

func (p *people) add(who Person) {
	account, person := p.keys(who)
	if who.isBot() || len(account)+len(person) == 0 {
		return
	}
	c := p.find(who)
	if c == nil {
		c = &contributor{Person: who}
		c.Login = p.login(who)
	}
	c.named = c.named || who.Name != "" || who.Email != ""
	for _, key := range append(account, person...) {
		p.join(c, key)
	}
}

// join gives a key to a contributor, and all of whoever had it, unless that is another account.
func (p *people) join(c *contributor, key string) {
	other := p.byKey[key]
	switch {
	case other == c:
		return
	case other == nil && !p.shared[key]:
		p.byKey[key] = c
	case other != nil && (c.Login == "" || other.Login == "" || strings.HasPrefix(key, "number ")):
		p.byKey[key] = c
		c.Login, c.named = cmp.Or(c.Login, other.Login), c.named || other.named
		for _, theirs := range other.keys {
			p.join(c, theirs)
		}
	case strings.HasPrefix(key, "name "):
		p.shared[key] = true
		delete(p.byKey, key)
	}
	c.keys = append(c.keys, key)
}

func host(repository string) string {
	at, err := url.Parse(repository)
	if err != nil {
		return ""
	}
	return at.Hostname()
}
