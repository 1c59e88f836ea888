package action

import (
	"context"
	"errors"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
)

type Configuration struct{}

type Install struct {
	DryRun, Replace, ClientOnly bool
	ReleaseName                 string
	APIVersions                 []string
	KubeVersion                 *chartutil.KubeVersion
}

func NewInstall(*Configuration) *Install { return &Install{} }

func (*Install) RunWithContext(context.Context, *chart.Chart, map[string]any) (*release.Release, error) {
	return nil, errors.ErrUnsupported
}

func CheckDependencies(*chart.Chart, []*chart.Dependency) error { return nil }
