// Package v1 has what Cosign keeps a key in at Kubernetes, where no test has any.
package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

type Secret struct {
	metav1.ObjectMeta
	Data      map[string][]byte
	Immutable *bool
}
