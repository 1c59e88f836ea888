package forge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// memory is a forge that keeps assets by name, and no digests of them.
type memory struct {
	Forge
	assets    map[string][]byte
	partial   string // the name of one whose upload broke off
	breaksAt  string // the name of one that cannot be uploaded
	downloads int
	uploads   []string
}

func (m *memory) Assets(context.Context, Release) (all []Asset, err error) {
	for name := range m.assets {
		all = append(all, Asset{Name: name, partial: name == m.partial})
	}
	return all, nil
}

func (m *memory) UploadAsset(_ context.Context, r Release, f File) (Asset, error) {
	if f.Name == m.breaksAt {
		return Asset{}, errors.New("the forge is away")
	}
	_, there := m.assets[f.Name]
	if there && !r.Draft && f.Name != m.partial {
		return Asset{Name: f.Name}, nil
	}
	m.assets[f.Name] = f.Data
	m.uploads = append(m.uploads, f.Name)
	return Asset{Name: f.Name}, nil
}

func (m *memory) DownloadAsset(_ context.Context, a Asset) ([]byte, error) {
	m.downloads++
	return m.assets[a.Name], nil
}

var attachments = []File{{"sbom.json", "application/json", []byte("sbom")}, {"report.json", "application/json", []byte("report")}}

// sums is the content of checksums.txt for these contents.
func sums(sbom, report string) string {
	return fmt.Sprintf("%x  sbom.json\n%x  report.json\n", sha256.Sum256([]byte(sbom)), sha256.Sum256([]byte(report)))
}

func TestAttach(t *testing.T) {
	tests := []struct {
		name           string
		draft          bool
		there          map[string]string
		partial        string
		breaksAt       string
		attached, kept string
		checksums      string
		err            string
	}{
		{"a draft", true, nil, "", "", "sbom.json report.json checksums.txt", "", sums("sbom", "report"), ""},
		{"a draft with other content", true, map[string]string{"sbom.json": "old", "checksums.txt": "old"}, "", "",
			"sbom.json report.json checksums.txt", "", sums("sbom", "report"), ""},
		{"a published release without files", false, nil, "", "", "sbom.json report.json checksums.txt", "", sums("sbom", "report"), ""},
		{"a published release that was interrupted", false, map[string]string{"sbom.json": "old"}, "", "",
			"report.json checksums.txt", "sbom.json", sums("old", "report"), ""},
		{"a published release of which an upload broke off", false, map[string]string{"sbom.json": "ol"}, "sbom.json", "",
			"sbom.json report.json checksums.txt", "", sums("sbom", "report"), ""},
		{"a published release that has it all", false, map[string]string{"sbom.json": "old", "report.json": "old", "checksums.txt": "old"}, "", "",
			"", "sbom.json report.json checksums.txt", "old", ""},
		{"a published release with files of people", false, map[string]string{"manual.pdf": "x"}, "", "",
			"sbom.json report.json checksums.txt", "", sums("sbom", "report"), ""},
		{"the forge goes away in the middle", false, map[string]string{"sbom.json": "old"}, "", "report.json", "", "sbom.json", "",
			"attaching report.json: the forge is away"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &memory{assets: map[string][]byte{}, partial: test.partial, breaksAt: test.breaksAt}
			for name, data := range test.there {
				m.assets[name] = []byte(data)
			}
			attached, kept, err := Attach(t.Context(), m, Release{Tag: "v1.2.3", Draft: test.draft}, attachments, nil)
			if test.err == "" && err != nil || test.err != "" && (err == nil || err.Error() != test.err) {
				t.Errorf("error: %v", err)
			}
			if got := strings.Join(attached, " "); got != test.attached {
				t.Errorf("attached %s, want %s", got, test.attached)
			}
			if got := strings.Join(kept, " "); got != test.kept {
				t.Errorf("kept %s, want %s", got, test.kept)
			}
			if got := string(m.assets[ChecksumsFile]); got != test.checksums {
				t.Errorf("checksums\n%swant\n%s", got, test.checksums)
			}
			if i := slices.Index(m.uploads, ChecksumsFile); i >= 0 && i != len(m.uploads)-1 {
				t.Errorf("the checksums are not made last: %v", m.uploads)
			}
			if test.draft && m.downloads > 0 {
				t.Errorf("%d downloads", m.downloads)
			}
		})
	}
}

func TestAttachSignsTheChecksums(t *testing.T) {
	const of = "signature of: "
	old := sums("old", "report")
	for name, test := range map[string]struct {
		draft          bool
		there          map[string]string
		attached, kept string
		signature      string
	}{
		"a draft": {true, nil, "sbom.json report.json checksums.txt checksums.txt.sigstore.json", "", of + sums("sbom", "report")},
		"a draft that was signed": {true, map[string]string{"checksums.txt": "old", SignatureFile: "old"},
			"sbom.json report.json checksums.txt checksums.txt.sigstore.json", "", of + sums("sbom", "report")},
		"a published release that was interrupted": {false, map[string]string{"sbom.json": "old"},
			"report.json checksums.txt checksums.txt.sigstore.json", "sbom.json", of + old},
		"a published release that was interrupted before the signature": {false, map[string]string{"sbom.json": "old", "report.json": "report", "checksums.txt": old},
			"checksums.txt.sigstore.json", "sbom.json report.json checksums.txt", of + old},
		"a published release that has it all": {false, map[string]string{"sbom.json": "old", "report.json": "report", "checksums.txt": old, SignatureFile: "old"},
			"", "sbom.json report.json checksums.txt checksums.txt.sigstore.json", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{assets: map[string][]byte{}}
			for name, data := range test.there {
				m.assets[name] = []byte(data)
			}
			sign := func(_ context.Context, name string, data []byte) ([]byte, error) {
				if name != ChecksumsFile {
					t.Errorf("%s is signed", name)
				}
				return append([]byte(of), data...), nil
			}
			attached, kept, err := Attach(t.Context(), m, Release{Tag: "v1.2.3", Draft: test.draft}, attachments, sign)
			if err != nil || strings.Join(attached, " ") != test.attached || strings.Join(kept, " ") != test.kept {
				t.Errorf("attached %v, kept %v, %v; want %s, %s", attached, kept, err, test.attached, test.kept)
			}
			if got := string(m.assets[SignatureFile]); got != test.signature {
				t.Errorf("the signature is\n%s\nwant\n%s", got, test.signature)
			}
		})
	}
}

// A signature that cannot be made is no reason to leave it out.
func TestAttachFailsWithItsSignature(t *testing.T) {
	m, wrong := &memory{assets: map[string][]byte{}}, errors.New("the key does not open")
	attached, _, err := Attach(t.Context(), m, Release{Tag: "v1.2.3", Draft: true}, attachments, func(context.Context, string, []byte) ([]byte, error) { return nil, wrong })
	if !errors.Is(err, wrong) || len(attached) != 3 || m.assets[SignatureFile] != nil {
		t.Errorf("attached %v, %v", attached, err)
	}
}

// world is a stand-in server with a release that is published, or a draft on forges that have them.
type world struct {
	forge   Forge
	release Release
	content func(name string) string
	linked  func() []string // the files that a reader of the page sees
}

func worlds(t *testing.T, draft bool) map[string]world {
	t.Helper()
	hub, lab, tea := newGitHub(t), newGitLab(t), newGitea(t)
	hub.tags["v1.2.3"], lab.tags["v1.2.3"] = ours, ours
	all := map[string]world{
		"GitHub": {forge: hub.Forge(), content: func(name string) string {
			i := slices.IndexFunc(hub.releases[0].Assets, func(a *githubAsset) bool { return a.Name == name })
			return string(hub.releases[0].Assets[i].Data)
		}},
		"Gitea": {forge: tea.Forge(), content: func(name string) string {
			assets := tea.releases[0]["assets"].([]object)
			i := slices.IndexFunc(assets, func(a object) bool { return a["name"] == name })
			return string(tea.files[text(assets[i], "uuid")])
		}},
		"GitLab": {forge: lab.Forge(), content: func(name string) string {
			files := lab.pack(packageName, "v1.2.3").Files
			for _, f := range slices.Backward(files) {
				if f.Name == name {
					return string(f.Data)
				}
			}
			return ""
		}, linked: func() (names []string) {
			for _, l := range lab.releases[0]["assets"].(object)["links"].([]object) {
				names = append(names, text(l, "name"))
			}
			return names
		}},
	}
	for name, w := range all {
		var err error
		if w.release, err = w.forge.CreateDraft(t.Context(), release); err == nil && !draft {
			w.release, err = w.forge.Publish(t.Context(), w.release)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = w
	}
	return all
}

func TestAttachToAPublishedRelease(t *testing.T) {
	for name, w := range worlds(t, false) {
		t.Run(name, func(t *testing.T) {
			// A run that was interrupted has attached one file, whose bytes are others in the next run.
			if _, err := w.forge.UploadAsset(t.Context(), w.release, File{"sbom.json", "application/json", []byte("of the first run")}); err != nil {
				t.Fatal(err)
			}
			attached, kept, err := Attach(t.Context(), w.forge, w.release, attachments, nil)
			if err != nil || !slices.Equal(attached, []string{"report.json", "checksums.txt"}) || !slices.Equal(kept, []string{"sbom.json"}) {
				t.Fatalf("attached %v, kept %v, %v", attached, kept, err)
			}
			if got := w.content("sbom.json"); got != "of the first run" {
				t.Errorf("the file of the first run is %q", got)
			}
			if got, want := w.content("checksums.txt"), sums("of the first run", "report"); got != want {
				t.Errorf("checksums\n%swant\n%s", got, want)
			}
			if attached, kept, err = Attach(t.Context(), w.forge, w.release, attachments, nil); err != nil || len(attached) != 0 || len(kept) != 3 {
				t.Errorf("a second time: attached %v, kept %v, %v", attached, kept, err)
			}
			if w.linked != nil && !slices.Equal(w.linked(), []string{"sbom.json", "report.json", "checksums.txt"}) {
				t.Errorf("the page shows %v", w.linked())
			}
		})
	}
}

func TestAttachToADraft(t *testing.T) {
	for name, w := range worlds(t, true) {
		t.Run(name, func(t *testing.T) {
			for _, sbom := range []string{"of the first run", "sbom"} {
				files := []File{{"sbom.json", "application/json", []byte(sbom)}, attachments[1]}
				if _, kept, err := Attach(t.Context(), w.forge, w.release, files, nil); err != nil || len(kept) != 0 {
					t.Fatalf("kept %v, %v", kept, err)
				}
			}
			published, err := w.forge.Publish(t.Context(), w.release)
			if err != nil || len(published.Assets) != 3 {
				t.Fatalf("got %+v, %v", published, err)
			}
			if got, want := w.content("checksums.txt"), sums("sbom", "report"); got != want {
				t.Errorf("checksums\n%swant\n%s", got, want)
			}
			if w.linked != nil && len(w.linked()) != 3 {
				t.Errorf("the page shows %v", w.linked())
			}
		})
	}
}

// A run that died after the upload and before the link leaves a file that nobody sees.
func TestGitLabAttachesTheLinkThatIsMissing(t *testing.T) {
	w := worlds(t, true)["GitLab"]
	if _, err := w.forge.UploadAsset(t.Context(), w.release, attachments[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.forge.(*gitLab).publishNew(t.Context(), w.release, []gitLabLink{}); err != nil {
		t.Fatal(err)
	}
	w.release.Draft = false
	if _, kept, err := Attach(t.Context(), w.forge, w.release, attachments, nil); err != nil || !slices.Equal(kept, []string{"sbom.json"}) {
		t.Fatalf("kept %v, %v", kept, err)
	}
	if got := w.linked(); !slices.Equal(got, []string{"sbom.json", "report.json", "checksums.txt"}) {
		t.Errorf("the page shows %v", got)
	}
	// A release that was deleted meanwhile is not half made again.
	w.release.Tag = "v9.9.9"
	if _, _, err := Attach(t.Context(), w.forge, w.release, attachments, nil); err == nil || !strings.Contains(err.Error(), "the release v9.9.9 is no longer at ") {
		t.Errorf("got %v", err)
	}
}
