// Package api stands in for identities by the agent of Buildkite: tests bring their own token.
package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/buildkite/agent/v3/logger"
)

type Config struct{ Token, Endpoint string }

type Client struct{}

type OIDCTokenRequest struct{ Audience, Job string }

type OIDCToken struct{ Token string }

func NewClient(logger.Logger, Config) Client { return Client{} }

func (Client) OIDCToken(context.Context, *OIDCTokenRequest) (*OIDCToken, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}
