package release

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
)

// Attestation is one statement that an image gets, and the digests that it is about and hangs below.
type Attestation struct {
	Image, Kind string
	Platform    string   // of a statement about one of several; empty: about all of them
	Digests     []string // the first is the one that the image's tags point to
}

// Attached is a statement that hangs below a digest of an image.
type Attached struct {
	Image, Digest, Kind, Type string
	Wrote                     bool // by this run
}

func (a Attached) deed() Deed {
	return Deed{What: "attestation", On: a.Image + "@" + a.Digest, New: attest.Name(a.Kind), Wrote: a.Wrote, Earlier: !a.Wrote}
}

// attestations hangs below every image what is said of it, before any of them is seen under the version.
type attestations struct {
	kinds []string
	done  bool // every image has its version, so that an earlier run has passed here
}

func (e attestations) do(ctx context.Context, a *Act) (deeds []Deed, err error) {
	if e.done {
		return nil, nil
	}
	var mu sync.Mutex
	a.Record.NotAttached = map[string]string{}
	err = a.world.eachImage(a.Plan.Images, func(_ int, image string) error {
		attached, err := a.attest(ctx, image, e.kinds)
		mu.Lock()
		defer mu.Unlock()
		a.Record.Attached = append(a.Record.Attached, attached...)
		// Nobody has asked for statements that nobody signs: a registry that takes none stops no release.
		var no *registry.NotStored
		if errors.As(err, &no) && !a.Plan.Signed {
			a.Record.NotAttached[image] = no.Error()
			return nil
		}
		return err
	})
	for _, one := range a.Record.Attached {
		deeds = append(deeds, one.deed())
	}
	return deeds, err
}

// attest looks what hangs below an image, makes what is missing, and only then attaches the first of it.
func (a *Act) attest(ctx context.Context, image string, kinds []string) (attached []Attached, err error) {
	at, there, err := a.world.Registry.Inspect(ctx, image, a.digests[image])
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%s@%s is not in the registry any more: run the same line again to push it", image, a.digests[image])
	}
	wanted := attestationsOf(at, kinds)
	found, err := a.found(ctx, image, wanted)
	if err != nil {
		return nil, err
	}
	missing := map[string][]attest.Artifact{}
	for _, w := range wanted {
		said, err := a.statement(ctx, w, found)
		if err != nil {
			return nil, err
		}
		for _, digest := range w.Digests {
			switch {
			case hangs(said, found[digest]):
				attached = append(attached, Attached{image, digest, said.Kind, said.Type, false})
			case len(said.Data) > 0:
				missing[digest] = append(missing[digest], said)
			}
		}
	}
	added, err := a.hang(ctx, image, missing)
	return append(attached, added...), err
}

// hang attaches one after the other: a registry may keep the list of them under a tag.
func (a *Act) hang(ctx context.Context, image string, missing map[string][]attest.Artifact) (attached []Attached, err error) {
	for _, digest := range slices.Sorted(maps.Keys(missing)) {
		if err := registry.Attach(ctx, a.world.Registry, a.world.Clock, image, digest, missing[digest]...); err != nil {
			return attached, err
		}
		for _, said := range missing[digest] {
			attached = append(attached, Attached{image, digest, said.Kind, said.Type, true})
		}
	}
	return attached, nil
}

// attestationsOf are the statements that an image gets: of some kinds one for each platform.
func attestationsOf(at registry.Image, kinds []string) (all []Attestation) {
	platforms := slices.Sorted(maps.Keys(at.Manifests))
	of := func(kind, platform string, platforms ...string) {
		digests := []string{at.Digest}
		for _, p := range platforms {
			if own := at.Manifests[p]; !slices.Contains(digests, own) {
				digests = append(digests, own)
			}
		}
		all = append(all, Attestation{Image: at.Name, Kind: kind, Platform: platform, Digests: digests})
	}
	for _, kind := range kinds {
		if !attest.PerPlatform(kind) {
			of(kind, "", platforms...)
			continue
		}
		for _, p := range platforms {
			of(kind, p, p)
		}
	}
	return all
}

// found is what hangs below each digest already.
func (a *Act) found(ctx context.Context, image string, wanted []Attestation) (map[string][]attest.Artifact, error) {
	found := map[string][]attest.Artifact{}
	for _, w := range wanted {
		for _, digest := range w.Digests {
			if _, asked := found[digest]; asked {
				continue
			}
			var err error
			if found[digest], err = a.world.Registry.Attached(ctx, image, digest); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// statement is the one that an earlier run has attached somewhere, because a second one would seldom be the same, or a new one.
// Anybody who may write to the registry can hang a signed one there, so that the release's own signer has to be known by it.
func (a *Act) statement(ctx context.Context, w Attestation, found map[string][]attest.Artifact) (attest.Artifact, error) {
	for _, said := range w.among(found, a.Plan.Signed) {
		if !a.Plan.Signed {
			return said, nil
		}
		if doubt, err := a.world.Signatures.Doubt(ctx, said, w); doubt == "" || err != nil {
			return said, err
		}
	}
	return a.maker.Statement(ctx, w)
}

// among are the statements that may be this one, each once: of the same kind, and about the same digests. Where nothing is signed
// a signed one will do. Those that hang below most digests come first, and the order is the same in every run.
func (w Attestation) among(found map[string][]attest.Artifact, signed bool) (all []attest.Artifact) {
	below := map[string]int{}
	for _, digest := range w.Digests {
		for _, a := range found[digest] {
			s, err := a.Statement()
			if err != nil || a.Kind != w.Kind || a.Type != attest.BundleType && signed || !s.IsOf(w.Digests) {
				continue
			}
			if !hangs(a, all) {
				all = append(all, a)
			}
			below[string(a.Data)]++
		}
	}
	slices.SortFunc(all, func(a, b attest.Artifact) int {
		return cmp.Or(below[string(b.Data)]-below[string(a.Data)], bytes.Compare(a.Data, b.Data))
	})
	return all
}

// hangs says whether the statement is one of these.
func hangs(a attest.Artifact, all []attest.Artifact) bool {
	return slices.ContainsFunc(all, func(b attest.Artifact) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) })
}
