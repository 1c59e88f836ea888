// Package clientcmd stands in for keys that Cosign keeps as secrets of Kubernetes: tests have theirs in files.
package clientcmd

import (
	"errors"

	"k8s.io/client-go/rest"
)

type Loader struct{}

func NewDefaultClientConfigLoadingRules() Loader { return Loader{} }

func NewNonInteractiveDeferredLoadingClientConfig(Loader, *struct{}) Loader { return Loader{} }

func (Loader) ClientConfig() (*rest.Config, error) {
	return nil, errors.New("secrets of Kubernetes are left out of the lab's Cosign")
}

func IsEmptyConfig(error) bool { return false }
