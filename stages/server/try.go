package server

import (
	"context"
	"maps"
	"slices"
)

const trialPrefix = "slipway-trial-"

// tried are the services that cannot run twice only because of what they take on the server: a second container of theirs,
// reached by nobody, shows whether the image comes up at all.
func (r *rollout) tried() (services []string) {
	if r.untried {
		return nil
	}
	for _, one := range r.to.singles(r.env, r.pins, r.there) {
		if one.beside && len(of(r.there, one.Service)) > 0 && r.to.compose.Services[one.Service].replicas() > 0 {
			services = append(services, one.Service)
		}
	}
	return services
}

// try starts the trials.
func (r *rollout) try(ctx context.Context, services []string) error {
	for _, service := range services {
		name := trialPrefix + r.to.compose.Name + "-" + service
		line := append([]string{"run", "--detach", "--no-deps", "--name", name}, r.to.compose.Services[service].hidden()...)
		if _, err := r.to.change(ctx, append(line, service)...); err != nil {
			return err
		}
	}
	return nil
}

// hidden keeps a trial, which has all labels and settings of its service, from being found by Traefik and by nginx-proxy.
func (s service) hidden() []string {
	options := []string{"--label", "traefik.enable=false"}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if name == "VIRTUAL_HOST" || name == "VIRTUAL_HOST_MULTIPORTS" {
			options = append(options, "--env", name+"=")
		}
	}
	return options
}

// stopTrials ends them when they have shown what they had to.
func (r *rollout) stopTrials(ctx context.Context) error {
	all, err := r.to.everything(ctx)
	if err != nil {
		return err
	}
	return r.removeTrials(ctx, all)
}

// removeTrials ends those among all, as any container is ended: a worker may be at work on a job.
func (r *rollout) removeTrials(ctx context.Context, all []container) error {
	trials := slices.DeleteFunc(all, func(c container) bool { return !c.trial() })
	return r.conn.stopAndRemove(ctx, trials, "--volumes")
}
