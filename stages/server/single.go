package server

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	// orderLabel says whether a service's new containers start before the old ones stop, in the words of Docker Swarm.
	orderLabel = "slipway.order"
	startFirst = "start-first"
	stopFirst  = "stop-first"
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
		return &Single{Service: name, Why: why, Change: change, beside: true}
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
		return is("it looks like a scheduler ("+s.scheduler(name)+")", "label it "+orderLabel+": "+startFirst+" if it may run twice for a while")
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

// schedulers are programs, and words in the names of services, that fire on a clock: two of them fire twice.
var schedulers = []string{"beat", "scheduler", "cron", "crond", "supercronic", "ofelia", "rqscheduler"}

// scheduler is the word by which a service is taken for one; empty if it is not.
func (s service) scheduler(name string) string {
	apart := func(r rune) bool { return strings.ContainsRune("-_. ", r) }
	for _, word := range strings.FieldsFunc(strings.ToLower(name), apart) {
		if slices.Contains(schedulers, word) {
			return word
		}
	}
	celery := false
	for _, word := range slices.Concat(s.Entrypoint, s.Command) {
		base := path.Base(word)
		celery = celery || base == "celery"
		if slices.Contains(schedulers, base) || celery && (word == "-B" || word == "--beat") {
			return base
		}
	}
	return ""
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

// single asks the containers as well: compose hands a volume without a name over to the successor, and two cannot have it.
func (p *project) single(name string, there []container) *Single {
	for _, c := range of(there, name) {
		if where := c.anonymousVolume(); where != "" {
			return &Single{Service: name, Why: "it keeps " + where + " in a volume without a name", Change: "give the volume a name", beside: true}
		}
	}
	return p.compose.Services[name].single(name)
}
