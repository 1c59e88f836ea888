package rest

import "errors"

type Config struct{}

func InClusterConfig() (*Config, error) { return nil, errors.ErrUnsupported }
