package verify

import (
	"errors"
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
	hosts "dagger/slipway/stages/server"
)

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
			signature := w.files[forge.SignatureFile]
			w.files["backend.cdx.json"] = []byte("{ }")
			w.sum()
			w.files[forge.SignatureFile] = signature
		},
		red: []string{"signature of checksums.txt"},
	},
	"an asset more":                  {then: func(w *shop) { w.files["install.sh"] = []byte("rm") }, red: []string{"file install.sh"}},
	"an asset less":                  {then: func(w *shop) { delete(w.files, "backend.cdx.json") }, red: []string{"file backend.cdx.json"}},
	"no checksums":                   {then: func(w *shop) { delete(w.files, forge.ChecksumsFile) }, red: []string{"checksums.txt"}},
	"no signed page":                 {then: func(w *shop) { delete(w.files, forge.SignatureFile) }, red: []string{"signature of checksums.txt"}},
	"a second file of the same name": {then: func(w *shop) { w.twice = "backend.cdx.json" }, red: []string{"file backend.cdx.json again"}},
	"no page":                        {then: func(w *shop) { w.pageless = true }, red: []string{"release page"}},
	"a page taken back":              {then: func(w *shop) { w.draft = true }, red: []string{"release page"}},
	"a moved floating tag": {
		then: func(w *shop) { w.put(backend, "1.2", "1.1.0") },
		red:  []string{"tag 1.2 of backend"},
	},
	"another commit's provenance": {
		set:  func(w *shop) { w.commit = other },
		red:  []string{"provenance of backend", "provenance of frontend"},
		says: "one of commit badc0de5badc, not of c0ffee12c0ff",
	},
	"another version's provenance": {
		set:  func(w *shop) { w.version = "1.2.2" },
		red:  []string{"provenance of backend", "provenance of frontend"},
		says: "one of version 1.2.2, not of 1.2.3",
	},
	"a platform without its provenance": {
		set:  func(w *shop) { w.shallow = attest.Provenance },
		red:  []string{"provenance of backend"},
		says: "none for sha256:",
	},
	"an SBOM that does not say of what": {
		then: func(w *shop) {
			w.attach(frontend, w.digests[frontend], w.artifact(attest.SPDX, "", w.digests[frontend]))
		},
		red: []string{"SBOM (SPDX) of frontend"},
	},
	"a server that does not answer": {
		then: func(w *shop) { w.runs[0].Err = errors.New("no route to host") },
		red:  []string{"staging"},
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
			signature := w.files[forge.SignatureFile]
			w.publish(map[string]string{backend: w.digests[frontend], frontend: w.digests[frontend]})
			w.files[forge.SignatureFile] = signature
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
	for _, kind := range append([]string{attest.Signature}, attest.Always()...) {
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
