package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/version"
)

const (
	commitTag = "sha-1111111"
)

var (
	holder = gitremote.Holder{Run: "1", Who: "somebody"}
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	shop   = []string{"backend", "frontend"}
	assets = []string{"checksums.txt", "contents.json"}
)

func wanted(t *testing.T) Request {
	return Request{
		Version: parse(t, "1.2.3"), Commit: here, Images: shop, Platforms: []string{"linux/amd64"},
		Prefix: version.DefaultTagPrefix, Assets: assets,
	}
}

// nothing is a world in which 1.2.2 is released, and nothing of 1.2.3 is there.
func nothing(t *testing.T) Observed {
	before := parse(t, "1.2.2")
	return Observed{
		Registry: Part[Images]{At: noon, Is: Images{
			Known:   map[string][]version.Version{"backend": {before}, "frontend": {before}},
			Version: map[string]registry.Image{}, Commit: map[string]registry.Image{}, CommitTag: commitTag, Doubts: map[string]string{},
		}},
		Remote: Part[Remote]{At: noon, Is: Remote{
			Refs: gitremote.Refs{Default: "main", Of: map[string]string{"refs/heads/main": here, "refs/tags/v1.2.2": other}},
			From: []string{"main"}, Has: true,
		}},
		Forge:   Part[[]forge.Release]{At: noon, Is: []forge.Release{{ID: 1, Tag: "v1.2.2", Latest: true}}},
		Staging: Part[Running]{At: noon, Is: Running{Version: "1.2.2"}},
	}
}

func built(name, digest, commit, v string) registry.Image {
	labels := map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": v}
	return registry.Image{Name: name, Digest: digest, Labels: labels, Platforms: []string{"linux/amd64"}}
}

// pushed puts images under the tag of the commit, tagged under the version.
func pushed(o Observed, images ...string) {
	for _, name := range images {
		o.Registry.Is.Commit[name] = built(name, "sha256:"+name, here, "1.2.3")
	}
}

func versioned(t *testing.T, o Observed, at registry.Image) {
	o.Registry.Is.Version[at.Name] = at
	o.Registry.Is.Known[at.Name] = append(slices.Clone(o.Registry.Is.Known[at.Name]), parse(t, "1.2.3"))
}

func all(t *testing.T, o Observed) {
	pushed(o, shop...)
	for _, name := range shop {
		versioned(t, o, o.Registry.Is.Commit[name])
	}
}

func page(o *Observed, change func(*forge.Release)) {
	r := forge.Release{ID: 2, Tag: "v1.2.3", Commit: here, Title: "v1.2.3", Body: forge.WithNotes("", "notes"), Draft: true}
	for _, name := range assets {
		r.Assets = append(r.Assets, forge.Asset{Name: name})
	}
	change(&r)
	o.Forge.Is = append(slices.Clone(o.Forge.Is), r)
}

// lines are a plan's effects, in one line.
func lines(p Plan) string {
	var text []string
	for phase := PhaseImages; phase <= PhaseFinish; phase++ {
		text = append(text, p.Lines(phase)...)
	}
	return strings.Join(text, "; ")
}

const (
	imagesToDo = "push the images under sha-1111111; tag them 1.2.3; "
	imagesDone = "push the images under sha-1111111 (there already); tag them 1.2.3 (there already); "
	pageToDo   = "write the notes into the release's draft; attach contents, report and checksums; "
	pageDone   = "write the notes into the release's draft (there already); attach contents, report and checksums (there already); "
	rest       = "deploy to staging, which runs 1.2.2; move 1.2, 1, latest; publish the release"
	full       = imagesToDo + "push the git tag; " + pageToDo + rest
)

// TestSection12 are the rows of the rules on second runs: what is found, and what happens.
func TestSection12(t *testing.T) {
	for name, c := range map[string]struct {
		found   func(o *Observed, q *Request)
		plan    string
		refused string
		notes   string
	}{
		"nothing": {plan: full},
		"some sha tags": {
			found: func(o *Observed, _ *Request) { pushed(*o, "backend") },
			plan:  full,
		},
		"all sha tags": {
			found: func(o *Observed, _ *Request) { pushed(*o, shop...) },
			plan:  "push the images under sha-1111111 (there already); tag them 1.2.3; push the git tag; " + pageToDo + rest,
		},
		"VERSION on some images": {
			found: func(o *Observed, _ *Request) {
				pushed(*o, shop...)
				versioned(t, *o, o.Registry.Is.Commit["frontend"])
			},
			plan: "push the images under sha-1111111 (there already); tag them 1.2.3; push the git tag; " + pageToDo + rest,
		},
		"VERSION of another commit": {
			found:   func(o *Observed, _ *Request) { versioned(t, *o, built("backend", "x", other, "1.2.3")) },
			refused: "backend:1.2.3 exists and belongs to commit " + other + ", not to " + here,
		},
		"VERSION of no commit": {
			found:   func(o *Observed, _ *Request) { versioned(t, *o, built("backend", "x", "", "1.2.3")) },
			refused: "backend:1.2.3 exists and does not say which commit it is from",
		},
		"VERSION built as another version": {
			found:   func(o *Observed, _ *Request) { versioned(t, *o, built("backend", "x", here, "1.2.3-rc.1")) },
			refused: "backend:1.2.3 exists and was built as version 1.2.3-rc.1",
		},
		"VERSION on all, no git tag": {
			found: func(o *Observed, _ *Request) { all(t, *o) },
			plan:  imagesDone + "push the git tag; " + pageToDo + rest,
		},
		"git tag here, images missing": {
			found: func(o *Observed, _ *Request) { o.Remote.Is.Of["refs/tags/v1.2.3"] = here },
			plan:  imagesToDo + "push the git tag (there already); " + pageToDo + rest,
		},
		"git tag elsewhere": {
			found:   func(o *Observed, _ *Request) { o.Remote.Is.Of["refs/tags/v1.2.3"] = other },
			refused: "the tag v1.2.3 exists on the remote and names " + other + ", not commit " + here,
		},
		"a newer commit than the one bound": {
			found: func(o *Observed, q *Request) {
				all(t, *o)
				o.Remote.Is.Of["refs/tags/v1.2.3"] = here
				q.Commit = other
			},
			refused: "the tag v1.2.3 exists on the remote and names " + here + ", not commit " + other + "; " +
				"backend:1.2.3 exists and belongs to commit " + here + ", not to " + other + "; " +
				"frontend:1.2.3 exists and belongs to commit " + here + ", not to " + other,
		},
		"a draft": {
			found: func(o *Observed, _ *Request) { page(o, func(*forge.Release) {}) },
			plan:  imagesToDo + "push the git tag; " + pageDone + rest,
		},
		"a draft of another commit": {
			found:   func(o *Observed, _ *Request) { page(o, func(r *forge.Release) { r.Commit = other }) },
			refused: "the draft release 2 (draft, ) belongs to commit " + other,
		},
		"two drafts": {
			found: func(o *Observed, _ *Request) {
				page(o, func(*forge.Release) {})
				page(o, func(r *forge.Release) { r.ID = 3 })
			},
			refused: "there are 2 releases and drafts for v1.2.3",
		},
		"a draft that a person made": {
			found: func(o *Observed, _ *Request) {
				page(o, func(r *forge.Release) { r.Commit, r.Body, r.Assets = "main", "by hand", nil })
			},
			plan: full,
		},
		"published and immutable, without its files": {
			found: func(o *Observed, _ *Request) {
				page(o, func(r *forge.Release) { r.Draft, r.Immutable, r.Assets = false, true, nil })
			},
			refused: "the release v1.2.3 is published, immutable and incomplete: checksums.txt, contents.json",
		},
		"staging runs a higher version": {
			found: func(o *Observed, _ *Request) { o.Staging.Is.Version = "1.2.4" },
			plan:  strings.Replace(full, "deploy to staging, which runs 1.2.2; ", "", 1),
		},
		"everything": {
			found: func(o *Observed, _ *Request) {
				all(t, *o)
				o.Remote.Is.Of["refs/tags/v1.2.3"] = here
				page(o, func(r *forge.Release) { r.Draft = false })
				o.Staging.Is.Version = "1.2.3"
			},
			plan: imagesDone + "push the git tag (there already); " + pageDone + "deploy to staging, which runs 1.2.3; move 1.2, 1, latest; publish the release (there already)",
		},
		"withdrawn, says the forge": {
			found:   func(o *Observed, _ *Request) { page(o, func(r *forge.Release) { *r = forge.Withdraw(*r, "slow") }) },
			refused: "1.2.3 was withdrawn by a rollback",
		},
		"withdrawn, says git": {
			found:   func(o *Observed, _ *Request) { o.Remote.Is.Of["refs/slipway/withdrawn/v1.2.3"] = "blob" },
			refused: "1.2.3 was withdrawn by a rollback",
		},
		"the version before is in the registry and not in git": {
			found: func(o *Observed, _ *Request) { delete(o.Remote.Is.Of, "refs/tags/v1.2.2") },
			plan:  full,
			notes: "which commit 1.2.2 is from: it is in the registry and git has no tag for it, so these notes start at the beginning",
		},
		"a bare tag": {
			found:   func(o *Observed, _ *Request) { o.Remote.Is.Of["refs/tags/1.2.3"] = here },
			refused: "the tag 1.2.3 stands for this version, and the release on the forge needs v1.2.3",
		},
		"a bare tag, and no forge": {
			found: func(o *Observed, _ *Request) {
				o.Remote.Is.Of["refs/tags/1.2.3"] = here
				o.Forge = Part[[]forge.Release]{Why: "none"}
			},
			plan: imagesToDo + "push the git tag (there already); deploy to staging, which runs 1.2.2; move 1.2, 1, latest",
		},
		"a higher version that is half released": {
			found: func(o *Observed, _ *Request) {
				o.Registry.Is.Known["backend"] = append(o.Registry.Is.Known["backend"], parse(t, "1.3.0"))
			},
			plan:  strings.Replace(full, "move 1.2, 1, latest", "move 1.2", 1),
			notes: "versions that count and are only half released: 1.3.0; finish each by releasing its commit again, or take it back with rollback",
		},
		"a higher version that was taken back": {
			found: func(o *Observed, _ *Request) {
				o.Registry.Is.Known["backend"] = append(o.Registry.Is.Known["backend"], parse(t, "1.3.0"))
				o.Remote.Is.Of["refs/slipway/withdrawn/v1.3.0"] = "blob"
			},
			plan: full,
		},
		"a stray tag in the clone": {
			found: func(_ *Observed, q *Request) { q.Local = []Tag{{"v99.0.0", other}} },
			plan:  full,
			notes: "tags that are only in this clone and do not count: v99.0.0; push them, or remove them with git tag -d",
		},
		"the registry does not answer": {
			found:   func(o *Observed, _ *Request) { o.Registry = Part[Images]{Err: errors.New("503")} },
			refused: "503",
		},
		"no release branch has the commit": {
			found:   func(o *Observed, _ *Request) { o.Remote.Is.Has = false },
			refused: "no release branch of the remote contains commit 1111111; they are main",
		},
		"images for other platforms": {
			found: func(o *Observed, q *Request) {
				pushed(*o, "backend")
				q.Platforms = []string{"linux/amd64", "linux/arm64"}
			},
			refused: "backend@sha256:backend was pushed for linux/amd64, and the setting platforms says linux/amd64, linux/arm64",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, q := nothing(t), wanted(t)
			if c.found != nil {
				c.found(&o, &q)
			}
			plan, err := Decide(o, q)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %v, want %s", err, c.refused)
				}
				return
			}
			if err != nil || lines(plan) != c.plan {
				t.Errorf("got %v\n%s\nwant\n%s", err, lines(plan), c.plan)
			}
			if got := strings.Join(plan.Notes, "; "); got != c.notes {
				t.Errorf("notes %q, want %q", got, c.notes)
			}
		})
	}
}

// TestNextIsSaidOnce: what there is to do stands in a list of advices, each once.
func TestNextIsSaidOnce(t *testing.T) {
	refused := Refused{{What: "a", Next: "x"}, {What: "b", Next: "x"}, {What: "c", Next: "y"}, {What: "d"}}
	if refused.Error() != "a; b; c; d" || refused.Next() != "x; y" {
		t.Error(fmt.Sprint(refused.Error(), " / ", refused.Next()))
	}
}
