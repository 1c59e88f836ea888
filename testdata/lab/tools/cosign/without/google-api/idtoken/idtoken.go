// Package idtoken stands in for the identity of a machine at Google: tests bring their own token.
package idtoken

import (
	"context"
	"errors"

	"golang.org/x/oauth2"
)

func NewTokenSource(context.Context, string) (oauth2.TokenSource, error) {
	return nil, errors.New("identities by Google are left out of the lab's Cosign")
}
