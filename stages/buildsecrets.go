package stages

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/redact"
)

// concealed is what nobody may read: the secrets of the builds, and all that others may print.
type concealed struct {
	builds []buildSecret

	mu     sync.RWMutex // guards what follows: stages that run together learn of secrets
	hidden []*strings.Replacer
}

// buildSecret is what RUN --mount=type=secret,id=ID finds.
type buildSecret struct{ id, value string }

var secretIDPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\z`)

// parseBuildSecrets reads ID=value lines of a dotenv file. Errors name the line and never quote it.
func parseBuildSecrets(text string) ([]buildSecret, error) {
	var secrets []buildSecret
	for number, line := range dotenvLines(text) {
		id, value := line.name, line.value
		switch {
		case !line.ok:
			return nil, fmt.Errorf("the secret buildSecrets has no = in line %d: expected ID=value in each line", number)
		case !secretIDPattern.MatchString(id):
			return nil, fmt.Errorf("the secret buildSecrets has no id before the = in line %d: expected letters, digits and _ . -", number)
		case len(value) < minSecret:
			return nil, fmt.Errorf("the secret buildSecrets has a value of %d characters in line %d, expected at least %d: is it the right one?", len(value), number, minSecret)
		case slices.ContainsFunc(secrets, func(s buildSecret) bool { return s.id == id }):
			return nil, fmt.Errorf("the secret buildSecrets has the id of line %d twice", number)
		}
		secrets = append(secrets, buildSecret{id, value})
	}
	return secrets, nil
}

func (r *Run) readBuildSecrets(ctx context.Context) error {
	text, err := secretText(ctx, r.config.BuildSecrets, "buildSecrets")
	if err != nil {
		return refuseInput(err)
	}
	r.concealed.builds, err = parseBuildSecrets(text)
	if err != nil {
		return refuseInput(err)
	}
	for _, s := range r.concealed.builds {
		r.hide("", s.value)
	}
	return nil
}

// secrets are the build's in the engine's form, which finds them by their names.
func (r *Run) secrets() (all []*dagger.Secret) {
	for _, s := range r.concealed.builds {
		all = append(all, r.dag.SetSecret(s.id, s.value))
	}
	return all
}

// hide keeps a secret out of what others print and Slipway repeats.
func (r *Run) hide(user, secret string) {
	r.concealed.mu.Lock()
	defer r.concealed.mu.Unlock()
	r.concealed.hidden = append(r.concealed.hidden, redact.Token(user, secret))
}

func (r *Run) mask(text string) string {
	r.concealed.mu.RLock()
	defer r.concealed.mu.RUnlock()
	for _, hidden := range r.concealed.hidden {
		text = hidden.Replace(text)
	}
	return text
}
