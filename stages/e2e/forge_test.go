package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dagger/slipway/stages/labtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// forgeShop is a clone of a repository on the lab's Gitea.
type forgeShop struct {
	Shop
	url, token, name string
	repository       string // the setting, when it is not what the remote says
	tagPrefix        string // the setting; empty: not set
}

func newForgeShop(t *testing.T) forgeShop {
	t.Helper()
	f := inGitea(t, NewShop(t))
	f.PushToGitea(t, f.name)
	return f
}

// newSeededShop has issues and merged pull requests too, which take Gitea a while.
func newSeededShop(t *testing.T) forgeShop {
	t.Helper()
	f := inGitea(t, Shop{Dir: filepath.Join(t.TempDir(), "shop")})
	out, err := exec.Command("go", "run", "-C", filepath.Join(Module(), "testdata", "lab"), ".", "seed", f.name, f.Dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return f
}

// inGitea names a repository that is not there yet.
func inGitea(t *testing.T, s Shop) forgeShop {
	t.Helper()
	needEngine(t)
	url, token := labtest.Gitea(t)
	f := forgeShop{Shop: s, url: url, token: token, name: "e2e-" + strings.ToLower(rand.Text()[:10])}
	f.Setenv("FORGE_TOKEN", token)
	return f
}

// releaseSmall is the job line of a small repository that has a forge.
func (f forgeShop) releaseSmall(t *testing.T, prefix, version string, more ...string) Result {
	t.Helper()
	return f.Call(t, append([]string{tinyImages}, append(f.arguments(prefix, version), more...)...)...)
}

func (f forgeShop) arguments(prefix, version string) []string {
	return append(f.settings(prefix), "release", "--version="+version)
}

func (f forgeShop) settings(prefix string) []string {
	args := []string{"--registry=" + prefix, services, "--forge=gitea", "--repository=" + f.repository, "--forge-token=env://FORGE_TOKEN"}
	if f.tagPrefix != "" {
		args = append(args, "--tag-prefix="+f.tagPrefix)
	}
	return args
}

// push sends a branch to the forge, past Slipway.
func (f forgeShop) push(t *testing.T, branch string) {
	t.Helper()
	f.Git(t, "push", "-q", f.address(f.token), branch)
}

// get reads from Gitea's API, past Slipway.
func (f forgeShop) get(t *testing.T, address string, into any) []byte {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = f.url + "/api/v1/repos/slipway/" + f.name + address
	}
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+f.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", address, response.Status, err, body)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("GET %s: %v", address, err)
		}
	}
	return body
}

type giteaRelease struct {
	TagName    string `json:"tag_name"`
	Name       string
	Body       string
	Draft      bool
	Prerelease bool
	Assets     []struct {
		Name string
		URL  string `json:"browser_download_url"`
	}
}

func (f forgeShop) releases(t *testing.T) (all []giteaRelease) {
	t.Helper()
	f.get(t, "/releases", &all)
	return all
}

// labelled are the titles of the pull requests and issues with a label.
func (f forgeShop) labelled(t *testing.T, label string) (titles []string) {
	t.Helper()
	var all []struct{ Title string }
	f.get(t, "/issues?state=all&labels="+url.QueryEscape(label), &all)
	for _, one := range all {
		titles = append(titles, one.Title)
	}
	return titles
}

// golden compares with a file that a person can check against the seeded history. What differs from run to run, the
// repository's name and the hashes of commits, is written as words.
func (f forgeShop) golden(t *testing.T, file, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, f.url+"/slipway/"+f.name, "REPOSITORY")
	text = strings.ReplaceAll(text, f.url, "FORGE")
	for _, commit := range strings.Fields(f.Git(t, "log", "--format=%H", "HEAD")) {
		text = strings.ReplaceAll(strings.ReplaceAll(text, commit, "COMMIT"), commit[:7], "SHORT")
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, text, want)
	}
}

// TestForgeRelease drafts and releases the seeded repository, and reads everything back from the forge.
func TestForgeRelease(t *testing.T) {
	t.Parallel()
	f, prefix := newSeededShop(t), NewPrefix(t)
	green(t, f.Call(t, append(f.settings(prefix), "draft")...), "Made the standing draft for v")
	standing := f.releases(t)
	if len(standing) != 1 || !standing[0].Draft || !strings.Contains(standing[0].Body, "## 🚀 Features") {
		t.Fatalf("the standing draft is %+v", standing)
	}
	line := append(f.settings(prefix), "--released-in=label", "release", "--version=1.2.3")
	green(t, f.Call(t, line...), "Outcome: released", "tag v1.2.3 pushed")
	marked := f.labelled(t, "released in 1.2.3")
	if len(marked) == 0 {
		t.Error("no pull request and no issue says that it was released")
	}
	all := f.releases(t)
	if len(all) != 1 {
		t.Fatalf("%d releases, want 1", len(all))
	}
	one := all[0]
	if one.TagName != "v1.2.3" || one.Name != "v1.2.3" || one.Draft || one.Prerelease {
		t.Errorf("the release is %+v", one)
	}
	f.golden(t, "notes.md", one.Body)
	if got, want := f.Git(t, "ls-remote", "origin", "refs/tags/v1.2.3^{}"), f.Git(t, "rev-parse", "HEAD")+"\trefs/tags/v1.2.3^{}"; got != want {
		t.Errorf("the tag on the remote is %q, want an annotated one: %q", got, want)
	}
	f.wantChecksums(t, one)
	f.wantSBOMs(t, one, prefix)

	t.Run("again", func(t *testing.T) {
		green(t, f.Call(t, line...), "Outcome: already-released")
		if again := f.labelled(t, "released in 1.2.3"); !slices.Equal(again, marked) {
			t.Errorf("labelled are %v, before %v", again, marked)
		}
		after := f.releases(t)
		if len(after) != 1 || after[0].Body != one.Body || len(after[0].Assets) != len(one.Assets) {
			t.Errorf("the release has changed: %+v", after)
		}
	})
}

// wantChecksums downloads every file of the release and compares it with the list.
func (f forgeShop) wantChecksums(t *testing.T, r giteaRelease) {
	t.Helper()
	sums := map[string]string{}
	var names []string
	for _, a := range r.Assets {
		body := f.get(t, a.URL, nil)
		names = append(names, a.Name)
		if a.Name == "checksums.txt" {
			for line := range bytes.Lines(body) {
				sum, name, _ := strings.Cut(strings.TrimSpace(string(line)), "  ")
				sums[name] = sum
			}
		}
	}
	for _, want := range []string{"backend.cdx.json", "frontend.cdx.json", "arq-worker.cdx.json", "report.json"} {
		if sums[want] == "" {
			t.Errorf("%s is not in the checksums; the release has %v", want, names)
		}
	}
	for _, a := range r.Assets {
		sum := sha256.Sum256(f.get(t, a.URL, nil))
		if a.Name != "checksums.txt" && sums[a.Name] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s does not match its checksum", a.Name)
		}
	}
}

// wantSBOMs: what was scanned is what was pushed, layer by layer, and the list of contents says under which digest.
func (f forgeShop) wantSBOMs(t *testing.T, r giteaRelease, prefix string) {
	t.Helper()
	version := strings.TrimPrefix(r.TagName, "v")
	for _, image := range Images {
		repository := prefix + "/" + image
		digest := Tags(t, prefix, image)[version]
		var sbom struct {
			Metadata struct {
				Component struct {
					Name, PURL string
					Properties []struct{ Name, Value string }
				}
			}
		}
		f.get(t, f.asset(t, r, image+".cdx.json"), &sbom)
		component := sbom.Metadata.Component
		if component.Name != repository+":"+version || !strings.Contains(component.PURL, "/"+image+"@"+url.QueryEscape(digest)+"?") {
			t.Errorf("the list of contents is of %s, %s, want %s@%s", component.Name, component.PURL, repository, digest)
		}
		var scanned []string
		for _, p := range component.Properties {
			if p.Name == "aquasecurity:trivy:DiffID" {
				scanned = append(scanned, p.Value)
			}
		}
		pushed := Layers(t, prefix, image, version)
		slices.Sort(scanned)
		slices.Sort(pushed)
		if !slices.Equal(scanned, pushed) {
			t.Errorf("%s: the layers %v were scanned, and %v pushed", image, scanned, pushed)
		}
	}
}

// asset is where a file of the release can be downloaded.
func (f forgeShop) asset(t *testing.T, r giteaRelease, name string) string {
	t.Helper()
	for _, a := range r.Assets {
		if a.Name == name {
			return a.URL
		}
	}
	t.Fatalf("the release has no file %s", name)
	return ""
}

// through puts a proxy in front of the forge, under which the repository is called as if it were the forge.
func (f *forgeShop) through(t *testing.T) *labtest.Proxy {
	t.Helper()
	p := listenTo(t, strings.TrimPrefix(f.url, "http://"))
	f.repository = "http://" + p.Addr() + "/slipway/" + f.name
	return p
}

// TestBackport: the notes of a lower version start at its own line, and the forge's other releases stay as they are. The
// repository has two products, and CI starts with the name of a tag.
func TestBackport(t *testing.T) {
	t.Parallel()
	f, prefix := newForgeShop(t), NewPrefix(t)
	f.tagPrefix = "shop-v"
	for tag := range strings.FieldsSeq(f.Git(t, "tag")) {
		f.Git(t, "tag", "shop-"+tag, tag+"^{}")
		f.Git(t, "tag", "-d", tag)
	}
	f.Git(t, "tag", "web-v1.1.9", "shop-v1.2.0")
	f.Git(t, "tag", "shop-1.0.0", "shop-v1.1.8")
	f.Git(t, "push", "-q", "--prune", f.address(f.token), "refs/tags/*:refs/tags/*")
	f.Git(t, "checkout", "-q", "-b", "release/1.1", "shop-v1.1.8")
	f.Write(t, "backend/shop/note.py", "NOTE = 1\n")
	f.Commit(t, "fix(backend): a note for the old line")
	f.makeSmall(t)
	f.SetVersion(t, "1.1.8", "1.1.9")
	f.push(t, "release/1.1")
	green(t, f.releaseSmall(t, prefix, "shop-v1.1.9"), "after 1.1.8", "2 entries in the notes", "tag shop-v1.1.9 pushed",
		"tags that look like versions and do not count (1): shop-1.0.0; the tag of a version is shop-v1.2.3")
	one := f.releases(t)[0]
	body := one.Body
	holds(t, body, "a note for the old line", "compare/shop-v1.1.8...shop-v1.1.9")
	if refs := f.remoteRefs(t); one.TagName != "shop-v1.1.9" || one.Name != "shop-v1.1.9" || refs["refs/tags/shop-v1.1.9"] != f.Git(t, "rev-parse", "HEAD") {
		t.Errorf("the release is %+v, and the tags are %v", one, refs)
	}
	if strings.Contains(body, "reorder") {
		t.Errorf("the notes hold changes of 1.2.0:\n%s", body)
	}
	if tags := Tags(t, prefix, "backend"); tags["1.1"] == "" || tags["latest"] != "" {
		t.Errorf("the tags are %v", tags)
	}
}

// TestForgeRefusals: what the remote forbids is found in stage 1, and a dry run writes nothing to the forge.
func TestForgeRefusals(t *testing.T) {
	t.Parallel()
	f, proxy := newSmallForgeShop(t)
	prefix := NewPrefix(t)
	t.Run("dry run", func(t *testing.T) {
		green(t, f.releaseSmall(t, prefix, "1.2.3", "--dry-run"), "would tag and release", "Outcome: dry-run-ok")
		if w := proxy.Writes(); len(w) > 0 {
			t.Errorf("a dry run wrote %v", w)
		}
	})
	t.Run("dry run in a shallow clone", func(t *testing.T) {
		shallow := f
		shallow.Dir = filepath.Join(t.TempDir(), "shop")
		f.Git(t, "clone", "-q", "--depth=1", f.address(f.token), shallow.Dir)
		green(t, shallow.releaseSmall(t, prefix, "1.2.3", "--dry-run"), "after 1.2.0", "A real run would refuse", "the clone is shallow", "Outcome: dry-run-ok")
	})
	t.Run("a wrong token", func(t *testing.T) {
		f.Setenv("FORGE_TOKEN", "wrong-token-canary")
		r := f.releaseSmall(t, prefix, "1.2.3")
		red(t, r, "Outcome: refused-state")
		if strings.Contains(r.Output(), "wrong-token-canary") {
			t.Error("the token is in the output")
		}
	})
	if w := proxy.Writes(); len(w) > 0 {
		t.Errorf("a refused run wrote %v", w)
	}
	WantTags(t, prefix)
}

// post writes to Gitea's API, past Slipway.
func (f forgeShop) post(t *testing.T, path string, value any) {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, f.url+"/api/v1/repos/slipway/"+f.name+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+f.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode/100 != 2 {
		t.Fatalf("POST %s: %s: %s", path, response.Status, answer)
	}
}

// TestReleaseMadeInTheWebPage: what a person wrote there is kept, and our notes and files are added.
func TestReleaseMadeInTheWebPage(t *testing.T) {
	t.Parallel()
	f, _ := newSmallForgeShop(t)
	prefix := NewPrefix(t)
	f.post(t, "/releases", map[string]any{"tag_name": "v1.2.3", "target_commitish": "main", "name": "v1.2.3", "body": "Thanks to everybody!"})
	green(t, f.releaseSmall(t, prefix, "1.2.3"), "Outcome: released")
	all := f.releases(t)
	if len(all) != 1 || len(all[0].Assets) != 5 || !strings.HasPrefix(all[0].Body, "Thanks to everybody!\n") {
		t.Fatalf("the releases are %+v", all)
	}
	holds(t, all[0].Body, "show the version in the footer")
	WantTags(t, prefix, "1.2.3", "sha-"+f.Git(t, "rev-parse", "HEAD")[:7], "1.2", "1", "latest")
}
