// Package loader is where the rendering of a Helm chart begins, and ends.
package loader

import (
	"errors"

	"helm.sh/helm/v3/pkg/chart"
)

type BufferedFile struct {
	Name string
	Data []byte
}

func LoadFiles([]*BufferedFile) (*chart.Chart, error) {
	return nil, errors.New("checks of Helm charts are left out of the lab's Trivy")
}
