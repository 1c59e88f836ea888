package release

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/retry"
)

// depot is a registry with images of some repositories, and what hangs below their digests.
type depot struct {
	registry.Store
	tags   map[string]string // digests, by image:tag
	images map[string]registry.Image
	below  map[string][]attest.Artifact
	listed atomic.Int64 // how often somebody asked what hangs below a digest
	hides  error
}

func (d *depot) Repository(image string) (string, error) { return fullName(image), nil }

func fullName(image string) string { return "registry.test/shop/" + image }

func (d *depot) Tags(_ context.Context, image string) (tags []string, err error) {
	for _, at := range slices.Sorted(maps.Keys(d.tags)) {
		if tag, ok := strings.CutPrefix(at, image+":"); ok {
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

func (d *depot) Inspect(_ context.Context, image, tag string) (registry.Image, bool, error) {
	at, there := d.images[d.tags[image+":"+tag]]
	at.Name = image
	return at, there, nil
}

func (d *depot) Attached(_ context.Context, _, digest string) ([]attest.Artifact, error) {
	d.listed.Add(1)
	return d.below[digest], d.hides
}

// put puts an image under tags of a repository, and hangs statements below it.
func (d *depot) put(at registry.Image, tags string, below ...attest.Artifact) {
	d.images[at.Digest] = at
	d.below[at.Digest] = append(d.below[at.Digest], below...)
	for _, tag := range strings.Fields(tags) {
		d.tags[at.Name+":"+tag] = at.Digest
	}
}

// index is an image for one platform that names this commit and version, as anybody can build one.
func index(name, digest string) registry.Image {
	at := built(name, "sha256:"+digest, here, "1.2.3")
	at.Manifests = map[string]string{"linux/amd64": "sha256:" + digest + "0"}
	return at
}

// madeOf is a provenance of an image, about its digests.
func madeOf(t *testing.T, at registry.Image, change ...func(*attest.Made)) attest.Statement {
	t.Helper()
	made := attest.Made{
		Asked:     attest.Asked{Version: "1.2.3", Image: fullName(at.Name)},
		Materials: []attest.Material{{Name: "source", Digest: map[string]string{"gitCommit": here}}},
	}
	for _, c := range change {
		c(&made)
	}
	predicate, err := made.Predicate(func(text string) string { return text })
	if err != nil {
		t.Fatal(err)
	}
	return attest.About(fullName(at.Name), []string{at.Digest, at.Manifests["linux/amd64"]}, attest.Provenance, predicate)
}

// TestOnlyItsOwnIsUsedAgain: labels are anybody's to write. A release that signs uses an image again if the provenance of this
// very build hangs below it, signed by whom it expects; else the tag of the commit is taken, and the version is refused.
func TestOnlyItsOwnIsUsedAgain(t *testing.T) {
	a, b, front := index("backend", "aa"), index("backend", "bb"), index("frontend", "cc")
	sign := func(s attest.Statement) attest.Artifact { return signedBy(t, ourKey, s) }
	own := func(at registry.Image, change ...func(*attest.Made)) attest.Artifact {
		return sign(madeOf(t, at, change...))
	}
	away, closed := errors.New("cosign could not be run"), &registry.NotStored{Err: errors.New("the registry answered 405")}
	const shorter, longer = "sha-1111111", "sha-11111111"
	for name, c := range map[string]struct {
		unsigned bool
		there    func(d *depot)
		away     error
		hides    error
		tag      string // of the commit; empty: refused
		reused   string
		notes    string // what is said of a tag that is not used
		refused  string
		asked    int // cosign
		listed   int64
	}{
		"nothing":                {there: func(*depot) {}, tag: shorter},
		"another commit's image": {there: func(d *depot) { d.put(built("backend", "sha256:aa", other, "1.2.3"), shorter) }, tag: longer},
		"by labels, and nobody signs": {
			unsigned: true, there: func(d *depot) { d.put(a, shorter) }, tag: shorter, reused: "backend aa",
		},
		"VERSION by labels, and nobody signs": {
			unsigned: true, there: func(d *depot) { d.put(a, "1.2.3") }, tag: shorter, reused: "backend aa",
		},
		"by labels alone, or cut off before its statements": {
			there: func(d *depot) { d.put(a, shorter) }, tag: longer, notes: "none", listed: 1,
		},
		"with a signature and no provenance": {
			there: func(d *depot) {
				d.put(a, shorter, sign(attest.About("", []string{a.Digest, "sha256:aa0"}, attest.Signature, []byte("{}"))))
			}, tag: longer, notes: "none", listed: 1,
		},
		"with a provenance that nobody has signed": {
			there: func(d *depot) { d.put(a, shorter, bareOf(t, madeOf(t, a))) }, tag: longer, notes: "none", listed: 1,
		},
		"with a stranger's provenance": {
			there: func(d *depot) { d.put(a, shorter, signedBy(t, strangersKey, madeOf(t, a))) },
			tag:   longer, notes: "one: signed by another key", asked: 1, listed: 1,
		},
		"with the provenance of another digest": {
			there: func(d *depot) { d.put(a, shorter, own(b)) }, tag: longer, notes: "none", listed: 1,
		},
		"with a provenance of the index alone": {
			there: func(d *depot) {
				s := madeOf(t, a)
				s.Subjects = s.Subjects[:1]
				d.put(a, shorter, sign(s))
			}, tag: longer, notes: "none", listed: 1,
		},
		"with the provenance of another commit": {
			there: func(d *depot) {
				d.put(a, shorter, own(a, func(m *attest.Made) { m.Materials[0].Digest["gitCommit"] = other }))
			}, tag: longer, notes: "one of another build", listed: 1,
		},
		"with the provenance of another version": {
			there: func(d *depot) { d.put(a, shorter, own(a, func(m *attest.Made) { m.Asked.Version = "1.2.3-rc.1" })) },
			tag:   longer, notes: "one of another build", listed: 1,
		},
		"the release's own image of another name": {
			there: func(d *depot) {
				d.put(front, shorter, own(front))
				d.tags["backend:"+shorter] = front.Digest
			}, tag: longer, notes: "one of another build", asked: 1, listed: 2,
		},
		"of which the signer says that it was found": {
			there: func(d *depot) { d.put(a, shorter, own(a, func(m *attest.Made) { m.Reused = true })) },
			tag:   longer, notes: "one of an image that was found, and not built", listed: 1,
		},
		"its own": {there: func(d *depot) { d.put(a, shorter, own(a)) }, tag: shorter, reused: "backend aa", asked: 1, listed: 1},
		"its own, behind a stranger's and a replayed one": {
			there: func(d *depot) { d.put(a, shorter, own(b), signedBy(t, strangersKey, madeOf(t, a)), own(a)) },
			tag:   shorter, reused: "backend aa", asked: 2, listed: 1,
		},
		"its own under a longer tag": {
			there: func(d *depot) { d.put(a, shorter); d.put(b, longer, own(b)) }, tag: longer, reused: "backend bb", notes: "none", asked: 1, listed: 2,
		},
		"its own, and a stranger's frontend": {
			there: func(d *depot) { d.put(a, shorter, own(a)); d.put(front, shorter) }, tag: longer, notes: "none", asked: 1, listed: 2,
		},
		"all its own": {
			there: func(d *depot) { d.put(a, shorter, own(a)); d.put(front, shorter, own(front)) },
			tag:   shorter, reused: "backend aa, frontend cc", asked: 2, listed: 2,
		},
		"VERSION is its own": {there: func(d *depot) { d.put(a, "1.2.3 "+shorter, own(a)) }, tag: shorter, reused: "backend aa", asked: 1, listed: 1},
		"VERSION is its own, and the tag of the commit a stranger's": {
			there: func(d *depot) { d.put(a, "1.2.3", own(a)); d.put(b, shorter) }, tag: longer, reused: "backend aa", notes: "none", asked: 1, listed: 2,
		},
		"VERSION from before releases were signed": {
			there:   func(d *depot) { d.put(a, "1.2.3 "+shorter, bareOf(t, madeOf(t, a))) },
			refused: "backend:1.2.3 exists, and nobody vouches for it: expected a provenance by the signer of this release, found none", listed: 1,
		},
		"VERSION by a stranger": {
			there:   func(d *depot) { d.put(a, "1.2.3", signedBy(t, strangersKey, madeOf(t, a))) },
			refused: "backend:1.2.3 exists, and nobody vouches for it: expected a provenance by the signer of this release, found one: signed by another key", asked: 1, listed: 1,
		},
		"nobody can tell": {
			there: func(d *depot) { d.put(a, shorter, own(a)) }, away: away, refused: "cosign could not be run", asked: 1, listed: 1,
		},
		"a registry without statements": {
			there: func(d *depot) { d.put(a, shorter) }, hides: closed, refused: "the registry answered 405", listed: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &depot{tags: map[string]string{}, images: map[string]registry.Image{}, below: map[string][]attest.Artifact{}, hides: c.hides}
			c.there(d)
			n := &notary{signed: !c.unsigned, away: c.away}
			w := World{Clock: retry.Real, Registry: d, Signatures: n, Together: func(work ...func()) {
				for _, do := range work {
					do()
				}
			}}
			q := wanted(t)
			q.Signed = n.signed
			plan, err := Decide(Observe(t.Context(), w, q), q)
			if len(n.doubted) != c.asked || d.listed.Load() != c.listed {
				t.Errorf("cosign was asked %d times, and the registry for statements %d times; want %d and %d", len(n.doubted), d.listed.Load(), c.asked, c.listed)
			}
			if c.refused != "" {
				wantRefused(t, err, c.refused)
				if _, err := Begin(t.Context(), w, q, n, holder, time.Minute); err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("under the lock: %v", err)
				}
				return
			}
			var reused []string
			for _, name := range slices.Sorted(maps.Keys(plan.Reused)) {
				reused = append(reused, name+" "+strings.TrimPrefix(plan.Reused[name].Digest, "sha256:"))
			}
			if got := strings.Join(reused, ", "); err != nil || plan.CommitTag != c.tag || got != c.reused {
				t.Errorf("%v: %s, used again %q; want %s, %q", err, plan.CommitTag, got, c.tag, c.reused)
			}
			notes := strings.Join(plan.Notes, "; ")
			if said := strings.Contains(notes, "expected a provenance by the signer of this release, found "+c.notes); said != (c.notes != "") {
				t.Errorf("notes %q, want %q", notes, c.notes)
			}
		})
	}
}

// TestNobodyToAsk: who could not be asked is named, and that is not the registry.
func TestNobodyToAsk(t *testing.T) {
	at := index("backend", "aa")
	d := &depot{tags: map[string]string{}, images: map[string]registry.Image{}, below: map[string][]attest.Artifact{}}
	d.put(at, commitTag, signedBy(t, ourKey, madeOf(t, at)))
	n := &notary{signed: true, away: errors.New("cosign could not be run")}
	q := wanted(t)
	q.Signed = true
	w := World{Clock: retry.Real, Registry: d, Signatures: n, Together: Parallel}
	_, err := Decide(Observe(t.Context(), w, q), q)
	var refused Refused
	if !errors.As(err, &refused) || len(refused) != 1 || refused[0].Who != "who has signed" || !errors.Is(err, n.away) {
		t.Errorf("got %+v", refused)
	}
	d.hides = errors.New("503")
	_, err = Decide(Observe(t.Context(), w, q), q)
	if !errors.As(err, &refused) || refused[0].Who != "the registry" {
		t.Errorf("got %+v", refused)
	}
}
