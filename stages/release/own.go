package release

import (
	"context"
	"slices"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
)

// Untold is why nobody could say who has signed what was found.
type Untold struct{ Err error }

func (u *Untold) Error() string { return u.Err.Error() }
func (u *Untold) Unwrap() error { return u.Err }

// doubt is why a release that signs does not take an image for its own that names its commit and version; empty: it does.
// Labels are anybody's to write. The provenance is signed by the run that has pushed these very digests, and says what they were
// built from. What a run leaves that was cut off before has none and is built again: nobody could tell it from a stranger's.
func (w World) doubt(ctx context.Context, q Request, at registry.Image) (string, error) {
	where, err := w.Registry.Repository(at.Name)
	if err != nil {
		return "", err
	}
	hanging, err := w.Registry.Attached(ctx, at.Name, at.Digest)
	if err != nil {
		return "", err
	}
	of := attestationsOf(at, []string{attest.Provenance})[0]
	doubt := "none"
	for _, said := range of.among(map[string][]attest.Artifact{at.Digest: hanging}, true) {
		if doubt = q.otherBuild(said, where); doubt != "" {
			continue
		}
		why, err := w.Signatures.Doubt(ctx, said, of)
		if err != nil {
			return "", &Untold{err}
		}
		if why == "" {
			return "", nil
		}
		doubt = "one: " + why
	}
	return doubt, nil
}

// otherBuild is why a provenance is not of the build that is asked for; empty: it is.
func (q Request) otherBuild(said attest.Artifact, where string) string {
	s, err := said.Statement()
	built, unread := attest.ReadProvenance(s.Predicate)
	switch {
	case err != nil || unread != nil || built.Image != where || built.Version != q.Version.String() || !slices.Contains(built.Commits, q.Commit):
		return "one of another build"
	case built.Reused:
		return "one of an image that was found, and not built"
	}
	return ""
}
