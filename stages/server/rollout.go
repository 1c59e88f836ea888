package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rollout is the change from the containers that run to those of another release. Services that can run twice get their new
// containers beside the old ones, which stop only when the new ones are healthy; a trial of the others is run meanwhile.
type rollout struct {
	*deployment
	to    *project
	pins  map[string]string
	there []container // all of the project before anything was started
	old   []container // those to be stopped when the new ones are healthy
	// untried says that what cannot run twice is not tried beforehand: it ran before, and nobody has the time.
	untried bool
	started bool
	told    bool // a proxy was
}

// start starts the new containers beside the old ones, waits until they are healthy, and has proxies find them. A release that
// does not come up is found here, while the old one still answers.
func (r *rollout) start(ctx context.Context) error {
	if err := r.lookAround(ctx); err != nil {
		return err
	}
	scale, tried := r.scale(), r.tried()
	if len(scale)+len(tried) == 0 {
		return nil // nobody is served yet
	}
	r.started = true
	if err := r.upBeside(ctx, scale); err != nil {
		return err
	}
	if err := r.try(ctx, tried); err != nil {
		return err
	}
	fresh, err := r.fresh(ctx)
	if err != nil {
		return err
	}
	if err := r.prove(ctx, fresh); err != nil {
		return err
	}
	if err := r.stopTrials(ctx); err != nil || len(r.old) == 0 {
		return err
	}
	return r.reload(ctx)
}

// lookAround finds what is there, once nothing is at work any more that a lost connection or a killed run has left.
func (r *rollout) lookAround(ctx context.Context) (err error) {
	if err := r.conn.idle(ctx); err != nil {
		return err
	}
	if err := r.stopTrials(ctx); err != nil {
		return err
	}
	if r.there, err = r.to.containers(ctx); err != nil {
		return err
	}
	return r.removeEnded(ctx)
}

// upBeside lets compose start containers and leave those that run. It waits itself for what others depend on; when that does
// not get healthy, the containers tell more than compose does.
func (r *rollout) upBeside(ctx context.Context, scale []string) error {
	if len(scale) == 0 {
		return nil
	}
	err := r.to.up(ctx, r.env, append([]string{"--no-recreate"}, scale...)...)
	if exit := new(exitError); !errors.As(err, &exit) {
		return err
	}
	fresh, e := r.fresh(ctx)
	if e != nil || len(fresh) == 0 {
		return err
	}
	return cmp.Or(r.prove(ctx, fresh), err)
}

// removeEnded removes what has ended of the services that are replaced, while others of them serve: compose would start the
// containers of the old release again, one-shots too, instead of new ones.
func (r *rollout) removeEnded(ctx context.Context) error {
	services := r.to.services(r.env)
	theirs := slices.DeleteFunc(slices.Clone(r.there), func(c container) bool { return r.pins[c.service()] == "" })
	if !slices.ContainsFunc(theirs, container.running) {
		return nil
	}
	ended := slices.DeleteFunc(theirs, func(c container) bool {
		_, active := services[c.service()]
		return !active || c.State.Status != "exited" || c.anonymousVolume() != ""
	})
	r.there = slices.DeleteFunc(r.there, func(c container) bool { return slices.Contains(idsOf(ended), c.ID) })
	return r.conn.stopAndRemove(ctx, ended)
}

// scale asks compose for the new containers besides all that a service has, and remembers the old ones.
func (r *rollout) scale() (args []string) {
	for _, name := range r.to.rolling(r.env, r.pins, r.there) {
		had := of(r.there, name)
		wanted := r.to.compose.Services[name].replicas()
		if wanted == 0 || !slices.ContainsFunc(had, container.running) {
			continue
		}
		r.old = append(r.old, had...)
		args = append(args, "--scale", name+"="+strconv.Itoa(len(had)+wanted))
	}
	return args
}

// prove waits for the health of what was started, and says what it has printed if that does not come.
func (r *rollout) prove(ctx context.Context, fresh []container) error {
	w := r.to.watched(r.env, r.to.version, r.pins)
	w.ask = nil // from outside the old ones answer as well
	w.see = func(ctx context.Context) ([]container, error) { return r.conn.inspect(ctx, idsOf(fresh)...) }
	w.services = map[string]service{}
	for _, c := range fresh {
		w.services[c.service()] = r.to.compose.Services[c.service()]
	}
	if err := r.conn.gate(ctx, w); err != nil {
		if errors.Is(err, errLost) {
			return err
		}
		f := r.kept(fmt.Errorf("the containers of %s, started beside the running ones: %w", r.to.version, err))
		if l, err := r.conn.observe(ctx, w); err == nil {
			f.Logs = r.conn.logs(ctx, l)
		}
		return f
	}
	return nil
}

// fresh are the containers that were not there before.
func (r *rollout) fresh(ctx context.Context) ([]container, error) {
	now, err := r.to.everything(ctx)
	if err != nil {
		return nil, err
	}
	before := idsOf(r.there)
	return slices.DeleteFunc(now, func(c container) bool {
		return slices.Contains(before, c.ID) || c.oneOff() && !c.trial()
	}), nil
}

// discard takes away what start has started; the old containers have never stopped.
func (r *rollout) discard(ctx context.Context) error {
	if !r.started {
		return nil
	}
	if err := r.conn.idle(ctx); err != nil {
		return err
	}
	fresh, err := r.fresh(ctx)
	if err != nil {
		return err
	}
	if err := r.conn.stopAndRemove(ctx, fresh, "--volumes"); err != nil || !r.told {
		return err
	}
	return r.reload(ctx)
}

// finish stops the old containers, replaces those that cannot run twice, and takes away what the release does not have.
func (r *rollout) finish() []step {
	return []step{{"let the old containers go", r.retire}, {"bring it up", r.bringUp}, {"remove what the release does not have", r.removeGone}}
}

// retire lets the old containers drain, stops them, and has proxies forget them.
func (r *rollout) retire(ctx context.Context) error {
	if len(r.old) == 0 {
		return nil
	}
	r.drain(ctx)
	if err := r.conn.stopAndRemove(ctx, r.old); err != nil {
		return err
	}
	return r.reload(ctx)
}

// bringUp makes everything run that does not yet. What was replaced has another address now, and a new proxy is told at once,
// to find out whether it can be.
func (r *rollout) bringUp(ctx context.Context) error {
	if err := r.to.up(ctx, r.env); err != nil {
		return err
	}
	if len(r.old) > 0 && len(r.to.singles(r.env, r.pins, r.there)) == 0 {
		return r.reload(ctx, idsOf(r.there)...)
	}
	return r.reload(ctx)
}

// removeGone removes the services that an earlier release has started and this one has not. What none of ours has started
// belongs to somebody else.
func (r *rollout) removeGone(ctx context.Context) error {
	there, err := r.to.containers(ctx)
	if err != nil {
		return err
	}
	var gone []container
	var others []string
	for _, c := range there {
		_, known := r.to.compose.Services[c.service()]
		switch {
		case r.to.keeps(c.service()):
		case c.released():
			gone = append(gone, c)
		case !known:
			others = append(others, c.service())
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		r.figures = append(r.figures, "left as they are, because no release has started them: "+strings.Join(slices.Compact(others), ", "))
	}
	return r.conn.stopAndRemove(ctx, gone)
}

// stopAndRemove ends containers by the signal and within the time that they were made with, and never by force.
func (c *Conn) stopAndRemove(ctx context.Context, containers []container, more ...string) error {
	if len(containers) == 0 {
		return nil
	}
	ids := idsOf(containers)
	if _, err := c.run(ctx, command{args: busy(append([]string{"docker", "stop"}, ids...)...), time: changeTime}); err != nil {
		return err
	}
	_, err := c.run(ctx, command{args: busy(slices.Concat([]string{"docker", "rm"}, more, ids)...), time: changeTime})
	return err
}

func of(containers []container, service string) []container {
	return slices.DeleteFunc(slices.Clone(containers), func(c container) bool { return c.service() != service })
}

func idsOf(containers []container) (ids []string) {
	for _, c := range containers {
		ids = append(ids, c.ID)
	}
	return ids
}
