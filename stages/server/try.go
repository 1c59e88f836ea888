package server

import "context"

const trialPrefix = "slipway-trial-"

// tried are the services that cannot run twice only because of what they take on the server: a second container of theirs,
// reached by nobody, shows whether the image comes up at all.
func (r *rollout) tried() (services []string) {
	if r.untried {
		return nil
	}
	for _, one := range r.to.singles(r.env, r.pins, r.there) {
		if one.beside && len(of(r.there, one.Service)) > 0 {
			services = append(services, one.Service)
		}
	}
	return services
}

// try starts the trials. Those of a killed run are in the way.
func (r *rollout) try(ctx context.Context, services []string) error {
	if err := r.stopTrials(ctx); err != nil {
		return err
	}
	for _, service := range services {
		name := trialPrefix + r.to.compose.Name + "-" + service
		if _, err := r.to.change(ctx, "run", "--detach", "--no-deps", "--name", name, service); err != nil {
			return err
		}
	}
	return nil
}

// stopTrials ends them as any container is ended: a worker may be at work on a job.
func (r *rollout) stopTrials(ctx context.Context) error {
	all, err := r.to.everything(ctx)
	if err != nil {
		return err
	}
	var trials []container
	for _, c := range all {
		if c.trial() {
			trials = append(trials, c)
		}
	}
	return r.conn.stopAndRemove(ctx, trials, "--volumes")
}
