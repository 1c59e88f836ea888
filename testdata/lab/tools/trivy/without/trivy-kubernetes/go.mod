module github.com/aquasecurity/trivy-kubernetes

go 1.25.0

require k8s.io/api v0.35.3
