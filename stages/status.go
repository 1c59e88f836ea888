package stages

import (
	"context"
	"errors"
	"slices"

	"dagger/slipway/stages/server"
)

// Status says what runs on a server, or in short what runs on both.
func (p Pipeline) Status(ctx context.Context, name string) (string, error) {
	r, err := newStageRun(p.Dag, p.Settings, goal{green: stagePassed})
	if err != nil {
		return "", plain(err)
	}
	if name == "" {
		return r.statusOfAll(ctx)
	}
	e, err := r.environment(name)
	if err != nil {
		return "", plain(err)
	}
	env, err := r.server(ctx, e)
	if err != nil {
		return "", plain(err)
	}
	status, err := server.Read(ctx, env)
	if err != nil {
		return "", plain(err)
	}
	return status.Text(env), nil
}

// statusOfAll is one view over all servers that are set. One that cannot be read is shown, and fails the call in the end.
func (r *Run) statusOfAll(ctx context.Context) (string, error) {
	var envs []server.Environment
	for _, name := range []string{staging, production} {
		e, ok := r.config.environments[name]
		if !ok {
			continue
		}
		env, err := r.server(ctx, e)
		if err != nil {
			return "", plain(err)
		}
		envs = append(envs, env)
	}
	if len(envs) == 0 {
		return "", plain(refuseInput(errors.New("neither of the settings staging and production is set: expected user@host[:port][/directory]")))
	}
	return textOfAll(server.ReadAll(ctx, envs...))
}

// textOfAll is the view as a result, or as the error, because a result beside an error is lost.
func textOfAll(seen []server.Seen) (string, error) {
	text := server.Overview(seen)
	if slices.ContainsFunc(seen, func(s server.Seen) bool { return s.Err != nil }) {
		return "", errors.New(text)
	}
	return text, nil
}
