package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"dagger/slipway/stages/attest"
	"dagger/slipway/stages/forge"
	"dagger/slipway/stages/gitremote"
	"dagger/slipway/stages/registry"
	"dagger/slipway/stages/release"
	hosts "dagger/slipway/stages/server"
)

// untouched has all that a release can have, and nothing is red or left open.
func TestUntouched(t *testing.T) {
	for name, set := range map[string]func(*shop){
		"by a key":       func(*shop) {},
		"by an identity": byIdentity(t, job, time.Now().Add(time.Minute)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newShop(t)
			set(w)
			table := Judge(w.released().facts())
			if !table.Green() || len(table.with(NotChecked)) > 0 || len(table) < 30 {
				t.Errorf("an untouched release is not green:\n%s", table.Text("1.2.3"))
			}
			if want := 4 + 2 + 4; w.checker.asked != want { // backend's lists of contents are two of each kind
				t.Errorf("cosign was asked %d times, want %d: once for each statement", w.checker.asked, want)
			}
		})
	}
}

// byIdentity makes a shop whose releases are signed by a job of a CI.
func byIdentity(t *testing.T, who string, end time.Time) func(*shop) {
	return func(w *shop) {
		w.signer, w.builder = identity(t, who, end), "https://github.com/acme/shop/actions/runs/7"
		w.checker = &checker{identity: job, now: time.Now()}
	}
}

// tampering is one way to make a release another than it says; set comes before it is made, then afterwards.
type tampering struct {
	set, then func(*shop)
	red       []string // names of the rows that have to be red, all of them
	says      string   // one of them
}

var tamperings = map[string]tampering{
	"another digest under the tag": {
		then: func(w *shop) { w.push(frontend, "1.2.3", commit, amd64) },
		red: append([]string{"frontend in report.json", "staging frontend", "production frontend", "tag 1 of frontend", "tag 1.2 of frontend", "tag latest of frontend"},
			allKinds(frontend)...),
		says: "signature of frontend: expected signed by key cosign.pub, found none for sha256:",
	},
	"another digest with the attestations of the right one": {
		then: func(w *shop) {
			right, _ := w.client.Attached(w.t.Context(), frontend, w.digests[frontend])
			fake := w.push(frontend, "1.2.3", commit, amd64)
			for _, a := range right {
				w.attach(frontend, fake, a)
			}
			w.publish(map[string]string{backend: w.digests[backend], frontend: fake})
			w.runs = nil
		},
		red:  append([]string{"tag 1 of frontend", "tag 1.2 of frontend", "tag latest of frontend"}, allKinds(frontend)...),
		says: "found one below sha256:",
	},
	"an attestation of another image": {
		then: func(w *shop) {
			all, _ := w.client.Attached(w.t.Context(), frontend, w.digests[frontend])
			w.attach(backend, w.digests[backend], all[slices.IndexFunc(all, func(a attest.Artifact) bool { return a.Kind == attest.Provenance })])
		},
		red:  []string{"provenance of backend"},
		says: "that is about sha256:",
	},
	"a removed signature": {
		set: func(w *shop) { w.without = attest.Signature },
		red: []string{"signature of backend", "signature of frontend"},
	},
	"a changed asset": {
		then: func(w *shop) { w.files["backend.cdx.json"] = []byte("{ }") },
		red:  []string{"file backend.cdx.json"},
	},
	"a changed asset with checksums that fit": {
		then: func(w *shop) {
			signature := w.files[SignatureFile]
			w.files["backend.cdx.json"] = []byte("{ }")
			w.sum()
			w.files[SignatureFile] = signature
		},
		red: []string{"signature of checksums.txt"},
	},
	"an asset more":     {then: func(w *shop) { w.files["install.sh"] = []byte("rm") }, red: []string{"file install.sh"}},
	"an asset less":     {then: func(w *shop) { delete(w.files, "backend.cdx.json") }, red: []string{"file backend.cdx.json"}},
	"no checksums":      {then: func(w *shop) { delete(w.files, forge.ChecksumsFile) }, red: []string{"checksums.txt"}},
	"no signed page":    {then: func(w *shop) { delete(w.files, SignatureFile) }, red: []string{"signature of checksums.txt"}},
	"a page taken back": {then: func(w *shop) { w.draft = true }, red: []string{"release page"}},
	"a moved floating tag": {
		then: func(w *shop) { w.put(backend, "1.2", "1.1.0") },
		red:  []string{"tag 1.2 of backend"},
	},
	"another commit's provenance": {
		set:  func(w *shop) { w.made = other },
		red:  []string{"provenance of backend", "provenance of frontend"},
		says: "one of commit badc0de5badc, not of c0ffee12c0ff",
	},
	"another commit's tag": {
		then: func(w *shop) { w.git = other },
		red: []string{"commit in report.json", "commit of image backend", "commit of image frontend", "commit of production", "commit of staging",
			"provenance of backend", "provenance of frontend"},
	},
	"a foreign key": {
		then: func(w *shop) { w.checker.key = newSigner(w.t).key.Public() },
		red:  append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		says: "accepted signatures do not match threshold",
	},
	"a stripped index entry": {
		set:  func(w *shop) { w.request.Platforms = []string{amd64, arm64}; w.request.Images = []string{backend} },
		then: strip,
		red: append([]string{"backend in report.json", "platforms of image backend", "production backend", "staging backend", "tag 1 of backend", "tag 1.2 of backend",
			"tag latest of backend"}, allKinds(backend)...),
		says: "platforms of image backend: expected linux/amd64, linux/arm64, found linux/amd64",
	},
	"a forged report": {
		then: func(w *shop) {
			signature := w.files[SignatureFile]
			w.publish(map[string]string{backend: w.digests[frontend], frontend: w.digests[frontend]})
			w.files[SignatureFile] = signature
		},
		red: []string{"backend in report.json", "signature of checksums.txt"},
	},
	"an SBOM of another image": {
		then: func(w *shop) {
			w.attach(frontend, w.digests[frontend], w.artifact(attest.CycloneDX, w.digests[backend], w.digests[frontend]))
		},
		red:  []string{"SBOM (CycloneDX) of frontend"},
		says: "found a list of the contents of sha256:",
	},
	"an SBOM of another image that nobody has signed": {
		set: func(w *shop) { w.unsigned, w.checker = true, nil },
		then: func(w *shop) {
			w.attach(frontend, w.digests[frontend], w.artifact(attest.SPDX, w.digests[backend], w.digests[frontend]))
		},
		red:  []string{"SBOM (SPDX) of frontend"},
		says: "found a list of the contents of sha256:",
	},
	"a signed image made unsigned": {
		set:  func(w *shop) { w.unsigned = true },
		red:  append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		says: "it is not signed",
	},
	"a VEX that nobody has signed": {
		then: func(w *shop) {
			w.unsigned = true
			w.attach(frontend, w.digests[frontend], w.artifact(attest.VEX, "", w.digests[frontend]))
		},
		red: []string{"VEX of frontend"},
	},
	"a provenance that is gone": {
		set: func(w *shop) { w.unsigned, w.checker, w.without = true, nil, attest.Provenance },
		red: []string{"provenance of backend", "provenance of frontend"},
	},
	"another image on a server": {
		then: func(w *shop) { w.runs[1].Status.Current.Images[backend] = w.where + "/backend@" + w.digests[frontend] },
		red:  []string{"production backend"},
	},
	"a container that somebody has replaced": {
		then: func(w *shop) {
			w.runs[0].Status.Services = []hosts.Service{{Name: "api", Image: "x", Drift: "was deployed as y"}}
		},
		red: []string{"staging service api"},
	},
	"a registry that does not say what is attached": {
		then: func(w *shop) { w.silent = errors.New("429") },
		red:  []string{"what is attached to the images"},
	},
}

func (w *shop) put(image, tag, from string) {
	digest, err := w.client.Resolve(w.t.Context(), image, from)
	must(w.t, err)
	must(w.t, w.client.Put(w.t.Context(), image, tag, digest))
}

// strip leaves a platform out of the index, and hangs all statements below what is left.
func strip(w *shop) {
	all, err := w.client.Attached(w.t.Context(), backend, w.digests[backend])
	must(w.t, err)
	index, err := w.indexes[backend].IndexManifest()
	must(w.t, err)
	kept, err := w.indexes[backend].Image(index.Manifests[0].Digest)
	must(w.t, err)
	one := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: kept, Descriptor: v1.Descriptor{Platform: index.Manifests[0].Platform}})
	ref, err := name.ParseReference(w.where + "/backend:1.2.3")
	must(w.t, err)
	must(w.t, remote.WriteIndex(ref, one))
	digest, err := one.Digest()
	must(w.t, err)
	for _, a := range all {
		w.attach(backend, digest.String(), a)
	}
}

func allKinds(image string) (rows []string) {
	for _, kind := range append([]string{attest.Signature}, kinds...) {
		rows = append(rows, attest.Name(kind)+" of "+image)
	}
	return rows
}

// TestTamperings: each is red, with its name, and nothing else is.
func TestTamperings(t *testing.T) {
	all := map[string]tampering{
		"an expired identity": {
			set:  byIdentity(t, job, time.Now().Add(-time.Hour)),
			red:  append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
			says: "integrated time outside certificate validity",
		},
		"a foreign identity": {
			set:  byIdentity(t, strings.Replace(job, "acme", "evil", 1), time.Now().Add(time.Minute)),
			red:  append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
			says: "no matching CertificateIdentity found: got https://github.com/evil/shop",
		},
		"a builder that is another's": {
			set: func(w *shop) {
				byIdentity(t, job, time.Now().Add(time.Minute))(w)
				w.builder = "https://github.com/trusted/builder/.github/workflows/build.yml@refs/heads/main"
			},
			red:  []string{"provenance of backend", "provenance of frontend"},
			says: "found builder https://github.com/trusted/builder",
		},
	}
	for name, one := range tamperings {
		all[name] = one
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			w := newShop(t)
			if c.set != nil {
				c.set(w)
			}
			w.released()
			if c.then != nil {
				c.then(w)
			}
			table := Judge(w.facts())
			var red, says []string
			for _, row := range table.Red() {
				red, says = append(red, row.What), append(says, row.String())
			}
			slices.Sort(red)
			want := slices.Sorted(slices.Values(c.red))
			if table.Green() || !slices.Equal(red, want) || !strings.Contains(strings.Join(says, "\n"), c.says) {
				t.Errorf("red are\n%q, want\n%q with %q:\n%s", red, want, c.says, table.Text("1.2.3"))
			}
		})
	}
}

// TestNotChecked: what nobody can tell is named, and never ok.
func TestNotChecked(t *testing.T) {
	for name, c := range map[string]struct {
		set, then func(*shop)
		open      []string
	}{
		"signed, and nobody knows by whom": {
			set:  func(w *shop) { w.checker = nil },
			open: append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		},
		"not signed": {
			set:  func(w *shop) { w.unsigned, w.checker = true, nil },
			open: append(append(allKinds(backend), allKinds(frontend)...), "signature of checksums.txt"),
		},
		"another version on a server": {
			then: func(w *shop) { w.runs[1].Status.Current.Version = "1.1.0" },
			open: []string{"production"},
		},
		"a server that nothing was deployed to": {
			then: func(w *shop) { w.runs[1].Status.Deployed = false },
			open: []string{"production"},
		},
		"a stranger's signature beside the right one": {
			then: func(w *shop) {
				stranger := *w
				stranger.signer = newSigner(w.t)
				stranger.made = other
				stranger.attach(backend, w.digests[backend], stranger.artifact(attest.Provenance, "", w.digests[backend]))
			},
			open: []string{"more provenance of backend"},
		},
		"a statement that no release has": {
			then: func(w *shop) {
				w.attach(backend, w.digests[backend], w.artifact("https://scanner.example/v1", "", w.digests[backend]))
			},
			open: []string{"https://scanner.example/v1 of backend"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newShop(t)
			if c.set != nil {
				c.set(w)
			}
			w.released()
			if c.then != nil {
				c.then(w)
			}
			table := Judge(w.facts())
			var open []string
			for _, row := range table.with(NotChecked) {
				open = append(open, row.What)
			}
			slices.Sort(open)
			if want := slices.Sorted(slices.Values(c.open)); !table.Green() || !slices.Equal(open, want) {
				t.Errorf("not checked are\n%q, want\n%q:\n%s", open, want, table.Text("1.2.3"))
			}
		})
	}
}

// TestNothingIsNotGreen: where nobody could be asked, nothing is fine.
func TestNothingIsNotGreen(t *testing.T) {
	w := newShop(t)
	none := Facts{Request: w.request}
	none.Observed.Remote.Why, none.Observed.Registry.Why, none.Page.Why, none.Servers.Why = "no forgeToken is set", "no registry is set", "no forge", "no server"
	if table := Judge(none); table.Green() || len(table.with(OK)) > 0 {
		t.Errorf("got\n%s", table.Text("1.2.3"))
	}
	none.Request.Local = []release.Tag{{Name: "v1.2.3", Commit: commit}}
	table := Judge(none)
	if !table.Green() || table[0].What != "git tag v1.2.3 of this clone, because of the remote: no forgeToken is set" {
		t.Errorf("the clone's tag: got\n%s", table.Text("1.2.3"))
	}
	none.Observed.Remote.Err = errors.New("no route to host")
	if table := Judge(none); table.Green() || table[0].Verdict != NotRead {
		t.Errorf("a remote that does not answer: got\n%s", table.Text("1.2.3"))
	}
}

// TestWithdrawn: nobody should use what was taken back, however well it is signed, and no floating tag is its.
func TestWithdrawn(t *testing.T) {
	w := newShop(t).released()
	f := w.facts()
	refs := f.Observed.Remote.Is.Refs.Of
	f.Observed.Remote.Is.Refs = gitremote.Refs{Of: map[string]string{release.WithdrawnRef(w.request.Prefix, w.request.Version): "1"}}
	for ref, commit := range refs {
		f.Observed.Remote.Is.Refs.Of[ref] = commit
	}
	f.Floating = ReadFloating(t.Context(), w.client, f.Observed, w.request)
	red := fmt.Sprint(Judge(f).Red())
	for _, want := range []string{"rollbacks: ", "tag latest of backend: expected 1.1.0 ", "tag 1.2 of frontend: expected not 1.2.3"} {
		if !strings.Contains(red, want) {
			t.Errorf("got %s, want %q", red, want)
		}
	}
}

// TestJudgeImages is what a server asks before it runs something: who has signed, and of which commit.
func TestJudgeImages(t *testing.T) {
	w := newShop(t).released()
	if table := JudgeImages(w.facts(), commit); !table.Green() || len(table) != 8 {
		t.Errorf("got\n%s", table.Text("1.2.3"))
	}
	if red := fmt.Sprint(JudgeImages(w.facts(), other).Red()); strings.Count(red, "one of commit c0ffee12c0ff, not of badc0de5badc") != 2 {
		t.Errorf("another commit: got %s", red)
	}
	if JudgeImages(w.facts(), "").Green() {
		t.Error("images of no commit are fine")
	}
	w.silent = errors.New("no route to host")
	if table := JudgeImages(w.facts(), commit); table.Green() {
		t.Errorf("what could not be read: got\n%s", table.Text("1.2.3"))
	}
}

var _ Registry = (*registry.Client)(nil)

func TestSameOwner(t *testing.T) {
	for _, c := range []struct {
		builder, signer string
		want            bool
	}{
		{job, job, true},
		{"https://github.com/acme/shop/actions/runs/1/attempts/2", job, true},
		{"https://github.com/acme/shop2/actions/runs/1", job, false},
		{"https://github.com/evil/shop/actions/runs/1", job, false},
		{"https://gitlab.com/acme/team/shop/-/jobs/7", "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main", true},
		{"https://gitlab.com/acme/shop/-/jobs/7", "https://gitlab.com/acme/team/shop//.gitlab-ci.yml@refs/heads/main", false},
		{laptop, job, true},
		{laptop, "somebody@example.com", true},
		{"", job, false},
	} {
		if got := sameOwner(c.builder, c.signer); got != c.want {
			t.Errorf("%s signed by %s: got %t", c.builder, c.signer, got)
		}
	}
}
