// Package gitlab stands in for keys that Cosign keeps as variables of GitLab: tests have theirs in files.
package gitlab

import (
	"errors"
	"net/http"
)

type Option struct{}

func WithBaseURL(string) Option { return Option{} }

type Client struct {
	Projects, Groups                 places
	ProjectVariables, GroupVariables variables
}

func NewClient(string, ...Option) (*Client, error) {
	return nil, errors.New("keys in GitLab are left out of the lab's Cosign")
}

type places struct{}

func (places) GetProject(string, *string) (*string, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}

func (places) GetGroup(string, *string) (*string, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}

type variables struct{}

type Variable struct{ Value string }

type CreateVariableOptions struct {
	Key, Value, VariableType, EnvironmentScope *string
	Protected, Masked                          *bool
}

type CreateProjectVariableOptions = CreateVariableOptions

type CreateGroupVariableOptions = CreateVariableOptions

const EnvVariableType = "env_var"

func Ptr[T any](v T) *T { return &v }

func (variables) CreateVariable(string, *CreateVariableOptions) (*Variable, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}

func (variables) GetVariable(string, string, *string) (*Variable, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}
