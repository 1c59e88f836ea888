package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A server is what Slipway deploys to: sshd and dockerd behind an address of their own. Its namespaces, and with them
// its processes, containers, mounts and network devices, end with its first process: nothing is left to remove.
type server struct{ name, address string }

var (
	staging    = server{"staging", "10.88.1.10"}
	production = server{"production", "10.88.1.20"}
)

const (
	serverUser = "deploy"
	serverUID  = 1000

	serverNamespace = "server-namespace"
	serverPort      = "eth0"
	engineNetwork   = "10.87.0.0/16" // where the engine's containers live, unless it masks their addresses

	serverPackagesStep = "install server packages"
	serverKeysStep     = "server keys"
)

// serverPackages are what the machine itself needs to reach a server.
var serverPackages = []string{"openssh-client"}

// serverLayers are the root of a server, and of the throw-away server that runs inside Dagger.
var serverLayers = []string{"base", "server"}

// serverScript keeps Debian from starting what it installs. A password that nothing matches, unlike a locked one, leaves
// sshd willing to let the user in by key.
const serverScript = `printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	` + apt + `docker.io docker-cli docker-compose openssh-server iptables iproute2
	rm /usr/sbin/policy-rc.d /etc/ssh/ssh_host_*
	useradd --create-home --uid 1000 --shell /bin/bash --password '*' --groups docker ` + serverUser

// serverInit is the first process of a server. dockerd goes first when the server is stopped, so that it can stop its
// containers in order.
const serverInit = `#!/bin/sh
set -eu
mkdir -p /run/sshd
/usr/sbin/sshd -D -e &
dockerd &
docker=$!
trap 'kill "$docker"' TERM
wait "$docker" || wait "$docker"
`

// dindEntrypoint starts dockerd alone and without TLS, as the official image does where DOCKER_TLS_CERTDIR is empty.
const dindEntrypoint = `#!/bin/sh
set -eu
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
	set -- dockerd --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2375 --tls=false "$@"
fi
exec "$@"
`

// sshdConfig never bars an address for its failed logins: to a server, every container of the engine has the same one.
const sshdConfig = `PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowUsers ` + serverUser + `
PerSourcePenalties no
MaxStartups 100
MaxSessions 100
`

// serverFiles are the files of the server's layer that no package brings.
func serverFiles() []serverFile {
	return []serverFile{
		{"usr/local/sbin/server-init", serverInit, 0o755},
		{"usr/local/bin/dockerd-entrypoint.sh", dindEntrypoint, 0o755},
		{"etc/ssh/sshd_config.d/lab.conf", sshdConfig, 0o644},
		{"etc/docker/daemon.json", daemonConfig(), 0o644},
	}
}

type serverFile struct {
	path, text string
	mode       os.FileMode
}

// daemonConfig makes dockerd take postgres:17 from the lab's registry, and speak plain HTTP to it and its proxies.
// Docker's own choice of networks is used up by thirty tests that were killed before they cleaned up.
func daemonConfig() string {
	text, err := json.Marshal(map[string]any{
		"registry-mirrors":      []string{"http://" + registryHost},
		"insecure-registries":   append([]string{registryHost}, strings.Split(proxyAddresses(), ",")...),
		"default-address-pools": []map[string]any{{"base": "172.16.0.0/12", "size": 24}},
	})
	if err != nil {
		panic(err) // text and numbers only
	}
	return string(text) + "\n"
}

func (l *lab) fillServer(_ context.Context, root string) error {
	for _, f := range serverFiles() {
		path := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) serverSteps() []step {
	return []step{
		// After the other packages, because one apt-get locks out the next.
		{name: serverPackagesStep, from: strings.Join(serverPackages, " "), needs: []string{forgeStep}, make: func(ctx context.Context) error { return l.installPackages(ctx, serverPackages) }},
		{name: serverKeysStep, needs: []string{serverPackagesStep}, make: l.makeServerKeys},
	}
}

// makeServerKeys makes the key that opens both servers, the servers' own keys and the file that tells who they are.
func (l *lab) makeServerKeys(ctx context.Context) error {
	if err := os.RemoveAll(l.path("ssh")); err != nil {
		return err
	}
	if err := os.MkdirAll(l.path("ssh"), 0o700); err != nil {
		return err
	}
	for _, name := range []string{serverUser, staging.name, production.name} {
		args := []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "slipway-lab-" + name, "-f", l.path("ssh", name)}
		if err := l.runJob(ctx, job{log: "ssh-keygen", args: args}); err != nil {
			return err
		}
	}
	known := ""
	for _, s := range []server{staging, production} {
		key, err := os.ReadFile(l.path("ssh", s.name+".pub"))
		if err != nil {
			return err
		}
		known += knownHost(s.address, string(key))
	}
	return os.WriteFile(l.path("ssh", "known_hosts"), []byte(known), 0o644)
}

// knownHost is a line of a known_hosts file, from a host's public key file: type, key and comment.
func knownHost(host, publicKey string) string {
	fields := strings.Fields(publicKey)
	return strings.Join(append([]string{host}, fields[:min(2, len(fields))]...), " ") + "\n"
}

// destination is how SSH users name a server.
func (s server) destination() string { return serverUser + "@" + s.address + ":22" }

// device is this machine's end of the cable to a server.
func (s server) device() string { return "lab-" + s.name }

// sshArgs is a command on a server as the lab's own user there.
func (l *lab) sshArgs(s server, command ...string) []string {
	return append([]string{
		"ssh", "-F", "none", "-i", l.path("ssh", serverUser), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=60",
		"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + l.path("ssh", "known_hosts"), serverUser + "@" + s.address,
	}, command...)
}

func (s server) service() service {
	return service{
		name:  s.name,
		where: "ssh://" + s.destination(),
		needs: []string{"layer server", serverKeysStep},
		run: func(l *lab) (*exec.Cmd, error) {
			self, err := os.Executable()
			if err != nil {
				return nil, err
			}
			cmd := exec.Command(self, serverNamespace, s.name)
			cmd.Dir = filepath.Join(l.repo, "testdata", "lab")
			cmd.Env = append(os.Environ(), "SLIPWAY_LAB_DIR="+l.dir)
			cmd.SysProcAttr = &unix.SysProcAttr{
				Cloneflags:   unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
				Unshareflags: unix.CLONE_NEWNS,
			}
			return cmd, nil
		},
		started: s.connect,
		ready: func(ctx context.Context, l *lab) error {
			args := l.sshArgs(s, "docker", "version", "--format", "{{.Server.Version}}")
			if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("docker version over ssh: %w: %s", err, out)
			}
			return nil
		},
	}
}

// connect lays the cable between this machine and a server, by the process id of the server's first process. No rule of
// the machine's firewall is needed: a server talks to this machine and to the containers that talk to it.
func (s server) connect(pid int) error {
	// The kernel takes a moment to remove the device of a server that has just ended. Mostly there is none: if one is left
	// nevertheless, the next command says so.
	_ = ip("link", "del", s.device())
	return errors.Join(
		ip("link", "add", s.device(), "type", "veth", "peer", "name", serverPort, "netns", fmt.Sprint(pid)),
		ip("link", "set", s.device(), "up"),
		ip("route", "replace", s.address+"/32", "dev", s.device(), "src", address),
	)
}

// runServer becomes a server's first process; it is started in namespaces of its own.
func (l *lab) runServer(args []string) error {
	if len(args) != 1 {
		return errors.New("a server has one name")
	}
	for _, s := range []server{staging, production} {
		if s.name == args[0] {
			return l.becomeServer(s)
		}
	}
	return fmt.Errorf("no server %q", args[0])
}

func (l *lab) becomeServer(s server) error {
	if err := s.plugIn(); err != nil {
		return err
	}
	root, err := l.mountServer(s)
	if err != nil {
		return err
	}
	if err := l.putServerKeys(s, root); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(s.name)); err != nil {
		return err
	}
	if err := changeRoot(root); err != nil {
		return err
	}
	return unix.Exec("/usr/local/sbin/server-init", []string{"server-init"}, append([]string{"HOME=/root"}, env...))
}

// plugIn waits for the server's end of the cable and gives it the server's address. There is no way to the outside: a
// server that asks for an image the lab does not have is told so at once.
func (s server) plugIn() error {
	for deadline := time.Now().Add(silence); ; time.Sleep(10 * time.Millisecond) {
		_, err := net.InterfaceByName(serverPort)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server was not connected: %w", err)
		}
	}
	return errors.Join(
		ip("link", "set", "lo", "up"),
		ip("addr", "add", s.address+"/32", "dev", serverPort),
		ip("link", "set", serverPort, "up"),
		ip("route", "add", address+"/32", "dev", serverPort),
		ip("route", "add", engineNetwork, "via", address),
	)
}

// mountServer makes a server's root: fresh at each start, but for what a server must not forget, which is Docker's data
// and what was deployed.
func (l *lab) mountServer(s server) (root string, err error) {
	for _, dir := range []string{"upper", "work"} {
		if err := os.RemoveAll(l.path("servers", s.name, dir)); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{"root", "upper", "work", "docker", "opt/app"} {
		if _, err := l.mkdir("servers", s.name, dir); err != nil {
			return "", err
		}
	}
	root = l.path("servers", s.name, "root")
	const bind = unix.MS_BIND | unix.MS_REC
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		options              string
	}{
		{"overlay", "", "overlay", 0, l.serverOverlay(s)},
		{"proc", "proc", "proc", 0, ""},
		{"sysfs", "sys", "sysfs", 0, ""},
		{"/sys/fs/cgroup", "sys/fs/cgroup", "", bind, ""},
		{"/dev", "dev", "", bind, ""},
		{"tmpfs", "dev/shm", "tmpfs", 0, "mode=1777"}, // a server's memory is its own
		{"tmpfs", "run", "tmpfs", 0, "mode=755"},
		{l.path("servers", s.name, "docker"), "var/lib/docker", "", bind, ""},
		{l.path("servers", s.name, "opt"), "opt", "", bind, ""},
	} {
		target := filepath.Join(root, m.target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return "", err
		}
		if err := unix.Mount(m.source, target, m.kind, m.flags, m.options); err != nil {
			return "", fmt.Errorf("mount %s on %s: %w", m.source, target, err)
		}
	}
	return root, nil
}

func (l *lab) serverOverlay(s server) string {
	return fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(l.roots(serverLayers), ":"), l.path("servers", s.name, "upper"), l.path("servers", s.name, "work"))
}

// putServerKeys puts a server's own key and the key of its user in place, and gives that user /opt.
func (l *lab) putServerKeys(s server, root string) error {
	home := filepath.Join(root, "home", serverUser, ".ssh")
	opt := filepath.Join(root, "opt")
	err := errors.Join(
		copyFile(l.path("ssh", s.name), filepath.Join(root, "etc/ssh/ssh_host_ed25519_key"), 0o600),
		copyFile(l.path("ssh", serverUser+".pub"), filepath.Join(home, "authorized_keys"), 0o600),
	)
	for _, path := range []string{home, filepath.Join(home, "authorized_keys"), opt, filepath.Join(opt, "app")} {
		err = errors.Join(err, os.Chown(path, serverUID, serverUID))
	}
	return err
}

// changeRoot makes a folder the root of this mount namespace, and drops the old one.
func changeRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}
