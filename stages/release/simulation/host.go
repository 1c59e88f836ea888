package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dagger/slipway/stages/release"
	"dagger/slipway/stages/version"
)

// host is a server with a ledger.
type host struct {
	name   string
	runs   string // what its containers are, healthy or not
	ledger []entry
	locked *process // holds the host's lock, which goes with its connection
}

// entry is what was found healthy, and what was taken back with it.
type entry struct {
	release.Rollout
	back      bool     // by a rollback
	withdrawn []string // by it
	left      string
}

// last is what was last found healthy.
func (h *host) last() (e entry, ok bool) {
	if len(h.ledger) == 0 {
		return entry{}, false
	}
	return h.ledger[len(h.ledger)-1], true
}

// was says whether the version was ever found healthy.
func (h *host) was(v version.Version) (entry, bool) {
	for _, e := range slices.Backward(h.ledger) {
		if e.Version == v {
			return e, true
		}
	}
	return entry{}, false
}

func (h *host) withdrawn() (all []string) {
	for _, e := range h.ledger {
		all = append(all, e.withdrawn...)
	}
	return all
}

// hostClient is a server as one process reaches it.
type hostClient struct {
	p    *process
	host *host
}

var _ release.Staging = hostClient{}

// Look implements release.Staging.
func (c hostClient) Look(ctx context.Context) (is release.Running, err error) {
	err = c.p.repeated(ctx, request{what: c.host.name + ": read the ledger"}, func(Kind) error {
		is = release.Running{Withdrawn: c.host.withdrawn()}
		if e, ok := c.host.last(); ok {
			is.Version = e.Version.String()
		}
		return nil
	})
	return is, err
}

// Deploy implements release.Staging.
func (c hostClient) Deploy(ctx context.Context, r release.Rollout) (already bool, err error) {
	defer c.p.hurry()()
	if err := c.takeLock(ctx); err != nil {
		return false, err
	}
	defer c.dropLock()
	if e, ok := c.host.last(); ok && e.Version.Compare(r.Version) > 0 {
		return false, fmt.Errorf("%s runs %s by now, which is higher than %s", c.host.name, e.Version, r.Version)
	}
	if err := c.p.send(ctx, request{what: c.host.name + ": look at what runs"}, func(Kind) error {
		e, ok := c.host.last()
		already = ok && e.Version == r.Version && maps.Equal(e.Digests, r.Digests) && c.host.runs == r.Version.String()
		return nil
	}); err != nil || already {
		return already, err
	}
	return false, c.rollOut(ctx, r, entry{Rollout: r})
}

// rollOut starts the containers, waits for their health, and puts the old ones back if there is none.
func (c hostClient) rollOut(ctx context.Context, r release.Rollout, next entry) error {
	sick := false
	start := request{what: fmt.Sprintf("%s: start %s", c.host.name, r.Version), writes: true, guarded: !next.back, deploys: true}
	if err := c.p.send(ctx, start, func(f Kind) error {
		sick = f == Sick
		c.host.runs = r.Version.String()
		return nil
	}); err != nil {
		return err
	}
	patience := c.p.world.faults.patience(at{c.p.number, c.p.requests})
	for range 3 {
		if err := c.p.Sleep(ctx, patience); err != nil {
			return context.Cause(ctx)
		}
		if err := c.p.send(ctx, request{what: c.host.name + ": ask for health"}, func(Kind) error { return nil }); err != nil {
			return err
		}
	}
	if sick {
		return c.restore(ctx, r)
	}
	return c.p.send(ctx, request{what: fmt.Sprintf("%s: note %s as healthy", c.host.name, r.Version), writes: true}, func(Kind) error {
		c.p.world.deployed(c.p, c.host, next)
		c.host.ledger = append(c.host.ledger, next)
		return nil
	})
}

func (c hostClient) restore(ctx context.Context, r release.Rollout) error {
	err := c.p.send(ctx, request{what: c.host.name + ": put the last healthy containers back", writes: true}, func(Kind) error {
		if e, ok := c.host.last(); ok {
			c.host.runs = e.Version.String()
		}
		return nil
	})
	return errors.Join(fmt.Errorf("%s is not healthy on %s", r.Version, c.host.name), err)
}

// takeLock waits for the host's lock, which goes with the connection of whoever holds it (L4).
func (c hostClient) takeLock(ctx context.Context) error {
	for range 60 {
		if held := c.host.locked; held == nil || held == c.p || held.gone || held.killed {
			c.host.locked = c.p
			return nil
		}
		if err := c.p.Sleep(ctx, 30*time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("somebody deploys to %s", c.host.name)
}

func (c hostClient) dropLock() {
	if c.host.locked == c.p {
		c.host.locked = nil
	}
}

// rollBack brings an older version back, without waiting for anybody's lock, and says which versions are withdrawn. The same
// line again completes what came after, and goes no further back.
func (c hostClient) rollBack(ctx context.Context, known []version.Version) (entry, error) {
	if err := c.takeLock(ctx); err != nil {
		return entry{}, err
	}
	defer c.dropLock()
	now, ok := c.host.last()
	if ok && now.back && c.host.runs == now.Version.String() {
		return now, nil
	}
	target, found := c.before(now.Version)
	if !ok || !found {
		return entry{}, errors.New("no version before was healthy here")
	}
	next := entry{Rollout: target.Rollout, back: true, left: now.Version.String()}
	for _, v := range known {
		if v.Compare(target.Version) > 0 && v.Compare(now.Version) <= 0 {
			next.withdrawn = append(next.withdrawn, v.String())
		}
	}
	slices.Sort(next.withdrawn)
	next.withdrawn = slices.Compact(next.withdrawn)
	return next, c.rollOut(ctx, target.Rollout, next)
}

// before is the highest healthy version below one, without those that were withdrawn.
func (c hostClient) before(v version.Version) (best entry, ok bool) {
	taken := c.host.withdrawn()
	for _, e := range c.host.ledger {
		if e.Version.Compare(v) < 0 && !slices.Contains(taken, e.Version.String()) && (!ok || e.Version.Compare(best.Version) > 0) {
			best, ok = e, true
		}
	}
	return best, ok
}
