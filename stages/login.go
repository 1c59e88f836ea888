package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
)

// login is what one registry asks for.
type login struct{ host, user, password string }

// parseLogins reads Docker's own config.json. Errors never quote it.
func parseLogins(text string) ([]login, error) {
	if text == "" {
		return nil, nil
	}
	file := configfile.New("")
	if file.LoadFromReader(strings.NewReader(text)) != nil || len(file.AuthConfigs) == 0 {
		return nil, errors.New(`the secret registryAuth is not in the form of Docker's config.json: expected {"auths": {"ghcr.io": {"auth": "BASE64"}}} with user:password in base64`)
	}
	var logins []login
	for _, host := range sortedKeys(file.AuthConfigs) {
		auth := file.AuthConfigs[host]
		if auth.Username == "" || auth.Password == "" {
			return nil, fmt.Errorf("the secret registryAuth has no user and password for %s: where a credential helper keeps them, write them out", host)
		}
		logins = append(logins, login{host, auth.Username, auth.Password})
	}
	return logins, nil
}

// logIn gives the engine the credentials of all registries before it pulls anything, base images of a build included: it
// keeps them for the session.
func (r *Run) logIn(ctx context.Context) error {
	logins, err := r.logins(ctx)
	if err != nil {
		return refuseInput(err)
	}
	// Without something of its own, the engine takes a login for done that another session has made.
	c := r.dag.Container().WithEnvVariable("SLIPWAY_RUN", r.nonce)
	for _, l := range logins {
		r.hide(l.user, l.password)
		c = c.WithRegistryAuth(l.host, l.user, r.dag.SetSecret("password for "+l.host, l.password))
	}
	if len(logins) == 0 {
		return nil
	}
	_, err = c.Sync(ctx)
	return err
}

// logins ends with the registry that the images go to, which therefore wins.
func (r *Run) logins(ctx context.Context) ([]login, error) {
	text, err := secretText(ctx, r.config.RegistryAuth, "registryAuth")
	if err != nil {
		return nil, err
	}
	logins, err := parseLogins(text)
	if err != nil {
		return nil, err
	}
	token, err := secretText(ctx, r.config.RegistryToken, "registryToken")
	if err != nil {
		return nil, err
	}
	if host, _, _ := strings.Cut(r.config.Registry, "/"); host != "" && r.config.RegistryUser != "" && token != "" {
		logins = append(logins, login{host, r.config.RegistryUser, token})
	}
	return logins, nil
}
