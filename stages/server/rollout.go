package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	removed bool // something that ran, though it served nobody
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
	w, err := r.watchFresh(ctx)
	if err != nil {
		return err
	}
	if err := r.conn.gate(ctx, w); err != nil {
		return r.unproven(ctx, w, err)
	}
	if err := r.stopTrials(ctx); err != nil || len(r.old) == 0 {
		return err
	}
	return r.reload(ctx, true)
}

// lookAround finds what is there, once nothing is at work any more that a lost connection or a killed run has left.
func (r *rollout) lookAround(ctx context.Context) error {
	if err := r.conn.idle(ctx); err != nil {
		return err
	}
	all, err := r.to.everything(ctx)
	if err != nil {
		return err
	}
	r.there = slices.DeleteFunc(slices.Clone(all), container.oneOff)
	return r.removeTrials(ctx, all)
}

// upBeside lets compose start containers and leave those that run.
func (r *rollout) upBeside(ctx context.Context, scale []string) error {
	if len(scale) == 0 {
		return nil
	}
	if err := r.removeSpent(ctx); err != nil {
		return err
	}
	if err := r.removeBroken(ctx); err != nil {
		return err
	}
	err := r.to.up(ctx, r.env, append([]string{"--no-recreate"}, scale...)...)
	if exit := new(exitError); !errors.As(err, &exit) {
		return err
	}
	w, e := r.watchFresh(ctx)
	if e != nil {
		return err
	}
	return r.unproven(ctx, w, r.conn.explained(ctx, w, err))
}

// removeBroken removes what serves nobody: compose would wait for its health, and no release could mend a broken one.
func (r *rollout) removeBroken(ctx context.Context) error {
	broken := slices.DeleteFunc(slices.Clone(r.there), func(c container) bool {
		return c.serves() || r.pins[c.service()] == "" || r.to.compose.Services[c.service()].ends || c.anonymousVolume() != ""
	})
	r.removed = slices.ContainsFunc(broken, func(c container) bool { return c.State.Status != "exited" }) // which stays down
	return r.conn.stopAndRemove(ctx, broken)
}

// removeSpent removes the one-shots of the old release, which have ended, and those of others that have failed: compose would
// start them again instead of new ones.
func (r *rollout) removeSpent(ctx context.Context) error {
	spent := slices.DeleteFunc(slices.Clone(r.there), func(c container) bool {
		stays := r.pins[c.service()] == "" && c.endedWell()
		return stays || !r.to.compose.Services[c.service()].ends || c.State.Status != "exited"
	})
	return r.conn.stopAndRemove(ctx, spent)
}

// scale asks compose for the new containers besides all that a service has, and remembers the old ones. Where the release
// wants fewer, compose would stop the others at once.
func (r *rollout) scale() (args []string) {
	rolling := r.to.rolling(r.env, r.pins, r.there)
	for _, name := range rolling {
		had := r.serving(name)
		r.old = append(r.old, had...)
		if wanted := r.to.compose.Services[name].replicas(); wanted > 0 && len(had) > 0 {
			args = append(args, "--scale", name+"="+strconv.Itoa(len(had)+wanted))
		}
	}
	if len(args) == 0 {
		return nil
	}
	services := r.to.services(r.env)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		wanted := services[name].replicas()
		if has := len(r.serving(name)); has > wanted && (wanted == 0 || !slices.Contains(rolling, name)) {
			args = append(args, "--scale", name+"="+strconv.Itoa(has))
		}
	}
	return args
}

func (r *rollout) serving(service string) []container {
	return slices.DeleteFunc(of(r.there, service), func(c container) bool { return !c.serves() })
}

// watchFresh are the containers that were started, seen from within: from outside the old ones answer as well.
func (r *rollout) watchFresh(ctx context.Context) (*watch, error) {
	fresh, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	w := r.watched(r.to, r.to.version, r.pins)
	w.ask, w.services = nil, map[string]service{}
	w.see = func(ctx context.Context) ([]container, error) {
		if len(fresh) == 0 {
			return nil, nil
		}
		return r.conn.inspect(ctx, idsOf(fresh)...)
	}
	for _, c := range fresh {
		w.services[c.service()] = r.to.compose.Services[c.service()]
	}
	return w, nil
}

// unproven is a release that has not come up beside the running one, with what its containers have printed.
func (r *rollout) unproven(ctx context.Context, w *watch, err error) error {
	if errors.Is(err, errLost) || r.removed {
		return err
	}
	err = fmt.Errorf("the containers of %s, started beside the running ones: %w", called(r.to.version), err)
	if r.to == r.previous {
		return err // the way back, on which something else runs
	}
	f := r.kept(err)
	ctx = context.WithoutCancel(ctx) // the caller's time may be what is over
	if l, err := r.conn.observe(ctx, w); err == nil {
		f.Logs = r.conn.logs(ctx, l)
	}
	return f
}

// givenUp is a release that was started in vain: what it has started goes, and what it has removed comes back.
func (r *rollout) givenUp(ctx context.Context, err error) error {
	if r.removed {
		return r.failed(ctx, r.putBack(ctx, err), nil)
	}
	return r.failed(ctx, r.kept(err), r)
}

// explained is why compose has failed, as the containers tell it: compose says only that it has.
func (c *Conn) explained(ctx context.Context, w *watch, err error) error {
	if exit := new(exitError); !errors.As(err, &exit) {
		return err
	}
	w.restarts = map[string]int{} // any is one too many now
	if l, e := c.observe(ctx, w); e == nil {
		if v := l.judge(); len(v.fatal) > 0 {
			return fmt.Errorf("not healthy: %s", strings.Join(v.fatal, "; "))
		}
	}
	return err
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
	return r.steps(ctx, []step{{"take away what was started", r.takeAway}})
}

func (r *rollout) takeAway(ctx context.Context) error {
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
	_ = r.putFilesBack(ctx) // which proxies read; whoever ends the deployment does it again, and says if it fails
	return r.reload(ctx, false)
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
	return r.reload(ctx, true)
}

// bringUp makes everything run that does not yet. What was replaced has another address now, and a new proxy with a
// label is told at once, to find out whether it can be.
func (r *rollout) bringUp(ctx context.Context) error {
	services, err := r.pending(ctx)
	if err != nil {
		return err
	}
	if err := r.to.upOnly(ctx, services); err != nil {
		return r.conn.explained(ctx, r.watched(r.to, r.to.version, r.pins), err)
	}
	if len(r.old) > 0 && len(r.to.singles(r.env, r.pins, r.there)) == 0 {
		return r.reload(ctx, false, idsOf(r.there)...)
	}
	return r.reload(ctx, false)
}

// pending are the services to bring up: all but the one-shots that have had their turn beside the old containers, which compose
// would start again. Among them all the same is one that needs what is replaced only now, and one that another service names, or
// older versions of compose would take that for changed.
func (r *rollout) pending(ctx context.Context) ([]string, error) {
	names := slices.Sorted(maps.Keys(r.to.services(r.env)))
	if !r.started {
		return names, nil
	}
	fresh, err := r.fresh(ctx)
	return slices.DeleteFunc(names, func(name string) bool {
		done := r.to.compose.Services[name].ends && slices.ContainsFunc(of(fresh, name), container.endedWell)
		return done && !r.to.compose.named(name) && !slices.ContainsFunc(r.to.compose.needs(name), r.replacesLate)
	}), err
}

// replacesLate says of a service whether it is replaced only after the old containers are gone.
func (r *rollout) replacesLate(name string) bool {
	if r.pins[name] == "" {
		return !r.leaves(name)
	}
	return !slices.Contains(r.to.rolling(r.env, r.pins, r.there), name)
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
	if err := c.docker(ctx, containers, "stop"); err != nil {
		return err
	}
	return c.docker(ctx, containers, append([]string{"rm"}, more...)...)
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
