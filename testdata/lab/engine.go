package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/sys/unix"
)

const (
	engineNamespace = "engine-namespace"
	engineMount     = "/run/slipway-lab" // compiled into the engine: tools/dagger/distconsts
)

var engineService = service{
	name:  "engine",
	needs: []string{"compile dagger", "engine content"},
	run: func(l *lab) (*exec.Cmd, error) {
		if err := l.layOutEngine(); err != nil {
			return nil, err
		}
		// On a state that was kept, v0.19.10 mounts each cache of its Go compiler for one exec at a time and refuses the next
		// (dagger#11795), and what a killed engine had mounted is not mounted again.
		if err := emptyFolder(l.path("engine", "state")); err != nil {
			return nil, err
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(self, engineNamespace)
		cmd.Dir = filepath.Join(l.repo, "testdata", "lab")
		cmd.Env = append(os.Environ(), "SLIPWAY_LAB_DIR="+l.dir)
		// The engine binds its own resolver over /etc/resolv.conf: only it shall see that.
		cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		return cmd, nil
	},
	ready: func(ctx context.Context, l *lab) error {
		cmd := exec.CommandContext(ctx, l.path("bin", "dagger"), "-s", "core", "version")
		cmd.Env = l.environ()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("dagger core version: %w: %s", err, out)
		}
		return nil
	},
}

// Tests alone would leave some 25 GB a run: the engine's own limit is three quarters of the disk. Where it has to prune while it
// works, an exec now and then misses a snapshot, so it is given what they need, and less only where the disk is nearly full.
const engineConfig = `
insecure-entitlements = ["security.insecure"]

[worker.oci]
maxUsedSpace = "40GB"
reservedSpace = "4GB"
minFreeSpace = "6GB"

[registry."docker.io"]
mirrors = ["%[1]s"]

[registry."%[1]s"]
http = true
`

// proxyPorts are for the proxies that tests put in front of the registry: the engine takes plain HTTP only from
// registries it is told of.
var proxyPorts = []int{5001, 5002, 5003, 5004, 5005, 5006}

// layOutEngine puts everything the engine was compiled to find under one folder.
func (l *lab) layOutEngine() error {
	for _, dir := range []string{"bin", "cni", "content", "state", "no-extra-ca"} {
		if _, err := l.mkdir("engine", dir); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	files := map[string]string{
		"bin/runc": runc, "bin/init": l.path("bin", "init"), "cni/dnsname": l.path("bin", "dnsname"),
	}
	for _, plugin := range []string{"bridge", "loopback", "firewall", "host-local"} {
		files["cni/"+plugin] = filepath.Join("/usr/lib/cni", plugin)
	}
	for to, from := range files {
		if err := copyFile(from, l.path("engine", to), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(l.path("engine", "engine.toml"), engineToml(), 0o644)
}

func engineToml() []byte {
	config := fmt.Appendf(nil, engineConfig, registryHost)
	for _, port := range proxyPorts {
		config = fmt.Appendf(config, "\n[registry.\"%s:%d\"]\nhttp = true\n", address, port)
	}
	return config
}

// writeSDK puts the image that compiles Go modules where the engine looks for it.
func (l *lab) writeSDK(context.Context) error {
	img, err := l.build(sdkImage)
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	dir := l.path("engine", "content")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	index, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := index.AppendImage(img); err != nil {
		return err
	}
	return os.WriteFile(l.path("engine", "sdk-digest"), []byte(digest.String()), 0o644)
}

// runEngine becomes the engine, in a mount namespace where the lab's folder has the compiled-in name.
func (l *lab) runEngine() error {
	if err := os.MkdirAll(engineMount, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(l.path("engine"), engineMount, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", engineMount, err)
	}
	digest, err := os.ReadFile(filepath.Join(engineMount, "sdk-digest"))
	if err != nil {
		return err
	}
	env := append(os.Environ(), "DAGGER_GO_SDK_MANIFEST_DIGEST="+string(digest))
	args := []string{
		"engine", "--config", engineMount + "/engine.toml", "--root", engineMount + "/state",
		"--addr", "unix://" + engineMount + "/engine.sock", "--oci-cni-binary-dir", engineMount + "/cni",
	}
	return unix.Exec(l.path("bin", "engine"), args, env)
}

func (l *lab) goRoot(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "go", "env", "GOROOT"))
	return strings.TrimSpace(out), err
}
