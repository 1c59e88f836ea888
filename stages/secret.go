package stages

import (
	"context"
	"fmt"
	"strings"

	"dagger/slipway/internal/dagger"
)

// minSecret keeps masking from blackening every word of a log.
const minSecret = 8

// secretText reads a secret: an unset or empty one counts as not configured, and a line break at the end is none of it.
// Programs get what was read here, and not the secret as it was set.
func secretText(ctx context.Context, secret *dagger.Secret, name string) (string, error) {
	text, err := plaintext(ctx, secret, name)
	if err == nil && text != "" && len(text) < minSecret {
		return "", fmt.Errorf("the secret %s has %d characters, expected at least %d: is it the right one?", name, len(text), minSecret)
	}
	return text, err
}

// plaintext is what stands in a secret, of whatever length.
func plaintext(ctx context.Context, secret *dagger.Secret, name string) (string, error) {
	if secret == nil {
		return "", nil
	}
	text, err := secret.Plaintext(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "secret env var not found") {
			return "", nil
		}
		return "", fmt.Errorf("the secret %s cannot be read: give it as env://NAME or file://PATH", name)
	}
	return withoutLineBreak(text), nil
}

// withoutLineBreak leaves out what an editor adds to a file.
func withoutLineBreak(text string) string { return strings.TrimRight(text, "\r\n") }
