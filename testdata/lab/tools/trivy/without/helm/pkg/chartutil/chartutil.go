package chartutil

import "errors"

const ChartfileName = "Chart.yaml"

type KubeVersion struct{}

func ParseKubeVersion(string) (*KubeVersion, error) { return nil, errors.ErrUnsupported }
