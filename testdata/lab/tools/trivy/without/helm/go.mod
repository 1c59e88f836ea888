module helm.sh/helm/v3

go 1.25.0
