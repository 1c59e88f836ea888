package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// DeployShop is a clone of the sample application with servers to deploy to, and images without a release.
type DeployShop struct {
	Shop
	Prefix              string
	small               bool // see deploySmall
	KnownHosts          string
	Staging, Production Server
}

var ports = struct {
	sync.Mutex
	next int
}{next: 18000}

// places at the servers are for tests that deploy: with more of them, applications are not healthy in time on slow cores.
var places = make(chan struct{}, 2)

// takePlace waits until there is a place at the servers, and keeps it until the test ends.
func takePlace(t testing.TB) {
	places <- struct{}{}
	t.Cleanup(func() { <-places })
}

// NewDeployShop makes one; its images come from the registry by MakeVersion.
func NewDeployShop(t testing.TB) DeployShop {
	t.Helper()
	takePlace(t)
	d := DeployShop{Shop: NewShop(t), Prefix: NewPrefix(t)}
	d.addServers(t)
	return d
}

func (d *DeployShop) addServers(t testing.TB) {
	t.Helper()
	ports.Lock()
	port := ports.next
	ports.next += 2
	ports.Unlock()
	d.Staging = NewServer(t, "SLIPWAY_LAB_STAGING", port)
	d.Production = NewServer(t, "SLIPWAY_LAB_PRODUCTION", port)
	known, err := os.ReadFile(os.Getenv("SLIPWAY_LAB_KNOWN_HOSTS"))
	if err != nil {
		t.Fatal(err)
	}
	d.KnownHosts = string(known)
}

// smallCompose is the least that can be deployed, for tests of something else than the application.
const smallCompose = `x-service: &service
  restart: unless-stopped
  init: true
  command: [sleep, infinity]
  stop_grace_period: 1s
  healthcheck:
    test: ["CMD", "true"]
    interval: 10s
    start_period: 5s
    start_interval: 1s
` + composeServices

// composeServices are the images of a release as services that differ in nothing else.
const composeServices = `services:
  backend:
    <<: *service
    image: ${REGISTRY:-localhost:5000}/backend:${VERSION:-latest}
  frontend:
    <<: *service
    image: ${REGISTRY:-localhost:5000}/frontend:${VERSION:-latest}
  arq-worker:
    <<: *service
    image: ${REGISTRY:-localhost:5000}/arq-worker:${VERSION:-latest}
`

// newSmallDeployShop is one with as little to test as to deploy.
func newSmallDeployShop(t testing.TB) DeployShop {
	t.Helper()
	d := NewDeployShop(t)
	d.deploySmall(t)
	return d
}

// deploySmall leaves of the application what takes seconds, and commits. Its images hold no more than Python.
func (d *DeployShop) deploySmall(t testing.TB) {
	t.Helper()
	d.small = true
	d.Write(t, "docker-compose.prod.ip.yml", smallCompose)
	for _, folder := range []string{"scripts", "proxy"} {
		if err := os.RemoveAll(filepath.Join(d.Dir, folder)); err != nil {
			t.Fatal(err)
		}
	}
	d.makeSmall(t)
}

// Arguments are the settings before the function's name.
func (d DeployShop) Arguments(more ...string) []string {
	return append([]string{"--registry=" + d.Prefix, "--staging=" + d.Staging.Setting(), "--production=" + d.Production.Setting(),
		"--ssh-key=file://" + os.Getenv("SLIPWAY_LAB_SSH_KEY"), "--known-hosts=" + d.KnownHosts}, more...)
}

// Deploy calls deploy.
func (d DeployShop) Deploy(t testing.TB, environment, version string) Result {
	t.Helper()
	return d.Call(t, d.Arguments("deploy", "--environment="+environment, "--version="+version)...)
}

// base are the images of the sample application, built once for all tests by the module itself.
var base = sync.OnceValues(func() (map[string]v1.Image, error) {
	shop, err := template()
	if err != nil {
		return nil, err
	}
	images := map[string]v1.Image{}
	for _, image := range Images {
		where := path.Join(os.Getenv("SLIPWAY_LAB_REGISTRY"), "test-base", image) + ":base"
		cmd := exec.Command("dagger", "-s", "call", "-m", Module(), "--source=.", "image", "--name="+image, "publish", "--address="+where)
		cmd.Dir = shop
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		ref, err := name.ParseReference(where)
		if err != nil {
			return nil, err
		}
		if images[image], err = remote.Image(ref); err != nil {
			return nil, err
		}
	}
	return images, nil
})

// smallBase is for containers that do nothing.
func smallBase() (map[string]v1.Image, error) {
	ref, err := name.ParseReference(path.Join(os.Getenv("SLIPWAY_LAB_REGISTRY"), "library", "python:3.13-slim"))
	if err != nil {
		return nil, err
	}
	python, err := remote.Image(ref)
	images := map[string]v1.Image{}
	for _, image := range Images {
		images[image] = python
	}
	return images, err
}

// Change is what makes the images of one version different from the others.
type Change func(image string, config *v1.Config)

// MakeVersion publishes images under the version, as a release would have, and returns their digests by service.
func (d DeployShop) MakeVersion(t testing.TB, version, commit string, change Change) map[string]string {
	t.Helper()
	of := base
	if d.small {
		of = smallBase
	}
	images, err := of()
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, image := range Images {
		file, err := images[image].ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		file = file.DeepCopy()
		file.Config.Labels = map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": version}
		file.Config.Env = slices.DeleteFunc(file.Config.Env, func(kv string) bool { return strings.HasPrefix(kv, "VERSION=") })
		file.Config.Env = append(file.Config.Env, "VERSION="+version)
		if change != nil {
			change(image, &file.Config)
		}
		made, err := mutate.ConfigFile(images[image], file)
		if err != nil {
			t.Fatal(err)
		}
		where, err := name.NewTag(path.Join(d.Prefix, image) + ":" + version)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(where, made); err != nil {
			t.Fatal(err)
		}
		digest, err := made.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[image] = digest.String()
	}
	return digests
}

// Release makes a version of the shop's present commit.
func (d DeployShop) Release(t testing.TB, version string, change Change) map[string]string {
	t.Helper()
	return d.MakeVersion(t, version, d.Commit(t, "release "+version), change)
}

// WantRunning fails unless exactly these digests run.
func (s Server) WantRunning(t testing.TB, digests map[string]string) {
	t.Helper()
	running := s.Running(t)
	for service, want := range digests {
		if running[service] != want {
			t.Errorf("%s runs %s, want %s", service, running[service], want)
		}
	}
}

// Eventually waits for what takes a moment.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to this: " + what)
		}
	}
}

// WantAnswer fails unless the application says over HTTP that it is this version.
func (s Server) WantAnswer(t testing.TB, version string) {
	t.Helper()
	for _, address := range []string{s.Frontend() + "/", s.Backend() + "/health"} {
		response, err := http.Get(address)
		if err != nil {
			t.Error(err)
			continue
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", address, response.Status)
		}
	}
	response, err := http.Get(s.Backend() + "/version")
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), `"`+version+`"`) {
		t.Errorf("the application says %s, want version %s (%v)", text, version, err)
	}
}
