// Package trivyk8s has what `trivy k8s` calls once it has reached a cluster, which it never does here.
package trivyk8s

import (
	"context"
	"embed"

	corev1 "k8s.io/api/core/v1"

	"github.com/aquasecurity/trivy-kubernetes/pkg/artifacts"
	"github.com/aquasecurity/trivy-kubernetes/pkg/k8s"
)

type TrivyK8S interface {
	ListArtifacts(context.Context) ([]*artifacts.Artifact, error)
	ListArtifactAndNodeInfo(context.Context, ...NodeCollectorOption) ([]*artifacts.Artifact, error)
	ListClusterBomInfo(context.Context) ([]*artifacts.Artifact, error)
}

func New(k8s.Cluster, ...K8sOption) TrivyK8S { return nil }

type K8sOption struct{}

func WithExcludeOwned(bool) K8sOption          { return K8sOption{} }
func WithExcludeKinds([]string) K8sOption      { return K8sOption{} }
func WithIncludeKinds([]string) K8sOption      { return K8sOption{} }
func WithExcludeNamespaces([]string) K8sOption { return K8sOption{} }
func WithIncludeNamespaces([]string) K8sOption { return K8sOption{} }

type NodeCollectorOption struct{}

func WithTolerations([]corev1.Toleration) NodeCollectorOption       { return NodeCollectorOption{} }
func WithIgnoreLabels(map[string]string) NodeCollectorOption        { return NodeCollectorOption{} }
func WithScanJobNamespace(string) NodeCollectorOption               { return NodeCollectorOption{} }
func WithScanJobImageRef(string) NodeCollectorOption                { return NodeCollectorOption{} }
func WithCommandPaths([]string) NodeCollectorOption                 { return NodeCollectorOption{} }
func WithEmbeddedCommandFileSystem(embed.FS) NodeCollectorOption    { return NodeCollectorOption{} }
func WithEmbeddedNodeConfigFilesystem(embed.FS) NodeCollectorOption { return NodeCollectorOption{} }
func WithSpecCommandIds([]string) NodeCollectorOption               { return NodeCollectorOption{} }
