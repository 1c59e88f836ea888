package release

import (
	"fmt"
	"slices"

	"dagger/slipway/stages/version"
)

// Deployment is what is asked for when a published version is brought to a server.
type Deployment struct {
	Request
	Environment string
	Production  bool
	// Target is what runs there now.
	Target Running
	// Ran is what staging ran healthy, by image, and of which commit; nil if it never did.
	Ran *Rollout
}

// DecideDeploy says which digests may run on the server: under the version's tag for staging, what staging ran healthy for
// production (D3). Force does not help.
func DecideDeploy(o Observed, q Deployment) (Rollout, error) {
	d := decision{o: o, q: q.Request}
	next := Rollout{Version: q.Version, Digests: map[string]string{}}
	if q.Production {
		d.ranOnStaging(q, &next)
	} else {
		d.published(&next)
	}
	if q.Production && q.Version.IsPrerelease() {
		d.refuse("release and deploy the stable version", "%s is a prerelease, which production does not run", q.Version)
	}
	d.withdrawn()
	running, err := version.Parse(q.Target.Version)
	switch {
	case err == nil && running.Compare(q.Version) > 0:
		d.refuse("to go back, use rollback", "%s runs %s, which is higher than %s", q.Environment, running, q.Version)
	case slices.Contains(q.Target.Withdrawn, q.Version.String()) && !o.IsWithdrawn(q.Prefix, q.Version):
		d.refuse("use the next patch version", "%s was withdrawn by a rollback", q.Version)
	}
	if len(d.refused) > 0 {
		return Rollout{}, d.refused
	}
	return next, nil
}

func (d *decision) ranOnStaging(q Deployment, next *Rollout) {
	if q.Ran == nil {
		d.refuse("deploy it to staging first: dagger call deploy --environment=staging --version="+q.Version.String(),
			"staging never ran %s healthy, so production may not", q.Version)
		return
	}
	*next = *q.Ran
}

// published are the images under the version's tag, all of one commit.
func (d *decision) published(next *Rollout) {
	if d.o.Registry.Err != nil {
		d.refused = append(d.refused, Refusal{What: d.o.Registry.Err.Error(), Who: "the registry", Err: d.o.Registry.Err})
		return
	}
	for _, name := range d.q.Images {
		at, found := d.o.Registry.Is.Version[name]
		switch {
		case !found:
			d.refuse("release it first: dagger call release --version="+d.q.Version.String(), "%s:%s is not in the registry", name, d.q.Version)
		case at.Revision() == "" || next.Commit != "" && at.Revision() != next.Commit:
			d.refuse("release the next patch version", "the images of %s are not of one commit: %s says %s", d.q.Version, name, fmt.Sprintf("%q", at.Revision()))
		}
		next.Commit = at.Revision()
		next.Digests[name] = at.Digest
	}
}
