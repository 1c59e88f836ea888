package stages

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"dagger/slipway/internal/dagger"
	"dagger/slipway/stages/server"
)

// rehearsalRegistry is the registry's address, for us and, through a tunnel, for the server: dockerd takes plain HTTP from
// its own loopback only.
const rehearsalRegistry = "127.0.0.1:5000"

// serverScript is the throw-away server's only process: Docker's own start script beside an SSH server.
const serverScript = `set -eu
command -v sshd >/dev/null || apk add --no-cache --quiet openssh-server bash coreutils flock
rm -rf /var/lib/docker/containers /var/lib/docker/volumes /var/lib/docker/network /var/run/docker.pid
mkdir -p /run/sshd /opt/app
dockerd-entrypoint.sh dockerd &
exec "$(command -v sshd)" -D -e -f /slipway/sshd_config`

const sshdConfig = `Port 22
HostKey /slipway/host_key
AuthorizedKeysFile /slipway/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
AllowTcpForwarding yes
`

// start brings the server up and a registry within its reach.
func (h *rehearsal) start(r *Run, ctx context.Context) (Outcome, error) {
	key, private, err := newKey()
	if err != nil {
		return Outcome{}, err
	}
	hostKey, hostPrivate, err := newKey()
	if err != nil {
		return Outcome{}, err
	}
	service := r.tool("docker").
		WithNewFile("/slipway/sshd_config", sshdConfig).
		WithNewFile("/slipway/host_key", hostPrivate, dagger.ContainerWithNewFileOpts{Permissions: 0o600}).
		WithNewFile("/slipway/authorized_keys", string(ssh.MarshalAuthorizedKey(key))).
		WithEnvVariable("DOCKER_TLS_CERTDIR", "").
		// On a volume, because Docker's file system does not stand on another of its kind. It keeps pulled images, too.
		WithMountedCache("/var/lib/docker", r.dag.CacheVolume("slipway-rehearsal"), dagger.ContainerWithMountedCacheOpts{Sharing: dagger.CacheSharingModeLocked}).
		WithExposedPort(22).
		AsService(dagger.ContainerAsServiceOpts{Args: []string{"sh", "-c", serverScript}, InsecureRootCapabilities: true})
	if _, err := service.Start(ctx); err != nil {
		return Outcome{}, explainNoServer(err)
	}
	h.stop = append(h.stop, func() {
		_, _ = service.Stop(context.WithoutCancel(ctx), dagger.ServiceStopOpts{Kill: true})
	})
	address, err := service.Endpoint(ctx, dagger.ServiceEndpointOpts{Port: 22})
	if err != nil {
		return Outcome{}, err
	}
	if err := h.connect(r, address, hostKey, private); err != nil {
		return Outcome{}, err
	}
	if err := h.ready(ctx); err != nil {
		return Outcome{}, err
	}
	return passed(), h.prepare(ctx)
}

func explainNoServer(err error) error {
	f := *explain(err)
	if strings.Contains(f.Error(), "insecure") {
		f.err = errors.New("the engine does not allow a Docker daemon inside of it")
		f.next = `start the engine with insecure-entitlements = ["security.insecure"] in its engine.toml, or try the deployment on a staging server`
	}
	return &f
}

func newKey() (ssh.PublicKey, string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "slipway rehearsal")
	if err != nil {
		return nil, "", err
	}
	key, err := ssh.NewPublicKey(public)
	return key, string(pem.EncodeToMemory(block)), err
}

// connect makes the environment: the settings of staging, and a server that is nobody's.
func (h *rehearsal) connect(r *Run, address string, hostKey ssh.PublicKey, private string) error {
	target, err := server.ParseTarget("root@" + address + server.DefaultDir)
	if err != nil {
		return err
	}
	e := environment{name: "rehearsal", target: target, composeFile: r.config.composeFiles[staging], healthTimeout: r.config.healthTimeouts[staging]}
	h.env = r.serverEnvironment(e, server.Login{Keys: private, KnownHosts: knownhosts.Line([]string{address}, hostKey)})
	h.env.Throwaway = true
	return nil
}

// ready waits for the daemon, which starts after the port is open.
func (h *rehearsal) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		_, err := server.Look(ctx, h.env)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the throw-away server did not come up: %w", err)
		case <-time.After(time.Second):
		}
	}
}

// prepare gives the server its registry and its .env.
func (h *rehearsal) prepare(ctx context.Context) error {
	listener, err := net.Listen("tcp", rehearsalRegistry)
	if err != nil {
		return err
	}
	const blobs = "/tmp/registry"
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return err
	}
	handler := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)))
	go http.Serve(listener, handler) //nolint:errcheck // it ends with the call
	stop, err := server.Serve(ctx, h.env, rehearsalRegistry, handler)
	if err != nil {
		return err
	}
	h.stop = append([]func(){stop}, h.stop...)
	text, err := secretText(ctx, h.envFile, "envFile")
	if err != nil {
		return refuseInput(err)
	}
	return server.PutDotenv(ctx, h.env, []byte(text+"\n"))
}
