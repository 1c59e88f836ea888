// Package ecr stands in for logins to registries at Amazon, for --k8s-keychain only: no test gives it.
package ecr

import (
	"errors"
	"io"
)

type Option struct{}

type ECRHelper struct{}

func WithLogger(io.Writer) Option { return Option{} }

func NewECRHelper(...Option) ECRHelper { return ECRHelper{} }

func (ECRHelper) Get(string) (user, secret string, err error) {
	return "", "", errors.New("logins to registries at Amazon are left out of the lab's Cosign")
}
