package getter

import (
	"bytes"
	"errors"
)

type Option struct{}

func WithURL(string) Option { return Option{} }

type HTTPGetter struct{}

func NewHTTPGetter() (HTTPGetter, error) { return HTTPGetter{}, nil }

func (HTTPGetter) Get(string, ...Option) (*bytes.Buffer, error) { return nil, errors.ErrUnsupported }
