package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// address is where every service of the lab listens: an address of this machine that the engine,
	// its containers and the tests all reach under the same name.
	address      = "10.88.0.1"
	registryHost = address + ":5000"
	gitAddress   = address + ":3000"

	freeDiskGiB = 12
)

// lab is the folder that holds everything, and the Slipway checkout it serves.
type lab struct {
	dir  string
	repo string
}

func open() (*lab, error) {
	dir := os.Getenv("SLIPWAY_LAB_DIR")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no cache folder (%w): set SLIPWAY_LAB_DIR to a folder on a disk with %d GiB free", err, freeDiskGiB)
		}
		dir = filepath.Join(cache, "slipway-lab")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	repo, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(repo, "testdata", "lab", "lab.go")); err != nil {
		return nil, errors.New("run it from its own folder: go run -C testdata/lab . COMMAND")
	}
	return &lab{dir: dir, repo: repo}, nil
}

// path names a file in the lab's folder.
func (l *lab) path(elem ...string) string {
	return filepath.Join(append([]string{l.dir}, elem...)...)
}

// mkdir makes a folder in the lab's folder and names it.
func (l *lab) mkdir(elem ...string) (string, error) {
	dir := l.path(elem...)
	return dir, os.MkdirAll(dir, 0o755)
}

// check refuses, with the remedy, a machine on which the lab cannot work.
func (l *lab) check() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the lab needs Linux (namespaces, overlayfs), this is %s: use Docker and the README's first command", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the lab needs root (mounts, network, containers): run it with sudo, or use Docker and the README's first command")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("the lab needs apt-get (Debian or Ubuntu) to install debootstrap, runc, iptables and dnsmasq")
	}
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(l.dir, &fs); err != nil {
		return err
	}
	free := fs.Bavail * uint64(fs.Bsize) >> 30
	if _, err := os.Stat(l.path("stamps")); free < freeDiskGiB && err != nil {
		return fmt.Errorf("the lab needs %d GiB free in %s, found %d: free some, or set SLIPWAY_LAB_DIR to another disk", freeDiskGiB, l.dir, free)
	}
	return nil
}

// lock keeps a second up out until the first is done; the kernel drops it with the process.
func (l *lab) lock() (unlock func(), err error) {
	f, err := os.OpenFile(l.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		progressf("another lab command is at work: waiting for it")
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return nil, err
		}
	}
	return func() { f.Close() }, nil
}

// ensureAddress gives this machine the lab's address. It stands on the loopback device, which every
// kernel has; containers reach it through their gateway like any other address of the machine.
func ensureAddress() error {
	if has, err := hasAddress(); has || err != nil {
		return err
	}
	return ip("addr", "add", address+"/32", "dev", "lo")
}

func removeAddress() error {
	if has, err := hasAddress(); !has || err != nil {
		return err
	}
	return ip("addr", "del", address+"/32", "dev", "lo")
}

func hasAddress() (bool, error) {
	addrs, err := net.InterfaceAddrs()
	return slices.ContainsFunc(addrs, func(a net.Addr) bool { return strings.HasPrefix(a.String(), address+"/") }), err
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// runnerHostVariable is where the Dagger CLI looks for an engine that is already there.
const runnerHostVariable = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"

// ownsEngine says whether the lab runs an engine: not if the caller has configured one.
func (l *lab) ownsEngine() bool {
	configured := os.Getenv(runnerHostVariable)
	return configured == "" || configured == l.engineAddress()
}

func (l *lab) engineAddress() string {
	return "unix://" + l.path("engine", "engine.sock")
}

// environment is what a program needs to use the lab.
func (l *lab) environment() [][2]string {
	env := [][2]string{
		{"SLIPWAY_LAB_REGISTRY", registryHost},
		{"SLIPWAY_LAB_TOOLS", toolImages()},
		{"SLIPWAY_LAB_PROXIES", proxyAddresses()},
		{"SLIPWAY_LAB_GITEA", giteaURL},
		{"SLIPWAY_LAB_GITEA_TOKEN", l.giteaToken()},
		{"SLIPWAY_LAB_COSIGN", l.path("bin", "cosign")},
		{"SLIPWAY_LAB_SIGSTORE", l.path("sigstore")},
		{"SLIPWAY_LAB_HISTORIES", l.path("histories")},
		{"SLIPWAY_LAB_STAGING", staging.destination()},
		{"SLIPWAY_LAB_PRODUCTION", production.destination()},
		{"SLIPWAY_LAB_SSH_KEY", l.path("ssh", serverUser)},
		{"SLIPWAY_LAB_KNOWN_HOSTS", l.path("ssh", "known_hosts")},
	}
	if !l.ownsEngine() {
		return append(env, [2]string{runnerHostVariable, os.Getenv(runnerHostVariable)})
	}
	return append(env,
		[2]string{runnerHostVariable, l.engineAddress()},
		[2]string{"_EXPERIMENTAL_DAGGER_CLI_BIN", l.path("bin", "dagger")},
		[2]string{"PATH", l.path("bin") + ":" + os.Getenv("PATH")},
	)
}

// call is a call of the module in this checkout, with the tools that the lab has.
func (l *lab) call(args ...string) []string {
	return append([]string{"call", "-m", l.repo, "--tool-images=" + toolImages()}, args...)
}

func proxyAddresses() string {
	var all []string
	for _, port := range proxyPorts {
		all = append(all, fmt.Sprintf("%s:%d", address, port))
	}
	return strings.Join(all, ",")
}

func (l *lab) environ() []string {
	env := os.Environ()
	for _, kv := range l.environment() {
		env = append(env, kv[0]+"="+kv[1])
	}
	return env
}

func (l *lab) printEnv() error {
	for _, kv := range l.environment() {
		value := kv[1]
		if kv[0] == "PATH" {
			value = l.path("bin") + `:$PATH`
		}
		fmt.Printf("export %s=\"%s\"\n", kv[0], value)
	}
	return nil
}
