// Package impersonate stands in for the identity of a service account at Google: tests bring their own token.
package impersonate

import (
	"context"
	"errors"

	"golang.org/x/oauth2"
)

type IDTokenConfig struct {
	Audience, TargetPrincipal string
	IncludeEmail              bool
}

func IDTokenSource(context.Context, IDTokenConfig) (oauth2.TokenSource, error) {
	return nil, errors.New("identities by Google are left out of the lab's Cosign")
}
