package gate

import (
	"fmt"
	"slices"
	"strings"
)

// severities are Trivy's, the worst first.
var severities = []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"}

// Policy says which findings of Trivy stop a release.
type Policy struct {
	// Dev lets vulnerabilities of development dependencies stop a release too.
	Dev bool
	// Released are the files whose misconfigurations can stop a release, by their paths in the repository.
	Released []string

	severities []string // in the order of severities
	misconfig  []string // of misconfigurations, in the same order
	unfixed    bool
	deny       []string // lower case
}

// NewPolicy reads the settings severity ("HIGH,CRITICAL"), gateUnfixed and licenceDeny ("AGPL-3.0, GPL-3.0").
func NewPolicy(severity string, gateUnfixed bool, licenceDeny string) (Policy, error) {
	p := Policy{unfixed: gateUnfixed}
	var err error
	if p.severities, err = parseSeverities(severity); err != nil {
		return Policy{}, err
	}
	if strings.TrimSpace(licenceDeny) == "" {
		return p, nil
	}
	for name := range strings.SplitSeq(strings.ToLower(licenceDeny), ",") {
		name = strings.Join(strings.Fields(name), " ")
		if name == "" {
			return Policy{}, fmt.Errorf("licenceDeny %.60q has an empty entry: write licence ids such as AGPL-3.0-only, separated by single commas", licenceDeny)
		}
		p.deny = append(p.deny, name)
	}
	return p, nil
}

// SetMisconfigurations reads the setting misconfigSeverity: which misconfigurations of the released files stop a release.
func (p *Policy) SetMisconfigurations(severity string) (err error) {
	p.misconfig, err = parseSeverities(severity)
	return err
}

// parseSeverities reads "HIGH,CRITICAL" in any order and case.
func parseSeverities(setting string) (chosen []string, err error) {
	named := strings.Split(strings.ToUpper(setting), ",")
	for i, s := range named {
		named[i] = strings.TrimSpace(s)
		if !slices.Contains(severities, named[i]) {
			return nil, fmt.Errorf("severity %.60q names %.60q, which is none of %s", setting, named[i], strings.Join(severities, ", "))
		}
	}
	for _, s := range severities {
		if slices.Contains(named, s) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

// DeniesLicences says whether a licence can stop a release.
func (p Policy) DeniesLicences() bool { return len(p.deny) > 0 }

// gatesMisconfiguration says whether a misconfiguration stops a release: only where something is released.
func (p Policy) gatesMisconfiguration(severity, file string) bool {
	return slices.Contains(p.misconfig, severity) && slices.Contains(p.Released, file)
}

// gates says whether a severity is among the ones that stop a release.
func (p Policy) gates(severity string) bool { return slices.Contains(p.severities, severity) }

// maxTokens keeps a licence field that holds a whole licence text from being read as an expression.
const maxTokens = 100

// denies says whether a licence, an SPDX expression or a plain name, leaves no choice but a denied one:
// "MIT OR GPL-3.0-only" can be used under MIT, "MIT AND GPL-3.0-only" cannot.
func (p Policy) denies(licence string) bool {
	licence = strings.ToLower(licence)
	if p.deniesID(strings.Join(strings.Fields(licence), " ")) {
		return true
	}
	tokens := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(licence))
	if len(tokens) > maxTokens {
		return false
	}
	e := expression{tokens: tokens, denies: p.deniesID}
	denied := e.or()
	return denied && !e.broken && len(e.tokens) == 0
}

// deniesID also takes "GPL-3.0" for what SPDX calls GPL-3.0-only, GPL-3.0-or-later and GPL-3.0+ today.
func (p Policy) deniesID(id string) bool {
	family := id
	for _, suffix := range []string{"-only", "-or-later", "+"} {
		family = strings.TrimSuffix(family, suffix)
	}
	return slices.Contains(p.deny, id) || slices.Contains(p.deny, family)
}

// expression reads an SPDX licence expression from its tokens.
type expression struct {
	tokens []string
	denies func(id string) bool
	broken bool // not an expression after all
}

// next takes the next token if it is one of the given words, or any word if none is given.
func (e *expression) next(words ...string) string {
	if len(e.tokens) == 0 || len(words) > 0 && !slices.Contains(words, e.tokens[0]) {
		return ""
	}
	word := e.tokens[0]
	e.tokens = e.tokens[1:]
	return word
}

// or is denied if every choice is.
func (e *expression) or() bool {
	denied := e.and()
	for e.next("or") != "" {
		choice := e.and()
		denied = denied && choice
	}
	return denied
}

// and is denied if any part is.
func (e *expression) and() bool {
	denied := e.licence()
	for e.next("and") != "" {
		part := e.licence()
		denied = denied || part
	}
	return denied
}

// licence is an id, with or without an exception, or an expression in brackets. An exception does not lift a denial.
func (e *expression) licence() bool {
	word := e.next()
	switch word {
	case "", ")", "or", "and", "with":
		e.broken = true
		return false
	case "(":
		denied := e.or()
		e.broken = e.next(")") == "" || e.broken
		return denied
	}
	if e.next("with") == "" {
		return e.denies(word)
	}
	exception := e.next()
	e.broken = e.broken || exception == ""
	return e.denies(word) || e.denies(word+" with "+exception)
}
