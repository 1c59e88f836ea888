package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// cable is the way to a server, which can be cut.
type cable struct {
	net.Listener
	to string

	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	for address := range strings.SplitSeq(os.Getenv("SLIPWAY_LAB_PROXIES"), ",") {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		c := &cable{Listener: listener, to: to}
		go c.serve()
		t.Cleanup(func() { c.Close(); c.cut() })
		return c
	}
	t.Fatal("no address of SLIPWAY_LAB_PROXIES is free: start the lab")
	return nil
}

func (c *cable) serve() {
	for {
		near, err := c.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		c.mu.Lock()
		if err != nil || c.dead {
			near.Close()
			c.mu.Unlock()
			continue
		}
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		go func() { io.Copy(far, near); far.Close() }()
		go func() { io.Copy(near, far); near.Close() }()
	}
}

// cut breaks every connection; none comes up again before mend.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = false
}

// through puts the cable between Slipway and the staging server.
func (d *DeployShop) through(t *testing.T) *cable {
	t.Helper()
	user, address, _ := strings.Cut(os.Getenv("SLIPWAY_LAB_STAGING"), "@")
	c := newCable(t, address)
	d.Staging.via = user + "@" + c.Addr().String()
	host, port, _ := net.SplitHostPort(c.Addr().String())
	for line := range strings.Lines(d.KnownHosts) {
		if rest, ok := strings.CutPrefix(line, d.Staging.Host()+" "); ok {
			d.KnownHosts += "[" + host + "]:" + port + " " + rest
		}
	}
	return c
}

// runs says whether the server runs something of the digest.
func (s Server) runs(digest string) bool {
	out, _ := s.try("docker ps --no-trunc --format '{{.Names}} {{.Image}}' --filter label=com.docker.compose.project=" + s.Project())
	for line := range strings.Lines(out) {
		if strings.Contains(line, digest) && !strings.Contains(line, "-run-") {
			return true
		}
	}
	return false
}

// TestDeployInterrupted loses the connection while new containers start, and its process at two moments. The same line again
// goes on.
func TestDeployInterrupted(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	c := d.through(t)
	first := d.Release(t, "1.0.0", nil)
	green(t, d.Deploy(t, "staging", "1.0.0"))
	second := d.Release(t, "1.1.0", nil)
	bothRun := func() bool { return d.Staging.runs(second["backend"]) }

	ended := make(chan Result)
	go func() { ended <- d.Deploy(t, "staging", "1.1.0") }()
	Eventually(t, "the new version is started", bothRun)
	c.cut()
	time.Sleep(5 * time.Second)
	c.mend()
	red(t, <-ended, "the connection to the server was lost", "1.0.0 was never stopped and still runs", "Outcome: deploy-restored")
	d.Staging.WantRunning(t, first)
	d.Staging.WantAnswer(t, "1.0.0")

	for name, moment := range map[string]func() bool{
		"while new containers start": bothRun,
		"while old containers stop":  func() bool { return bothRun() && !d.Staging.runs(first["backend"]) },
	} {
		t.Run(name, func(t *testing.T) {
			d.KillWhen(t, moment, d.Arguments("deploy", "--environment=staging", "--version=1.1.0")...)
			Eventually(t, "the server is free again", func() bool {
				out, _ := d.Staging.try("flock -n " + d.Staging.Dir + "/.slipway/lock true && echo free")
				return out == "free"
			})
		})
	}
	green(t, d.Deploy(t, "staging", "1.1.0"), "1.1.0 is healthy", "Outcome: deployed")
	d.Staging.WantRunning(t, second)
	d.Staging.WantAnswer(t, "1.1.0")
	if left := d.Staging.Run(t, "docker ps --all --quiet --filter label=com.docker.compose.project="+d.Staging.Project()+" | wc -l"); left != "6" {
		t.Errorf("there are %s containers, want one of each service", left)
	}
	d.Staging.WantNoCredentials(t)
}

// TestTwoDeploys lets one win, and tells the other who it was.
func TestTwoDeploys(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	d.Release(t, "1.0.0", nil)
	second := d.Release(t, "1.1.0", nil)
	ended := make(chan Result)
	go func() {
		ended <- d.Call(t, append([]string{"--committer=Ann <ann@example.com>"}, d.Arguments("deploy", "--environment=staging", "--version=1.1.0")...)...)
	}()
	Eventually(t, "the first deployment holds the server", func() bool {
		out, _ := d.Staging.try("cat " + d.Staging.Dir + "/.slipway/lock")
		return strings.Contains(out, "Ann")
	})
	red(t, d.Deploy(t, "staging", "1.0.0"), "the server is locked by deploy of 1.1.0 by Ann, since ", "wait until it has ended", "Outcome: locked")
	green(t, <-ended, "Outcome: deployed")
	d.Staging.WantRunning(t, second)
}

// TestDeployByAgent logs in with the key of the caller's SSH agent.
func TestDeployByAgent(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	socket := path.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	Eventually(t, "the agent listens", func() bool { _, err := os.Stat(socket); return err == nil })
	status := func() Result {
		return d.Call(t, "--staging="+d.Staging.Setting(), "--known-hosts="+d.KnownHosts, "--ssh-agent="+socket, "status", "--environment=staging")
	}
	red(t, status(), "does not let deploy in with this key")
	add := exec.Command("ssh-add", os.Getenv("SLIPWAY_LAB_SSH_KEY"))
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	green(t, status(), "nothing was deployed here by Slipway")
	red(t, d.Call(t, "--staging="+d.Staging.Setting(), "--known-hosts="+d.KnownHosts, "status", "--environment=staging"), "set sshKey or sshAgent", "Outcome: refused-input")
}

// TestDeployFromAGuardedRegistry lets the server pull with the caller's token, which stays nowhere.
func TestDeployFromAGuardedRegistry(t *testing.T) {
	t.Parallel()
	d := NewDeployShop(t)
	token := "canary/" + rand.Text()
	digests := d.Release(t, "1.0.0", nil)
	guard := proxied{listen(t, withToken(t, "ci", token)), d.Prefix}
	d.Prefix = guard.through()
	d.Setenv("CANARY_TOKEN", token)
	deploy := func(settings ...string) Result {
		return d.Call(t, append(settings, d.Arguments("deploy", "--environment=staging", "--version=1.0.0")...)...)
	}
	red(t, deploy(), "401 Unauthorized", "registryToken")
	r := deploy("--registry-user=ci", "--registry-token=env://CANARY_TOKEN")
	green(t, r, "1.0.0 is healthy", "Outcome: deployed")
	d.Staging.WantAnswer(t, "1.0.0")
	pair := base64.StdEncoding.EncodeToString([]byte("ci:" + token))
	hides(t, r.Output(), token, pair)
	left := d.Staging.Run(t, "cat ~/.docker/config.json 2>/dev/null; ls -A /dev/shm; cat $(find "+d.Staging.Dir+" -type f); docker image ls --digests")
	hides(t, left, token, pair)
	if !strings.Contains(left, digests["backend"]) {
		t.Errorf("%s is not on the server:\n%s", digests["backend"], left)
	}
}
