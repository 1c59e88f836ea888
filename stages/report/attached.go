package report

import (
	"slices"
	"strings"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/redact"
)

// Attachment is a statement about an image, below one of its digests: the image's or index's own, or a platform's.
type Attachment struct {
	Kind         string `json:"kind"`         // the type of its predicate
	ArtifactType string `json:"artifactType"` // as it is, or signed by cosign
	Digest       string `json:"digest"`
}

// statements are what is attached to an image in words, and why not.
func (i Image) statements() string {
	var kinds, parts []string
	for _, a := range i.Attached {
		if !slices.Contains(kinds, a.Kind) {
			kinds = append(kinds, a.Kind)
		}
	}
	if len(kinds) > 0 {
		parts = append(parts, attest.Names(kinds)+" attached")
	}
	if i.NotAttached != "" {
		parts = append(parts, "not attached: "+redact.OneLine(i.NotAttached))
	}
	return strings.Join(parts, "; ")
}
