package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"dagger/slipway/stages/labtest"
	"dagger/slipway/stages/report"
)

// tinyImages are three images of one small file each, for tests of something else than images.
const tinyImages = "--images=backend=tiny, frontend=tiny, arq-worker=tiny"

// withTinyImages is a shop with the folder that tinyImages are made of.
func withTinyImages(t *testing.T) Shop {
	t.Helper()
	s := NewShop(t)
	s.addTinyImages(t)
	return s
}

// newSmallShop is a shop of tiny images and one backend test, committed.
func newSmallShop(t *testing.T) Shop {
	t.Helper()
	s := NewShop(t)
	s.makeSmall(t)
	return s
}

// refused fails the test unless the call ended with exit code 1 and an error that says all of this. The error is the end of
// what was printed: the progress above it holds whatever the tools have said.
func refused(t *testing.T, r Result, words ...string) string {
	t.Helper()
	red(t, r)
	at := strings.LastIndex(r.Stderr, "\nError: ")
	if at < 0 {
		t.Fatalf("no error at the end of\n%s", r.Stderr)
	}
	holds(t, r.Stderr[at:], words...)
	return r.Stderr[at:]
}

// hides fails the test if the text holds one of these.
func hides(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the output holds %q after %q", secret, text[max(0, at-200):at])
		}
	}
}

// stage finds one line of a report.
func stage(t *testing.T, last report.Report, name string) report.Stage {
	t.Helper()
	at := slices.IndexFunc(last.Stages, func(s report.Stage) bool { return s.Name == name })
	if at < 0 {
		t.Fatalf("the report has no stage %s", name)
	}
	return last.Stages[at]
}

// wantGating fails the test unless these, by id, are the findings that stopped the stage.
func wantGating(t *testing.T, s report.Stage, want ...string) {
	t.Helper()
	var got []string
	for _, f := range s.Findings {
		if f.Gates {
			got = append(got, f.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s was stopped by %q, want %q", s.Name, got, want)
	}
}

// TestBrokenTests breaks a test on both sides: both are named, because neither run ends the other.
func TestBrokenTests(t *testing.T) {
	t.Parallel()
	s, reg := withTinyImages(t), newProxied(t)
	s.Replace(t, "backend/tests/test_stock.py", "reserve(3, 3) == 0", "reserve(3, 3) == 7")
	s.Replace(t, "frontend/src/money.test.ts", "€1,234.05", "€9,876.54")
	s.Commit(t, "feat: break both sides")
	refused(t, s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3"),
		"Outcome: gate-fail",
		"Backend Tests failed: 1 of 31 tests failed", "tests.test_stock::test_the_last_item_can_be_bought", "assert 0 == 7",
		"Frontend Tests failed: 1 of ", "cents become euros with a comma for thousands",
		"Build and Push    not run", "waits for Backend Tests, Frontend Tests")
	reg.wantUntouched(t)

	last := lastReport(t, s)
	if last.Outcome != report.GateFail {
		t.Errorf("the report says %s", last.Outcome)
	}
	wantGating(t, stage(t, last, "Backend Tests"), "tests.test_stock::test_the_last_item_can_be_bought")
	wantGating(t, stage(t, last, "Frontend Tests"), "src/money.test.ts::cents become euros with a comma for thousands")
}

const lodashIgnore = `vulnerabilities:
  - id: CVE-2019-10744
    paths: ["frontend/package-lock.json"]
    statement: defaultsDeep is never called with what a user sent
`

// TestPlantedVulnerability locks a package with a critical vulnerability that the lab's database knows.
func TestPlantedVulnerability(t *testing.T) {
	t.Parallel()
	s, reg := withTinyImages(t), newProxied(t)
	for _, name := range []string{"frontend/package.json", "frontend/package-lock.json"} {
		s.Replace(t, name, `"devDependencies": {`+"\n", `"dependencies": { "lodash": "4.17.11" },`+"\n"+`"devDependencies": {`+"\n")
	}
	s.Replace(t, "frontend/package-lock.json", `"node_modules/@babel/types": {`, `"node_modules/lodash": { "version": "4.17.11", "license": "MIT" },`+"\n"+`"node_modules/@babel/types": {`)
	s.Commit(t, "feat: use lodash")
	release := func(more ...string) Result {
		return s.Call(t, append([]string{reg.setting(), tinyImages, "release", "--version=1.2.3"}, more...)...)
	}
	t.Run("stops the release", func(t *testing.T) {
		refused(t, release(), "Outcome: gate-fail",
			"Dependency Check failed: CVE-2019-10744 (CRITICAL) in lodash 4.17.11 at dependencies, frontend/package-lock.json", "fixed in 4.17.12",
			"Build and Push    not run")
		reg.wantUntouched(t)
	})
	t.Run("an ignore entry without a date is an error", func(t *testing.T) {
		s.Write(t, ".trivyignore.yaml", lodashIgnore)
		s.Commit(t, "chore: ignore it for ever")
		refused(t, release(), "Outcome: gate-error",
			"Security Scan error: .trivyignore.yaml line 2: entry CVE-2019-10744 of vulnerabilities has no expired_at",
			"Dependency Check error: .trivyignore.yaml line 2: entry CVE-2019-10744 of vulnerabilities has no expired_at")
		reg.wantUntouched(t)
	})
	t.Run("a complete entry counts", func(t *testing.T) {
		s.Write(t, ".trivyignore.yaml", lodashIgnore+"    expired_at: "+time.Now().AddDate(0, 0, 30).Format(time.DateOnly)+"\n")
		s.Commit(t, "chore: ignore it for a month")
		green(t, s.Call(t, "dependencies"), "Dependency Check  passed", "0 critical", "1 ignored")
	})
	t.Run("forced, it is released and reported", func(t *testing.T) {
		s.Git(t, "rm", "-q", ".trivyignore.yaml")
		s.Commit(t, "chore: ignore nothing")
		const reason = "the payment page is down, see incident 42"
		r := release("--force", "--reason="+reason)
		green(t, r, "Outcome: released", "Forced: "+reason, "slow tests skipped (forced)", "CVE-2019-10744")
		reg.wantTags(t, "1.2.3", "sha-"+s.Git(t, "rev-parse", "HEAD")[:7], "1.2", "1", "latest")
		for _, image := range Images {
			label := Label(t, reg.prefix, image, "1.2.3", "slipway.forced")
			holds(t, label, reason, "security scan", "dependency check", "slow tests")
		}
		last := lastReport(t, s)
		for _, name := range []string{"Security Scan", "Dependency Check"} {
			if got := stage(t, last, name); got.Ending != report.Skipped || !strings.Contains(got.Reason, reason) {
				t.Errorf("%s: %s, %s", name, got.Ending, got.Reason)
			}
		}
		for line := range strings.Lines(r.Stdout) {
			if strings.Contains(line, "Tests") && strings.Contains(line, "passed slow") {
				t.Errorf("slow tests were run: %s", line)
			}
		}
	})
}

// TestThirdImage takes away the third image's Dockerfile, then breaks it.
func TestThirdImage(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	release := func() Result {
		return s.Call(t, reg.setting(), "--images=backend=tiny, frontend=tiny, arq-worker=tiny:Dockerfile.worker", "release", "--version=1.2.3")
	}
	t.Run("missing", func(t *testing.T) {
		refused(t, release(), "image arq-worker: tiny/Dockerfile.worker is not in the repository", "Outcome: refused-state")
		reg.wantUntouched(t)
	})
	t.Run("does not build", func(t *testing.T) {
		s.Write(t, "tiny/Dockerfile.worker", "FROM nginx:1.26\nRUN printf 'no wheel for %s' arq >&2; exit 3\nUSER 10001\n")
		s.Commit(t, "feat: a worker")
		r := release()
		refused(t, r, "Build and Push failed: image arq-worker: ", "dagger call image --name=arq-worker",
			"Backend Tests     passed", "Outcome: gate-fail")
		holds(t, r.Stderr, "no wheel for arq")
		// Dagger v0.19 gives no more than its own text, newer ones the failed command.
		if !regexp.MustCompile(`exit code:? 3\b`).MatchString(r.Stderr) {
			t.Errorf("the exit code of the failed build is not told:\n%s", r.Stderr)
		}
		reg.wantUntouched(t)
	})
}

// TestPlantedSecret looks for the secret everywhere that a run leaves text.
func TestPlantedSecret(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	secret := "AKIA" + rand.Text()[:16]
	s.Write(t, "backend/shop/aws.py", "AWS_ACCESS_KEY_ID = \""+secret+"\"\n")
	s.Commit(t, "feat: upload receipts")
	r := s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3")
	refused(t, r, "Security Scan failed: aws-access-key-id (CRITICAL) at repository, backend/shop/aws.py:1", "Outcome: gate-fail")
	reg.wantUntouched(t)
	stored := s.Call(t, "report", "--format=json")
	green(t, stored, `"gate-fail"`, "aws-access-key-id")
	for _, text := range []string{r.Output(), stored.Output()} {
		hides(t, text, secret, base64.StdEncoding.EncodeToString([]byte(secret)))
	}
}

// TestPublishedImageIsScanned finds an image of this commit in the registry whose files are those of the images beside it,
// and whose layers are not: one brings a secret and the next takes it away, which hides it from nobody.
func TestPublishedImageIsScanned(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	commit := s.Git(t, "rev-parse", "HEAD")
	where := path.Join(reg.prefix, "arq-worker") + ":sha-" + commit[:7]
	green(t, s.Call(t, tinyImages, "image", "--name=arq-worker", "publish", "--address="+where))
	secret := "AKIA" + rand.Text()[:16]
	addLayers(t, where, "1.2.3", map[string]string{"key": "AWS_ACCESS_KEY_ID = \"" + secret + "\"\n"}, map[string]string{".wh.key": ""})
	r := s.Call(t, reg.setting(), tinyImages, "release", "--version=1.2.3")
	refused(t, r, "Security Scan failed: aws-access-key-id (CRITICAL) at arq-worker image", "Outcome: gate-fail", "Build and Push    not run")
	hides(t, r.Output(), secret)
	wantNone(t, reg.Writes())
}

// addLayers puts layers of these files, by name, upon a published image, and makes it one of the version.
func addLayers(t *testing.T, where, version string, layers ...map[string]string) {
	t.Helper()
	ref, err := name.ParseReference(where)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range layers {
		if img, err = mutate.AppendLayers(img, static.NewLayer(archive(t, files), types.DockerUncompressedLayer)); err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.Config.Labels["org.opencontainers.image.version"] = version
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
}

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for file, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestNothingTested runs a suite that ends with exit code 5 and has tested nothing.
func TestNothingTested(t *testing.T) {
	t.Parallel()
	s := newSmallShop(t)
	s.Replace(t, "backend/pyproject.toml", `testpaths = ["tests"]`, `testpaths = ["shop"]`)
	s.Commit(t, "test: look in the wrong folder")
	refused(t, s.Call(t, "test-backend"), "Backend Tests failed: no test passed: 0 found, 0 skipped", "Outcome: gate-fail")
}

// TestCoverageThreshold covers three of four lines.
func TestCoverageThreshold(t *testing.T) {
	t.Parallel()
	s := newSmallShop(t)
	if err := os.RemoveAll(filepath.Join(s.Dir, "backend", "shop")); err != nil {
		t.Fatal(err)
	}
	s.Write(t, "backend/shop/__init__.py", "")
	s.Write(t, "backend/shop/stock.py", "def reserve(left, wanted):\n    if left == wanted:\n        return 0\n    return left - wanted\n")
	s.Commit(t, "feat: four lines")
	green(t, s.Call(t, "--coverage-threshold=75", "test-backend"), "75.0% coverage")
	refused(t, s.Call(t, "--coverage-threshold=75.01", "test-backend"), "Backend Tests failed: ", "75.01", "Outcome: gate-fail")
}

// TestNoVulnerabilityDatabase scans with a Trivy that has no database and no mirror to fetch one from.
func TestNoVulnerabilityDatabase(t *testing.T) {
	t.Parallel()
	s, reg := newSmallShop(t), newProxied(t)
	trivy := changedTool(t, reg.prefix, "aquasec/trivy:0.70.0", "TRIVY_DB_REPOSITORY=127.0.0.1:1/nowhere", "TRIVY_CACHE_DIR=/tmp/cache")
	refused(t, s.Call(t, reg.setting(), tinyImages, "--tool-images="+toolsWith(t, "trivy", trivy), "release", "--version=1.2.3"),
		"Security Scan error: the vulnerability database could not be fetched",
		"Dependency Check error: the vulnerability database could not be fetched",
		"Outcome: gate-error", "Build and Push    not run")
	reg.wantUntouched(t)
}

// changedTool is a tool image of the lab with other environment variables.
func changedTool(t *testing.T, prefix, from string, env ...string) string {
	t.Helper()
	source, err := name.ParseReference(path.Join(labtest.Registry(t), from))
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(source)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	changed := *config.Config.DeepCopy()
	changed.Env = append(slices.DeleteFunc(changed.Env, func(old string) bool {
		return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(old, e[:strings.Index(e, "=")+1]) })
	}), env...)
	if img, err = mutate.Config(img, changed); err != nil {
		t.Fatal(err)
	}
	to, err := name.ParseReference(path.Join(prefix, "tool") + ":changed")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to, img); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

// TestRedIsNotRemembered runs a test that depends on a server: the engine knows the exec, and must not repeat its verdict.
func TestRedIsNotRemembered(t *testing.T) {
	t.Parallel()
	s, server := newSmallShop(t), listen(t, http.NotFoundHandler())
	address := url.URL{Scheme: "http", Host: server.Addr(), Path: "/" + rand.Text()}
	s.Write(t, "backend/tests/test_stock.py", "import urllib.request\n\n\ndef test_stock():\n    assert urllib.request.urlopen(\""+address.String()+"\").status == 200\n")
	s.Commit(t, "test: ask the warehouse")
	server.Fault(labtest.Fault{Status: 503})
	refused(t, s.Call(t, "test-backend"), "Backend Tests failed: 1 of 1 tests failed", "HTTP Error 503")
	server.Heal()
	server.Fault(labtest.Fault{Status: 200})
	green(t, s.Call(t, "test-backend"), "1 passed")
	if n := len(server.Requests()); n != 2 {
		t.Errorf("the tests ran %d times, want 2", n)
	}
}
