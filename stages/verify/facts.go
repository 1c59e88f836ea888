// Package verify judges a release as somebody does who believes none of it: it has what the public registry, the forge, git
// and the servers say, and the key or identity that is expected to have signed. It knows no engine.
package verify

import (
	"context"
	"maps"
	"slices"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/release"
	"dagger/slipway/stages/server"
)

// Checker says whether somebody who is expected has signed. What is signed is read by us.
type Checker interface {
	// Envelope checks a bundle that holds a statement of a kind about a digest.
	Envelope(ctx context.Context, bundle []byte, digest, kind string) error
	// File checks a bundle that signs a file.
	File(ctx context.Context, name string, data, bundle []byte) error
}

// Facts are all that was read about a version, each part with why it was not.
type Facts struct {
	Request  release.Request
	Signer   string // who has to have signed, in words; empty: nobody is known
	Observed release.Observed
	Images   release.Part[map[string]Image]
	Floating release.Part[[]Tag]
	Page     release.Part[Page]
	Servers  release.Part[[]server.Seen]
}

// Image is what hangs below the digest of an image, and below those of its platforms.
type Image struct {
	Digest    string
	Manifests map[string]string // digests by platform; of a single image its own
	Attached  []Attached
}

// Attached is one statement as it hangs below a digest.
type Attached struct {
	attest.Artifact
	At   string // the digest that it hangs below
	Says attest.Statement
	// Doubt is why it is not by the expected signer; nil: it is.
	Doubt error
}

// Tag is where a floating tag points, and the image of the version that it belongs to.
type Tag struct {
	Image, Tag string
	Belongs    string // the version, empty if there is none
	Want, Is   string // digests, empty if there is none
}

// Page is the release on the forge.
type Page struct {
	Release forge.Release
	Files   map[string][]byte
	Doubt   error // why the checksums are not by the expected signer; nil: they are
}

// digests are the image's own and those of its platforms.
func (i Image) digests() []string {
	all := append([]string{i.Digest}, slices.Sorted(maps.Values(i.Manifests))...)
	slices.Sort(all)
	return slices.Compact(all)
}
