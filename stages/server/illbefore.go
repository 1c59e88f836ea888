package server

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ailing is a container that was ill before anything was changed.
type ailing struct {
	container
	why string
}

// clockStep is how far the server's clock, read by the second, may seem to be from ours if it is not.
const clockStep = 3 * time.Second

// findIll finds what is somebody else's and ill already, in the release or in what runs: that says nothing of a release, and
// must not stop one. What is ours a deployment may be meant to mend.
func (d *deployment) findIll(ctx context.Context) error {
	p, others := d.next, map[string]service{}
	if d.previous != nil {
		p = d.previous
		maps.Copy(others, p.others(d.env, d.pinsBefore()))
	}
	if d.next != nil {
		maps.Copy(others, d.next.others(d.env, d.pins))
	}
	l, err := d.conn.observe(ctx, &watch{services: others, see: p.containers, pace: d.env.Pace})
	if err != nil {
		return err
	}
	d.began = l.at
	if ahead := time.Until(l.at); ahead.Abs() > clockStep {
		d.ahead = ahead
	}
	for _, c := range l.containers {
		if _, known := others[c.service()]; !known || d.neverWell(c) {
			continue
		}
		if why := l.ill(c); why != "" {
			d.ill = append(d.ill, ailing{c, why})
		}
	}
	return nil
}

// others are the services with somebody else's image.
func (p *project) others(e Environment, pins map[string]string) map[string]service {
	services := p.services(e)
	maps.DeleteFunc(services, func(name string, _ service) bool { return pins[name] != "" })
	return services
}

// neverWell says whether a release of ours has made a container, and none was found healthy with it: what ails it may be the
// release's. One that is newer than all that is written down is by a run that was cut off, or by somebody else.
func (d *deployment) neverWell(c container) bool {
	made, never := writtenAt(c.Created), d.cutOffBefore
	for _, e := range d.ledger {
		switch {
		case e.Kind == Withdrawn || e.Time.Before(made):
		case e.Ending == Healthy || e.State == Restored:
			return false
		default:
			never = true
		}
	}
	return c.released() && never
}

// ill says what is wrong with a container at a first look, empty if nothing is: what only starts may be well in a moment.
func (l look) ill(c container) string {
	var v verdict
	l.judgeOne(&v, c.service(), c)
	switch {
	case len(v.fatal) > 0:
		return v.fatal[0]
	case c.State.Status == "restarting", c.State.Status == "paused":
		return v.yet[0]
	case c.RestartCount > 0 && l.age(c) < l.pace.steady(false, false):
		return c.service() + " ends again after each start"
	}
	return ""
}

// watched asks of a deployment that the one-shots which it has started end well, and leaves out what was ill before. A container
// that the release has made anew is another one; on the way back all of that service's are what they were.
func (d *deployment) watched(p *project, version string, pins map[string]string) *watch {
	w := p.watched(d.env, version, pins)
	if p == d.next && d.entry.Kind == Deployed {
		w.ends = func(c container) bool { return !c.Created.Before(d.began) }
	}
	w.was = func(c container) string {
		if pins[c.service()] != "" {
			return ""
		}
		for _, one := range d.ill {
			if same := one.ID == c.ID || p == d.previous && one.service() == c.service(); same && !one.revived(c) {
				return one.why
			}
		}
		return ""
	}
	return w
}

// revived says of what had ended that it was started since, and has not ended again.
func (a ailing) revived(now container) bool {
	return !a.up() && now.running() && now.RestartCount == 0
}

// nameIll says what was left out of the verdict.
func (d *deployment) nameIll(w *watch) {
	if len(w.left) > 0 {
		d.figures = append(d.figures, "warning: ill before anything was changed, and so not judged: "+strings.Join(slices.Compact(w.left), "; "))
	}
}

// awaited refuses a release whose containers compose would not start, because they wait for the health of what is ill and
// stays as it is. What has ended is started again by compose.
func (d *deployment) awaited() error {
	for _, one := range d.ill {
		name := one.service()
		waiting := d.next.compose.waitingFor(name)
		if len(waiting) == 0 || !one.up() || !d.leaves(name) {
			continue
		}
		return untouched(fmt.Errorf("%s, and compose starts %s only when it is healthy (depends_on): expected it healthy before anything is replaced; see docker compose logs %s on the server",
			one.why, strings.Join(waiting, ", "), name))
	}
	return nil
}

// waitingFor are the services that start only when another is healthy.
func (a compose) waitingFor(name string) (waiting []string) {
	for _, other := range slices.Sorted(maps.Keys(a.Services)) {
		if s := a.Services[other]; !s.inactive && s.DependsOn[name].Condition == "service_healthy" {
			waiting = append(waiting, other)
		}
	}
	return waiting
}

// named says whether a service stands in another's depends_on.
func (a compose) named(name string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(a.Services)), func(s service) bool {
		_, depends := s.DependsOn[name]
		return depends
	})
}

// leaves says whether the release has a service as it was: what it changes may be well then.
func (d *deployment) leaves(name string) bool {
	if d.previous == nil {
		return false
	}
	before, next := d.previous.compose.Services[name], d.next.compose.Services[name]
	before.Labels, next.Labels = nil, nil // ours, too, are among them
	return reflect.DeepEqual(before, next)
}
