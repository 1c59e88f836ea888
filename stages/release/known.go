package release

import (
	"slices"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/version"
)

// tags are the repository's: the remote's where it was read, because a clone may have others that nobody else sees.
func (o Observed) tags(q Request) []Tag {
	if o.Remote.Read() {
		return o.Remote.Is.tags()
	}
	return q.Local
}

// Known are the versions that a floating tag may belong to: those with a tag in git, and those that any image has, without
// what was taken back (T8).
func (o Observed) Known(q Request) []version.Version {
	return o.notWithdrawn(q.Prefix, slices.Concat(VersionsOf(q.Prefix, o.tags(q)), o.Registry.Is.all()))
}

func (o Observed) notWithdrawn(prefix version.TagPrefix, known []version.Version) []version.Version {
	return slices.DeleteFunc(slices.Clone(known), o.withdrawals(prefix))
}

// withdrawals tells whether a rollback has taken a version back, by the forge or by git. The releases' texts are long, and
// read once for however many versions.
func (o Observed) withdrawals(prefix version.TagPrefix) func(version.Version) bool {
	told := WithdrawnOf(o.Forge.Is, prefix)
	return func(v version.Version) bool {
		return o.Remote.Is.Of[WithdrawnRef(prefix, v)] != "" || slices.Contains(told, v)
	}
}

// IsWithdrawn says it of one version.
func (o Observed) IsWithdrawn(prefix version.TagPrefix, v version.Version) bool {
	return o.withdrawals(prefix)(v)
}

// WithdrawnOf are the versions that the forge says were taken back.
func WithdrawnOf(releases []forge.Release, prefix version.TagPrefix) []version.Version {
	var withdrawn []version.Version
	for _, tag := range forge.Withdrawn(releases) {
		if v, ok := prefix.FromTag(tag); ok {
			withdrawn = append(withdrawn, v)
		}
	}
	return withdrawn
}

// refs of ours, outside of branches and tags. Each points to a blob that says who has done what.
const (
	withdrawnRefs = "refs/slipway/withdrawn/"
	begunRefs     = "refs/slipway/begun/"
)

// WithdrawnRef speaks for a version that was taken back, where it has no release on the forge.
func WithdrawnRef(prefix version.TagPrefix, v version.Version) string {
	return withdrawnRefs + prefix.Tag(v)
}

// BegunRef is there from the first write of a release until its team was told: a run that finds everything done still knows
// whether somebody has to be told.
func BegunRef(prefix version.TagPrefix, v version.Version) string { return begunRefs + prefix.Tag(v) }
