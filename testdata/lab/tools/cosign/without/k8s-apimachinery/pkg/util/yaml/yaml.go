// Package yaml stands in for what `cosign manifest verify` reads, which no test runs.
package yaml

import "io"

type Decoder struct{}

func NewYAMLOrJSONDecoder(io.Reader, int) Decoder { return Decoder{} }

func (Decoder) Decode(any) error {
	panic("files of Kubernetes are left out of the lab's Cosign")
}
