package verify

import (
	"errors"
	"fmt"
	"slices"

	"dagger/slipway/stages/attest"
)

// attached is everything that hangs below an image and its platforms.
func (j *judge) attached(name string, i Image) {
	if len(i.Attached) == 0 && !j.known() {
		j.add(NotChecked, "signature, SBOM and provenance of "+name, "to be attached", "nothing, and %s that would have to be on them", noSigner)
		return
	}
	for _, kind := range j.kinds(i) {
		j.kind(name, i, kind)
	}
}

// kinds are those that the image has to have, and those that it has. What the image's statements are worth is known by the
// signature: cosign verify is content with any other statement that is signed.
func (j *judge) kinds(i Image) []string {
	all := append([]string{attest.Signature}, attest.Always()...)
	for _, a := range i.Attached {
		all = append(all, a.Kind)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// kind is one row for all statements of a kind, at whichever of the image's digests they hang.
func (j *judge) kind(name string, i Image, kind string) {
	what := attest.Name(kind) + " of " + name
	some := i.of(kind)
	switch {
	case kind != attest.VEX && kind != attest.Signature && !slices.Contains(attest.Always(), kind):
		j.add(NotChecked, what, "nothing, because no release has it", "statements: %d", len(some))
		return
	case len(some) == 0 && kind == attest.Signature && !j.known():
		j.add(NotChecked, what, j.signedBy(), "none, and %s", noSigner)
		return
	}
	good, doubted, err := j.sort(i, some)
	switch {
	case err != nil:
		j.add(Different, what, j.signedBy(), "%v", err)
		return
	case !j.known():
		j.add(NotChecked, what, j.signedBy(), "it fits, and %s", noSigner)
	default:
		j.add(OK, what, j.signedBy(), "statements: %d", len(good))
	}
	if len(doubted) > 0 {
		j.add(NotChecked, "more "+what, j.signedBy(), "statements: %d; %v", len(doubted), doubted[0].Doubt)
	}
}

// of are the statements of a kind.
func (i Image) of(kind string) (some []Attached) {
	for _, a := range i.Attached {
		if a.Kind == kind {
			some = append(some, a)
		}
	}
	return some
}

// sort tells the statements that count from those of strangers, who may sign as well: each digest needs one that counts, and
// nothing hangs where it does not belong.
func (j *judge) sort(i Image, some []Attached) (good, doubted []Attached, err error) {
	for _, a := range some {
		if !a.Says.Of(a.At) {
			return nil, nil, fmt.Errorf("one below %s that is about %s", short(a.At), subjects(a.Says))
		}
		if j.known() && a.Doubt != nil {
			doubted = append(doubted, a)
			continue
		}
		if err := j.contents(i, a); err != nil {
			return nil, nil, err
		}
		good = append(good, a)
	}
	for _, digest := range i.digests() {
		if !slices.ContainsFunc(good, func(a Attached) bool { return a.At == digest }) {
			return nil, nil, lacking(digest, doubted)
		}
	}
	return good, doubted, nil
}

// lacking says why a digest has no statement that counts.
func lacking(digest string, doubted []Attached) error {
	for _, a := range doubted {
		if a.At == digest {
			return fmt.Errorf("for %s: %w", short(digest), a.Doubt)
		}
	}
	return errors.New("none for " + short(digest))
}

// contents are what a statement of a known kind says beside its subject.
func (j *judge) contents(i Image, a Attached) error {
	switch a.Kind {
	case attest.Provenance:
		return j.provenance(a)
	case attest.CycloneDX, attest.SPDX:
		return describes(i, a.Says)
	}
	return nil
}

func subjects(s attest.Statement) string {
	if len(s.Subjects) == 0 {
		return "nothing"
	}
	var text string
	for algorithm, hex := range s.Subjects[0].Digest {
		text = short(algorithm + ":" + hex)
	}
	if more := len(s.Subjects) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
