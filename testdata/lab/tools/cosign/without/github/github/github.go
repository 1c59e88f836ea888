// Package github stands in for keys that Cosign makes as secrets of GitHub: tests have theirs in files.
package github

import (
	"context"
	"errors"
	"net/http"
)

type ClientOption struct{}

func WithHTTPClient(*http.Client) ClientOption { return ClientOption{} }

func WithEnterpriseURLs(string, string) ClientOption { return ClientOption{} }

type Client struct{ Actions actions }

func NewClient(...ClientOption) (*Client, error) {
	return nil, errors.New("secrets of GitHub are left out of the lab's Cosign")
}

type Response struct{ *http.Response }

type PublicKey struct{}

func (*PublicKey) GetKey() string { return "" }

func (*PublicKey) GetKeyID() string { return "" }

type EncryptedSecret struct{ Name, KeyID, EncryptedValue string }

type actions struct{}

func (actions) GetRepoPublicKey(_ context.Context, owner, repo string) (*PublicKey, *Response, error) {
	return nil, nil, errors.ErrUnsupported
}

func (actions) GetOrgPublicKey(_ context.Context, owner string) (*PublicKey, *Response, error) {
	return nil, nil, errors.ErrUnsupported
}

func (actions) CreateOrUpdateRepoSecret(_ context.Context, owner, repo string, _ *EncryptedSecret) (*Response, error) {
	return nil, errors.ErrUnsupported
}

func (actions) CreateOrUpdateOrgSecret(_ context.Context, owner string, _ *EncryptedSecret) (*Response, error) {
	return nil, errors.ErrUnsupported
}
