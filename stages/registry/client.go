// Package registry reads, tags and verifies images in an image registry.
package registry

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/redact"
	"dagger/slipway/stages/retry"
)

// Auth is what the registry asks for. Without a token the access is anonymous.
type Auth struct {
	User, Token string
}

// Client works on the images below one prefix of a registry. It may be used by several goroutines.
type Client struct {
	prefix     string
	auth       authn.Authenticator
	transport  http.RoundTripper
	puller     *remote.Puller
	pusher     *remote.Pusher
	secrets    *strings.Replacer
	manifests  sync.Map // key to *remote.Descriptor: the ones that tags are set to
	statements sync.Map // key to attest.Artifact: those that were read
}

// New returns a client for the images below prefix, such as ghcr.io/acme. It makes no request.
//
// Private IPv4 addresses are spoken to over plain HTTP if they do not offer TLS, everything else over TLS.
func New(prefix string, auth Auth) (*Client, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	if err := checkReachable(prefix); err != nil {
		return nil, err
	}
	return connect(prefix, auth, &retry.Transport{Base: remote.DefaultTransport, RepeatWrites: true})
}

// connect is New for any address, so that tests can use the loopback.
func connect(prefix string, auth Auth, transport *retry.Transport) (*Client, error) {
	if auth.Token != "" && auth.User == "" {
		return nil, errors.New("registryToken is set and registryUser is not: set both, or neither for anonymous access")
	}
	c := &Client{
		prefix: prefix, auth: authn.Anonymous, transport: transport, secrets: redact.Token(auth.User, auth.Token),
	}
	if auth.Token != "" {
		c.auth = &authn.Basic{Username: auth.User, Password: auth.Token}
	}
	options := []remote.Option{
		remote.WithAuth(c.auth),
		remote.WithTransport(transport),
		// The transport repeats; the library's own retries on top would multiply the tries and not know Retry-After.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryPredicate(func(error) bool { return false }),
	}
	var err error
	if c.puller, err = remote.NewPuller(options...); err != nil {
		return nil, err
	}
	c.pusher, err = remote.NewPusher(options...)
	return c, err
}

// Repository returns the full name of an image, such as ghcr.io/acme/backend, or says what is wrong with it.
func (c *Client) Repository(image string) (string, error) {
	if _, err := c.repository(image); err != nil {
		return "", err
	}
	return c.prefix + "/" + image, nil
}

func (c *Client) repository(image string) (name.Repository, error) {
	if !pathPattern.MatchString(image) {
		return name.Repository{}, fmt.Errorf("%q is not an image name: use a-z and 0-9, with single . _ - or / between them",
			image)
	}
	repo, err := name.NewRepository(c.prefix+"/"+image, name.StrictValidation)
	if err != nil {
		return name.Repository{}, fmt.Errorf("the image name is not valid: %w", err)
	}
	return repo, nil
}

var (
	tagPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

func (c *Client) tag(image, tag string) (name.Tag, error) {
	repo, err := c.repository(image)
	if err != nil {
		return name.Tag{}, err
	}
	if err := checkTag(tag); err != nil {
		return name.Tag{}, err
	}
	return repo.Tag(tag), nil
}

func checkTag(tag string) error {
	if !tagPattern.MatchString(tag) {
		return fmt.Errorf("%q is not an image tag: use at most 128 letters, digits, _ . -, no . or - first", tag)
	}
	return nil
}

func (c *Client) digest(image, digest string) (name.Digest, error) {
	repo, err := c.repository(image)
	if err != nil {
		return name.Digest{}, err
	}
	if err := checkDigest(digest); err != nil {
		return name.Digest{}, err
	}
	return repo.Digest(digest), nil
}

func checkDigest(digest string) error {
	if !digestPattern.MatchString(digest) {
		return fmt.Errorf("%q is not an image digest: expected sha256: and 64 hex digits", digest)
	}
	return nil
}

// Mask takes the token out of a text that somebody else has written.
func (c *Client) Mask(text string) string { return c.secrets.Replace(text) }
