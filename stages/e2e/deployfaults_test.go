package e2e

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
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

// TestDeployByAgent logs in with the key of the caller's SSH agent.
func TestDeployByAgent(t *testing.T) {
	t.Parallel()
	d := DeployShop{Shop: NewShop(t)}
	d.addServers(t)
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
