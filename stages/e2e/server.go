package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
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

// Server is a folder of the test's own on one of the lab's servers.
type Server struct {
	Dir  string
	Port int // of the frontend; the backend's is the next one
	at   string
	via  string // how Slipway reaches it, if not directly
}

// NewServer makes the folder, with an .env that gives the application its own ports, and removes all of it in the end.
func NewServer(t testing.TB, variable string, port int) Server {
	t.Helper()
	needEngine(t)
	at := os.Getenv(variable)
	switch {
	case at == "" && os.Getenv("CI") == "true":
		t.Fatal(variable + " is not set: start the lab")
	case at == "":
		t.Skip(variable + " is not set: start the lab")
	}
	s := Server{at: at, Dir: "/opt/e2e-" + strings.ToLower(rand.Text()[:10]), Port: port}
	s.Run(t, fmt.Sprintf("mkdir %s && printf 'FRONTEND_PORT=%d\nBACKEND_PORT=%d\n' > %s/.env", s.Dir, port, port+1, s.Dir))
	t.Cleanup(func() {
		s.try(fmt.Sprintf("docker ps -aq --filter label=com.docker.compose.project=%[1]s | xargs -r docker rm -fv; docker volume ls -q --filter label=com.docker.compose.project=%[1]s | xargs -r docker volume rm; docker network rm %[1]s_default; rm -rf /opt/%[1]s", path.Base(s.Dir)))
	})
	return s
}

// Setting is the server in the form of the settings staging and production.
func (s Server) Setting() string {
	if s.via != "" {
		return s.via + s.Dir
	}
	return s.at + s.Dir
}

// Project is what compose calls the application.
func (s Server) Project() string { return path.Base(s.Dir) }

// Host is where the application answers.
func (s Server) Host() string {
	_, address, _ := strings.Cut(s.at, "@")
	host, _, _ := net.SplitHostPort(address)
	return host
}

// Frontend and Backend are the addresses of the application.
func (s Server) Frontend() string { return fmt.Sprintf("http://%s:%d", s.Host(), s.Port) }

// Backend is the address of the API.
func (s Server) Backend() string { return fmt.Sprintf("http://%s:%d", s.Host(), s.Port+1) }

func (s Server) try(script string) (string, error) {
	user, address, _ := strings.Cut(s.at, "@")
	host, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+os.Getenv("SLIPWAY_LAB_KNOWN_HOSTS"),
		"-i", os.Getenv("SLIPWAY_LAB_SSH_KEY"), "-p", port, user+"@"+host, script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// Run runs a shell script on the server, past Slipway.
func (s Server) Run(t testing.TB, script string) string {
	t.Helper()
	out, err := s.try(script)
	if err != nil {
		t.Fatalf("on the server: %s: %v", script, err)
	}
	return out
}

// WantNoCredentials fails if the server keeps any: those of tests beside this one go within minutes, forgotten ones stay.
func (s Server) WantNoCredentials(t testing.TB) {
	t.Helper()
	if config := s.Run(t, "cat ~/.docker/config.json 2>/dev/null || true"); config != "" {
		t.Errorf("credentials are kept on the server: %s", config)
	}
	folders := strings.Fields(s.Run(t, "ls -A /dev/shm"))
	Eventually(t, "none of these is left in the server's /dev/shm: "+strings.Join(folders, " "), func() bool {
		time.Sleep(2 * time.Second) // a login each time
		now, err := s.try("ls -A /dev/shm")
		return err == nil && !slices.ContainsFunc(strings.Fields(now), func(name string) bool { return slices.Contains(folders, name) })
	})
}

// Running are the digests of the containers that run, by service, as the server's Docker tells them.
func (s Server) Running(t testing.TB) map[string]string {
	t.Helper()
	running := map[string]string{}
	out := s.Run(t, "for c in $(docker ps -q --filter label=com.docker.compose.project="+path.Base(s.Dir)+`); do echo "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.Image}}' $c)"; done`)
	for line := range strings.Lines(out) {
		service, image, _ := strings.Cut(strings.TrimSpace(line), " ")
		digests := s.Run(t, "docker image inspect -f '{{join .RepoDigests \" \"}}' "+image)
		_, running[service], _ = strings.Cut(strings.Fields(digests + " @none")[0], "@")
		for _, one := range strings.Fields(digests) {
			if strings.Contains(one, "/test-") {
				_, running[service], _ = strings.Cut(one, "@")
			}
		}
	}
	return running
}

// Entry is a line of the ledger.
type Entry struct{ Kind, Result, Version, State, Backup, Reason string }

// Ledger is what the server has written down.
func (s Server) Ledger(t testing.TB) (all []Entry) {
	t.Helper()
	for line := range strings.Lines(s.Run(t, "cat "+s.Dir+"/.slipway/ledger.jsonl 2>/dev/null || true")) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// DeployShop is a clone of the sample application with servers to deploy to, and images without a release.
type DeployShop struct {
	Shop
	Prefix              string
	KnownHosts          string
	Staging, Production Server
}

var ports = struct {
	sync.Mutex
	next int
}{next: 18000}

// NewDeployShop makes one; its images come from the registry by MakeVersion.
func NewDeployShop(t testing.TB) DeployShop {
	t.Helper()
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

// Change is what makes the images of one version different from the others.
type Change func(image string, config *v1.Config)

// MakeVersion publishes images under the version, as a release would have, and returns their digests by service.
func (d DeployShop) MakeVersion(t testing.TB, version, commit string, change Change) map[string]string {
	t.Helper()
	images, err := base()
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
