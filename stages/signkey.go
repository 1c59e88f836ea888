package stages

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/slipway/internal/dagger"
)

// signingKey is a private key of cosign, or a reference to one in a key service with what opens that.
type signingKey struct {
	pem, password string
	service       string // the reference
	credentials   []pair
}

const signingKeyVariable = "SLIPWAY_SIGNING_KEY"

func (r *Run) readSigningKey(ctx context.Context) (*signingKey, error) {
	text, err := secretText(ctx, r.config.SigningKey, "signingKey")
	if err != nil || text == "" {
		return nil, err
	}
	password, err := secretText(ctx, r.config.SigningPassword, "signingPassword")
	if err != nil {
		return nil, err
	}
	key, err := parseSigningKey(text)
	if err != nil {
		return nil, err
	}
	key.password = password
	for _, secret := range append(key.secrets(), password) {
		r.hide("", secret)
	}
	return key, nil
}

// keyTypes are the kinds of private keys that cosign reads.
var keyTypes = []string{"ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"}

var credentialPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]*\z`)

// parseSigningKey tells keys from references. Errors never quote what stands in the secret.
func parseSigningKey(text string) (*signingKey, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if slices.Contains(keyTypes, block.Type) {
			return &signingKey{pem: text}, nil
		}
		return nil, fmt.Errorf("the secret signingKey holds a %s, expected an %s: make one of it with cosign import-key-pair --key FILE", block.Type, keyTypes[0])
	}
	reference, rest, _ := strings.Cut(text, "\n")
	key := &signingKey{service: strings.TrimSpace(reference)}
	if !keyService.MatchString(key.service) {
		return nil, errors.New("the secret signingKey is neither a private key of cosign nor a reference such as awskms:///alias/release: " +
			"give it as file://cosign.key, or as env://NAME with the whole text of the file")
	}
	for number, line := range dotenvLines(rest) {
		if !line.ok || !credentialPattern.MatchString(line.name) {
			return nil, fmt.Errorf("the secret signingKey has no NAME=value in line %d, where credentials of the key service stand", number+1)
		}
		key.credentials = append(key.credentials, line.pair)
	}
	return key, nil
}

// secrets are what nobody may read.
func (k *signingKey) secrets() (all []string) {
	if k.pem != "" {
		all = append(all, k.pem)
	}
	for _, c := range k.credentials {
		all = append(all, c.value)
	}
	return all
}

// reference is how cosign is told of the key.
func (k *signingKey) reference() string { return orDefault(k.service, "env://"+signingKeyVariable) }

// give puts the key into a container, as variables that the engine masks.
func (k *signingKey) give(r *Run, c *dagger.Container) *dagger.Container {
	if k.pem != "" {
		c = c.WithSecretVariable(signingKeyVariable, r.dag.SetSecret("signingKey", k.pem))
	}
	for _, credential := range k.credentials {
		c = c.WithSecretVariable(credential.name, r.dag.SetSecret("signingKey "+credential.name, credential.value))
	}
	if k.password == "" {
		return c.WithEnvVariable("COSIGN_PASSWORD", "") // else cosign asks a terminal for it
	}
	return c.WithSecretVariable("COSIGN_PASSWORD", r.dag.SetSecret("signingPassword", k.password))
}

// keyHint is by what a signature names the key it was made with.
func keyHint(public []byte) (string, error) {
	block, _ := pem.Decode(public)
	if block == nil || block.Type != "PUBLIC KEY" {
		return "", errors.New("expected a public key in PEM (BEGIN PUBLIC KEY)")
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return "", fmt.Errorf("expected a public key in PEM: %w", err)
	}
	sum := sha256.Sum256(block.Bytes)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}
