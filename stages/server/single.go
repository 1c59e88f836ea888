package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	// orderLabel says whether a service's new containers start before the old ones stop, in the words of Docker Swarm.
	orderLabel = "slipway.order"
	startFirst = "start-first"
	stopFirst  = "stop-first"
	// mayRunTwice is what to do about what only looks as if it could not.
	mayRunTwice = "label it " + orderLabel + ": " + startFirst + " if it may run twice for a while"
)

// Single is a service that is stopped before its successor starts, because it cannot run twice.
type Single struct {
	Service string
	Why     string
	Change  string // what would let it run twice
	// beside says that another container of it can run all the same, reached by nobody.
	beside bool
}

// String is what there is to say about it, as a sentence.
func (s Single) String() string {
	return fmt.Sprintf("%s is stopped before its successor starts: %s; %s", s.Service, s.Why, s.Change)
}

// single says why a service cannot run twice at a time, nil if it can.
func (s service) single(name string) *Single {
	is := func(why, change string) *Single { return &Single{Service: name, Why: why, Change: change} }
	fixed := func(why, change string) *Single {
		return &Single{Service: name, Why: why, Change: change, beside: !s.caddy()}
	}
	order := s.order()
	switch {
	case s.NetworkMode != "" && s.NetworkMode != "bridge" && s.NetworkMode != "none":
		return is("it shares a network ("+s.NetworkMode+")", "leave network_mode out")
	case s.fixedAddress():
		return is("it has an address of its own", "leave ipv4_address, ipv6_address and mac_address out")
	case order == stopFirst:
		return is("it says so ("+stopFirst+")", "say "+orderLabel+": "+startFirst+" if it may run twice for a while")
	case order != startFirst && s.scheduler(name) != "":
		return is("it looks like a scheduler ("+s.scheduler(name)+")", mayRunTwice)
	case s.ContainerName != "":
		return fixed("it has a name of its own ("+s.ContainerName+")", "leave container_name out")
	case s.published() != "":
		return fixed("it publishes port "+s.published(), "leave ports out, and let a proxy in the compose file publish it")
	}
	return nil
}

// order is what a service says of itself; our label is stronger than what it says to Swarm.
func (s service) order() string {
	if own := s.Labels[orderLabel]; own != "" {
		return own
	}
	return s.Deploy.UpdateConfig.Order
}

// published is a port of the server that a service takes; one that Docker chooses is no obstacle.
func (s service) published() string {
	for _, p := range s.Ports {
		if p.Published != "" && p.Published != "0" {
			return p.Published
		}
	}
	return ""
}

func (s service) fixedAddress() bool {
	given := func(e *endpoint) bool { return e != nil && *e != (endpoint{}) }
	return s.MAC != "" || slices.ContainsFunc(slices.Collect(maps.Values(s.Networks)), given)
}

// clock says whether a word names what fires on a clock, of which two fire twice: celerybeat does, and heartbeat does not.
func clock(word string) bool {
	ends := func(end string) bool { return strings.HasSuffix(word, end) }
	return ends("beat") && !ends("heartbeat") || ends("scheduler") || ends("cron") && !ends("micron") ||
		slices.Contains([]string{"crond", "supercronic", "ofelia"}, word)
}

// partsOf are the words that a name is made of, without the ending of a script.
func partsOf(name string) []string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_. ;", r) })
	if last := len(parts) - 1; last > 0 && slices.Contains([]string{"py", "sh", "js", "rb"}, parts[last]) {
		return parts[:last]
	}
	return parts
}

// scheduler is the word by which a service is taken for one; empty if it is not. A program counts by any part of its name, and
// what it is given, such as a line for a shell, by the last.
func (s service) scheduler(name string) string {
	words := partsOf(name)
	entrypoint, command := strings.Fields(strings.Join(s.Entrypoint, " ")), strings.Fields(strings.Join(s.Command, " "))
	celery := false
	for n, word := range slices.Concat(entrypoint, command) {
		base := path.Base(word)
		celery = celery || base == "celery"
		parts := partsOf(base)
		switch {
		case celery && (word == "-B" || word == "--beat"):
			return word
		case n == 0 || n == len(entrypoint):
			words = append(words, parts...)
		case len(parts) > 0 && !strings.HasPrefix(word, "-"):
			words = append(words, parts[len(parts)-1])
		}
	}
	if at := slices.IndexFunc(words, clock); at >= 0 {
		return words[at]
	}
	return ""
}

// caddyLabel is one by which caddy-docker-proxy finds a container. No other label keeps it from that.
var caddyLabel = regexp.MustCompile(`^caddy(?:[._]|\z)`)

func (s service) caddy() bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(s.Labels)), caddyLabel.MatchString)
}

// replicas are how many containers of a service are wanted.
func (s service) replicas() int {
	switch {
	case s.Scale != nil:
		return *s.Scale
	case s.Deploy.Replicas != nil:
		return *s.Deploy.Replicas
	}
	return 1
}

// singles are the services with one of our images that cannot run twice.
func (p *project) singles(e Environment, pins map[string]string, there []container) (all []Single) {
	for _, name := range p.replaced(e, pins) {
		if one := p.single(name, there); one != nil {
			all = append(all, *one)
		}
	}
	return all
}

// rolling are those that can.
func (p *project) rolling(e Environment, pins map[string]string, there []container) []string {
	return slices.DeleteFunc(p.replaced(e, pins), func(name string) bool { return p.single(name, there) != nil })
}

// replaced are the services with one of our images that keep running.
func (p *project) replaced(e Environment, pins map[string]string) []string {
	services := p.services(e)
	return slices.DeleteFunc(sortedNames(pins), func(name string) bool {
		s, runs := services[name]
		return !runs || s.ends
	})
}

// single asks the containers and the images as well. A store writes to its volume, and two would write to one. Compose hands a
// volume without a name over to the successor, and two cannot have it.
func (p *project) single(name string, there []container) *Single {
	s := p.compose.Services[name]
	one := s.single(name)
	if one != nil && !one.beside {
		return one
	}
	there = of(there, name)
	if port := p.storePort(name, there); port != "" && s.order() != startFirst && !s.hasNoData(port, there) {
		return &Single{Service: name, Why: "it looks like a database or another store (port " + port + ")", Change: mayRunTwice}
	}
	for _, c := range there {
		if where := c.anonymousVolume(); where != "" {
			return &Single{Service: name, Why: "it keeps " + where + " in a volume without a name", Change: "give the volume a name", beside: !s.caddy()}
		}
	}
	return one
}

// hasNoData says of a service on a database's port that there is nothing to keep a database in. Where none of it runs, nobody
// knows.
func (s service) hasNoData(port string, there []container) bool {
	return slices.Contains(databasePorts, port) && len(there) > 0 && !slices.ContainsFunc(s.Volumes, func(m mount) bool { return !m.ReadOnly }) &&
		!slices.ContainsFunc(there, container.writesOutside)
}

// storePort is the port by which a service is taken for a store; empty if it is not.
func (p *project) storePort(name string, there []container) string {
	port := p.exposed[name].among(storePorts)
	for _, c := range there {
		port = cmp.Or(port, c.Config.ExposedPorts.among(storePorts))
	}
	return port
}

// readExposed asks the images of the services what they expose.
func (p *project) readExposed(ctx context.Context, pins map[string]string) error {
	names, refs := sortedNames(pins), []string(nil)
	for _, name := range names {
		refs = append(refs, pins[name])
	}
	about, err := p.conn.imagesSay(ctx, refs)
	if err != nil {
		return err
	}
	p.exposed = map[string]portSet{}
	for n, name := range names {
		p.exposed[name] = about[n].ExposedPorts
	}
	return nil
}
